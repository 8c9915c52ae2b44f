//! `Content-Digest` (RFC 9530): what binds a body to a signature that covers the field.

use sfv::{BareItem, Dictionary, ListEntry, Parser};
use subtle::ConstantTimeEq;

use super::super::mac::{sha256, sha512};
use super::super::{Reason, Request};
use super::{base, byte_sequence};

const FIELD: &str = "Content-Digest";

/// A digest that a request claims.
#[derive(Debug)]
pub(crate) enum Digest {
    /// `sha-256`.
    Sha256(Vec<u8>),
    /// `sha-512`.
    Sha512(Vec<u8>),
}

impl Digest {
    /// Whether it is the digest of these bytes.
    pub(crate) fn is_of(&self, body: &[u8]) -> bool {
        match self {
            Self::Sha256(digest) => sha256(body).ct_eq(digest).into(),
            Self::Sha512(digest) => sha512(body).ct_eq(digest).into(),
        }
    }
}

/// The field's value for a body: its SHA-256.
///
/// ```
/// use hooklab_shared::signature::http_message::content_digest;
/// let digest = content_digest(br#"{"hello": "world"}"#);
/// assert_eq!(digest, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
/// ```
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256={}", byte_sequence(&sha256(body)))
}

/// The digests of a request that are of known kinds.
pub(crate) fn digests(request: &Request<'_>) -> Result<Vec<Digest>, Reason> {
    let field = base::joined(request, FIELD).ok_or(Reason::NoHeader(FIELD))?;
    let field: Dictionary = Parser::new(&field).parse().map_err(|_| Reason::Unreadable(FIELD))?;
    let digest = |name| match field.get(name) {
        Some(ListEntry::Item(item)) => match &item.bare_item {
            BareItem::ByteSequence(bytes) => Some(bytes.clone()),
            _ => None,
        },
        _ => None,
    };
    let short = digest("sha-256").map(Digest::Sha256);
    let long = digest("sha-512").map(Digest::Sha512);
    Ok(short.into_iter().chain(long).collect())
}

/// # Errors
/// There is no digest of a known kind, or one is not the body's.
pub(super) fn check(request: &Request<'_>) -> Result<(), Reason> {
    let digests = digests(request)?;
    if digests.is_empty() {
        return Err(Reason::Unreadable(FIELD));
    }
    let all = digests.iter().all(|digest| digest.is_of(request.body));
    if all { Ok(()) } else { Err(Reason::Digest(FIELD)) }
}
