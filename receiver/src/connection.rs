//! One connection of the capture listener: TLS where it is asked for, HTTP/1 or 2, and what came
//! of it that no handler ever saw.

mod tls;

use std::error::Error;
use std::future::{Future as _, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use bytes::Bytes;
use hooklab_shared::headers::{Head, head_end};
use hooklab_shared::limits::Limits;
use hooklab_shared::listen::{Phase, Stop, Timed, drive};
use hooklab_shared::stray::{HEAD_BYTES_MAX, StrayReason};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::capture::{Capturing, Connected, answer, keep_stray};
use crate::policy::{self, Refusal};
use crate::tap::{Tap, Tapped, Unserved};

/// Requests of one HTTP/2 connection that are served at once: what browsers and servers agree on.
const STREAMS_MAX: u32 = 100;

/// Header fields above this number are refused by hyper before any handler.
const FIELDS_MAX: usize = 100;

/// A first line from this length on is called too long itself, in bytes.
const TARGET_BYTES_MAX: usize = 65_500;

/// Serves one connection to its end.
pub(crate) async fn serve(
    capturing: Arc<Capturing>,
    socket: Timed<TcpStream>,
    peer: SocketAddr,
    stop: Stop,
) {
    let phase = socket.phase();
    let _open = capturing.metrics.connected();
    match &capturing.tls {
        None => {
            let tap = Tap::new(socket, Timed::get_ref);
            http(capturing, tap, phase, peer, stop).await;
        }
        Some(tls) => {
            let handshake = tls::handshake(tls.clone(), socket, peer, &capturing.limits);
            match Box::pin(handshake).await {
                Ok(socket) => {
                    let tap = Tap::new(socket, |tls| tls.get_ref().0.get_ref());
                    http(capturing, tap, phase, peer, stop).await;
                }
                Err(Some(unserved)) => keep(&capturing, peer, unserved).await,
                Err(None) => {}
            }
        }
    }
}

async fn http<S>(capturing: Arc<Capturing>, tap: Tap<S>, phase: Phase, peer: SocketAddr, stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let tapped = tap.tapped();
    let builder = builder(&capturing.limits);
    // One count to raise for each request, instead of one for each part.
    let connected = Arc::new(Connected {
        capturing: capturing.clone(),
        tapped: tapped.clone(),
        phase,
        peer,
        first: OnceLock::new(),
    });
    let service = service_fn(move |request: Request<Incoming>| {
        if request.version() == Version::HTTP_2 {
            connected.tapped.served();
            connected.phase.http2();
        }
        answer(connected.clone(), request)
    });
    let connection = builder.serve_connection(TokioIo::new(tap), service);
    let mut connection = pin!(drive(connection, stop, |c| c.graceful_shutdown()));
    let mut ended = None;
    // One at a time: the connection is not driven on before it is kept.
    while let Some(unserved) = poll_fn(|cx| {
        if ended.is_none()
            && let Poll::Ready(end) = connection.as_mut().poll(cx)
        {
            ended = Some(end);
        }
        match tapped.take_unserved() {
            None if ended.is_none() => Poll::Pending,
            unserved => Poll::Ready(unserved),
        }
    })
    .await
    {
        Box::pin(keep(&capturing, peer, unserved)).await;
    }
    let error = ended.and_then(Result::err);
    let unseen = match tapped.is_http2() {
        true => tapped.ended(error.is_some_and(|error| is_io(&*error, io::ErrorKind::TimedOut))),
        false => error.and_then(|error| unseen(&tapped, &*error, &capturing.limits)),
    };
    if let Some(unseen) = unseen {
        keep(&capturing, peer, unseen).await;
    }
}

/// Keeps what no handler saw.
async fn keep(capturing: &Capturing, peer: SocketAddr, unserved: Unserved) {
    let Unserved { reason, status, head, bytes } = unserved;
    keep_stray(capturing, peer, reason, status, &head, bytes).await;
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        // `printf … | nc` ends its sending side and still wants the answer.
        .half_close(true)
        .max_buf_size(limits.head_bytes_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.keep_alive_timeout)
        .keep_alive_timeout(limits.head_timeout);
    builder
}

/// A request that hyper refused, or that never came to the end of its head.
fn unseen(
    tapped: &Tapped,
    error: &(dyn Error + Send + Sync + 'static),
    limits: &Limits,
) -> Option<Unserved> {
    let (came, bytes) = tapped.unclaimed();
    if came.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        return None;
    }
    let (reason, status) = why(error, &came, limits);
    let head = &came[..came.len().min(HEAD_BYTES_MAX)];
    Some(Unserved { reason, status, head: head.into(), bytes: bytes as u64 })
}

/// The reason, and the status that hyper has answered with.
fn why(
    error: &(dyn Error + Send + Sync + 'static),
    came: &[u8],
    limits: &Limits,
) -> (StrayReason, u16) {
    let hyper = error.downcast_ref::<hyper::Error>();
    let is_io = |kind| is_io(error, kind);
    if is_io(io::ErrorKind::TimedOut) {
        return (StrayReason::HeadTimedOut, 0);
    }
    if hyper.is_some_and(hyper::Error::is_parse_too_large) {
        let lines = came.iter().filter(|&&byte| byte == b'\n').count();
        let line = came.iter().position(|&byte| byte == b'\n').unwrap_or(came.len());
        return match () {
            // hyper's buffer is full before its own bound on targets (414) is reached.
            () if line >= TARGET_BYTES_MAX => (StrayReason::UriTooLong, 431),
            () if lines > FIELDS_MAX + 1 && came.len() <= limits.head_bytes_max => {
                (StrayReason::TooManyHeaders, 431)
            }
            () => (StrayReason::HeadTooLong, 431),
        };
    }
    match hyper {
        Some(hyper) if hyper.is_parse() => (misread(came, limits), 400),
        _ => (StrayReason::HeadCutOff, 0),
    }
}

/// hyper does not say what it stumbled over; of codings we know.
fn misread(came: &[u8], limits: &Limits) -> StrayReason {
    let Some(end) = head_end(came) else { return StrayReason::MalformedHead };
    let head = Head::from(Bytes::copy_from_slice(&came[..end]));
    let is_http10 = head.version() == b"HTTP/1.0";
    match policy::look(&head, is_http10, limits.head_bytes_max) {
        Err(refusal @ Refusal::TransferCoding) => refusal.reason(),
        _ => StrayReason::MalformedHead,
    }
}

fn is_io(error: &(dyn Error + 'static), kind: io::ErrorKind) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == kind) {
            return true;
        }
        cause = error.source();
    }
    false
}
