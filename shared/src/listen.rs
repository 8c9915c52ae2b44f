//! The accept loop that both listeners run on: permits, timeouts, a graceful stop.
//!
//! hyper never times a stalled client out by itself, so every connection is wrapped in a
//! [`Timed`] that does. One timer a connection, armed only when the socket has nothing to give.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

use crate::limits::Limits;

/// The wish to stop, seen by every loop and connection; true once and for all.
pub type Stop = watch::Receiver<bool>;

/// Accepts from every listener until told to stop, hands each connection to `connected`, then
/// waits for those that are open, at most for the drain timeout, and cuts what is left.
///
/// `connections_max` is the number of connections at once; who comes above it waits in the
/// kernel's queue.
pub async fn serve<C, F>(
    listeners: Vec<TcpListener>,
    connections_max: usize,
    limits: Limits,
    stop: Stop,
    connected: C,
) where
    C: Fn(Timed<TcpStream>, SocketAddr, Stop) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(connections_max));
    let mut loops = JoinSet::new();
    for listener in listeners {
        let (permits, stop, connected) = (permits.clone(), stop.clone(), connected.clone());
        loops.spawn(accept(listener, permits, limits, stop, connected));
    }
    let mut connections = JoinSet::new();
    while let Some(joined) = loops.join_next().await {
        connections.extend(joined.into_iter().map(drain));
    }
    let _ =
        timeout(limits.drain_timeout, async { while connections.join_next().await.is_some() {} })
            .await;
}

async fn drain(mut connections: JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

/// Accepts until told to stop; the connections that are still open then.
async fn accept<C, F>(
    listener: TcpListener,
    permits: Arc<Semaphore>,
    limits: Limits,
    mut stop: Stop,
    connected: C,
) -> JoinSet<()>
where
    C: Fn(Timed<TcpStream>, SocketAddr, Stop) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut backoff = Duration::ZERO;
    loop {
        while connections.try_join_next().is_some() {}
        let next = async {
            let permit = permits.clone().acquire_owned().await.map_err(io::Error::other)?;
            sleep(backoff).await;
            listener.accept().await.map(|accepted| (permit, accepted))
        };
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|&stopped| stopped) => return connections,
            accepted = next => accepted,
        };
        match accepted {
            Ok((permit, (stream, peer))) => {
                backoff = Duration::ZERO;
                // Answers are small and waited for: Nagle would hold them back.
                let _ = stream.set_nodelay(true);
                let work = connected(Timed::new(stream, limits), peer, stop.clone());
                connections.spawn(async move {
                    work.await;
                    drop(permit);
                });
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                backoff = (backoff * 2).clamp(Duration::from_millis(20), Duration::from_secs(1));
                tracing::warn!(%error, wait_ms = backoff.as_millis(), "accept failed, waiting");
            }
        }
    }
}

/// A client that went away before it was accepted is no reason to wait.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Runs one hyper connection to its end; told to stop, it is asked to finish what is in flight by
/// `shutdown`: hyper's `graceful_shutdown`, which its connections have without a common trait.
///
/// # Errors
/// What hyper reports: a malformed head, a client that went away, a timeout.
pub async fn drive<C>(
    connection: C,
    mut stop: Stop,
    shutdown: impl FnOnce(Pin<&mut C>),
) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        _ = stop.wait_for(|&stopped| stopped) => shutdown(connection.as_mut()),
    }
    connection.await
}

/// What a connection is doing, so that the right timeout holds. Shared between the socket's
/// wrapper and whoever answers on it.
#[derive(Clone, Debug, Default)]
pub struct Phase(Arc<AtomicU8>);

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const SERVING: u8 = 2;
const UPGRADED: u8 = 3;

impl Phase {
    /// A request is being served until the guard is dropped: its own reading has its own limit.
    #[must_use]
    pub fn serving(&self) -> Serving {
        self.0.store(SERVING, Ordering::Relaxed);
        Serving(self.clone())
    }

    /// The connection is no longer HTTP: from now on only stalled writing ends it.
    pub fn upgraded(&self) {
        self.0.store(UPGRADED, Ordering::Relaxed);
    }

    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }

    fn change(&self, from: u8, to: u8) {
        let _ = self.0.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Holds a connection in its serving phase; belongs into the answer's body.
#[derive(Debug)]
pub struct Serving(Phase);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.change(SERVING, IDLE);
    }
}

