//! One received request, kept as it came, and the two ways it is told.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::body::Body;
use crate::event::{self, Guess};
use crate::headers::{Head, Octets};
use crate::id::{BinName, Seq, Timestamp};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// From the first byte of the head to its last.
    pub head_us: u64,
    /// From the head's last byte to the body's.
    pub body_us: u64,
}

/// What a bin answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replied {
    /// The status code.
    pub status: u16,
    /// The place of the rule in the bin's reply program, from 0; none for the default reply.
    pub rule: Option<u32>,
}

/// What lists and live messages carry of a capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The bin.
    pub bin: BinName,
    /// The place in it.
    pub seq: Seq,
    /// The id over all bins.
    pub id: Uuid,
    /// When the head had been read.
    pub received_at: Timestamp,
    /// Who sent it.
    pub peer: SocketAddr,
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
}

/// A capture told whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The bin.
    pub bin: BinName,
    /// The place in it.
    pub seq: Seq,
    /// The id over all bins.
    pub id: Uuid,
    /// When the head had been read.
    pub received_at: Timestamp,
    /// Who sent it.
    pub peer: SocketAddr,
    /// HTTP/1.0, 1.1 or 2.
    pub protocol: Protocol,
    /// The method.
    pub method: Octets,
    /// The target as sent.
    pub target: Octets,
    /// The path below the bin, as sent.
    pub path: Octets,
    /// The query's pairs, percent-decoded, in order.
    pub query: Vec<(Octets, Octets)>,
    /// The header fields in order, names as sent, repeats kept.
    pub headers: Vec<(Octets, Octets)>,
    /// The trailer fields of a chunked body.
    pub trailers: Vec<(Octets, Octets)>,
    /// The content.
    pub body: BodyDocument,
    /// Whether it came whole.
    pub outcome: Outcome,
    /// How long its parts took.
    pub timing: Timing,
    /// What was answered.
    pub reply: Replied,
    /// The event it seems to tell of.
    pub event: Option<Guess>,
    /// What came of checking its signature; nothing where the bin checks none.
    pub signature: Option<SignatureVerdict>,
}

/// A capture's content, told: text where it is UTF-8, else base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyDocument {
    /// The length in bytes.
    pub size: u64,
    /// The SHA-256 in lowercase hex.
    pub sha256: String,
    /// The content, if it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The content in base64, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// What came of checking a capture's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureVerdict {
    /// The scheme, such as `standard-webhooks`.
    pub scheme: String,
    /// `valid`, `invalid` or `missing`.
    pub verdict: String,
    /// Why it is not valid.
    pub reason: Option<String>,
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
            protocol: self.protocol,
            method: self.head.method().into(),
            target: self.head.target().into(),
            path: self.path_and_query().0.into(),
            content_type: self.head.field("content-type").map(Octets::from),
            size: self.content_bytes,
            outcome: self.outcome,
            reply: self.reply,
            event: self.event(),
        }
    }

    /// The capture told whole.
    #[must_use]
    pub fn document(&self) -> Document {
        let (path, query) = self.path_and_query();
        let content = self.body.decoded();
        Document {
            bin: self.bin.clone(),
            seq: self.seq,
            id: self.id,
            received_at: self.received_at,
            peer: self.peer,
            protocol: self.protocol,
            method: self.head.method().into(),
            target: self.head.target().into(),
            path: path.into(),
            query: query_pairs(query),
            headers: told(self.head.fields()),
            trailers: told(self.body.trailers()),
            body: BodyDocument::of(&content),
            outcome: self.outcome,
            timing: self.timing,
            reply: self.reply,
            event: event::guess(&self.head, &content),
            signature: None,
        }
    }
}

impl BodyDocument {
    /// Tells these bytes.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        let (text, base64) = match Octets::from(content) {
            Octets::Text(text) => (Some(text), None),
            Octets::Binary(bytes) => {
                use base64::Engine as _;
                (None, Some(base64::engine::general_purpose::STANDARD.encode(bytes)))
            }
        };
        Self { size: content.len() as u64, sha256: sha256_hex(content), text, base64 }
    }
}

