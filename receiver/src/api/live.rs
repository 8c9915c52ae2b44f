//! Live channels: a bin's, and that of all bins together; as a WebSocket (RFC 6455) or as
//! server-sent events, with the same messages.

mod events;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue, Response};
use hooklab_shared::extract::{Path, Query, bad_parameter};
use hooklab_shared::id::Seq;
use hooklab_shared::listen::websocket;
use hooklab_shared::live::Message;
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use serde::Deserialize;

use super::select::Selection;
use super::unknown_bin;
use crate::Receiver;
use crate::receiver::store_problem;
use crate::store::Watch;

/// What a bin's live channel takes.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// Begin with what came after this seq; `Last-Event-ID` counts for more.
    #[param(value_type = Option<u64>)]
    after: Option<Seq>,
    /// Only captures that this query asks for.
    #[param(max_length = 4096)]
    q: Option<String>,
}

/// What the live channel of all bins takes.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct All {
    /// Only captures that this query asks for.
    #[param(max_length = 4096)]
    q: Option<String>,
}

/// Follows a bin: what came after `after`, then live, without loss or repeat.
///
/// A WebSocket, one message a frame; under `Accept: text/event-stream` server-sent events, whose
/// ids are seqs, so that `Last-Event-ID` goes on where a connection broke.
#[utoipa::path(
    get, path = "/bins/{bin}/live", operation_id = "follow_bin", tag = "live",
    params(
        ("bin" = String, Path, description = "The bin's name."),
        From,
        ("Last-Event-ID" = Option<u64>, Header, description = "The seq of the last event seen."),
    ),
    responses(
        (status = 101, description = "A WebSocket."),
        (status = 200, description = "Messages, one an event.", body = Message,
            content_type = "text/event-stream"),
        Refused<400>, Refused<404>, Refused<422>, Refused<426>, Refused<503>,
    )
)]
pub(super) async fn one(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
    Query(from): Query<From>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let filter = Selection::read(&receiver, from.q.as_deref(), None)?.into_filter();
    let after = last_event(request.headers())?.or(from.after);
    open(&receiver, request, true, || {
        let watch = receiver.store.watch(&bin, after, filter);
        watch.map_err(|error| store_problem(&error))?.ok_or_else(|| unknown_bin(&bin))
    })
}

/// Follows all bins together, from now on, those that are made later included.
#[utoipa::path(
    get, path = "/captures/live", operation_id = "follow_all", tag = "live",
    params(All),
    responses(
        (status = 101, description = "A WebSocket."),
        (status = 200, description = "Messages, one an event.", body = Message,
            content_type = "text/event-stream"),
        Refused<400>, Refused<422>, Refused<426>, Refused<503>,
    )
)]
pub(super) async fn all(
    State(receiver): State<Receiver>,
    Query(all): Query<All>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let filter = Selection::read(&receiver, all.q.as_deref(), None)?.into_filter();
    open(&receiver, request, false, || {
        receiver.store.watch_all(filter).map_err(|error| store_problem(&error))
    })
}

/// Gives the client the channel it asked for; the watch begins only when that is known. A seq is a
/// place to resume from in one bin only.
fn open(
    receiver: &Receiver,
    mut request: Request,
    resumable: bool,
    watch: impl FnOnce() -> Result<Watch, Problem>,
) -> Result<Response<Body>, Problem> {
    if websocket::is_asked(request.headers()) {
        let opening = websocket::Opening::of(&mut request)?;
        return Ok(opening.accept(watch()?, receiver.alive()));
    }
    if takes_events(request.headers()) {
        return Ok(events::response(watch()?, receiver, resumable));
    }
    Err(not_live())
}

fn takes_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut medias = accepted.flat_map(|value| value.split(','));
    medias.any(|media| {
        let media = media.split(';').next().unwrap_or_default().trim();
        media.eq_ignore_ascii_case("text/event-stream")
    })
}

/// A browser sends it when it connects again; one that was given no id yet sends it empty.
fn last_event(headers: &HeaderMap) -> Result<Option<Seq>, Problem> {
    let sent = headers.get("last-event-id").map(HeaderValue::to_str);
    match sent {
        None | Some(Ok("")) => Ok(None),
        Some(Ok(seq)) => seq.parse().map(Some).map_err(|_| bad_event_id()),
        Some(Err(_)) => Err(bad_event_id()),
    }
}

fn bad_event_id() -> Problem {
    bad_parameter("Last-Event-ID", "is no seq: send the id of the last event".to_owned())
}

fn not_live() -> Problem {
    let detail = "this is a live channel: open it as a WebSocket, ask for it with `Accept: \
                  text/event-stream`, or use `hooklab tail`";
    Problem::new(426, "websocket", detail)
}
