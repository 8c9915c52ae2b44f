//! Why a request does not verify: a bounded search for the mistake that explains its signature.

mod json;
mod lines;
pub(super) mod rewrite;
mod search;
#[cfg(test)]
mod tests;
mod timing;

use std::fmt;

use crate::limits::Limits;

use super::http_message;
use super::secret::Form;
use super::{Encoding, Keys, Reason, Request, Rewrite, Scheme, Secret, Verdict, check, verify};

/// A mistake that explains why a request does not verify. Its text is a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The timestamp is too old; by how many seconds.
    Stale(i64),
    /// The timestamp is too far ahead; by how many seconds.
    Future(i64),
    /// The timestamp is, or was signed as, milliseconds.
    Milliseconds,
    /// The timestamp is not in the scheme's form.
    TimestampForm,
    /// Other bytes were signed: the body as it is written another way.
    Body(Rewrite),
    /// The signature is right, and written in this way instead of the scheme's.
    Encoding(Encoding),
    /// The signature is right, and what must stand before it is absent or another.
    Prefix,
    /// The sender made its key of the secret's text in this way.
    SecretForm(Form),
    /// It was signed with another secret: this place of [`Keys::known`].
    OtherSecret(usize),
    /// It is signed, and holds, by this scheme.
    OtherScheme(Scheme),
    /// The body alone was signed.
    BodyOnly,
    /// A part that must be signed was left out; which.
    Omitted(&'static str),
    /// The parts were signed with this between them.
    Separator(&'static str),
    /// The URL was signed with `http` for `https`, or the reverse.
    UrlScheme,
    /// This field came more than once.
    Repeated(&'static str),
    /// This field's entries are spread over lines, or joined by what does not join them.
    Split(&'static str),
}

/// The mistakes that explain why a request does not verify, the clock's first; empty where it does
/// verify, or where no known mistake explains it.
///
/// The search tries one change, then two at once, within [`crate::limits::Limits`]; a body over
/// 1 MiB gets the clock's alone. It may hash 128 MiB, so keep it off the runtime. It is for showing
/// to the owner of the keys, not for deciding.
///
/// ```
/// use hooklab_shared::signature::{Cause, Encoding, Keys, Request, Scheme, Secret, why_not};
/// let keys = Keys::from(Secret::from_text("It's a Secret to Everybody"));
/// let value = b"sha256=dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc=";
/// let headers = [(&b"X-Hub-Signature-256"[..], &value[..])];
/// let request =
///     Request { method: b"POST", url: b"", headers: &headers, body: b"Hello, World!" };
/// let causes = why_not(Scheme::Github, &keys, &request, 0, 300);
/// assert_eq!(causes, [Cause::Encoding(Encoding::Base64)]);
/// ```
#[must_use]
pub fn why_not(
    scheme: Scheme,
    keys: &Keys,
    request: &Request<'_>,
    now_secs: i64,
    tolerance_secs: i64,
) -> Vec<Cause> {
    if verify(scheme, keys, request, now_secs, tolerance_secs) == Verdict::Valid {
        return Vec::new();
    }
    let mut causes = timing::causes(scheme, request, now_secs, tolerance_secs);
    if request.body.len() <= Limits::WHY_NOT_BODY_BYTES_MAX {
        let known = causes.first().cloned();
        let found = mistakes(scheme, keys, request).into_iter();
        causes.extend(found.filter(|cause| known.as_ref() != Some(cause)));
    }
    causes
}

/// The first explanation of the signature itself, the cheapest searches first.
fn mistakes(scheme: Scheme, keys: &Keys, request: &Request<'_>) -> Vec<Cause> {
    match check(scheme, keys, request, None) {
        Ok(true) => return Vec::new(),
        Err(Reason::Digest(_)) => return search::digest(scheme, request).into_iter().collect(),
        Ok(false) | Err(_) => {}
    }
    if let Some(cause) = lines::cause(scheme, keys, request) {
        return vec![cause];
    }
    if let Some(cause) = other_pair(scheme, keys, request) {
        return vec![cause];
    }
    let found = match scheme {
        Scheme::HttpMessage => search::http_message(keys, request),
        _ => search::search(scheme, keys, request),
    };
    if !found.is_empty() {
        return found;
    }
    other_scheme(scheme, keys, request).into_iter().collect()
}

/// The search below is HMAC's; of ed25519 nothing but the key is worth a try.
fn other_pair(scheme: Scheme, keys: &Keys, request: &Request<'_>) -> Option<Cause> {
    let holds = |secret: &Secret| {
        let keys = Keys::from(secret.clone());
        secret.is_ed25519() && check(scheme, &keys, request, None) == Ok(true)
    };
    keys.known.iter().take(Limits::WHY_NOT_SECRETS_MAX).position(holds).map(Cause::OtherSecret)
}

fn other_scheme(scheme: Scheme, keys: &Keys, request: &Request<'_>) -> Option<Cause> {
    let mut others = Scheme::ALL.into_iter().filter(|other| *other != scheme);
    others.find(|other| check(*other, keys, request, None) == Ok(true)).map(Cause::OtherScheme)
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale(secs) => {
                write!(f, "the timestamp is {secs} s old: a replay, a slow way, or a slow clock")
            }
            Self::Future(secs) => {
                write!(f, "the timestamp is {secs} s in the future: one of the clocks is wrong")
            }
            Self::Milliseconds => f.write_str("the timestamp is in milliseconds: use seconds"),
            Self::TimestampForm => f.write_str("the timestamp is not in the scheme's form"),
            Self::Body(rewrite) => write!(
                f,
                "the body was written again on the way: what was signed {rewrite}; \
                 sign and verify the very bytes that are sent"
            ),
            Self::Encoding(encoding) => {
                write!(f, "the signature is right but written in {}", encoding_text(*encoding))
            }
            Self::Prefix => f.write_str(
                "the signature is right but what stands before it is not what the scheme asks for",
            ),
            Self::SecretForm(form) => write!(f, "the sender's key is {}", form_text(*form)),
            Self::OtherSecret(place) => {
                write!(f, "it is signed with another secret that is known, number {}", place + 1)
            }
            Self::OtherScheme(scheme) => write!(f, "it is signed by another scheme, {scheme}"),
            Self::BodyOnly => f.write_str("the body alone was signed"),
            Self::Omitted(part) => write!(f, "the {part} was left out of what was signed"),
            Self::Separator("") => f.write_str("the parts were signed with nothing between them"),
            Self::Separator(separator) => {
                write!(f, "the parts were signed with {separator:?} between them")
            }
            Self::UrlScheme => {
                f.write_str("the URL was signed with the other of http and https: a proxy's doing")
            }
            Self::Repeated(name) => write!(f, "`{name}` came more than once"),
            Self::Split(name) => {
                write!(f, "the entries of `{name}` were split or joined on the way")
            }
        }
    }
}

fn encoding_text(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Hex => "hex",
        Encoding::UpperHex => "uppercase hex",
        Encoding::Base64 => "base64",
        Encoding::UnpaddedBase64 => "base64 without its padding",
        Encoding::UrlBase64 => "URL-safe base64",
    }
}

fn form_text(form: Form) -> &'static str {
    match form {
        Form::Text => "the secret's text as it stands, prefix and all",
        Form::Stripped => "the secret's text without `whsec_`, its base64 not decoded",
        Form::Decoded => "the bytes that the secret's base64 stands for",
        Form::Hex => "the bytes that the secret's hex digits stand for",
        Form::Newline => "the secret with a newline after it, as an editor leaves it in a file",
    }
}
