//! HOT PATH. The raw bytes of each request, remembered below hyper while it parses them.
//!
//! hyper decides where a body ends; the tap only follows. What it has seen and not yet given away
//! always begins at the first byte of a request, so that a head can be claimed once hyper has
//! parsed it. A body of known length is not kept a second time: hyper hands it out as it came.
//! Of HTTP/2 only the frames are followed, for what is refused before any handler.

mod frames;
mod http2;
mod mask;
mod peer;
mod seen;

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use hooklab_shared::body::chunks;
use hooklab_shared::headers::{Head, head_end_from};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

pub(crate) use http2::Unserved;
use http2::{Http2, PREFACE};
use mask::mask;
use seen::Seen;

/// A socket whose incoming bytes are remembered, and that can be told to break off.
pub(crate) struct Tap<S> {
    socket: S,
    tapped: Tapped,
    /// The connection below it.
    tcp: fn(&S) -> &TcpStream,
    /// Whether the kernel asks by itself if the peer is still there.
    is_probed: bool,
    is_http2: bool,
}

/// How a connection is broken off instead of answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BreakOff {
    /// It is reset.
    Reset,
    /// It is closed.
    Close,
    /// These bytes are sent, then it is closed.
    Garbage(Bytes),
}

impl<S> Tap<S> {
    pub(crate) fn new(socket: S, tcp: fn(&S) -> &TcpStream) -> Self {
        Self { socket, tapped: Tapped::default(), tcp, is_probed: false, is_http2: false }
    }

    /// What has been remembered, for whoever serves the requests.
    pub(crate) fn tapped(&self) -> Tapped {
        self.tapped.clone()
    }
}

/// The bytes a tap remembers, shared between the socket and the service on it.
#[derive(Clone, Default)]
pub(crate) struct Tapped(Arc<Shared>);

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    /// Whether the peer is to be looked for.
    look: AtomicBool,
    /// Whether it had ended its side by the last look.
    ended: AtomicBool,
    /// Whether a request of HTTP/2 was refused: looked at too often for a lock.
    is_unserved: AtomicBool,
}

/// What is to be done with what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fed {
    Remembered,
    /// A body has passed what may be kept of it.
    Over,
    /// It is HTTP/2 from here on.
    Http2,
}

impl Tapped {
    /// Takes the head that hyper has just parsed, and when its first byte and its last one came.
    ///
    /// `None` where no head stands at the front: hyper and the tap disagree.
    pub(crate) fn claim_head(&self) -> Option<(Head, Instant, Instant)> {
        let mut seen = self.lock();
        let (end, ended) = seen.head.take()?;
        let head = seen.bytes.split_to(end).freeze();
        Some((Head::from(head), seen.since?, ended))
    }

    /// Lets a body of known length pass: it comes from hyper.
    pub(crate) fn pass(&self, length: u64) {
        let mut seen = self.lock();
        if seen.ahead.take().is_none_or(|ahead| ahead.length != length) {
            let here = usize::try_from(length).unwrap_or(usize::MAX).min(seen.bytes.len());
            seen.bytes.advance(here);
            seen.passing = length - here as u64;
        }
        seen.next();
    }

    /// Keeps a chunked body with its framing, up to this many bytes: sizes can have any number of
    /// zeros, and extensions any length, while the content stays small.
    pub(crate) fn keep(&self, wire_bytes_max: usize) {
        let mut seen = self.lock();
        seen.budget = Some(wire_bytes_max);
        seen.over = seen.bytes.len() > wire_bytes_max;
    }

    /// Whether a body has passed what may be kept of it.
    pub(crate) fn is_over(&self) -> bool {
        self.lock().over
    }

    /// Takes a chunked body, which hyper has just read to its end, with its framing.
    ///
    /// `None` where the bytes do not form one of this content: hyper and the tap disagree.
    pub(crate) fn claim_chunked(&self, content_bytes: u64) -> Option<Bytes> {
        let mut seen = self.lock();
        let mut content = 0;
        let read = chunks(&seen.bytes, |_, chunk| content += chunk.len() as u64);
        let agreed = read.complete && content == content_bytes;
        let length = agreed.then_some(read.wire_bytes)?;
        let body = seen.bytes.split_to(length).freeze();
        seen.budget = None;
        seen.next();
        Some(body)
    }

    /// Takes all that is left, of a body that did not end, and keeps nothing more; the connection
    /// is of no more use.
    pub(crate) fn claim_rest(&self) -> Bytes {
        let mut seen = self.lock();
        seen.passing = u64::MAX;
        seen.bytes.split().freeze()
    }

    /// What came and was never claimed, of a request that hyper did not take; and how many bytes
    /// came, as a large body is not among them.
    pub(crate) fn unclaimed(&self) -> (Bytes, usize) {
        let seen = self.lock();
        let came = seen.bytes.len() + seen.ahead.map_or(0, |ahead| ahead.came);
        (seen.bytes.clone().freeze(), came)
    }

    /// The service is called with a request of HTTP/2: the newest.
    pub(crate) fn served(&self) {
        if let Some(http2) = &mut self.lock().http2 {
            http2.served();
        }
    }

    /// Takes the request of HTTP/2 that was just refused; nothing more is read before.
    pub(crate) fn take_unserved(&self) -> Option<Unserved> {
        if !self.0.is_unserved.load(Ordering::Relaxed) {
            return None;
        }
        self.0.is_unserved.store(false, Ordering::Relaxed);
        self.lock().http2.as_mut()?.take_unserved()
    }

