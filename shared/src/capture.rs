//! One received request, kept as it came, and the two ways it is told.

mod document;
mod route;

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::body::Body;
use crate::event::{self, Guess};
use crate::headers::{Head, Octets};
use crate::id::{BinName, Seq, Timestamp};
use crate::reply::Fault;

pub use document::{BodyDocument, Document, SignatureVerdict, sha256_hex};
pub use route::{Route, query_pairs};

/// A capture: made in one place, stored in this shape, and told as [`Summary`] or [`Document`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The bin it went to.
    pub bin: BinName,
    /// Its place there; 0 until the store has given it one.
    pub seq: Seq,
    /// Its id over all bins, a UUIDv7.
    pub id: Uuid,
    /// When its head had been read.
    pub received_at: Timestamp,
    /// Who sent it, as the socket says.
    pub peer: SocketAddr,
    /// Whom a proxy that is believed had it from.
    pub client: Option<IpAddr>,
    /// The protocol it came by.
    pub protocol: Protocol,
    /// Whether it came whole.
    pub outcome: Outcome,
    /// How long its parts took.
    pub timing: Timing,
    /// What was answered.
    pub reply: Replied,
    /// Its head, byte for byte.
    pub head: Head,
    /// Its body, byte for byte.
    pub body: Body,
    /// The content's length in bytes, framing not counted; told even where the body was not read.
    pub content_bytes: u64,
}

/// The protocol of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Protocol {
    /// HTTP/1.0 (RFC 1945).
    #[serde(rename = "HTTP/1.0")]
    Http10,
    /// HTTP/1.1 (RFC 9112).
    #[serde(rename = "HTTP/1.1")]
    Http11,
    /// HTTP/2 (RFC 9113).
    #[serde(rename = "HTTP/2")]
    Http2,
}

impl Protocol {
    /// As it stands in a request line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// Whether a request came whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Head and body arrived to their ends.
    Complete,
    /// The client went away, or broke the framing, inside the body.
    Aborted,
    /// The body stalled longer than the limit allows.
    TimedOut,
    /// The body is longer than the limit; its beginning is kept.
    OverLimit,
}

impl Outcome {
    /// As it is told.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Aborted => "aborted",
            Self::TimedOut => "timed_out",
            Self::OverLimit => "over_limit",
        }
    }
}

/// How long a request's parts took, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Timing {
    /// From the first byte of the head to its last.
    pub head_us: u64,
    /// From the head's last byte to the body's.
    pub body_us: u64,
}

/// What a bin answered, as it was known when the capture was kept: before the answer was sent.
///
/// ```
/// use hooklab_shared::capture::Replied;
/// let replied: Replied = serde_json::from_str(r#"{"status":0,"rule":1,"held":true}"#).unwrap();
/// assert!(replied.held && replied.fault.is_none());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replied {
    /// The status code; 0 where a fault sends none, and where the request was held.
    pub status: u16,
    /// The place of the rule in the bin's reply program, from 0; none for the default reply.
    pub rule: Option<u32>,
    /// The rule's fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Whether it was held for an answer by hand: what it got then is not known here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Whether the rule's template failed, which is answered with 500; the answer says why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub template_failed: bool,
}

/// What lists and live messages carry of a capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// The bin.
    pub bin: BinName,
    /// The place in it.
    #[schema(value_type = u64)]
    pub seq: Seq,
    /// The id over all bins.
    pub id: Uuid,
    /// When the head had been read.
    pub received_at: Timestamp,
    /// Who sent it.
    #[schema(value_type = String)]
    pub peer: SocketAddr,
    /// Whom a proxy that is believed had it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub client: Option<IpAddr>,
    /// HTTP/1.0, 1.1 or 2.
    pub protocol: Protocol,
    /// The method.
    pub method: Octets,
    /// The target as sent.
    pub target: Octets,
    /// The path below the bin, as sent.
    pub path: Octets,
    /// The first `Content-Type`, if there is one.
    pub content_type: Option<Octets>,
    /// The content's length in bytes, framing not counted.
    pub size: u64,
    /// Whether it came whole.
    pub outcome: Outcome,
    /// What was answered.
    pub reply: Replied,
    /// The event it seems to tell of.
    pub event: Option<Guess>,
    /// What came of checking its signature; nothing where the bin checks none, and on live
    /// channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureVerdict>,
}

impl Capture {
    /// The path below the bin as sent, at least `/`, and the query without its `?`.
    #[must_use]
    pub fn path_and_query(&self) -> (&[u8], &[u8]) {
        match Route::of(self.head.target()) {
            Some(route) => (route.path, route.query),
            None => (b"/", b""),
        }
    }

    /// The request as it came on the wire, as two pieces: head, then body.
    #[must_use]
    pub fn wire(&self) -> [&[u8]; 2] {
        [self.head.as_bytes(), &self.body.wire]
    }

    /// The event that headers or content tell of, as a guess.
    #[must_use]
    pub fn event(&self) -> Option<Guess> {
        event::guess(&self.head, &self.body.decoded())
    }

    /// What lists and live messages carry.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            bin: self.bin.clone(),
            seq: self.seq,
            id: self.id,
            received_at: self.received_at,
            peer: self.peer,
            client: self.client,
            protocol: self.protocol,
            method: self.head.method().into(),
            target: self.head.target().into(),
            path: self.path_and_query().0.into(),
            content_type: self.head.field("content-type").map(Octets::from),
            size: self.content_bytes,
            outcome: self.outcome,
            reply: self.reply,
            event: self.event(),
            signature: None,
        }
    }
}
