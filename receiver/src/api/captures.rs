//! Captures: list, show, delete; the wire bytes and the body as they came.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use hooklab_shared::bin::Page;
use hooklab_shared::capture::{Capture, Document, Summary};
use hooklab_shared::extract::{Json, Path, Query, page_items};
use hooklab_shared::id::Seq;
use hooklab_shared::problem::Problem;
use serde::{Deserialize, Serialize};

use super::unknown_bin;
use crate::Receiver;
use crate::receiver::store_problem;
use crate::store::{At, Range, StoreError};

/// What a list of captures takes. The newest come first, unless it is asked what came after one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    after: Option<Seq>,
    before: Option<Seq>,
    limit: Option<usize>,
    order: Option<Order>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Order {
    Asc,
    Desc,
}

#[derive(Serialize)]
pub(super) struct Cleared {
    deleted: u64,
}

pub(super) async fn list(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
    Query(listing): Query<Listing>,
) -> Result<Json<Page<Summary>>, Problem> {
    let limit = page_items(listing.limit, receiver.limits())?;
    let newest_first = match listing.order {
        Some(order) => order == Order::Desc,
        None => listing.after.is_none(),
    };
    let Listing { after, before, .. } = listing;
    let range = Range { after, before, newest_first, limit: limit + 1 };
    let store = receiver.store.clone();
    let name = bin.clone();
    let mut items =
        blocking(move || store.summaries(&name, range)).await?.ok_or_else(|| unknown_bin(&bin))?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|summary| summary.seq.to_string());
    Ok(Json(Page { items, next }))
}

pub(super) async fn show(
    State(receiver): State<Receiver>,
    Path((bin, seq)): Path<(String, String)>,
) -> Result<Json<Document>, Problem> {
    read(&receiver, bin, seq, |capture| capture.document()).await.map(Json)
}

pub(super) async fn raw(
    State(receiver): State<Receiver>,
    Path((bin, seq)): Path<(String, String)>,
) -> Result<Response<Body>, Problem> {
    let wire = |capture: &Capture| attachment(capture, "http", capture.wire().concat().into());
    read(&receiver, bin, seq, wire).await
}

pub(super) async fn body(
    State(receiver): State<Receiver>,
    Path((bin, seq)): Path<(String, String)>,
) -> Result<Response<Body>, Problem> {
    let content =
        |capture: &Capture| attachment(capture, "bin", capture.body.decoded().into_owned().into());
    read(&receiver, bin, seq, content).await
}

pub(super) async fn delete(
    State(receiver): State<Receiver>,
    Path((bin, seq)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let At::Seq(number) = place(&seq)? else {
        let detail = "say which capture to delete by its seq: the latest may be another by now";
        return Err(Problem::new(400, "seq", detail));
    };
    match receiver.store.delete(&bin, number).await {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        Ok(false) => Err(unknown_capture(&receiver, &bin, &seq)),
        Err(error) => Err(store_problem(&error)),
    }
}

pub(super) async fn clear(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
) -> Result<Json<Cleared>, Problem> {
    match receiver.store.clear(&bin).await {
        Ok(Some(deleted)) => Ok(Json(Cleared { deleted })),
        Ok(None) => Err(unknown_bin(&bin)),
        Err(error) => Err(store_problem(&error)),
    }
}

/// Reads a capture and makes something of it, both off the runtime, and few at once: bodies are
/// large, and who captures must not wait for who looks.
async fn read<T: Send + 'static>(
    receiver: &Receiver,
    bin: String,
    seq: String,
    make: impl FnOnce(&Capture) -> T + Send + 'static,
) -> Result<T, Problem> {
    let at = place(&seq)?;
    let store = receiver.store.clone();
    let name = bin.clone();
    let _turn = receiver.turn().await;
    let made = blocking(move || store.read(&name, at).map(|found| found.map(|c| make(&c)))).await?;
    made.ok_or_else(|| unknown_capture(receiver, &bin, &seq))
}

fn place(seq: &str) -> Result<At, Problem> {
    if seq == "latest" {
        return Ok(At::Latest);
    }
    seq.parse().map(At::Seq).map_err(|_| {
        let detail = "a capture is named by its seq, a whole number, or by `latest`";
        Problem::new(400, "seq", detail)
    })
}

fn unknown_capture(receiver: &Receiver, bin: &str, seq: &str) -> Problem {
    let Some(state) = receiver.store.bin(bin) else { return unknown_bin(bin) };
    let detail = match state.oldest_seq {
        Some(oldest) => format!(
            "bin `{bin}` has no capture {seq}: it holds {} of them, from {oldest} to {}",
            state.captures, state.newest_seq
        ),
        None => format!("bin `{bin}` is empty: send something to it first"),
    };
    Problem::new(404, "unknown-capture", detail)
}

/// Reading may wait for the disk, and must not hold up those who capture.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read.map_err(|error| store_problem(&error)),
        Err(_) => Err(Problem::new(500, "bug", "reading the store ended in a panic: a bug")),
    }
}

/// Captured bytes as a download that no browser will run; the file's name is ours.
fn attachment(capture: &Capture, extension: &str, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    let name = format!("attachment; filename=\"{}-{}.{extension}\"", capture.bin, capture.seq);
    if let Ok(name) = HeaderValue::try_from(name) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    response
}