    /// Whether it is HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.lock().http2.is_some()
    }

    /// What the end of a connection of HTTP/2 leaves behind.
    pub(crate) fn ended(&self, timed_out: bool) -> Option<Unserved> {
        self.lock().http2.as_mut()?.ended(timed_out)
    }

    /// Breaks the connection off in the place of the answer that is written next.
    pub(crate) fn break_off(&self, how: BreakOff) {
        self.lock().break_off = Some(how);
    }

    /// Wants the peer looked for when the socket is flushed next, which hyper does whenever it is
    /// woken: it does not read while a request is answered.
    pub(crate) fn look_for_peer(&self) {
        self.0.look.store(true, Ordering::Relaxed);
    }

    /// Whether the peer had ended its side when it was last looked for: it may have gone, or still
    /// wait for the answer.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.ended.load(Ordering::Relaxed)
    }

    /// Remembers what was read, and masks of it what hyper would stumble over.
    fn feed(&self, mut read: &mut [u8]) -> Fed {
        let mut seen = self.lock();
        let passing = usize::try_from(seen.passing).unwrap_or(usize::MAX).min(read.len());
        seen.passing -= passing as u64;
        read = &mut read[passing..];
        if read.is_empty() {
            return Fed::Remembered;
        }
        // A clock costs more than looking through a head: most heads need it once.
        let first = seen.bytes.is_empty().then(Instant::now);
        seen.since = first.or(seen.since);
        if seen.budget.is_some_and(|budget| seen.bytes.len() + read.len() > budget) {
            seen.over = true;
            return Fed::Over;
        }
        let before = seen.bytes.len();
        let known = seen.remember(read);
        if seen.budget.is_none() && seen.head.is_none() {
            // An end may be cut: up to three of its bytes can have come before.
            let from = before.saturating_sub(3);
            let head_end = known.or_else(|| head_end_from(&seen.bytes, from));
            seen.head = head_end.map(|end| (end, first.unwrap_or_else(Instant::now)));
            if head_end.is_some() && PREFACE.starts_with(&seen.bytes) {
                // Its first line looks like a head by itself.
                seen.head = None;
                if seen.bytes.len() == PREFACE.len() {
                    seen.bytes = BytesMut::new();
                    seen.http2 = Some(Box::new(Http2::new()));
                    return Fed::Http2;
                }
            }
            let end = head_end.unwrap_or(seen.bytes.len());
            mask(&seen.bytes, read, before, end);
        }
        if seen.over { Fed::Over } else { Fed::Remembered }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_http2 {
            return self.poll_frames(cx, buf);
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        match self.tapped.feed(&mut buf.filled_mut()[before..]) {
            Fed::Remembered => {}
            Fed::Http2 => self.is_http2 = true,
            Fed::Over => {
                return Poll::Ready(Err(io::Error::other("the body's framing is over the limit")));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> Tap<S> {
    /// Reads, but nothing behind a head that h2 has not looked at.
    fn poll_frames(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(http2) = &mut self.tapped.lock().http2 {
            if http2.waits() {
                self.tapped.0.is_unserved.store(true, Ordering::Relaxed);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if http2.show_held(buf) {
                return Poll::Ready(Ok(()));
            }
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        if let Some(http2) = &mut self.tapped.lock().http2 {
            let shown = http2.read(&buf.filled()[before..]);
            buf.set_filled(before + shown);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S> Tap<S> {
    /// Fails once the connection is reset: by the peer, or by its system when that is asked for a
    /// peer that has gone. An end (FIN) alone is no proof, as a peer may end its side and still
    /// read.
    fn look(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let tcp = (self.tcp)(&self.socket);
        if !self.is_probed {
            peer::probe(tcp)?;
            self.is_probed = true;
        }
        if let Some(ended) = peer::ended(tcp, cx)? {
            self.tapped.0.ended.store(ended, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl<S: AsyncWrite + Unpin> Tap<S> {
    /// Follows what HTTP/2 says; also what could no longer be written, as it was meant so.
    fn wrote(&self, wrote: &io::Result<usize>, bufs: &[io::IoSlice<'_>]) {
        if self.is_http2
            && let Some(http2) = &mut self.tapped.lock().http2
        {
            let mut left = wrote.as_ref().map_or(usize::MAX, |wrote| *wrote);
            for buf in bufs {
                let length = left.min(buf.len());
                http2.wrote(&buf[..length]);
                left -= length;
            }
        }
    }

    /// Ready with an error once the connection is to be broken off.
    fn poll_break_off(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(how) = self.tapped.lock().break_off.clone() else { return Poll::Ready(Ok(())) };
        match how {
            BreakOff::Close => {}
            // The socket's end is then a reset (TCP RST) instead of a FIN.
            BreakOff::Reset => drop((self.tcp)(&self.socket).set_zero_linger()),
            BreakOff::Garbage(mut garbage) => {
                while !garbage.is_empty() {
                    let sent = ready!(Pin::new(&mut self.socket).poll_write(cx, &garbage))?;
                    garbage.advance(sent.max(1));
                    self.tapped.lock().break_off = Some(BreakOff::Garbage(garbage.clone()));
                }
            }
        }
        Poll::Ready(Err(io::Error::other("broken off on purpose")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_break_off(cx))?;
        let wrote = ready!(Pin::new(&mut self.socket).poll_write(cx, buf));
        self.wrote(&wrote, &[io::IoSlice::new(buf)]);
        Poll::Ready(wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_break_off(cx))?;
        let wrote = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, bufs));
        self.wrote(&wrote, bufs);
        Poll::Ready(wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let look = &self.tapped.0.look;
        if look.load(Ordering::Relaxed) {
            look.store(false, Ordering::Relaxed);
            self.look(cx)?;
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
