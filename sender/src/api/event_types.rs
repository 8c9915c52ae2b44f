//! The event catalogue: list, show; and the user's own types: add, put, delete.

use axum::Json as Told;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use hooklab_shared::bin::Page;
use hooklab_shared::event::{EventType, EventTypeBody, NewEventType};
use hooklab_shared::extract::{Json, Path, Query, bad_parameter, page_items};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use serde::Deserialize;

use crate::own_types::{self, Put};
use crate::sender::Sender;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct List {
    /// How many items at most; 50 unless given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// What an earlier page gave as `next`.
    after: Option<String>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct One {
    /// What its sample grows from.
    seed: Option<u64>,
}

/// Lists event types in the catalogue's order, the user's own last; the cursor is a slug.
#[utoipa::path(
    get, path = "/event-types", operation_id = "list_event_types", tag = "event types",
    params(List),
    responses(
        (status = 200, description = "A page of event types.", body = Page<EventType>),
        Refused<422>,
    )
)]
pub(super) async fn list(
    State(sender): State<Sender>,
    Query(list): Query<List>,
) -> Result<Told<Page<EventType>>, Problem> {
    let limit = page_items(list.limit, sender.limits())?;
    let catalogue = sender.catalogue();
    let slugs = catalogue.slugs();
    let start = match list.after.as_deref().filter(|after| !after.is_empty()) {
        None => 0,
        Some(after) => match slugs.iter().position(|slug| slug == after) {
            Some(place) => place + 1,
            None => return Err(bad_parameter("after", "is not the slug of a type".to_owned())),
        },
    };
    let mut items = Vec::new();
    let (mut bytes, mut next) = (0, None);
    for slug in &slugs[start..] {
        let full = items.len() >= limit || bytes > sender.limits().page_bytes_max;
        if full {
            next = items.last().map(|last: &EventType| last.slug.clone());
            break;
        }
        if let Some(found) = catalogue.event_type(slug, None) {
            bytes += found.sample.to_string().len();
            items.push(found);
        }
    }
    Ok(Told(Page { items, next }))
}

/// Tells of one event type; with `seed`, its sample grows from that.
#[utoipa::path(
    get, path = "/event-types/{slug}", operation_id = "show_event_type", tag = "event types",
    params(("slug" = String, Path, description = "Its slug."), One),
    responses(
        (status = 200, description = "The event type.", body = EventType),
        Refused<404>, Refused<422>,
    )
)]
pub(super) async fn one(
    State(sender): State<Sender>,
    Path(slug): Path<String>,
    Query(one): Query<One>,
) -> Result<Told<EventType>, Problem> {
    let catalogue = sender.catalogue();
    catalogue.event_type(&slug, one.seed).map(Told).ok_or_else(|| {
        let detail = catalogue.slug_error(&slug).unwrap_or_default();
        Problem::new(404, "unknown-event-type", detail)
    })
}

/// Adds an event type of the user's own. Its sample, and every payload that is fired, has to fit
/// its schema, if it has one.
#[utoipa::path(
    post, path = "/event-types", operation_id = "add_event_type", tag = "event types",
    request_body = NewEventType,
    responses(
        (status = 201, description = "The event type.", body = EventType,
            headers(("Location" = String, description = "Where it is told."))),
        Refused<400>, Refused<409>, Refused<413>, Refused<415>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn add(
    State(sender): State<Sender>,
    Json(new): Json<NewEventType>,
) -> Result<impl IntoResponse, Problem> {
    let added = own_types::add(&sender, new).await?;
    let location = format!("/api/v1/event-types/{}", added.slug);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Told(added)))
}

/// Adds an event type of the user's own, or puts it in the place of the one of this slug.
#[utoipa::path(
    put, path = "/event-types/{slug}", operation_id = "put_event_type", tag = "event types",
    params(("slug" = String, Path, description = "Its slug.")),
    request_body = EventTypeBody,
    responses(
        (status = 200, description = "It stands in the place of the earlier one.",
            body = EventType),
        (status = 201, description = "It was added.", body = EventType),
        Refused<400>, Refused<404>, Refused<409>, Refused<413>, Refused<415>, Refused<422>,
        Refused<503>,
    )
)]
pub(super) async fn put(
    State(sender): State<Sender>,
    Path(slug): Path<String>,
    Json(body): Json<EventTypeBody>,
) -> Result<impl IntoResponse, Problem> {
    let (did, told) = own_types::put(&sender, body.named(slug)).await?;
    let status = match did {
        Put::Added => StatusCode::CREATED,
        Put::Replaced => StatusCode::OK,
    };
    Ok((status, Told(told)))
}

/// Deletes an event type of the user's own, once no webhook uses it.
#[utoipa::path(
    delete, path = "/event-types/{slug}", operation_id = "delete_event_type",
    tag = "event types",
    params(("slug" = String, Path, description = "Its slug.")),
    responses(
        (status = 204, description = "It is gone."),
        Refused<404>, Refused<409>, Refused<503>,
    )
)]
pub(super) async fn delete(
    State(sender): State<Sender>,
    Path(slug): Path<String>,
) -> Result<StatusCode, Problem> {
    own_types::delete(&sender, &slug).await?;
    Ok(StatusCode::NO_CONTENT)
}
