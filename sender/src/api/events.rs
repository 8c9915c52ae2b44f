//! Firing events.

use axum::Json as Told;
use axum::extract::State;
use axum::http::StatusCode;
use hooklab_shared::delivery::{Delivery, DeliveryState, FiredEvent, NewEvent};
use hooklab_shared::extract::{Json, Query};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use serde::Deserialize;

use crate::event;
use crate::sender::Sender;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wait {
    /// Whether to answer only when every first attempt is over.
    #[serde(default)]
    wait: bool,
}

/// Fires an event to every active webhook of its type: 202 once accepted, or 200 once the first
/// attempts are over.
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
    Json(new): Json<NewEvent>,
) -> Result<(StatusCode, Told<FiredEvent>), Problem> {
    let fired = event::fire(&sender, new, wait).await?;
    let is_over = |delivery: &Delivery| {
        !delivery.attempts.is_empty() || delivery.state != DeliveryState::Pending
    };
    let over = wait && fired.deliveries.iter().all(is_over);
    let status = if over { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Told(fired)))
}
