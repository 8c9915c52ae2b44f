//! Firing events.

use axum::Json as Told;
use axum::extract::State;
use axum::http::StatusCode;
use hooklab_shared::delivery::FiredEvent;
use hooklab_shared::extract::{Json, Query};
use hooklab_shared::problem::Problem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event::{self, Firing};
use crate::sender::Sender;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    #[serde(default)]
    wait: bool,
}

/// As [`hooklab_shared::delivery::NewEvent`], with the payload's spelling kept.
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

/// `POST /events`: 202 once accepted, or 200 once the first attempts are over.
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
