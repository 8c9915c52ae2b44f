//! A request as it was read, whole or not.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use hooklab_shared::body::{Body, Framing};
use hooklab_shared::capture::{Capture, Outcome, Protocol, Replied, Timing};
use hooklab_shared::headers::Head;
use hooklab_shared::id::{BinName, Timestamp};
use hooklab_shared::limits::Limits;
use hooklab_shared::listen::Stop;
use hyper::body::{Body as _, Incoming};
use hyper::header::HOST;
use hyper::{Request, Version};
use uuid::Uuid;

use super::content::Content;
use crate::policy::{self, Refusal};
use crate::tap::Tapped;

pub(super) struct Received {
    pub(super) head: Head,
    pub(super) body: Body,
    pub(super) outcome: Outcome,
    protocol: Protocol,
    content_bytes: u64,
    pub(super) received_at: Timestamp,
    timing: Timing,
    /// When its last byte had come.
    pub(super) ended: Instant,
}

/// A request that is not taken, and its head as far as there is one.
pub(super) struct Unread {
    pub(super) head: Head,
    pub(super) refusal: Refusal,
}

impl Received {
    /// Reads a request to its end, or to where it breaks off or passes the limit.
    ///
    /// # Errors
    /// Policy refuses it; or hyper and the tap disagree on what came, so that nothing can be said
    /// to be what was sent.
    pub(super) async fn read(
        tapped: &Tapped,
        request: Request<Incoming>,
        limits: &Limits,
        cut: &Stop,
    ) -> Result<Self, Unread> {
        let is_http2 = request.version() == Version::HTTP_2;
        let claimed = match is_http2 {
            true => {
                let now = Instant::now();
                Some((retold(&request), now, now))
            }
            false => tapped.claim_head(),
        };
        let Some((head, begun, headed)) = claimed else {
            return Err(Unread { head: Head::default(), refusal: Refusal::Disagreement });
        };
        let received_at = Timestamp::from(SystemTime::now());
        let vetted = match is_http2 {
            true => policy::vet_hosts(&request),
            false => policy::vet(&head, &request, limits.head_bytes_max),
        };
        if let Err(refusal) = vetted {
            return Err(Unread { head, refusal });
        }
        let protocol = match request.version() {
            Version::HTTP_2 => Protocol::Http2,
            Version::HTTP_10 => Protocol::Http10,
            _ => Protocol::Http11,
        };
        let incoming = request.into_body();
        let framing = framing(&incoming, protocol, tapped, limits);
        let announced = incoming.size_hint().exact().unwrap_or_default();
        let mut content = Content::new(framing, announced);
        let outcome = content.read(incoming, tapped, limits, cut).await;
        let (content_bytes, waited) = (content.bytes, content.waited);
        let Some(body) = content.into_body(tapped, outcome, limits) else {
            return Err(Unread { head, refusal: Refusal::Disagreement });
        };
        let content_bytes = match outcome {
            Outcome::Complete => content_bytes,
            _ => body.size() as u64,
        };
        let ended = if waited { Instant::now() } else { headed };
        let timing = Timing {
            head_us: micros(headed.duration_since(begun)),
            body_us: micros(ended.duration_since(headed)),
        };
        Ok(Self { head, protocol, body, content_bytes, outcome, received_at, timing, ended })
    }

    pub(super) fn into_capture(
        self,
        bin: BinName,
        id: Uuid,
        peer: SocketAddr,
        client: Option<IpAddr>,
        reply: Replied,
    ) -> Capture {
        Capture {
            bin,
            seq: 0,
            id,
            received_at: self.received_at,
            peer,
            client,
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

/// What frames the body; the tap is told what to do with its bytes.
fn framing(body: &Incoming, protocol: Protocol, tapped: &Tapped, limits: &Limits) -> Framing {
    if protocol == Protocol::Http2 {
        return Framing::Length;
    }
    match body.size_hint().exact() {
        Some(length) => {
            tapped.pass(length);
            Framing::Length
        }
        None => {
            tapped.keep(limits.body_wire_bytes_max);
            Framing::Chunked
        }
    }
}

/// An HTTP/2 head as HTTP/1 would have written it: on the wire it was compressed against what came
/// before, so its bytes alone say nothing.
fn retold(request: &Request<Incoming>) -> Head {
    let mut head = BytesMut::with_capacity(512);
    let mut put = |pieces: &[&[u8]]| pieces.iter().for_each(|piece| head.extend_from_slice(piece));
    let target = request.uri().path_and_query().map_or("*", |target| target.as_str());
    put(&[request.method().as_str().as_bytes(), b" ", target.as_bytes(), b" HTTP/2\r\n"]);
    if let Some(authority) = request.uri().authority()
        && !request.headers().get(HOST).is_some_and(|host| policy::is_same(authority, host))
    {
        put(&[b"host: ", authority.as_str().as_bytes(), b"\r\n"]);
    }
    for (name, value) in request.headers() {
        put(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    put(&[b"\r\n"]);
    Head::from(head.freeze())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
