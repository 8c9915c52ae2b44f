//! The delivery log.

use axum::Json;
use axum::extract::State;
use hooklab_shared::bin::Page;
use hooklab_shared::delivery::{Delivery, DeliveryState};
use hooklab_shared::extract::{Path, Query, bad_parameter, page_items};
use hooklab_shared::problem::Problem;
use serde::Deserialize;
use uuid::Uuid;

use super::cursor;
use crate::sender::Sender;
use crate::store::DeliveryFilter;

/// Every state a delivery can be in.
const STATES: [DeliveryState; 3] =
    [DeliveryState::Pending, DeliveryState::Delivered, DeliveryState::Exhausted];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    webhook: Option<String>,
    event: Option<String>,
    status: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

/// `GET /deliveries`, the newest first. An empty parameter filters nothing, as from a form.
pub(super) async fn list(
    State(sender): State<Sender>,
    Query(list): Query<List>,
) -> Result<Json<Page<Delivery>>, Problem> {
    let given = |parameter: Option<String>| parameter.filter(|text| !text.is_empty());
    let filter = DeliveryFilter {
        webhook: given(list.webhook).as_deref().map(webhook).transpose()?,
        event: given(list.event),
        state: given(list.status).as_deref().map(state).transpose()?,
        after: cursor(list.after.as_deref())?,
        limit: page_items(list.limit, sender.limits())?,
        page_bytes_max: sender.limits().page_bytes_max,
    };
    let (items, next) = sender.store().deliveries(filter).await?;
    Ok(Json(Page { items, next: next.map(|next| next.to_string()) }))
}

/// `GET /deliveries/{id}`
pub(super) async fn one(
    State(sender): State<Sender>,
    Path(id): Path<String>,
) -> Result<Json<Delivery>, Problem> {
    let unknown = || {
        let id: String = id.chars().take(40).collect();
        let detail = format!("there is no delivery `{id}`: GET /api/v1/deliveries lists them");
        Problem::new(404, "unknown-delivery", detail)
    };
    let number: Uuid = id.parse().map_err(|_| unknown())?;
    sender.store().delivery(number).await?.map(Json).ok_or_else(unknown)
}

fn webhook(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| bad_parameter("webhook", "takes the number of a webhook".to_owned()))
}

fn state(text: &str) -> Result<DeliveryState, Problem> {
    STATES.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
        let names = STATES.map(DeliveryState::as_str).join(", ");
        bad_parameter("status", format!("is none of {names}"))
    })
}
