//! HOT PATH. One request: its bytes become the one [`Capture`], the store keeps it, the bin
//! replies.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use hooklab_shared::body::{Body, Framing};
use hooklab_shared::capture::{Capture, Outcome, Protocol, Route, Timing};
use hooklab_shared::headers::Head;
use hooklab_shared::id::{BinName, Timestamp};
use hooklab_shared::limits::Limits;
use hooklab_shared::listen::{Held, Phase, Stop, Timed, drive};
use hooklab_shared::problem::Problem;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

use crate::metrics::Metrics;
use crate::policy::{self, Refusal};
use crate::reply;
use crate::store::{Store, StoreError};
use crate::tap::{Tap, Tapped};

/// What every connection of the capture listener works with.
pub(crate) struct Capturing {
    pub(crate) store: Store,
    pub(crate) limits: Limits,
    pub(crate) auto_create: bool,
    pub(crate) metrics: Arc<Metrics>,
}

type Reply = Response<Held<Full<Bytes>>>;

/// Serves one connection to its end.
pub(crate) async fn connection(
    capturing: Arc<Capturing>,
    socket: Timed<TcpStream>,
    peer: SocketAddr,
    stop: Stop,
) {
    let phase = socket.phase();
    let tap = Tap::new(socket);
    let tapped = tap.tapped();
    let head_bytes_max = capturing.limits.head_bytes_max;
    let service = service_fn(move |request| {
        answer(capturing.clone(), tapped.clone(), phase.clone(), peer, request)
    });
    let connection = http1::Builder::new()
        // `printf … | nc` ends its sending side and still wants the answer.
        .half_close(true)
        .max_buf_size(head_bytes_max)
        .serve_connection(TokioIo::new(tap), service);
    if let Err(error) = drive(connection, stop, |c| c.graceful_shutdown()).await {
        tracing::debug!(%peer, %error, "capture connection ended");
    }
}

async fn answer(
    capturing: Arc<Capturing>,
    tapped: Tapped,
    phase: Phase,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    let serving = phase.serving();
    let response = match Received::read(&tapped, request, &capturing.limits).await {
        Ok(received) => record(&capturing, peer, received).await,
        Err(refusal) => reply::problem(&refusal.problem(), true),
    };
    Ok(response.map(|body| Held::new(body, serving)))
}

/// Keeps a request that was read, and answers it.
async fn record(
    capturing: &Capturing,
    peer: SocketAddr,
    received: Received,
) -> Response<Full<Bytes>> {
    let closing = received.outcome != Outcome::Complete;
    let name = match bin_name(&received.head) {
        Ok(name) => name,
        Err(problem) => return reply::problem(&problem, closing),
    };
    let replied = reply::choose(received.outcome);
    let id = Uuid::now_v7();
    let capture = received.into_capture(name.clone(), id, peer, replied);
    let (outcome, bytes) = (capture.outcome, capture.content_bytes);
    let waiting = capturing.metrics.committing();
    let asked = Instant::now();
    let appended = capturing.store.append(capture, capturing.auto_create).await;
    drop(waiting);
    match appended {
        Ok(seq) => {
            capturing.metrics.captured(outcome, bytes, asked.elapsed());
            reply::captured(&name, seq, id, replied, closing)
        }
        Err(error) => {
            capturing.metrics.refused();
            reply::problem(&refusal(&name, error), closing)
        }
    }
}

fn bin_name(head: &Head) -> Result<BinName, Problem> {
    let route = Route::of(head.target()).filter(|route| !route.bin.is_empty());
    let Some(route) = route else {
        let detail = "nothing is captured here: send to a bin, such as /orders";
        return Err(Problem::new(404, "no-bin", detail));
    };
    std::str::from_utf8(route.bin)
        .map_err(|_| "its name is not even UTF-8".to_owned())
        .and_then(|name| name.parse().map_err(|error| format!("failed to {error}")))
        .map_err(|why| Problem::new(404, "bad-bin-name", format!("nothing was captured: {why}")))
}

fn refusal(bin: &BinName, error: StoreError) -> Problem {
    match error {
        StoreError::UnknownBin => {
            let detail = format!(
                "there is no bin `{bin}`, and bins are not made by sending to them here: create it \
                 with `hooklab bin create {bin}`"
            );
            Problem::new(404, "unknown-bin", detail)
        }
        StoreError::TooManyBins => Problem::new(507, "too-many-bins", error.to_string()),
        other => {
            let detail = format!("the request was not kept: {other}");
            Problem::new(503, "store", detail).retry_after(1)
        }
    }
}

