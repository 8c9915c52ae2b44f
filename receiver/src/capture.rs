//! HOT PATH. One request: its bytes become the one [`Capture`], the store keeps it, the bin
//! replies.

mod content;
mod received;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use hooklab_shared::capture::{Capture, Outcome, Route};
use hooklab_shared::cidr::Cidr;
use hooklab_shared::forwarded::client;
use hooklab_shared::headers::{Head, Octets};
use hooklab_shared::id::{BinName, Timestamp};
use hooklab_shared::limits::Limits;
use hooklab_shared::listen::{Held, Phase, Stop};
use hooklab_shared::problem::Problem;
use hooklab_shared::stray::{HEAD_BYTES_MAX, Stray, StrayReason};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, Version};
use tokio_rustls::rustls::ServerConfig;
use uuid::Uuid;

use crate::held::Registry;
use crate::metrics::Metrics;
use crate::reply::{self, Chosen, ReplyBody};
use crate::store::{Store, StoreError};
use crate::tap::Tapped;
use received::{Received, Unread};

/// What every connection of the capture listener works with.
pub(crate) struct Capturing {
    pub(crate) store: Store,
    pub(crate) limits: Limits,
    pub(crate) auto_create: bool,
    /// Whose forwarding headers are believed.
    pub(crate) trusted_proxies: Vec<Cidr>,
    pub(crate) held: Registry,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) metrics: Arc<Metrics>,
    /// What every answer without a rule has.
    pub(crate) headers: reply::Headers,
    /// True shortly before a stop cuts what is left: a body in progress ends there, to be kept.
    pub(crate) cut: Stop,
}

/// What the requests of one connection have in common.
pub(crate) struct Connected {
    pub(crate) capturing: Arc<Capturing>,
    pub(crate) tapped: Tapped,
    pub(crate) phase: Phase,
    pub(crate) peer: SocketAddr,
    /// What was asked for first: a connection seldom asks for anything else.
    pub(crate) first: OnceLock<Asked>,
}

/// How a request line begins that leads to this bin.
pub(crate) struct Asked {
    begins: Vec<u8>,
    bin: BinName,
}

impl Asked {
    fn of(head: &Head, bin: BinName) -> Self {
        Self { begins: [head.method(), b" /", bin.as_str().as_bytes()].concat(), bin }
    }

    /// Whether this head leads there too; one that is written in another way may all the same.
    fn leads(&self, head: &Head) -> bool {
        let rest = head.as_bytes().strip_prefix(&self.begins[..]);
        rest.is_some_and(|rest| matches!(rest, [b' ' | b'/' | b'?', ..]))
    }
}

type Reply = Response<Held<ReplyBody>>;

/// Answers one request, once it is kept.
pub(crate) async fn answer(
    connected: Arc<Connected>,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    let Connected { capturing, tapped, phase, .. } = &*connected;
    let serving = phase.serving();
    // In HTTP/1 hyper leaves the body out by itself.
    let is_http2 = request.version() == Version::HTTP_2;
    let is_bare = request.method() == Method::HEAD && is_http2;
    let response = match Received::read(tapped, request, &capturing.limits, &capturing.cut).await {
        Ok(received) => record(&connected, received, is_http2).await,
        Err(Unread { head, refusal }) => {
            let problem = refusal.problem();
            let (reason, status) = (refusal.reason(), problem.status);
            Box::pin(stray(capturing, connected.peer, reason, status, &head, 0)).await;
            reply::problem(&problem, true)
        }
    };
    let response = response.map(|body| if is_bare { ReplyBody::default() } else { body });
    Ok(response.map(|body| Held::new(body, serving)))
}

/// Keeps a request that was read, and answers it.
async fn record(connected: &Connected, received: Received, is_http2: bool) -> Response<ReplyBody> {
    let Connected { capturing, tapped, peer, .. } = connected;
    let outcome = received.outcome;
    let closing = outcome != Outcome::Complete;
    let name = match bin_name(&received.head, &connected.first) {
        Ok(name) => name,
        Err((reason, problem)) => {
            let (head, body) = (&received.head, received.body.wire.len());
            Box::pin(stray(capturing, *peer, reason, problem.status, head, body)).await;
            return reply::problem(&problem, closing);
        }
    };
    let configured = capturing.store.configured(name.as_str());
    let chosen = Chosen::of(configured, &received.head, &received.body, outcome);
    let id = id(received.received_at);
    let asked = received.ended;
    // Shared, not copied; an answer may be made of them.
    let head = received.head.clone();
    let body = chosen.rule().map(|_| received.body.clone()).unwrap_or_default();
    let body_bytes = received.body.wire.len();
    let client = client(&head, peer.ip(), &capturing.trusted_proxies);
    let replied = chosen.replied(|template| {
        let seq = capturing.store.bin(name.as_str()).map_or(1, |bin| bin.newest_seq + 1);
        let place = reply::Place { bin: &name, seq, id };
        reply::fails(template, &place, &head, &body)
    });
    let capture = received.into_capture(name.clone(), id, *peer, client, replied);
    let waiting = chosen.hold().map(|hold| reply::Hold::of(&capture, hold));
    let appended = match is_http2 {
        true => kept_apart(capturing.clone(), capture, asked).await,
        false => keep(capturing, capture, asked).await,
    };
    match appended {
        Ok(seq) => {
            let place = reply::Place { bin: &name, seq, id };
            if let Chosen::Default(status) = chosen {
                return reply::by_default(&capturing.headers, status, &place, outcome);
            }
            let request = reply::Kept { head: &head, body: &body, outcome };
            let held = waiting.map(|hold| hold.registered(&capturing.held, seq, tapped));
            // Its bin can have been deleted before it was listed.
            if held.is_some() && !capturing.store.has_given(name.as_str(), seq) {
                capturing.held.release(|held| held.id == id);
            }
            // Apart, so that a request which is answered at once does not carry its room along.
            let act = reply::act(chosen, held, &place, &request, capturing, tapped);
            Box::pin(act).await
        }
        Err(error) => {
            let (reason, problem) = refusal(&name, &error);
            if let Some(reason) = reason {
                let status = problem.status;
                Box::pin(stray(capturing, *peer, reason, status, &head, body_bytes)).await;
            }
            reply::problem(&problem, closing)
        }
    }
}

