//! Captures of a bin: list, find, clear.

use axum::extract::State;
use hooklab_shared::bin::{Found, Page};
use hooklab_shared::capture::{Capture, Summary};
use hooklab_shared::extract::{Json, Path, Query, bad_parameter, page_items};
use hooklab_shared::id::Seq;
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::looking::{blocking, look};
use super::scan::{self, Walk};
use super::select::Selection;
use super::unknown_bin;
use crate::Receiver;
use crate::receiver::store_problem;
use crate::store::Range;

/// Captures that are deleted as one change: a record of 80 KB.
const DELETED_AT_ONCE: usize = 10_000;

/// What a list of captures takes. The newest come first, unless it is asked what came after one.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Only captures above this seq.
    #[param(value_type = Option<u64>)]
    after: Option<Seq>,
    /// Only captures below this seq.
    #[param(value_type = Option<u64>)]
    before: Option<Seq>,
    /// How many captures at most; 50 unless given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The order; from the newest on, unless `after` is given.
    #[param(inline)]
    order: Option<Order>,
    /// A query: `method:POST -status:2xx "order paid"`.
    #[param(max_length = 4096, example = "method:POST -status:2xx")]
    q: Option<String>,
    /// A jq filter over the capture as it is told whole, with the parsed body at `.body.json`.
    #[param(max_length = 4096, example = ".body.json.amount > 10")]
    jq: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    Asc,
    Desc,
}

/// What clearing takes.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Clearing {
    /// Only captures that this query asks for; all, where it is not given.
    #[param(min_length = 1, max_length = 4096)]
    q: Option<String>,
}

/// What was deleted.
#[derive(Serialize, ToSchema)]
pub(super) struct Cleared {
    /// How many captures.
    deleted: u64,
}

/// Lists captures, without their bodies.
///
/// With `q` or `jq`, and in a bin that verifies signatures, a page looks at no more than 20,000
/// captures and no longer than 100 ms; it may then have fewer items than its limit, even none, and
/// a `next` to go on from. A capture that the jq filter fails on is not in it; `jq_failed` says how
/// many those were, and why.
#[utoipa::path(
    get, path = "/bins/{bin}/captures", operation_id = "list_captures", tag = "captures",
    params(("bin" = String, Path, description = "The bin's name."), Listing),
    responses(
        (status = 200, description = "A page of captures. `next` is the seq to go on from: give it \
            as `before` when the newest come first, else as `after`.", body = Found),
        Refused<404>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn list(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
    Query(listing): Query<Listing>,
) -> Result<Json<Found>, Problem> {
    let limit = page_items(listing.limit, receiver.limits())?;
    let newest_first = match listing.order {
        Some(order) => order == Order::Desc,
        None => listing.after.is_none(),
    };
    let Listing { after, before, q, jq, .. } = listing;
    let range = Range { after, before, newest_first, limit };
    let configured = receiver.store.configured(&bin);
    let verifies = configured.is_some_and(|configured| configured.config.verify.is_some());
    // A signature is of the whole body, which a list of everything does not read.
    match q.is_none() && jq.is_none() && !verifies {
        true => everything(&receiver, bin, range).await,
        false => found(&receiver, bin, range, q, jq).await,
    }
    .map(Json)
}

async fn everything(receiver: &Receiver, bin: String, range: Range) -> Result<Found, Problem> {
    let store = receiver.store.clone();
    let name = bin.clone();
    // One more than is shown tells whether there is a next page.
    let asked = Range { limit: range.limit + 1, ..range };
    let mut items =
        blocking(move || store.summaries(&name, asked)).await?.ok_or_else(|| unknown_bin(&bin))?;
    let more = items.len() > range.limit;
    items.truncate(range.limit);
    let next = items.last().filter(|_| more).map(|summary| summary.seq.to_string());
    Ok(Found { page: Page { items, next }, jq_failed: None })
}

async fn found(
    receiver: &Receiver,
    bin: String,
    range: Range,
    q: Option<String>,
    jq: Option<String>,
) -> Result<Found, Problem> {
    let asked = receiver.clone();
    look(receiver, move || {
        let selection = Selection::read(&asked, q.as_deref(), jq.as_deref())?;
        asked.store.bin(&bin).ok_or_else(|| unknown_bin(&bin))?;
        let summary = |capture: &Capture| Summary {
            signature: selection.signature(capture),
            ..capture.summary()
        };
        let found = scan::page(&asked.store, &bin, range, &selection, summary)?;
        let page = Page { items: found.items, next: found.next.map(|next| next.to_string()) };
        Ok(Found { page, jq_failed: selection.jq_failed() })
    })
    .await
}

/// Deletes every capture of a bin, or those that a query asks for. Their seqs are never used again.
#[utoipa::path(
    delete, path = "/bins/{bin}/captures", operation_id = "clear_captures", tag = "captures",
    params(("bin" = String, Path, description = "The bin's name."), Clearing),
    responses(
        (status = 200, description = "How many went.", body = Cleared),
        Refused<404>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn clear(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
    Query(clearing): Query<Clearing>,
) -> Result<Json<Cleared>, Problem> {
    match clearing.q {
        None => match receiver.store.clear(&bin).await {
            Ok(Some(deleted)) => Ok(Json(Cleared { deleted })),
            Ok(None) => Err(unknown_bin(&bin)),
            Err(error) => Err(store_problem(&error)),
        },
        // A script whose variable is empty does not mean everything.
        Some(q) if q.trim().is_empty() => {
            Err(bad_parameter("q", "is empty: leave it out to delete every capture".to_owned()))
        }
        Some(q) => clear_found(&receiver, bin, q).await.map(Json),
    }
}

async fn clear_found(receiver: &Receiver, bin: String, q: String) -> Result<Cleared, Problem> {
    let (asked, name) = (receiver.clone(), bin.clone());
    let seqs = look(receiver, move || matching(&asked, &name, &q)).await?;
    let mut deleted = 0;
    for some in seqs.chunks(DELETED_AT_ONCE) {
        match receiver.store.delete_many(&bin, some).await {
            Ok(gone) => deleted += gone.ok_or_else(|| unknown_bin(&bin))?,
            Err(error) => return Err(store_problem(&error)),
        }
    }
    Ok(Cleared { deleted })
}

/// The seqs of all that is there now and is asked for: eight bytes each.
fn matching(receiver: &Receiver, bin: &str, q: &str) -> Result<Vec<Seq>, Problem> {
    let selection = Selection::read(receiver, Some(q), None)?;
    let state = receiver.store.bin(bin).ok_or_else(|| unknown_bin(bin))?;
    let before = Some(state.newest_seq.saturating_add(1));
    let range = Range { after: None, before, newest_first: false, limit: 0 };
    let mut seqs = Vec::new();
    for capture in Walk::new(&receiver.store, bin, selection.narrowed(range)) {
        let capture = capture.map_err(|error| store_problem(&error))?;
        if selection.passes(&capture)? {
            seqs.push(capture.seq);
        }
    }
    Ok(seqs)
}
