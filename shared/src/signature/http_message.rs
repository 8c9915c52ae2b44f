//! HTTP Message Signatures (RFC 9421), hmac-sha256 and ed25519, with `Content-Digest` (RFC 9530).
//!
//! A signature of a request with a body must cover `content-digest`: without it, it says nothing of
//! the body. `whsec_` stands for the key that its base64 is, any other text for its own bytes.

mod base;
mod digest;

use sfv::{BareItem, Dictionary, FieldType as _, InnerList, Key, ListEntry, Parser};
use subtle::ConstantTimeEq;

use crate::limits::Limits;

use super::clock::near;
use super::mac::{Hash, ed25519_holds_bytes, ed25519_sign, hmac};
use super::secret::Secret;
use super::shape::{PLAIN, Shape};
use super::{Encoding, Keys, Message, Reason, Request, fields};

pub use digest::content_digest;
pub(crate) use digest::{Digest, digests};

pub(super) const SHAPE: Shape = Shape { header: "Signature", ed25519: true, ..PLAIN };

/// One signature of a message and what it covers.
#[derive(Debug)]
pub(crate) struct Entry {
    covered: InnerList,
    signature: Vec<u8>,
}

/// Signs the method, the URL, the type and digest of the content, and the id, once for each key.
pub(super) fn sign(
    keys: &Keys,
    message: &Message<'_>,
) -> Result<Vec<(&'static str, String)>, Reason> {
    let mut made = Vec::new();
    let given = |name| fields::all(&message.request(), name).next().is_some();
    if !given("content-digest") {
        made.push(("Content-Digest", content_digest(message.body)));
    }
    if !message.id.is_empty() && !given("webhook-id") {
        made.push(("webhook-id", message.id.to_owned()));
    }
    let added = made.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let headers: Vec<_> = message.headers.iter().copied().chain(added).collect();
    let request = Request { headers: &headers, ..message.request() };
    let mut inputs = Dictionary::new();
    let mut signatures = Dictionary::new();
    for (place, secret) in keys.secrets.iter().enumerate() {
        let covered = covered(keys, secret, message.timestamp, &request)?;
        let signature = sign_base(secret, &base::base(&covered, &request)?)?;
        let label = key(&format!("sig{}", place + 1))?;
        inputs.insert(label.clone(), covered.into());
        signatures.insert(label, signature.into());
    }
    made.push(("Signature-Input", inputs.serialize().unwrap_or_default()));
    made.push(("Signature", signatures.serialize().unwrap_or_default()));
    Ok(made)
}

/// Whether a signature is there and holds; without a clock (now, tolerance), whenever it was made.
pub(super) fn check(
    keys: &Keys,
    request: &Request<'_>,
    clock: Option<(i64, i64)>,
) -> Result<bool, Reason> {
    let Some(entries) = read(request)? else { return Ok(false) };
    let mut refused = None;
    for entry in &entries {
        match entry.check(keys, request, clock) {
            Ok(()) => return Ok(true),
            Err(reason) => refused = refused.or(Some(reason)),
        }
    }
    Err(refused.unwrap_or(Reason::Unreadable(SHAPE.header)))
}

/// The signatures of a request that say what they cover; nothing where it has none.
pub(crate) fn read(request: &Request<'_>) -> Result<Option<Vec<Entry>>, Reason> {
    let Some(signatures) = base::joined(request, "signature") else { return Ok(None) };
    let inputs = base::joined(request, "signature-input");
    let inputs = inputs.ok_or(Reason::NoHeader("Signature-Input"))?;
    let parse = |text: &[u8], name| {
        Parser::new(text).parse::<Dictionary>().map_err(|_| Reason::Unreadable(name))
    };
    let raw = signatures;
    let mut signatures = parse(&raw, "Signature")?;
    let entries = parse(&inputs, "Signature-Input")?.into_iter().filter_map(|(label, input)| {
        let (ListEntry::InnerList(covered), Some(ListEntry::Item(signature))) =
            (input, signatures.swap_remove(&label))
        else {
            return None;
        };
        let BareItem::ByteSequence(signature) = signature.bare_item else { return None };
        // The parser lets stray bits in the last character pass, which would give one signature
        // several spellings.
        memchr::memmem::find(&raw, byte_sequence(&signature).as_bytes())?;
        Some(Entry { covered, signature })
    });
    Ok(Some(entries.take(Limits::HTTP_SIGNATURES_MAX).collect()))
}

impl Entry {
    /// When it says it was made, in seconds since 1970 UTC.
    pub(crate) fn created(&self) -> Option<i64> {
        self.integer("created")
    }

