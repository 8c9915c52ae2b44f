//! One connection of the capture listener: TLS where it is asked for, HTTP/1 or 2, and what came
//! of it that no handler ever saw.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use bytes::Bytes;
use hooklab_shared::headers::{Head, Octets, head_end};
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::listen::{Phase, Stop, Timed, drive};
use hooklab_shared::stray::{HEAD_BYTES_MAX, Stray, StrayReason};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::capture::{Capturing, Connected, answer};
use crate::policy::{self, Refusal};
use crate::tap::{Tap, Tapped};

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
            let handshake = TlsAcceptor::from(tls.clone()).accept(socket);
            match timeout(capturing.limits.head_timeout, handshake).await {
                Ok(Ok(socket)) => {
                    let tap = Tap::new(socket, |tls| tls.get_ref().0.get_ref());
                    http(capturing, tap, phase, peer, stop).await;
                }
                Ok(Err(error)) => tracing::info!(%peer, %error, "no TLS handshake"),
                Err(_) => tracing::info!(%peer, "the TLS handshake did not end in time"),
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
    let service = service_fn(move |request| answer(connected.clone(), request));
    let connection = builder.serve_connection(TokioIo::new(tap), service);
    if let Err(error) = drive(connection, stop, |c| c.graceful_shutdown()).await
        && let Some(stray) = unseen(&tapped, peer, &*error, &capturing.limits)
    {
        tracing::info!(%peer, reason = stray.reason.as_str(), "a request was not taken");
        capturing.metrics.strayed(stray.reason);
        let _ = capturing.store.stray(stray).await;
    }
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
    peer: SocketAddr,
    error: &(dyn Error + Send + Sync + 'static),
    limits: &Limits,
) -> Option<Stray> {
    let came = tapped.unclaimed();
    if came.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        return None;
    }
    let (reason, status) = why(error, &came, limits);
    let head = &came[..came.len().min(HEAD_BYTES_MAX)];
    Some(Stray {
        seq: 0,
        received_at: Timestamp::from(SystemTime::now()),
        peer,
        reason,
        status,
        head: Octets::from(head),
        bytes: came.len() as u64,
    })
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
