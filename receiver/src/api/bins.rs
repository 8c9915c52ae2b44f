//! Bins: create, list, show, change, delete.

use axum::extract::State;
use axum::http::header::{HeaderValue, LOCATION};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use hooklab_shared::bin::{Bin, BinPatch, NewBin, Page};
use hooklab_shared::extract::{Json, Path, Query, page_items};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use serde::Deserialize;

use super::unknown_bin;
use crate::Receiver;
use crate::receiver::store_problem;

/// What a list of bins takes.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// What an earlier page gave as `next`: the name of its last bin.
    after: Option<String>,
    /// How many bins at most; 50 unless given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Makes a bin.
#[utoipa::path(
    post, path = "/bins", operation_id = "create_bin", tag = "bins",
    request_body = NewBin,
    responses(
        (status = 201, description = "The bin.", body = Bin,
            headers(("Location" = String, description = "Where it is told."))),
        Refused<400>, Refused<409>, Refused<413>, Refused<415>, Refused<422>, Refused<503>,
        Refused<507>,
    )
)]
pub(super) async fn create(
    State(receiver): State<Receiver>,
    Json(new): Json<NewBin>,
) -> Result<Response<axum::body::Body>, Problem> {
    let bin = receiver.create_bin(new).await?;
    let location = HeaderValue::try_from(format!("/api/v1/bins/{}", bin.name));
    let mut response = (StatusCode::CREATED, Json(bin)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Lists bins in order of name.
#[utoipa::path(
    get, path = "/bins", operation_id = "list_bins", tag = "bins",
    params(Listing),
    responses((status = 200, description = "A page of bins.", body = Page<Bin>), Refused<422>)
)]
pub(super) async fn list(
    State(receiver): State<Receiver>,
    Query(listing): Query<Listing>,
) -> Result<Json<Page<Bin>>, Problem> {
    let limit = page_items(listing.limit, receiver.limits())?;
    let mut bins = receiver.store.bins(listing.after.as_deref(), limit + 1);
    let more = bins.len() > limit;
    bins.truncate(limit);
    let next = bins.last().filter(|_| more).map(|bin| bin.name.to_string());
    let items = bins.into_iter().map(|state| receiver.told(state)).collect();
    Ok(Json(Page { items, next }))
}

/// Tells of one bin. Its secrets are never told.
#[utoipa::path(
    get, path = "/bins/{bin}", operation_id = "show_bin", tag = "bins",
    params(("bin" = String, Path, description = "The bin's name.")),
    responses((status = 200, description = "The bin.", body = Bin), Refused<404>)
)]
pub(super) async fn show(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
) -> Result<Json<Bin>, Problem> {
    let state = receiver.store.bin(&bin).ok_or_else(|| unknown_bin(&bin))?;
    Ok(Json(receiver.told(state)))
}

/// Changes what a bin was told: what is absent stays, also of `keep`, and `null` takes away. The
/// counts of its reply program begin anew.
#[utoipa::path(
    patch, path = "/bins/{bin}", operation_id = "change_bin", tag = "bins",
    params(("bin" = String, Path, description = "The bin's name.")),
    request_body = BinPatch,
    responses(
        (status = 200, description = "The bin as it is now.", body = Bin),
        Refused<400>, Refused<404>, Refused<413>, Refused<415>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn change(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
    Json(patch): Json<BinPatch>,
) -> Result<Json<Bin>, Problem> {
    receiver.patch_bin(&bin, patch).await?.map(Json).ok_or_else(|| unknown_bin(&bin))
}

/// Deletes a bin and everything in it; requests that it holds are answered by their rule.
#[utoipa::path(
    delete, path = "/bins/{bin}", operation_id = "delete_bin", tag = "bins",
    params(("bin" = String, Path, description = "The bin's name.")),
    responses((status = 204, description = "It is gone."), Refused<404>, Refused<503>)
)]
pub(super) async fn delete(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
) -> Result<StatusCode, Problem> {
    match receiver.store.delete_bin(&bin).await {
        Ok(true) => {
            receiver.held().release(|held| held.summary.bin.as_str() == bin);
            Ok(StatusCode::NO_CONTENT)
        }
        Ok(false) => Err(unknown_bin(&bin)),
        Err(error) => Err(store_problem(&error)),
    }
}
