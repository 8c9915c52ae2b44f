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
use hooklab_shared::headers::{Head, head_end, head_end_from};
use memchr::{memchr, memrchr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket whose incoming bytes are remembered, and that can be told to break off.
pub(crate) struct Tap<S> {
    socket: S,
    tapped: Tapped,
    /// Makes the socket's end a reset (TCP RST) instead of a FIN.
    reset: fn(&S),
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
    pub(crate) fn new(socket: S, reset: fn(&S)) -> Self {
        Self { socket, tapped: Tapped::default(), reset }
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Masks, in what was just read of a head, bytes that HTTP forbids and senders send all the same:
/// in the target what is no URL's, in fields the controls. hyper sees `_` in their places, one for
/// one, so that nothing moves; the tap has them as they came.
///
/// `whole` is all of the head so far; `read` are its last bytes, which begin at `begin`, and no
/// byte from `end` on belongs to it.
fn mask(whole: &[u8], read: &mut [u8], begin: usize, end: usize) {
    let line_end = memchr(b'\n', whole).map_or(end, |lf| lf.min(end));
    let line = &whole[..line_end];
    let start = memchr(b' ', line).unwrap_or(line.len());
    let version = memrchr(b' ', line).filter(|&space| line[space..].starts_with(b" HTTP/"));
    let target_end = version.unwrap_or(line.len());
    let mut part = |from: usize, to: usize, masked: &[bool; 256]| {
        let range = from.max(begin) - begin..to.max(from).max(begin) - begin;
        let part = read.get_mut(range).unwrap_or_default();
        part.iter_mut().filter(|byte| masked[usize::from(**byte)]).for_each(|byte| *byte = b'_');
    };
    part(start, target_end, &NOT_OF_URLS);
    // Controls are rare, and looking for any of them at once is many times as quick.
    if has_control(whole.get(line_end.max(begin)..end.max(begin)).unwrap_or_default()) {
        part(line_end, end, &CONTROLS);
    }
}

/// What a target may not hold: neither a URL's byte nor what tells its parts apart (RFC 3986).
const NOT_OF_URLS: [bool; 256] = {
    let mut masked = [true; 256];
    let allowed =
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -._~!$&'()*+,;=:@/?%[]#\r";
    let mut at = 0;
    while at < allowed.len() {
        masked[allowed[at] as usize] = false;
        at += 1;
    }
    masked
};

/// What a field may not hold (RFC 9110, section 5.5), tabs and line ends aside.
const CONTROLS: [bool; 256] = {
    let mut masked = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        masked[byte] = is_control(byte as u8);
        byte += 1;
    }
    masked
};

const fn is_control(byte: u8) -> bool {
    (byte < 32) & (byte != b'\t') & (byte != b'\r') & (byte != b'\n') | (byte == 127)
}

/// Without a way out in the middle, so that the compiler looks at many bytes at a time.
fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, &byte| found | is_control(byte))
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

impl<S: AsyncWrite + Unpin> Tap<S> {
    /// Ready with an error once the connection is to be broken off.
    fn poll_break_off(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(how) = self.tapped.lock().break_off.clone() else { return Poll::Ready(Ok(())) };
        match how {
            BreakOff::Close => {}
            BreakOff::Reset => (self.reset)(&self.socket),
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
