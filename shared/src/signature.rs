//! Signatures: how each scheme signs, how it verifies, and why one does not verify.
//!
//! Everything is over raw bytes and pure: the time comes in as a value. A scheme is a [`Shape`] and
//! what it signs, one file each; HTTP message signatures alone have their own way.

mod clock;
mod fields;
mod github;
pub mod http_message;
mod linear;
mod mac;
mod reason;
mod scheme;
mod secret;
mod shape;
mod shopify;
mod slack;
mod square;
pub mod standard_webhooks;
mod stripe;
mod svix;
#[cfg(test)]
mod tampering;
pub mod twilio;
#[cfg(test)]
mod vectors;
mod why_not;
mod zendesk;

pub use mac::Encoding;
pub use reason::{Reason, Verdict};
pub use scheme::Scheme;
pub use secret::{BadSecret, Form, Secret};
pub use why_not::rewrite::{Escapes, Rewrite, Style};
pub use why_not::{Cause, why_not};

use shape::{Algorithm, Claim, Mark};
use subtle::ConstantTimeEq;

use crate::limits::Limits;

/// How far a timestamp may be from now in seconds: what the reference libraries use.
pub const TOLERANCE_SECS: i64 = 300;

/// What signs and verifies. Its `Debug` shows no secret.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Those in force, the newest first: any of them verifies, and a scheme that can carry several
    /// signatures gets one of each.
    pub secrets: Vec<Secret>,
    /// Others that are known, such as those of other bins: [`why_not`] alone looks at them.
    pub known: Vec<Secret>,
    /// What `http-message` gives as `keyid`.
    pub id: Option<String>,
}

impl From<Secret> for Keys {
    fn from(secret: Secret) -> Self {
        Self { secrets: vec![secret], ..Self::default() }
    }
}

/// A request to be verified, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The whole URL as the sender knows it; Twilio, Square and `http-message` sign it.
    pub url: &'a [u8],
    /// The header fields in order, repeats kept.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// The content, byte for byte.
    pub body: &'a [u8],
}

/// A request to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The whole URL it goes to.
    pub url: &'a [u8],
    /// The header fields that are known before signing.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// The content, byte for byte.
    pub body: &'a [u8],
    /// The event's id, constant over attempts; without a `.` where the scheme signs it.
    pub id: &'a str,
    /// The attempt's time in seconds since 1970 UTC.
    pub timestamp: i64,
}

impl<'a> Message<'a> {
    fn request(&self) -> Request<'a> {
        let Self { method, url, headers, body, .. } = *self;
        Request { method, url, headers, body }
    }
}

/// The header fields that sign a message, in the order and the spelling they are sent in.
///
/// ```
/// use hooklab_shared::signature::{Keys, Message, Scheme, Secret, sign};
/// let keys = Keys::from(Secret::from_text("It's a Secret to Everybody"));
/// let body = b"Hello, World!";
/// let message =
///     Message { method: b"POST", url: b"", headers: &[], body, id: "", timestamp: 0 };
/// let (name, value) = sign(Scheme::Github, &keys, &message).unwrap().remove(0);
/// assert_eq!(name, "X-Hub-Signature-256");
/// assert!(value.starts_with("sha256=757107ea0eb2"));
/// ```
///
/// # Errors
/// There is no key, a secret is none of this scheme's, or the body needs a digest in the URL.
pub fn sign(
    scheme: Scheme,
    keys: &Keys,
    message: &Message<'_>,
) -> Result<Vec<(&'static str, String)>, Reason> {
    if keys.secrets.is_empty() {
        return Err(Reason::NoKey);
    }
    if scheme == Scheme::HttpMessage {
        return http_message::sign(keys, message);
    }
    let request = message.request();
    scheme.bound(&request)?;
    let timestamp = scheme.shape().clock.text(message.timestamp);
    let claim =
        Claim { id: message.id.as_bytes(), timestamp: timestamp.as_bytes(), marks: Vec::new() };
    let contents = scheme.signed(&claim, &request);
    let content = contents.first().ok_or(Reason::NoKey)?;
    let marks: Result<Vec<_>, _> =
        keys.secrets.iter().map(|secret| mark(scheme, secret, content)).collect();
    Ok(scheme.write(message.id, &timestamp, &marks?))
}

