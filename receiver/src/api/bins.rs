//! Bins: create, list, show, delete.

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hooklab_shared::bin::{Bin, NewBin, Page};
use hooklab_shared::extract::{Json, Path, Query, page_items};
use hooklab_shared::problem::Problem;
use serde::Deserialize;

use super::unknown_bin;
use crate::Receiver;
use crate::receiver::store_problem;

/// What a list of bins takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn create(
    State(receiver): State<Receiver>,
    Json(new): Json<NewBin>,
) -> Result<Response, Problem> {
    let bin = receiver.create_bin(new).await?;
    let location = HeaderValue::try_from(format!("/api/v1/bins/{}", bin.name));
    let mut response = (StatusCode::CREATED, Json(bin)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

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

pub(super) async fn show(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
) -> Result<Json<Bin>, Problem> {
    let state = receiver.store.bin(&bin).ok_or_else(|| unknown_bin(&bin))?;
    Ok(Json(receiver.told(state)))
}

pub(super) async fn delete(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
) -> Result<StatusCode, Problem> {
    match receiver.store.delete_bin(&bin).await {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        Ok(false) => Err(unknown_bin(&bin)),
        Err(error) => Err(store_problem(&error)),
    }
}
