//! HOT PATH. The raw bytes of each request, remembered below hyper while it parses them.
//!
//! hyper decides where a body ends; the tap only follows. What it has seen and not yet given away
//! always begins at the first byte of a request, so that a head can be claimed once hyper has
//! parsed it. A body of known length is not kept a second time: hyper hands it out as it came.

mod mask;

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use hooklab_shared::body::chunks;
use hooklab_shared::headers::{Head, head_end, head_end_from};
use rustix::net::sockopt::{
    set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use mask::mask;

/// How often the kernel asks for a peer that is looked for. A system that has forgotten the
/// connection, as it does a minute after its program has gone, answers with a reset.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// How many of these in a row may stay without an answer: half a minute of a broken network.
const PROBES_MAX: u32 = 6;

/// A socket whose incoming bytes are remembered, and that can be told to break off.
pub(crate) struct Tap<S> {
    socket: S,
    tapped: Tapped,
    /// The connection below it.
    tcp: fn(&S) -> &TcpStream,
    /// Whether the kernel asks by itself if the peer is still there.
    is_probed: bool,
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
        Self { socket, tapped: Tapped::default(), tcp, is_probed: false }
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
}

#[derive(Default)]
struct Seen {
    bytes: BytesMut,
    /// How many of the bytes to come belong to a body that is not kept.
    passing: u64,
    /// How many bytes a chunked body may take with its framing; none outside of one.
    budget: Option<usize>,
    /// Whether a body took more than that: the socket is then of no more use.
    over: bool,
    /// When the first of `bytes` came.
    since: Option<Instant>,
    /// Where the head at the front ends, once it has come whole, and when it had.
    head: Option<(usize, Instant)>,
    break_off: Option<BreakOff>,
}

impl Seen {
    /// What is left belongs to the next request.
    fn next(&mut self) {
        self.since = (!self.bytes.is_empty()).then(Instant::now);
        self.head = head_end(&self.bytes).zip(self.since);
    }
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
        let here = usize::try_from(length).unwrap_or(usize::MAX).min(seen.bytes.len());
        seen.bytes.advance(here);
        seen.passing = length - here as u64;
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

    /// What came and was never claimed: of a request that hyper did not take.
    pub(crate) fn unclaimed(&self) -> Bytes {
        self.lock().bytes.clone().freeze()
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
    ///
    /// Says whether a body has passed what may be kept of it.
    fn feed(&self, mut read: &mut [u8]) -> bool {
        let mut seen = self.lock();
        let passing = usize::try_from(seen.passing).unwrap_or(usize::MAX).min(read.len());
        seen.passing -= passing as u64;
        read = &mut read[passing..];
        if read.is_empty() {
            return false;
        }
        // A clock costs more than looking through a head: most heads need it once.
        let first = seen.bytes.is_empty().then(Instant::now);
        seen.since = first.or(seen.since);
        if seen.budget.is_some_and(|budget| seen.bytes.len() + read.len() > budget) {
            seen.over = true;
            return true;
        }
        let before = seen.bytes.len();
        seen.bytes.extend_from_slice(read);
        if seen.budget.is_none() && seen.head.is_none() {
            // An end may be cut: up to three of its bytes can have come before.
            let from = before.saturating_sub(3);
            let head_end = head_end_from(&seen.bytes, from);
            seen.head = head_end.map(|end| (end, first.unwrap_or_else(Instant::now)));
            if head_end.is_some() && seen.bytes.starts_with(b"PRI * HTTP/2.0") {
                seen.passing = u64::MAX;
                seen.bytes = BytesMut::new();
                return false;
            }
            let end = head_end.unwrap_or(seen.bytes.len());
            mask(&seen.bytes, read, before, end);
        }
        seen.over
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
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        if self.tapped.feed(&mut buf.filled_mut()[before..]) {
            return Poll::Ready(Err(io::Error::other("the body's framing is over the limit")));
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
            set_tcp_keepidle(tcp, PROBE_EVERY)?;
            set_tcp_keepintvl(tcp, PROBE_EVERY)?;
            set_tcp_keepcnt(tcp, PROBES_MAX)?;
            set_socket_keepalive(tcp, true)?;
            self.is_probed = true;
        }
        if let Some(error) = tcp.take_error()? {
            return Err(error);
        }
        let mut byte = [0];
        if let Poll::Ready(came) = tcp.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            self.tapped.0.ended.store(came? == 0, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl<S: AsyncWrite + Unpin> Tap<S> {
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
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_break_off(cx))?;
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
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
mod tests {
    use super::*;

    fn feed(tapped: &Tapped, bytes: &[u8]) -> Vec<u8> {
        let mut read = bytes.to_vec();
        tapped.feed(&mut read);
        read
    }

    #[test]
    fn requests_are_told_apart_wherever_the_bytes_are_cut() {
        let first = b"POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\n";
        let second = b"POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunked = b"3\r\nabc\r\n0\r\n\r\n";
        let all = [&first[..], b"body", second, chunked, b"GET"].concat();
        for cut in first.len()..first.len() + 4 {
            let tapped = Tapped::default();
            feed(&tapped, &all[..cut]);
            assert_eq!(tapped.claim_head().unwrap().0.as_bytes(), first);
            tapped.pass(4);
            feed(&tapped, &all[cut..]);
            assert_eq!(tapped.claim_head().unwrap().0.as_bytes(), second);
            assert_eq!(tapped.claim_chunked(3).unwrap(), &chunked[..]);
            assert_eq!(tapped.claim_rest(), &b"GET"[..]);
        }
    }

    #[test]
    fn framing_is_kept_up_to_its_limit() {
        let tapped = Tapped::default();
        feed(&tapped, b"POST /a HTTP/1.1\r\n\r\n");
        assert!(tapped.claim_head().is_some());
        tapped.keep(16);
        feed(&tapped, &[b'0'; 16]);
        assert!(!tapped.is_over());
        feed(&tapped, b"0");
        assert!(tapped.is_over());
        assert_eq!(tapped.claim_rest().len(), 16);
        feed(&tapped, b"more");
        assert!(tapped.claim_rest().is_empty());
    }

    #[test]
    fn what_is_not_whole_is_not_claimed() {
        let tapped = Tapped::default();
        feed(&tapped, b"POST /a HTTP/1.1\r\n");
        assert!(tapped.claim_head().is_none());
        feed(&tapped, b"\r\n5\r\nab");
        assert!(tapped.claim_head().is_some());
        assert!(tapped.claim_chunked(2).is_none());
        assert_eq!(tapped.claim_rest(), &b"5\r\nab"[..]);
    }

    #[test]
    fn what_hyper_would_stumble_over_is_masked_for_it_and_kept() {
        let head = b"POST /a<\xff>\"?b`\x01 HTTP/1.1\r\nA<>: x\x1b\x00\xff\ty\r\n\r\nb\x01dy<";
        let masked = b"POST /a____?b__ HTTP/1.1\r\nA<>: x__\xff\ty\r\n\r\nb\x01dy<";
        for piece in 1..head.len() {
            let tapped = Tapped::default();
            let shown: Vec<u8> = head.chunks(piece).flat_map(|read| feed(&tapped, read)).collect();
            assert_eq!(shown.len(), masked.len());
            let (claimed, ..) = tapped.claim_head().unwrap();
            assert_eq!(claimed.as_bytes(), &head[..head.len() - 5]);
            assert_eq!(&*tapped.claim_rest(), b"b\x01dy<", "{piece}");
            if piece > 20 {
                assert_eq!(shown, masked, "{piece}");
            }
        }
    }
}
