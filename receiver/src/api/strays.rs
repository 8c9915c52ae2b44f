//! Strays: what came and belongs to no bin.

use axum::extract::State;
use hooklab_shared::extract::{Json, Query, page_items};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use hooklab_shared::stray::Stray;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::captures::Order;
use crate::Receiver;

/// What a list of strays takes. The newest come first, unless it is asked what came after one.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Only strays above this seq.
    after: Option<u64>,
    /// Only strays below this seq.
    before: Option<u64>,
    /// How many strays at most; 50 unless given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The order; from the newest on, unless `after` is given.
    #[param(inline)]
    order: Option<Order>,
}

/// A page of strays.
#[derive(Serialize, ToSchema)]
pub(super) struct Strays {
    /// The strays, in the order that was asked for.
    items: Vec<Stray>,
    /// The seq to go on from; none on the last page.
    next: Option<String>,
    /// How many were forgotten for newer ones.
    dropped: u64,
}

/// Lists requests that belong to no bin, or could not be parsed.
#[utoipa::path(
    get, path = "/strays", operation_id = "list_strays", tag = "strays",
    params(Listing),
    responses(
        (status = 200, description = "A page of strays. `next` is the seq to go on from: give it \
            as `before` when the newest come first, else as `after`.", body = Strays),
        Refused<422>,
    )
)]
pub(super) async fn list(
    State(receiver): State<Receiver>,
    Query(listing): Query<Listing>,
) -> Result<Json<Strays>, Problem> {
    let limit = page_items(listing.limit, receiver.limits())?;
    let Listing { after, before, order, .. } = listing;
    let newest_first = order.map_or(after.is_none(), |order| order == Order::Desc);
    let mut items = receiver.store.strays(after, before, newest_first, limit + 1);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|stray| stray.seq.to_string());
    Ok(Json(Strays { items, next, dropped: receiver.store.strays_dropped() }))
}
