//! Webhooks: add, list, show, edit, delete, test.

use axum::Json as Told;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use hooklab_shared::bin::Page;
use hooklab_shared::delivery::Delivery;
use hooklab_shared::extract::{Json, Path, Query, bad_parameter, page_items};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use hooklab_shared::webhook::{
    Bulk, BulkResult, CreatedWebhook, NewWebhook, RotatedSecret, Rotation, Webhook, WebhookPatch,
};
use serde::Deserialize;

use super::unknown_webhook;
use crate::sender::Sender;
use crate::store::{ListPlace, Listing, Sort, WebhookFilter};
use crate::{event, registry};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct List {
    /// How many items at most; 50 unless given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// What an earlier page of the same `sort` gave as `next`.
    after: Option<String>,
    /// What to sort by, `:desc` for the other way; `last` is what never ran, what failed, what was
    /// delivered.
    #[param(pattern = "^(id|name|url|event|last|count|integration|active)(:(asc|desc))?$")]
    sort: Option<String>,
    /// Only those with this text in name, URL, event or integration, in whatever case.
    search: Option<String>,
    /// Only those of this event type.
    event: Option<String>,
    /// Only those that are active, or that are not.
    active: Option<bool>,
    /// Only those of this integration.
    integration: Option<String>,
}

impl List {
    fn listing(self, sender: &Sender) -> Result<Listing, Problem> {
        let limit = page_items(self.limit, sender.limits())?;
        let sort = match self.sort.as_deref() {
            None => Sort::default(),
            Some(text) => Sort::parse(text).ok_or_else(|| {
                bad_parameter("sort", format!("takes {SORTS}, and `:desc` for the other way"))
            })?,
        };
        let after = match self.after.as_deref().filter(|after| !after.is_empty()) {
            None => None,
            Some(after) => Some(ListPlace::parse(after, sort).ok_or_else(|| {
                let detail = "takes what an earlier page of the same `sort` gave as `next`";
                bad_parameter("after", detail.to_owned())
            })?),
        };
        if let Some(event) = &self.event
            && let Some(detail) = sender.catalogue().slug_error(event)
        {
            return Err(bad_parameter("event", format!("is not right: {detail}")));
        }
        let Self { search, event, active, integration, .. } = self;
        let search = search.filter(|search| !search.is_empty());
        let filter = WebhookFilter { search, event, active, integration };
        Ok(Listing { filter, sort, after, limit })
    }
}

const SORTS: &str = "id, name, url, event, last, count, integration or active";

/// Registers a webhook. Its secret is told this once.
#[utoipa::path(
    post, path = "/webhooks", operation_id = "add_webhook", tag = "webhooks",
    request_body = NewWebhook,
    responses(
        (status = 201, description = "The webhook.", body = CreatedWebhook,
            headers(("Location" = String, description = "Where it is told."))),
        Refused<400>, Refused<413>, Refused<415>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn add(
    State(sender): State<Sender>,
    Json(new): Json<NewWebhook>,
) -> Result<impl IntoResponse, Problem> {
    let created = registry::add(&sender, new).await?;
    let location = format!("/api/v1/webhooks/{}", created.webhook.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Told(created)))
}

/// Lists webhooks: by number, or as is asked for.
#[utoipa::path(
    get, path = "/webhooks", operation_id = "list_webhooks", tag = "webhooks",
    params(List),
    responses(
        (status = 200, description = "A page of webhooks.", body = Page<Webhook>),
        Refused<422>, Refused<503>,
    )
)]
pub(super) async fn list(
    State(sender): State<Sender>,
    Query(list): Query<List>,
) -> Result<Told<Page<Webhook>>, Problem> {
    let listing = list.listing(&sender)?;
    let sort = listing.sort;
    let (items, next) = sender.store().webhooks(listing).await?;
    Ok(Told(Page { items, next: next.map(|place| place.cursor(sort)) }))
}

