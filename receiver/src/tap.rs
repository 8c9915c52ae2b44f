//! HOT PATH. The raw bytes of each request, remembered below hyper while it parses them.
//!
//! hyper decides where a body ends; the tap only follows. What it has seen and not yet given away
//! always begins at the first byte of a request, so that a head can be claimed once hyper has
//! parsed it. A body of known length is not kept a second time: hyper hands it out as it came.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use hooklab_shared::body::chunks;
use hooklab_shared::headers::{Head, head_end};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket whose incoming bytes are remembered.
pub(crate) struct Tap<S> {
    socket: S,
    tapped: Tapped,
}

impl<S> Tap<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self { socket, tapped: Tapped::default() }
    }

    /// What has been remembered, for whoever serves the requests.
    pub(crate) fn tapped(&self) -> Tapped {
        self.tapped.clone()
    }
}

/// The bytes a tap remembers, shared between the socket and the service on it.
#[derive(Clone, Default)]
pub(crate) struct Tapped(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    bytes: BytesMut,
    /// How many of the bytes to come belong to a body that is not kept.
    passing: u64,
    /// When the first of `bytes` came.
    since: Option<Instant>,
}

impl Tapped {
    /// Takes the head that hyper has just parsed, and when its first byte came.
    ///
    /// `None` where no head stands at the front: hyper and the tap disagree.
    pub(crate) fn claim_head(&self) -> Option<(Head, Instant)> {
        let mut seen = self.lock();
        let end = head_end(&seen.bytes)?;
        let head = seen.bytes.split_to(end).freeze();
        Some((Head::from(head), seen.since?))
    }

    /// Lets a body of known length pass: it comes from hyper.
    pub(crate) fn pass(&self, length: u64) {
        let mut seen = self.lock();
        let here = usize::try_from(length).unwrap_or(usize::MAX).min(seen.bytes.len());
        seen.bytes.advance(here);
        seen.passing = length - here as u64;
        seen.since = (!seen.bytes.is_empty()).then(Instant::now);
    }

    /// Takes a chunked body, which hyper has just read to its end, with its framing.
    ///
    /// `None` where the bytes do not form one of this content: hyper and the tap disagree.
    pub(crate) fn claim_chunked(&self, content_bytes: u64) -> Option<Bytes> {
        let mut seen = self.lock();
        let read = chunks(&seen.bytes);
        let content: usize = read.parts.iter().map(|part| part.len()).sum();
        let agreed = read.complete && content as u64 == content_bytes;
        let length = agreed.then_some(read.wire_bytes)?;
        let body = seen.bytes.split_to(length).freeze();
        seen.since = (!seen.bytes.is_empty()).then(Instant::now);
        Some(body)
    }

    /// Takes all that is left, of a body that did not end; the connection is of no more use.
    pub(crate) fn claim_rest(&self) -> Bytes {
        self.lock().bytes.split().freeze()
    }

    fn feed(&self, mut read: &[u8]) {
        let mut seen = self.lock();
        let passing = usize::try_from(seen.passing).unwrap_or(usize::MAX).min(read.len());
        seen.passing -= passing as u64;
        read = &read[passing..];
        if read.is_empty() {
            return;
        }
        if seen.bytes.is_empty() {
            seen.since = Some(Instant::now());
        }
        seen.bytes.extend_from_slice(read);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        self.tapped.feed(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
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

    #[test]
    fn requests_are_told_apart_wherever_the_bytes_are_cut() {
        let first = b"POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\n";
        let second = b"POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunked = b"3\r\nabc\r\n0\r\n\r\n";
        let all = [&first[..], b"body", second, chunked, b"GET"].concat();
        for cut in first.len()..first.len() + 4 {
            let tapped = Tapped::default();
            tapped.feed(&all[..cut]);
            assert_eq!(tapped.claim_head().unwrap().0.as_bytes(), first);
            tapped.pass(4);
            tapped.feed(&all[cut..]);
            assert_eq!(tapped.claim_head().unwrap().0.as_bytes(), second);
            assert_eq!(tapped.claim_chunked(3).unwrap(), &chunked[..]);
            assert_eq!(tapped.claim_rest(), &b"GET"[..]);
        }
    }

    #[test]
    fn what_is_not_whole_is_not_claimed() {
        let tapped = Tapped::default();
        tapped.feed(b"POST /a HTTP/1.1\r\n");
        assert!(tapped.claim_head().is_none());
        tapped.feed(b"\r\n5\r\nab");
        assert!(tapped.claim_head().is_some());
        assert!(tapped.claim_chunked(2).is_none());
        assert_eq!(tapped.claim_rest(), &b"5\r\nab"[..]);
    }
}
