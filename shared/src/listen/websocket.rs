//! WebSockets (RFC 6455), for the live channels of both halves.

use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::problem::Problem;

/// The dashboard's word that a request's Origin is ours or absent. A browser sends a WebSocket
/// upgrade anywhere without asking, so the handler itself insists on it.
#[derive(Clone, Copy, Debug)]
pub struct OriginVetted;

/// Messages that go out between two flushes, at most: what made the channel fastest when measured.
pub const BURST: usize = 64;

/// What a channel tells, one message a frame.
pub trait Telling: Send + 'static {
    /// The next message, as soon as there is one; `None` at the end. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = Option<Utf8Bytes>> + Send;

    /// A message that is there already, so that many can be fed before one flush.
    fn try_next(&mut self) -> Option<Utf8Bytes>;

    /// Why it ended, if what it told of is gone; none where the server stops.
    fn gone(&self) -> Option<&'static str>;
}

/// A watcher has nothing to say; pings and closes are small.
const INCOMING_BYTES_MAX: usize = 4 * 1024;

/// Frames are gathered up to this much before they go out: an idle watcher should cost little.
const WRITE_BUFFER_BYTES: usize = 16 * 1024;

/// A watcher whose machine is gone is noticed after two of these.
const PING_EVERY: Duration = Duration::from_secs(30);

/// What a watcher is given to say goodbye in.
const GOODBYE: Duration = Duration::from_secs(2);

/// Whether a request wants to become a WebSocket.
#[must_use]
pub fn is_asked(headers: &HeaderMap) -> bool {
    lists(headers, CONNECTION, "upgrade") && lists(headers, UPGRADE, "websocket")
}

/// An upgrade that may go ahead.
#[derive(Debug)]
pub struct Opening {
    upgrading: OnUpgrade,
    switching: Response<Body>,
}

impl Opening {
    /// Vets the request of an upgrade.
    ///
    /// # Errors
    /// The dashboard has not vetted its Origin, or it is no upgrade that RFC 6455 knows.
    pub fn of(request: &mut Request) -> Result<Self, Problem> {
        if request.extensions().get::<OriginVetted>().is_none() {
            let detail =
                "the live channel is opened through the dashboard, which checks the Origin";
            return Err(Problem::new(403, "origin", detail));
        }
        let key = key(request.headers())?;
        let switching = switching(&key);
        let upgrading =
            request.extensions_mut().remove::<OnUpgrade>().ok_or_else(not_upgradable)?;
        Ok(Self { upgrading, switching })
    }

    /// Answers, and tells the socket from then on; `alive` is let go of when that has ended.
    #[must_use]
    pub fn accept(self, telling: impl Telling, alive: watch::Receiver<()>) -> Response<Body> {
        self.hand_over(INCOMING_BYTES_MAX, move |socket| async move {
            let _ = tell(socket, telling).await;
            drop(alive);
        })
    }

    /// Answers, and lets `talk` have the socket, which takes messages of so many bytes at most.
    #[must_use]
    pub fn hand_over<F>(
        self,
        incoming_bytes_max: usize,
        talk: impl FnOnce(Socket) -> F + Send + 'static,
    ) -> Response<Body>
    where
        F: Future<Output = ()> + Send,
    {
        let config = WebSocketConfig::default()
            .max_message_size(Some(incoming_bytes_max))
            .max_frame_size(Some(incoming_bytes_max))
            .read_buffer_size(INCOMING_BYTES_MAX)
            .write_buffer_size(WRITE_BUFFER_BYTES);
        let upgrading = self.upgrading;
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrading.await {
                let io = TokioIo::new(upgraded);
                talk(WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await).await;
            }
        });
        self.switching
    }
}

/// A connection that has become a WebSocket.
pub type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Passes on what there is to tell until either side ends.
async fn tell(mut socket: Socket, mut telling: impl Telling) -> Result<(), Error> {
    let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    let mut unanswered = 0;
    loop {
        tokio::select! {
            message = telling.next() => match message {
                Some(message) => {
                    socket.feed(Message::Text(message)).await?;
                    for _ in 1..BURST {
                        let Some(message) = telling.try_next() else { break };
                        socket.feed(Message::Text(message)).await?;
                    }
                    socket.flush().await?;
                }
                None => return goodbye(socket, telling.gone()).await,
            },
            incoming = socket.next() => match incoming {
                Some(Ok(Message::Close(_))) => {
                    part(socket).await;
                    return Ok(());
                }
                None => return Ok(()),
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

/// 1000 after what it told of is gone, 1001 when the server stops (RFC 6455, section 7.4.1).
async fn goodbye(mut socket: Socket, gone: Option<&'static str>) -> Result<(), Error> {
    let (code, reason) = match gone {
        Some(why) => (CloseCode::Normal, why),
        None => (CloseCode::Away, "hooklab is stopping"),
    };
    socket.close(Some(CloseFrame { code, reason: reason.into() })).await?;
    part(socket).await;
    Ok(())
}

/// Lets the closing handshake end (RFC 6455, section 5.5.1): our close goes out, theirs comes in.
pub async fn part(mut socket: Socket) {
    let _ = socket.flush().await;
    let answered = async { while let Some(Ok(_)) = socket.next().await {} };
    let _ = timeout(GOODBYE, answered).await;
}

fn lists(headers: &HeaderMap, name: HeaderName, want: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|item| item.trim().eq_ignore_ascii_case(want)))
}

fn key(headers: &HeaderMap) -> Result<HeaderValue, Problem> {
    if headers.get(SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes) != Some(b"13") {
        let detail = "the live channel speaks WebSocket version 13 only (RFC 6455)";
        return Err(Problem::new(426, "websocket", detail));
    }
    headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24).cloned().ok_or_else(|| {
        Problem::new(400, "websocket", "Sec-WebSocket-Key is missing or not 16 bytes in base64")
    })
}

fn not_upgradable() -> Problem {
    Problem::new(426, "websocket", "this connection cannot become a WebSocket: use HTTP/1.1")
}

fn switching(key: &HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(derive_accept_key(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}