/// Activates, deactivates or deletes many webhooks, all in one transaction; what became of each is
/// told.
#[utoipa::path(
    post, path = "/webhooks/bulk", operation_id = "change_webhooks", tag = "webhooks",
    request_body = Bulk,
    responses(
        (status = 200, description = "What became of each.", body = BulkResult),
        Refused<400>, Refused<413>, Refused<415>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn bulk(
    State(sender): State<Sender>,
    Json(bulk): Json<Bulk>,
) -> Result<Told<BulkResult>, Problem> {
    registry::bulk(&sender, bulk).await.map(Told)
}

/// Tells of one webhook.
#[utoipa::path(
    get, path = "/webhooks/{id}", operation_id = "show_webhook", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's number.")),
    responses(
        (status = 200, description = "The webhook.", body = Webhook),
        Refused<404>, Refused<503>,
    )
)]
pub(super) async fn one(
    State(sender): State<Sender>,
    Path(id): Path<String>,
) -> Result<Told<Webhook>, Problem> {
    let found = sender.store().webhook(number(&id)?).await?;
    found.map(|found| Told(found.webhook)).ok_or_else(|| unknown_webhook(&id))
}

/// Changes a webhook; what is absent stays.
#[utoipa::path(
    patch, path = "/webhooks/{id}", operation_id = "change_webhook", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's number.")),
    request_body = WebhookPatch,
    responses(
        (status = 200, description = "The webhook as it is now.", body = Webhook),
        Refused<400>, Refused<404>, Refused<413>, Refused<415>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn change(
    State(sender): State<Sender>,
    Path(id): Path<String>,
    Json(patch): Json<WebhookPatch>,
) -> Result<Told<Webhook>, Problem> {
    let changed = registry::change(&sender, number(&id)?, patch).await?;
    changed.map(Told).ok_or_else(|| unknown_webhook(&id))
}

/// Deletes a webhook.
#[utoipa::path(
    delete, path = "/webhooks/{id}", operation_id = "delete_webhook", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's number.")),
    responses(
        (status = 204, description = "It is gone."),
        Refused<404>, Refused<503>,
    )
)]
pub(super) async fn delete(
    State(sender): State<Sender>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let number = number(&id)?;
    let cancelled = sender.store().delete_webhook(number).await?;
    sender.cancelled(&cancelled.ok_or_else(|| unknown_webhook(&id))?);
    sender.live().deleted(number);
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test event: a real delivery, told when its attempt is over. The media type must be
/// JSON; a body is not needed.
#[utoipa::path(
    post, path = "/webhooks/{id}/test", operation_id = "test_webhook", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's number.")),
    request_body(content = Option<Object>, content_type = "application/json"),
    responses(
        (status = 200, description = "The delivery.", body = Delivery),
        Refused<404>, Refused<415>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn test(
    State(sender): State<Sender>,
    Path(id): Path<String>,
) -> Result<Told<Delivery>, Problem> {
    let unknown = || unknown_webhook(&id);
    let found = sender.store().webhook(number(&id)?).await?.ok_or_else(unknown)?;
    let delivery = event::test(&sender, found.webhook.id, found.webhook.event).await?;
    delivery.map(Told).ok_or_else(unknown)
}

/// Gives a webhook another secret, told this once; the old one signs beside it for a day, or as
/// long as is asked for.
///
/// Two sign at most: while an older one still does, this is refused, unless the overlap is `0s`,
/// which ends both at once.
#[utoipa::path(
    post, path = "/webhooks/{id}/secret", operation_id = "rotate_secret", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's number.")),
    request_body = Rotation,
    responses(
        (status = 200, description = "The new secret.", body = RotatedSecret),
        Refused<400>, Refused<404>, Refused<409>, Refused<413>, Refused<415>, Refused<422>,
        Refused<503>,
    )
)]
pub(super) async fn rotate(
    State(sender): State<Sender>,
    Path(id): Path<String>,
    Json(rotation): Json<Rotation>,
) -> Result<Told<RotatedSecret>, Problem> {
    let rotated = registry::rotate(&sender, number(&id)?, rotation).await?;
    rotated.map(Told).ok_or_else(|| unknown_webhook(&id))
}

fn number(id: &str) -> Result<i64, Problem> {
    id.parse().map_err(|_| unknown_webhook(id))
}
