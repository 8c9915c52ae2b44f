//! A capture told whole.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Capture, Outcome, Protocol, Replied, Timing, query_pairs};
use crate::event::{self, Guess};
use crate::headers::Octets;
use crate::id::{BinName, Seq, Timestamp};

/// A capture told whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Document {
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignatureVerdict {
    /// The scheme, such as `standard-webhooks`.
    pub scheme: String,
    /// `valid`, `invalid` or `missing`.
    pub verdict: String,
    /// Why it is not valid.
    pub reason: Option<String>,
}

impl Capture {
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
            client: self.client,
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
        content.to_vec().into()
    }
}

impl From<Vec<u8>> for BodyDocument {
    /// Tells these bytes without a copy of them.
    fn from(content: Vec<u8>) -> Self {
        let (size, sha256) = (content.len() as u64, sha256_hex(&content));
        let (text, base64) = match Octets::from(content) {
            Octets::Text(text) => (Some(text), None),
            Octets::Binary(bytes) => {
                use base64::Engine as _;
                (None, Some(base64::engine::general_purpose::STANDARD.encode(bytes)))
            }
        };
        Self { size, sha256, text, base64 }
    }
}

/// Lowercase hex of the SHA-256 of these bytes.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble & 15)]);
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        hex.push(digit(byte >> 4));
        hex.push(digit(byte));
    }
    hex
}

fn told<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<(Octets, Octets)> {
    fields.map(|(name, value)| (name.into(), value.into())).collect()
}
