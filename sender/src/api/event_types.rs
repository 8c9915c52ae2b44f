//! The event catalogue.

use axum::Json;
use axum::extract::State;
use hooklab_shared::bin::Page;
use hooklab_shared::event::EventType;
use hooklab_shared::extract::{Path, Query, bad_parameter, page_items};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use serde::Deserialize;

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

/// Lists event types in the catalogue's order; the cursor is a slug.
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
) -> Result<Json<Page<EventType>>, Problem> {
    let limit = page_items(list.limit, sender.limits())?;
    let catalogue = sender.catalogue();
    let start = match list.after.as_deref().filter(|after| !after.is_empty()) {
        None => 0,
        Some(after) => match catalogue.slugs().position(|slug| slug == after) {
            Some(place) => place + 1,
            None => return Err(bad_parameter("after", "is not the slug of a type".to_owned())),
        },
    };
    let slugs: Vec<&str> = catalogue.slugs().skip(start).take(limit).collect();
    let more = start + slugs.len() < catalogue.slugs().count();
    let next = more.then(|| slugs.last().map(ToString::to_string)).flatten();
    let items = slugs.iter().filter_map(|slug| catalogue.event_type(slug, None)).collect();
    Ok(Json(Page { items, next }))
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
) -> Result<Json<EventType>, Problem> {
    let catalogue = sender.catalogue();
    catalogue.event_type(&slug, one.seed).map(Json).ok_or_else(|| {
        let detail = catalogue.slug_error(&slug).unwrap_or_default();
        Problem::new(404, "unknown-event-type", detail)
    })
}