/// Verifies a request over its raw bytes; entries that cannot be read are skipped.
///
/// Comparisons take the same time whatever the bytes. `now_secs` counts from 1970 UTC;
/// `tolerance_secs` bounds a timestamp's distance from it, [`TOLERANCE_SECS`] by custom.
///
/// ```
/// use hooklab_shared::signature::{Keys, Request, Scheme, Secret, Verdict, verify};
/// let keys = Keys::from(Secret::from_text("hush"));
/// let request = Request { method: b"POST", url: b"", headers: &[], body: b"{}" };
/// assert_eq!(verify(Scheme::Shopify, &keys, &request, 0, 300), Verdict::Missing);
/// ```
#[must_use]
pub fn verify(
    scheme: Scheme,
    keys: &Keys,
    request: &Request<'_>,
    now_secs: i64,
    tolerance_secs: i64,
) -> Verdict {
    match check(scheme, keys, request, Some((now_secs, tolerance_secs))) {
        Ok(true) => Verdict::Valid,
        Ok(false) => Verdict::Missing,
        Err(reason) => Verdict::Invalid(reason),
    }
}

/// Whether a signature is there and holds; without a clock, whenever it was made.
fn check(
    scheme: Scheme,
    keys: &Keys,
    request: &Request<'_>,
    clock: Option<(i64, i64)>,
) -> Result<bool, Reason> {
    if scheme == Scheme::HttpMessage {
        return http_message::check(keys, request, clock);
    }
    let Some(claim) = scheme.read(request)? else { return Ok(false) };
    if let Some((now, tolerance)) = clock {
        scheme.shape().clock.check(&claim, request, now, tolerance)?;
    }
    matches(scheme, keys, &claim, request)?;
    scheme.bound(request)?;
    Ok(true)
}

/// Whether any key made any of the claim's marks.
fn matches(
    scheme: Scheme,
    keys: &Keys,
    claim: &Claim<'_>,
    request: &Request<'_>,
) -> Result<(), Reason> {
    let contents = scheme.signed(claim, request);
    let mut refused = Reason::NoKey;
    for secret in &keys.secrets {
        for content in &contents {
            match made(scheme, secret, content, &claim.marks) {
                Ok(true) => return Ok(()),
                Ok(false) => refused = Reason::Mismatch,
                Err(bad) if refused == Reason::NoKey => refused = bad,
                Err(_) => {}
            }
        }
    }
    let shape = scheme.shape();
    match refused {
        Reason::Mismatch if !claim.marks.iter().any(|mark| shape.is_formed(mark.text)) => {
            Err(Reason::Unreadable(shape.header))
        }
        refused => Err(refused),
    }
}

/// Compares texts rather than bytes, so that what is not canonical never matches.
fn made(
    scheme: Scheme,
    secret: &Secret,
    content: &shape::Signed<'_>,
    marks: &[Mark<'_>],
) -> Result<bool, Reason> {
    let of = |algorithm| marks.iter().filter(move |mark| mark.algorithm == algorithm);
    if scheme.shape().ed25519 && secret.is_ed25519() {
        let key = secret.verifying_key()?;
        let content = content.parts().collect::<Vec<_>>().concat();
        let mut marks = of(Algorithm::Ed25519).take(Limits::ED25519_ENTRIES_MAX);
        return Ok(marks.any(|mark| mac::ed25519_holds(&key, &content, mark.text)));
    }
    let made = mark(scheme, secret, content)?.1;
    Ok(of(Algorithm::Hmac).any(|mark| mark.text.ct_eq(made.as_bytes()).into()))
}

/// The signature of a content under a secret, as text.
fn mark(
    scheme: Scheme,
    secret: &Secret,
    content: &shape::Signed<'_>,
) -> Result<(Algorithm, String), Reason> {
    let shape = scheme.shape();
    if shape.ed25519 && secret.is_ed25519() {
        let content = content.parts().collect::<Vec<_>>().concat();
        let signature = mac::ed25519_sign(&secret.signing_key()?, &content);
        return Ok((Algorithm::Ed25519, Encoding::Base64.encode(&signature)));
    }
    let key = secret.key(shape.form)?;
    Ok((Algorithm::Hmac, shape.encoding.encode(&mac::hmac(shape.hash, &key, content.parts()))))
}