/// Where a request's target leads on the capture listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The first segment of the path, as sent: a bin's name or none.
    pub bin: &'a [u8],
    /// What follows it, at least `/`.
    pub path: &'a [u8],
    /// The query without its `?`.
    pub query: &'a [u8],
}

impl<'a> Route<'a> {
    /// Splits a target in origin form or absolute form (RFC 9112, section 3.2); the other two
    /// forms lead nowhere.
    ///
    /// ```
    /// use hooklab_shared::capture::Route;
    /// let route = Route::of(b"/orders/a%20b?x=1").unwrap();
    /// assert_eq!((route.bin, route.path, route.query), (&b"orders"[..], &b"/a%20b"[..], &b"x=1"[..]));
    /// ```
    #[must_use]
    pub fn of(target: &'a [u8]) -> Option<Self> {
        let rest = match target {
            [b'/', rest @ ..] => rest,
            _ => {
                let scheme = target.windows(3).position(|w| w == b"://")?;
                let authority = &target[scheme + 3..];
                let slash = authority.iter().position(|&b| b == b'/')?;
                &authority[slash + 1..]
            }
        };
        let rest = rest.split(|&b| b == b'#').next().unwrap_or_default();
        let (path, query) = match rest.iter().position(|&b| b == b'?') {
            Some(mark) => (&rest[..mark], &rest[mark + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        Some(match path.iter().position(|&b| b == b'/') {
            Some(slash) => Self { bin: &path[..slash], path: &path[slash..], query },
            None => Self { bin: path, path: b"/", query },
        })
    }
}

/// Lowercase hex of the SHA-256 of these bytes.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn told<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<(Octets, Octets)> {
    fields.map(|(name, value)| (name.into(), value.into())).collect()
}

/// Percent-decoded pairs; `form_urlencoded` would replace what is not UTF-8, so it is not used.
#[must_use]
pub fn query_pairs(query: &[u8]) -> Vec<(Octets, Octets)> {
    query
        .split(|&b| b == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let equals = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
            let value = pair.get(equals + 1..).unwrap_or_default();
            (percent_decoded(&pair[..equals]), percent_decoded(value))
        })
        .collect()
}

fn percent_decoded(bytes: &[u8]) -> Octets {
    let plus_as_space: Vec<u8> = bytes.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    let decoded: Vec<u8> = percent_encoding::percent_decode(&plus_as_space).collect();
    Octets::from(&decoded[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_lead_to_bins() {
        let of = |target: &'static str| {
            Route::of(target.as_bytes()).map(|r| {
                let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
                (text(r.bin), text(r.path), text(r.query))
            })
        };
        let want = |bin: &str, path: &str, query: &str| {
            Some((bin.to_owned(), path.to_owned(), query.to_owned()))
        };
        assert_eq!(of("/orders"), want("orders", "/", ""));
        assert_eq!(of("/orders/"), want("orders", "/", ""));
        assert_eq!(of("/orders//x/?a=b?c&d"), want("orders", "//x/", "a=b?c&d"));
        assert_eq!(of("/orders?x=/y"), want("orders", "/", "x=/y"));
        assert_eq!(of("http://host:1/orders/z"), want("orders", "/z", ""));
        assert_eq!(of("/"), want("", "/", ""));
        assert_eq!(of("*"), None);
        assert_eq!(of("host:443"), None);
    }

    #[test]
    fn query_pairs_keep_order_repeats_and_bytes() {
        let pairs = query_pairs(b"x=1&x=2&&a%20+b&z=%ff");
        assert_eq!(pairs.len(), 4);
        assert_eq!(pairs[1], (Octets::Text("x".into()), Octets::Text("2".into())));
        assert_eq!(pairs[2], (Octets::Text("a  b".into()), Octets::Text(String::new())));
        assert_eq!(pairs[3].1, Octets::Binary(vec![0xff]));
    }
}