/// An answer's body that keeps its connection in the serving phase until it has been sent.
#[derive(Debug)]
pub struct Held<B> {
    body: B,
    _serving: Serving,
}

impl<B> Held<B> {
    /// Ties a body to the phase that ends with it.
    pub fn new(body: B, serving: Serving) -> Self {
        Self { body, _serving: serving }
    }
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket whose peer may not stall: not within a head, not between requests, not while it is
/// written to.
#[derive(Debug)]
pub struct Timed<S> {
    socket: S,
    phase: Phase,
    limits: Limits,
    /// What the running wait began with.
    since: Option<(u8, Instant)>,
    write_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Timed<S> {
    /// Wraps a socket.
    pub fn new(socket: S, limits: Limits) -> Self {
        Self {
            socket,
            phase: Phase::default(),
            limits,
            since: None,
            write_since: None,
            timer: None,
        }
    }

    /// The phase that this socket's timeouts follow.
    pub fn phase(&self) -> Phase {
        self.phase.clone()
    }

    /// The socket itself.
    pub fn get_ref(&self) -> &S {
        &self.socket
    }

    /// Nothing to read: how long may that go on?
    fn wait_to_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let phase = self.phase.get();
        let allowed = match phase {
            IDLE => self.limits.keep_alive_timeout,
            HEAD => self.limits.head_timeout,
            _ => {
                self.since = None;
                return Poll::Pending;
            }
        };
        let since = match self.since {
            Some((of, since)) if of == phase => since,
            _ => Instant::now(),
        };
        self.since = Some((phase, since));
        ready!(self.until(since + allowed, cx));
        let what = if phase == HEAD { "the head did not end in time" } else { "idle for too long" };
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, what))
    }

    /// The peer takes nothing: how long may that go on?
    fn wait_to_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let since = *self.write_since.get_or_insert_with(Instant::now);
        ready!(self.until(since + self.limits.write_stall_timeout, cx));
        let what = "the client stopped reading the answer";
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, what))
    }

    /// Ready at the deadline. A timer that is set earlier is left alone: it rings, and is set again.
    fn until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline || timer.is_elapsed() {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.socket).poll_read(cx, buf) {
            Poll::Ready(read) => {
                self.phase.change(IDLE, HEAD);
                if matches!(self.since, Some((IDLE, _))) {
                    self.since = Some((HEAD, Instant::now()));
                }
                Poll::Ready(read)
            }
            Poll::Pending => self.wait_to_read(cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.socket).poll_write(cx, buf) {
            Poll::Ready(written) => {
                self.write_since = None;
                Poll::Ready(written)
            }
            Poll::Pending => self.wait_to_write(cx).map(Err),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.socket).poll_write_vectored(cx, bufs) {
            Poll::Ready(written) => {
                self.write_since = None;
                Poll::Ready(written)
            }
            Poll::Pending => self.wait_to_write(cx).map(Err),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    fn limits() -> Limits {
        Limits::default()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_times_out_after_ten_seconds() {
        let (mut client, server) = duplex(64);
        let mut timed = Timed::new(server, limits());
        let mut piece = [0; 8];
        let begun = Instant::now();
        client.write_all(b"GET").await.unwrap();
        assert_eq!(timed.read(&mut piece).await.unwrap(), 3);
        let error = timed.read(&mut piece).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_ends_and_a_serving_or_upgraded_one_does_not() {
        let (_client, server) = duplex(64);
        let mut timed = Timed::new(server, limits());
        let phase = timed.phase();
        let mut piece = [0; 8];
        let serving = phase.serving();
        let hour = Duration::from_secs(3600);
        assert!(timeout(hour, timed.read(&mut piece)).await.is_err());
        drop(serving);
        let begun = Instant::now();
        assert!(timed.read(&mut piece).await.is_err());
        assert_eq!(begun.elapsed().as_secs(), 60);
        phase.upgraded();
        drop(phase.clone());
        assert!(timeout(hour, timed.read(&mut piece)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_reading_is_cut_after_thirty_seconds() {
        let (_client, server) = duplex(4);
        let mut timed = Timed::new(server, limits());
        let begun = Instant::now();
        let error = timed.write_all(b"more than fits").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), 30);
    }
}
