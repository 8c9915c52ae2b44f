//! The event catalogue.

use axum::Json;
use axum::extract::State;
use hooklab_shared::bin::Page;
use hooklab_shared::event::EventType;
use hooklab_shared::extract::{Path, Query, bad_parameter, page_items};
use hooklab_shared::problem::Problem;
use serde::Deserialize;

use crate::sender::Sender;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    limit: Option<usize>,
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct One {
    seed: Option<u64>,
}

/// `GET /event-types`, in the catalogue's order; the cursor is a slug.
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

/// `GET /event-types/{slug}`; with `?seed=`, its sample grows from that.
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
