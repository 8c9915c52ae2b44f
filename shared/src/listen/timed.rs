//! A socket whose peer may not stall.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::phase::{HEAD, IDLE, Phase};
use crate::limits::Limits;

/// A socket whose peer may not stall: not within a head, not between requests, not while it is
/// written to.
#[derive(Debug)]
pub struct Timed<S> {
    socket: S,
    phase: Phase,
    limits: Limits,
    /// What the running wait began with.
    since: Option<(u32, Instant)>,
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
            // Settings, windows and pings come between the requests of HTTP/2, which begin no head.
            HEAD if self.phase.is_http2() => self.limits.keep_alive_timeout,
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

    /// Ready at the deadline. A timer that is set earlier is left alone: it rings and is set again.
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
                // A head is timed from where it is first waited for: most are there at once.
                if matches!(self.since, Some((IDLE, _))) {
                    self.since = None;
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
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::timeout;

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
    async fn a_frame_between_the_requests_of_http_2_is_not_the_beginning_of_one() {
        let (mut client, server) = duplex(64);
        let mut timed = Timed::new(server, limits());
        timed.phase().http2();
        let mut piece = [0; 64];
        client.write_all(b"a ping, as it may be").await.unwrap();
        assert!(timed.read(&mut piece).await.unwrap() > 0);
        let begun = Instant::now();
        assert!(timed.read(&mut piece).await.is_err());
        assert_eq!(begun.elapsed().as_secs(), 60);
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
