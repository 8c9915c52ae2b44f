//! Firing events.

use axum::Json as Told;
use axum::extract::State;
use axum::http::StatusCode;
use hooklab_shared::delivery::{FiredEvent, NewEvent};
use hooklab_shared::extract::{Json, Query};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event::{self, Firing};
use crate::sender::Sender;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wait {
    /// Whether to answer only when every first attempt is over.
    #[serde(default)]
    wait: bool,
}

/// As [`NewEvent`], with the payload's spelling kept.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    payload: Option<Box<RawValue>>,
    #[serde(default)]
    seed: Option<u64>,
}

/// Fires an event to every active webhook of its type.
#[utoipa::path(
    post, path = "/events", operation_id = "fire_event", tag = "events",
    params(Wait),
    request_body = NewEvent,
    responses(
        (status = 200, description = "Its first attempts are over.", body = FiredEvent),
        (status = 202, description = "It was accepted.", body = FiredEvent),
        Refused<400>, Refused<413>, Refused<415>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn fire(
    State(sender): State<Sender>,
    Query(Wait { wait }): Query<Wait>,
    Json(new): Json<New>,
) -> Result<(StatusCode, Told<FiredEvent>), Problem> {
    let firing = Firing { kind: new.kind, payload: new.payload, seed: new.seed };
    let fired = event::fire(&sender, firing, wait).await?;
    let over = wait && fired.deliveries.iter().all(|delivery| !delivery.attempts.is_empty());
    let status = if over { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Told(fired)))
}