/// A request as it was read, whole or not.
struct Received {
    head: Head,
    protocol: Protocol,
    body: Body,
    content_bytes: u64,
    outcome: Outcome,
    received_at: Timestamp,
    timing: Timing,
}

impl Received {
    /// Reads a request to its end, or to where it breaks off or passes the limit.
    ///
    /// # Errors
    /// Policy refuses it; or hyper and the tap disagree on what came, so that nothing can be said
    /// to be what was sent.
    async fn read(
        tapped: &Tapped,
        request: Request<Incoming>,
        limits: &Limits,
    ) -> Result<Self, Refusal> {
        let (head, begun) = tapped.claim_head().ok_or(Refusal::Disagreement)?;
        let parsed = Instant::now();
        let received_at = Timestamp::from(SystemTime::now());
        policy::vet(&head, &request, limits.head_bytes_max)?;
        let protocol = match request.version() {
            Version::HTTP_10 => Protocol::Http10,
            _ => Protocol::Http11,
        };
        let incoming = request.into_body();
        let framing = match incoming.size_hint().exact() {
            Some(length) => {
                tapped.pass(length);
                Framing::Length
            }
            None => Framing::Chunked,
        };
        let (content, content_bytes, outcome) = read_content(incoming, framing, limits).await;
        let wire = match framing {
            Framing::Length => content,
            Framing::Chunked if outcome == Outcome::Complete => {
                tapped.claim_chunked(content_bytes).ok_or(Refusal::Disagreement)?
            }
            Framing::Chunked => tapped.claim_rest(),
        };
        let body = Body { wire, framing };
        let timing = Timing {
            head_us: micros(parsed.duration_since(begun)),
            body_us: micros(parsed.elapsed()),
        };
        Ok(Self { head, protocol, body, content_bytes, outcome, received_at, timing })
    }

    fn into_capture(
        self,
        bin: BinName,
        id: Uuid,
        peer: SocketAddr,
        reply: hooklab_shared::capture::Replied,
    ) -> Capture {
        Capture {
            bin,
            seq: 0,
            id,
            received_at: self.received_at,
            peer,
            protocol: self.protocol,
            outcome: self.outcome,
            timing: self.timing,
            reply,
            head: self.head,
            body: self.body,
            content_bytes: self.content_bytes,
        }
    }
}

/// The content as far as it is kept, its length as far as it was read, and how it ended.
///
/// A chunked body's content is only counted: the tap keeps it with its framing.
async fn read_content(
    mut incoming: Incoming,
    framing: Framing,
    limits: &Limits,
) -> (Bytes, u64, Outcome) {
    let mut content = Content::default();
    let outcome = loop {
        let data = match timeout(limits.body_idle_timeout, incoming.frame()).await {
            Ok(None) => break Outcome::Complete,
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => data,
                Err(_trailers) => continue,
            },
            Ok(Some(Err(_))) => break Outcome::Aborted,
            Err(_) => break Outcome::TimedOut,
        };
        content.bytes += data.len() as u64;
        let over = content.bytes.saturating_sub(limits.body_bytes_max as u64);
        if framing == Framing::Length {
            let kept = data.len().saturating_sub(usize::try_from(over).unwrap_or(usize::MAX));
            content.keep(data.slice(..kept));
        }
        if over > 0 {
            discard(incoming, limits).await;
            break Outcome::OverLimit;
        }
    };
    let kept = content.bytes.min(limits.body_bytes_max as u64);
    (content.joined(), kept, outcome)
}

/// Content that most often comes in one piece, and is then passed on without a copy.
#[derive(Default)]
struct Content {
    bytes: u64,
    one: Bytes,
    many: BytesMut,
}

impl Content {
    fn keep(&mut self, data: Bytes) {
        if self.one.is_empty() && self.many.is_empty() {
            self.one = data;
            return;
        }
        if self.many.is_empty() {
            self.many.extend_from_slice(&self.one);
            self.one = Bytes::new();
        }
        self.many.extend_from_slice(&data);
    }

    fn joined(self) -> Bytes {
        if self.many.is_empty() { self.one } else { self.many.freeze() }
    }
}

/// A client that is cut off while it still sends would see a reset instead of the answer, so a
/// body over the limit is read on for a while: as much again, and no longer than an idle body.
async fn discard(mut incoming: Incoming, limits: &Limits) {
    let mut left = limits.body_bytes_max;
    let reading = async {
        while let Some(Ok(frame)) = incoming.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(limits.body_idle_timeout, reading).await;
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
