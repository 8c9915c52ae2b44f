//! Firing events.

use axum::Json as Told;
use axum::extract::State;
use axum::http::StatusCode;
use hooklab_shared::delivery::{Delivery, DeliveryState, FiredEvent, NewEvent};
use hooklab_shared::extract::{Json, Query};
use hooklab_shared::problem::Problem;
use serde::Deserialize;

use crate::event;
use crate::sender::Sender;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    #[serde(default)]
    wait: bool,
}

/// `POST /events`: 202 once accepted, or 200 once the first attempts are over.
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