    /// The bytes it signs.
    pub(crate) fn base(&self, request: &Request<'_>) -> Result<Vec<u8>, Reason> {
        base::base(&self.covered, request)
    }

    /// Whether its bytes are this key's HMAC of the base.
    pub(crate) fn is_hmac(&self, key: &[u8], base: &[u8]) -> bool {
        hmac(Hash::Sha256, key, [base].into_iter()).ct_eq(&self.signature).into()
    }

    fn check(
        &self,
        keys: &Keys,
        request: &Request<'_>,
        clock: Option<(i64, i64)>,
    ) -> Result<(), Reason> {
        if !request.body.is_empty() && !self.covers("content-digest") {
            return Err(Reason::Uncovered("content-digest"));
        }
        if let Some((now, tolerance)) = clock {
            self.check_clock(now, tolerance)?;
        }
        let base = self.base(request)?;
        let mut refused = Reason::NoKey;
        for secret in &keys.secrets {
            match self.is_of(secret, &base) {
                Ok(true) if self.covers("content-digest") => return digest::check(request),
                Ok(true) => return Ok(()),
                Ok(false) => refused = Reason::Mismatch,
                Err(bad) if refused == Reason::NoKey => refused = bad,
                Err(_) => {}
            }
        }
        Err(refused)
    }

    fn check_clock(&self, now: i64, tolerance: i64) -> Result<(), Reason> {
        if let Some(expires) = self.integer("expires")
            && expires < now
        {
            return Err(Reason::Expired(now.saturating_sub(expires)));
        }
        self.created().map_or(Ok(()), |created| near(created, now, tolerance))
    }

    /// The key's kind says how to verify; an `alg` that says otherwise is no match.
    fn is_of(&self, secret: &Secret, base: &[u8]) -> Result<bool, Reason> {
        let agrees = |name| match self.covered.params.get("alg") {
            None => true,
            Some(BareItem::String(given)) => given.as_str() == name,
            Some(_) => false,
        };
        if secret.is_ed25519() {
            let key = secret.verifying_key()?;
            return Ok(agrees("ed25519") && ed25519_holds_bytes(&key, base, &self.signature));
        }
        let key = secret.key(secret.plain_form())?;
        Ok(agrees("hmac-sha256") && self.is_hmac(&key, base))
    }

    fn covers(&self, name: &str) -> bool {
        self.covered.items.iter().any(|item| {
            item.params.is_empty()
                && matches!(&item.bare_item, BareItem::String(covered) if covered.as_str() == name)
        })
    }

    fn integer(&self, name: &str) -> Option<i64> {
        match self.covered.params.get(name)? {
            BareItem::Integer(integer) => Some(i64::from(*integer)),
            _ => None,
        }
    }
}

/// What a signature of ours covers, and its parameters.
fn covered(
    keys: &Keys,
    secret: &Secret,
    timestamp: i64,
    request: &Request<'_>,
) -> Result<InnerList, Reason> {
    let mut covered = InnerList::default();
    for name in ["@method", "@target-uri", "@authority"] {
        covered.items.push(string(name)?.into());
    }
    for name in ["content-type", "content-digest", "webhook-id"] {
        if fields::all(request, name).next().is_some() {
            covered.items.push(string(name)?.into());
        }
    }
    let created = sfv::Integer::try_from(timestamp).map_err(|_| Reason::Timestamp)?;
    covered.params.insert(key("created")?, created.into());
    if let Some(id) = &keys.id {
        covered.params.insert(key("keyid")?, string(id)?.into());
    }
    let algorithm = if secret.is_ed25519() { "ed25519" } else { "hmac-sha256" };
    covered.params.insert(key("alg")?, string(algorithm)?.into());
    Ok(covered)
}

fn sign_base(secret: &Secret, base: &[u8]) -> Result<Vec<u8>, Reason> {
    if secret.is_ed25519() {
        return Ok(ed25519_sign(&secret.signing_key()?, base).to_vec());
    }
    Ok(hmac(Hash::Sha256, &secret.key(secret.plain_form())?, [base].into_iter()))
}

fn key(name: &str) -> Result<Key, Reason> {
    Key::from_string(name.to_owned()).map_err(|_| Reason::Component(name.to_owned()))
}

fn string(text: &str) -> Result<sfv::String, Reason> {
    let string = sfv::String::from_string(text.to_owned());
    string.map_err(|_| Reason::Component(text.to_owned()))
}

/// Bytes as a structured field holds them.
fn byte_sequence(bytes: &[u8]) -> String {
    format!(":{}:", Encoding::Base64.encode(bytes))
}
