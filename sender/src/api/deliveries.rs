//! The delivery log.

use axum::Json;
use axum::extract::State;
use hooklab_shared::delivery::{Delivery, DeliveryState, Log};
use hooklab_shared::extract::{Path, Query, bad_parameter, page_items};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use serde::Deserialize;
use uuid::Uuid;

use super::{cursor, unknown_delivery, unknown_webhook};
use crate::sender::Sender;
use crate::store::DeliveryFilter;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct List {
    /// Only those to this webhook, by its number.
    webhook: Option<String>,
    /// Only those of this event type.
    event: Option<String>,
    /// Only those that stand there: `pending`, `delivered`, `exhausted` or
    /// `cancelled`.
    status: Option<String>,
    /// How many items at most; 50 unless given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// What an earlier page gave as `next`.
    after: Option<String>,
}

/// Lists deliveries, the newest first. An empty parameter filters nothing, as from a form.
#[utoipa::path(
    get, path = "/deliveries", operation_id = "list_deliveries", tag = "deliveries",
    params(List),
    responses(
        (status = 200, description = "A page of deliveries.", body = Log),
        Refused<404>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn list(
    State(sender): State<Sender>,
    Query(list): Query<List>,
) -> Result<Json<Log>, Problem> {
    let given = |parameter: Option<String>| parameter.filter(|text| !text.is_empty());
    let filter = DeliveryFilter {
        webhook: given(list.webhook).as_deref().map(webhook).transpose()?,
        event: given(list.event),
        state: given(list.status).as_deref().map(state).transpose()?,
        after: cursor(list.after.as_deref())?,
        limit: page_items(list.limit, sender.limits())?,
        page_bytes_max: sender.limits().page_bytes_max,
    };
    // In this order what is dropped meanwhile is missing from the page, never counted and shown.
    let dropped = sender.store().dropped().await?;
    let (event, webhook) = (filter.event.clone(), filter.webhook);
    let (items, next) = sender.store().deliveries(filter).await?;
    if let Some(webhook) = webhook.filter(|_| items.is_empty())
        && !sender.store().knows_webhook(webhook).await?
    {
        return Err(unknown_webhook(&webhook.to_string()));
    }
    if let Some(event) = event.filter(|_| items.is_empty()) {
        known(&sender, event).await?;
    }
    Ok(Json(Log { items, next: next.map(|next| next.to_string()), dropped }))
}

/// An event type that neither the catalogue nor the log knows is a typing error, and not an empty
/// list.
async fn known(sender: &Sender, event: String) -> Result<(), Problem> {
    let Some(detail) = sender.catalogue().slug_error(&event) else { return Ok(()) };
    match sender.store().has_delivery_of(event).await? {
        true => Ok(()),
        false => Err(bad_parameter("event", format!("is not right: {detail}"))),
    }
}

/// Tells of one delivery, with every attempt.
#[utoipa::path(
    get, path = "/deliveries/{id}", operation_id = "show_delivery", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery's id.")),
    responses(
        (status = 200, description = "The delivery.", body = Delivery),
        Refused<404>, Refused<503>,
    )
)]
pub(super) async fn one(
    State(sender): State<Sender>,
    Path(id): Path<String>,
) -> Result<Json<Delivery>, Problem> {
    let unknown = || unknown_delivery(&id);
    let number: Uuid = id.parse().map_err(|_| unknown())?;
    sender.store().delivery(number).await?.map(Json).ok_or_else(unknown)
}

fn webhook(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| bad_parameter("webhook", "takes the number of a webhook".to_owned()))
}

fn state(text: &str) -> Result<DeliveryState, Problem> {
    DeliveryState::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
        let names = DeliveryState::ALL.map(DeliveryState::as_str).join(", ");
        bad_parameter("status", format!("is none of {names}"))
    })
}
