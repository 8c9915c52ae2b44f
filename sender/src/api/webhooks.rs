//! Webhooks: add, list, show, edit, delete, test.

use axum::Json as Told;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use hooklab_shared::bin::Page;
use hooklab_shared::delivery::Delivery;
use hooklab_shared::extract::{Json, Path, Query, page_items};
use hooklab_shared::problem::Problem;
use hooklab_shared::webhook::{NewWebhook, Webhook, WebhookPatch};
use serde::Deserialize;

use super::cursor;
use super::unknown_webhook;
use crate::sender::Sender;
use crate::{event, registry};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    limit: Option<usize>,
    after: Option<String>,
}

/// `POST /webhooks`
pub(super) async fn add(
    State(sender): State<Sender>,
    Json(new): Json<NewWebhook>,
) -> Result<impl IntoResponse, Problem> {
    let created = registry::add(&sender, new).await?;
    let location = format!("/api/v1/webhooks/{}", created.webhook.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Told(created)))
}

/// `GET /webhooks`, by number.
pub(super) async fn list(
    State(sender): State<Sender>,
    Query(list): Query<List>,
) -> Result<Told<Page<Webhook>>, Problem> {
    let limit = page_items(list.limit, sender.limits())?;
    let after = cursor(list.after.as_deref())?.unwrap_or(0);
    // One more than is shown tells whether there is a next page.
    let mut items = sender.store().webhooks(after, limit + 1).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = more.then(|| items.last().map(|last| last.id.to_string())).flatten();
    Ok(Told(Page { items, next }))
}

/// `GET /webhooks/{id}`
pub(super) async fn one(
    State(sender): State<Sender>,
    Path(id): Path<String>,
) -> Result<Told<Webhook>, Problem> {
    let found = sender.store().webhook(number(&id)?).await?;
    found.map(|found| Told(found.webhook)).ok_or_else(|| unknown_webhook(&id))
}

/// `PATCH /webhooks/{id}`
pub(super) async fn change(
    State(sender): State<Sender>,
    Path(id): Path<String>,
    Json(patch): Json<WebhookPatch>,
) -> Result<Told<Webhook>, Problem> {
    let changed = registry::change(&sender, number(&id)?, patch).await?;
    changed.map(Told).ok_or_else(|| unknown_webhook(&id))
}

/// `DELETE /webhooks/{id}`
pub(super) async fn delete(
    State(sender): State<Sender>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let ended = sender.store().delete_webhook(number(&id)?).await?;
    for delivery in ended.ok_or_else(|| unknown_webhook(&id))? {
        sender.waiting().ended(delivery);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /webhooks/{id}/test`: Send Test Event, told when its attempt is over.
pub(super) async fn test(
    State(sender): State<Sender>,
    Path(id): Path<String>,
) -> Result<Told<Delivery>, Problem> {
    let unknown = || unknown_webhook(&id);
    let found = sender.store().webhook(number(&id)?).await?.ok_or_else(unknown)?;
    let delivery = event::test(&sender, found.webhook.id, found.webhook.event).await?;
    delivery.map(Told).ok_or_else(unknown)
}

fn number(id: &str) -> Result<i64, Problem> {
    id.parse().map_err(|_| unknown_webhook(id))
}
