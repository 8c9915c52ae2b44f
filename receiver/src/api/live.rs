//! The live channel: a bin's WebSocket (RFC 6455).

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use futures_util::{SinkExt, StreamExt};
use hooklab_shared::extract::{Path, Query};
use hooklab_shared::id::Seq;
use hooklab_shared::problem::Problem;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::unknown_bin;
use crate::Receiver;
use crate::receiver::store_problem;
use crate::store::Watch;

/// The dashboard's word that a request's Origin is ours or absent. A browser sends a WebSocket
/// upgrade anywhere without asking, so the handler itself insists on it.
#[derive(Clone, Copy, Debug)]
pub struct OriginVetted;

/// Messages that go out between two flushes, at most: what made the channel fastest when measured.
const BURST: usize = 64;

/// A watcher has nothing to say; pings and closes are small.
const INCOMING_BYTES_MAX: usize = 4 * 1024;

/// A watcher whose machine is gone is noticed after two of these.
const PING_EVERY: Duration = Duration::from_secs(30);

/// What a watcher is given to say goodbye in.
const GOODBYE: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    after: Option<Seq>,
}

pub(super) async fn upgrade(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
    Query(from): Query<From>,
    mut request: Request,
) -> Result<Response<axum::body::Body>, Problem> {
    if request.extensions().get::<OriginVetted>().is_none() {
        let detail = "the live channel is opened through the dashboard, which checks the Origin";
        return Err(Problem::new(403, "origin", detail));
    }
    let key = websocket_key(request.headers())?;
    let watch = receiver
        .store
        .watch(&bin, from.after, None)
        .map_err(|error| store_problem(&error))?
        .ok_or_else(|| unknown_bin(&bin))?;
    let Some(upgrading) = request.extensions_mut().remove::<OnUpgrade>() else {
        return Err(not_an_upgrade());
    };
    tokio::spawn(accepted(upgrading, watch, receiver.alive()));
    Ok(switching(&key, request.headers()))
}

async fn accepted(upgrading: OnUpgrade, watch: Watch, alive: watch::Receiver<()>) {
    if let Ok(upgraded) = upgrading.await {
        let socket = TokioIo::new(upgraded);
        let config = WebSocketConfig::default()
            .max_message_size(Some(INCOMING_BYTES_MAX))
            .max_frame_size(Some(INCOMING_BYTES_MAX));
        let socket = WebSocketStream::from_raw_socket(socket, Role::Server, Some(config)).await;
        let _ = tell(socket, watch).await;
    }
    drop(alive);
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Passes on what the watch yields until either side ends.
async fn tell(mut socket: Socket, mut watch: Watch) -> Result<(), Error> {
    let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    let mut unanswered = 0;
    loop {
        tokio::select! {
            message = watch.next() => match message {
                Some(message) => {
                    socket.feed(Message::Text(message)).await?;
                    for _ in 1..BURST {
                        let Some(message) = watch.try_next() else { break };
                        socket.feed(Message::Text(message)).await?;
                    }
                    socket.flush().await?;
                }
                None => return goodbye(socket, watch.deleted()).await,
            },
            incoming = socket.next() => match incoming {
                Some(Ok(Message::Close(_))) | None => return Ok(()),
                Some(incoming) => {
                    incoming?;
                    unanswered = 0;
                }
            },
            _ = ping.tick() => {
                if unanswered == 2 {
                    return Ok(());
                }
                unanswered += 1;
                socket.send(Message::Ping(Vec::new().into())).await?;
            }
        }
    }
}

/// 1000 after a bin was deleted, 1001 when the server stops (RFC 6455, section 7.4.1).
async fn goodbye(mut socket: Socket, deleted: bool) -> Result<(), Error> {
    let (code, reason) = match deleted {
        true => (CloseCode::Normal, "the bin was deleted"),
        false => (CloseCode::Away, "hooklab is stopping"),
    };
    socket.close(Some(CloseFrame { code, reason: reason.into() })).await?;
    let answered = async { while let Some(Ok(_)) = socket.next().await {} };
    let _ = timeout(GOODBYE, answered).await;
    Ok(())
}

fn websocket_key(headers: &HeaderMap) -> Result<HeaderValue, Problem> {
    let lists = |name: HeaderName, want: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|item| item.trim().eq_ignore_ascii_case(want)))
    };
    if !lists(CONNECTION, "upgrade") || !lists(UPGRADE, "websocket") {
        return Err(not_an_upgrade());
    }
    if headers.get(SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes) != Some(b"13") {
        let detail = "the live channel speaks WebSocket version 13 only (RFC 6455)";
        return Err(Problem::new(426, "websocket", detail));
    }
    headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24).cloned().ok_or_else(|| {
        Problem::new(400, "websocket", "Sec-WebSocket-Key is missing or not 16 bytes in base64")
    })
}

fn not_an_upgrade() -> Problem {
    let detail = "this is a live channel: open it as a WebSocket, or use `hooklab tail`";
    Problem::new(426, "websocket", detail)
}

fn switching(key: &HeaderValue, asked: &HeaderMap) -> Response<axum::body::Body> {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(derive_accept_key(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    // A browser can only give its token as a subprotocol; it hangs up unless one is chosen.
    let offered = asked.get(SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
    if offered.is_some_and(|offered| offered.split(',').any(|p| p.trim() == "hooklab.live")) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("hooklab.live"));
    }
    response
}
