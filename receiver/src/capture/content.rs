//! A body as it is read, under its limits.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use hooklab_shared::body::{Body, Framing};
use hooklab_shared::capture::Outcome;
use hooklab_shared::limits::Limits;
use hooklab_shared::listen::Stop;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use crate::tap::Tapped;

/// What is made room for before it has come, in bytes.
const ROOM_BYTES_MAX: usize = 256 * 1024;

/// A body's content. It most often comes in one piece, and is then passed on without a copy; that
/// of a chunked body is only counted, as the tap keeps it with its framing.
pub(super) struct Content {
    framing: Framing,
    /// How much is announced, in bytes.
    announced: u64,
    pub(super) bytes: u64,
    /// Whether it was waited for: it did not come together with the head.
    pub(super) waited: bool,
    one: Bytes,
    many: BytesMut,
    trailers: Option<HeaderMap>,
}

impl Content {
    pub(super) fn new(framing: Framing, announced: u64) -> Self {
        let (one, many) = (Bytes::new(), BytesMut::new());
        Self { framing, announced, bytes: 0, waited: false, one, many, trailers: None }
    }

    /// Reads to the end, or to where the body breaks off or passes the limit.
    pub(super) async fn read(
        &mut self,
        mut from: Incoming,
        tapped: &Tapped,
        limits: &Limits,
        cut: &Stop,
    ) -> Outcome {
        loop {
            if self.trailers.is_none() && from.is_end_stream() {
                return Outcome::Complete;
            }
            let mut frame = from.frame();
            // Most often it is there, and a timer would cost more than all the rest.
            let at_once = poll_fn(|cx| Poll::Ready(Pin::new(&mut frame).poll(cx))).await;
            let next = match at_once {
                Poll::Ready(next) => Ok(Some(next)),
                Poll::Pending => {
                    self.waited = true;
                    Box::pin(timeout(limits.body_idle_timeout, uncut(frame, cut))).await
                }
            };
            let data = match next {
                Ok(Some(None)) => return Outcome::Complete,
                Ok(Some(Some(Ok(frame)))) => match frame.into_data() {
                    Ok(data) => data,
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok();
                        continue;
                    }
                },
                Ok(Some(Some(Err(_)))) if tapped.is_over() => return Outcome::OverLimit,
                Ok(Some(Some(Err(_))) | None) => return Outcome::Aborted,
                Err(_) => return Outcome::TimedOut,
            };
            self.bytes += data.len() as u64;
            if self.framing == Framing::Length {
                self.keep(data);
            }
            if self.bytes > limits.body_bytes_max as u64 {
                if self.framing == Framing::Chunked {
                    self.one = tapped.claim_rest();
                }
                discard(from, limits, cut).await;
                return Outcome::OverLimit;
            }
        }
    }

    fn keep(&mut self, data: Bytes) {
        if self.one.is_empty() && self.many.is_empty() {
            self.one = data;
            return;
        }
        if self.many.is_empty() {
            // A header alone is not to cost much.
            let room = usize::try_from(self.announced).unwrap_or(usize::MAX);
            self.many.reserve(room.min(ROOM_BYTES_MAX));
            self.many.extend_from_slice(&self.one);
            self.one = Bytes::new();
        }
        self.many.extend_from_slice(&data);
    }

    /// The body as it is kept; `None` where hyper and the tap disagree on it.
    pub(super) fn into_body(
        self,
        tapped: &Tapped,
        outcome: Outcome,
        limits: &Limits,
    ) -> Option<Body> {
        let claimed = !self.one.is_empty() || !self.many.is_empty();
        let wire = match self.framing {
            Framing::Chunked if outcome == Outcome::Complete => tapped.claim_chunked(self.bytes)?,
            Framing::Chunked if !claimed => tapped.claim_rest(),
            _ if self.many.is_empty() => self.one,
            _ => self.many.freeze(),
        };
        let mut body = match (self.framing, self.trailers) {
            (Framing::Length, Some(trailers)) => retold(&wire, &trailers),
            (framing, _) => Body { wire, framing },
        };
        if outcome == Outcome::OverLimit {
            body.truncate(limits.body_bytes_max);
        }
        Some(body)
    }
}

/// An HTTP/2 body with trailers as HTTP/1 would have framed it, in one chunk.
fn retold(content: &[u8], trailers: &HeaderMap) -> Body {
    let mut wire = BytesMut::with_capacity(content.len() + 256);
    if !content.is_empty() {
        wire.extend_from_slice(format!("{:x}\r\n", content.len()).as_bytes());
        wire.extend_from_slice(content);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            wire.extend_from_slice(piece);
        }
    }
    wire.extend_from_slice(b"\r\n");
    Body { wire: wire.freeze(), framing: Framing::Chunked }
}

/// A client that is cut off while it still sends would see a reset instead of the answer, so a
/// body over the limit is read on for a while: as much again, and no longer than an idle body.
async fn discard(mut incoming: Incoming, limits: &Limits, cut: &Stop) {
    let mut left = limits.body_bytes_max;
    let reading = async {
        while let Some(Ok(frame)) = incoming.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(limits.body_idle_timeout, uncut(reading, cut)).await;
}

/// What comes of it, unless the server is about to cut what it has not ended yet.
async fn uncut<F: Future>(work: F, cut: &Stop) -> Option<F::Output> {
    let mut cut = cut.clone();
    tokio::select! {
        biased;
        done = work => Some(done),
        _ = cut.wait_for(|&cut| cut) => None,
    }
}