/// Has the store keep a capture, and counts what came of it.
async fn keep(capturing: &Capturing, capture: Capture, asked: Instant) -> Result<u64, StoreError> {
    let (outcome, bytes) = (capture.outcome, capture.content_bytes);
    let under_way = capturing.metrics.committing();
    let appended = capturing.store.append(capture, capturing.auto_create).await;
    drop(under_way);
    match &appended {
        Ok(_) => capturing.metrics.captured(outcome, bytes, asked.elapsed()),
        Err(StoreError::UnknownBin | StoreError::TooManyBins) => {}
        Err(_) => capturing.metrics.refused(),
    }
    appended
}

/// As [`keep`], to its end in any case: hyper drops the request of an HTTP/2 stream that was reset
/// while it waits, and what was read is to be kept and counted all the same.
async fn kept_apart(
    capturing: Arc<Capturing>,
    capture: Capture,
    asked: Instant,
) -> Result<u64, StoreError> {
    let keeping = tokio::spawn(async move { keep(&capturing, capture, asked).await });
    keeping.await.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(_) => Err(StoreError::Closed),
    })
}

/// An id that sorts by when its capture came.
fn id(received_at: Timestamp) -> Uuid {
    let micros = received_at.as_micros().max(0).unsigned_abs();
    let nanos = u32::try_from(micros % 1_000_000 * 1_000).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, micros / 1_000_000, nanos))
}

/// A request that belongs to no bin.
async fn stray(
    capturing: &Capturing,
    peer: SocketAddr,
    reason: StrayReason,
    status: u16,
    head: &Head,
    body_bytes: usize,
) {
    let bytes = (head.len() + body_bytes) as u64;
    keep_stray(capturing, peer, reason, status, head.as_bytes(), bytes).await;
}

/// Keeps what became no capture, with the first of its bytes. A stray that cannot be kept is a line
/// in the log.
pub(crate) async fn keep_stray(
    capturing: &Capturing,
    peer: SocketAddr,
    reason: StrayReason,
    status: u16,
    head: &[u8],
    bytes: u64,
) {
    tracing::info!(%peer, reason = reason.as_str(), status, "a request was not captured");
    capturing.metrics.strayed(reason);
    let stray = Stray {
        seq: 0,
        received_at: Timestamp::from(SystemTime::now()),
        peer,
        reason,
        status,
        head: Octets::from(&head[..head.len().min(HEAD_BYTES_MAX)]),
        bytes,
    };
    if let Err(error) = capturing.store.stray(stray).await {
        tracing::warn!(%peer, %error, "a stray was not kept");
    }
}

fn bin_name(head: &Head, first: &OnceLock<Asked>) -> Result<BinName, (StrayReason, Problem)> {
    if let Some(asked) = first.get().filter(|asked| asked.leads(head)) {
        return Ok(asked.bin.clone());
    }
    let route = Route::of(head.target()).filter(|route| !route.bin.is_empty());
    let Some(route) = route else {
        let detail = "nothing is captured here: send to a bin, such as /orders";
        return Err((StrayReason::NoBin, Problem::new(404, "no-bin", detail)));
    };
    let name = std::str::from_utf8(route.bin)
        .map_err(|_| "its name is not even UTF-8".to_owned())
        .and_then(|name| name.parse().map_err(|error| format!("failed to {error}")))
        .map_err(|why| {
            let problem = Problem::new(404, "bad-bin-name", format!("nothing was captured: {why}"));
            (StrayReason::BadBinName, problem)
        });
    name.inspect(|name: &BinName| drop(first.set(Asked::of(head, name.clone()))))
}

/// Why a request was not kept; a failed store keeps no strays either.
fn refusal(bin: &BinName, error: &StoreError) -> (Option<StrayReason>, Problem) {
    match error {
        StoreError::UnknownBin => {
            let detail = format!(
                "there is no bin `{bin}`, and bins are not made by sending to them here: create it \
                 with `hooklab bin create {bin}`"
            );
            (Some(StrayReason::UnknownBin), Problem::new(404, "unknown-bin", detail))
        }
        StoreError::TooManyBins => {
            let problem = Problem::new(507, "too-many-bins", error.to_string());
            (Some(StrayReason::TooManyBins), problem)
        }
        other => {
            let detail = format!("the request was not kept: {other}");
            (None, Problem::new(503, "store", detail).retry_after(1))
        }
    }
}
