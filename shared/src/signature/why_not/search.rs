//! The search: body, parts and key, each as it should be or changed in one way; at most two changes
//! at once. How the signature is spelled costs nothing to try, so every spelling is tried always.

use std::borrow::Cow;

use crate::limits::Limits;

use super::super::mac::hmac;
use super::super::secret::{Form, Secret};
use super::super::shape::{Claim, Signed};
use super::super::{Encoding, Keys, Request, Scheme, fields, http_message as http, stripe, twilio};
use super::Cause;
use super::rewrite::{Original, Rewrite};

/// What was between the parts in the mistakes that are made.
const SEPARATORS: [&str; 8] = [".", "", ":", ",", "\n", "-", "|", " "];

const BYTES_MAX: usize = Limits::WHY_NOT_HASHED_BYTES_MAX;

/// A value, and the mistake that leads to it; none where it is the right one.
type Candidate<T> = (Option<Cause>, T);

/// The mistakes that together explain the signature; empty where none do.
pub(super) fn search(scheme: Scheme, keys: &Keys, request: &Request<'_>) -> Vec<Cause> {
    let shape = scheme.shape();
    let Some(value) = fields::all(request, shape.header).next() else { return Vec::new() };
    let field = |name: Option<&str>| {
        name.and_then(|name| fields::all(request, name).next()).unwrap_or_default()
    };
    let mut claim =
        Claim { id: field(shape.id), timestamp: field(shape.timestamp), marks: Vec::new() };
    if scheme == Scheme::Stripe {
        claim.timestamp = stripe::timestamp(value).unwrap_or_default();
    }
    let strict = scheme.read(request).ok().flatten().map(|claim| claim.marks).unwrap_or_default();
    let mut search = Search {
        scheme,
        claim,
        strict: strict.iter().map(|mark| mark.text).collect(),
        loose: pieces(value),
        keys: keys_of(keys, request, |_| shape.form),
        means: Means { candidates: Limits::WHY_NOT_CANDIDATES_MAX, bytes: BYTES_MAX },
    };
    let original = Original::of(request.body);
    (0..=2).find_map(|changes| search.with(changes, &original, request)).unwrap_or_default()
}

/// For HTTP messages the parts are named in the request, so that the key alone can be mistaken.
pub(super) fn http_message(keys: &Keys, request: &Request<'_>) -> Vec<Cause> {
    let entries = http::read(request).ok().flatten().unwrap_or_default();
    let keys = keys_of(keys, request, Secret::plain_form);
    let found = entries.iter().find_map(|entry| {
        let base = entry.base(request).ok()?;
        let (cause, _) = keys.iter().find(|(_, key)| entry.is_hmac(key, &base))?;
        cause.clone()
    });
    found.into_iter().collect()
}

/// The rewrite whose digest the request claims.
pub(super) fn digest(scheme: Scheme, request: &Request<'_>) -> Option<Cause> {
    let claimed = match scheme {
        Scheme::Twilio => {
            let hex = twilio::digest(request.url)?;
            vec![http::Digest::Sha256(super::super::mac::from_hex(hex)?)]
        }
        _ => http::digests(request).ok()?,
    };
    let original = Original::of(request.body);
    let is_of =
        |body: &[u8]| !claimed.is_empty() && claimed.iter().all(|digest| digest.is_of(body));
    Rewrite::all()
        .find(|rewrite| original.under(*rewrite).is_some_and(|body| is_of(&body)))
        .map(Cause::Body)
}

struct Search<'a> {
    scheme: Scheme,
    claim: Claim<'a>,
    /// The signatures as the scheme reads them.
    strict: Vec<&'a [u8]>,
    /// Everything in the field that might be one.
    loose: Vec<&'a [u8]>,
    keys: Vec<Candidate<Cow<'a, [u8]>>>,
    means: Means,
}

/// What the search may still cost.
struct Means {
    candidates: usize,
    bytes: usize,
}

impl Means {
    /// Takes a candidate's cost, if that much is left; once it is not, nothing is.
    fn spend(&mut self, bytes: usize) -> Option<()> {
        let left = self.candidates.checked_sub(1).zip(self.bytes.checked_sub(bytes));
        (self.candidates, self.bytes) = left.unwrap_or_default();
        left.map(|_| ())
    }
}

impl<'a> Search<'a> {
    /// What explains the signature with exactly this many changes.
    fn with(
        &mut self,
        changes: usize,
        original: &Original<'_>,
        request: &Request<'_>,
    ) -> Option<Vec<Cause>> {
        if let Some(causes) = self.of_body(None, changes, request) {
            return Some(causes);
        }
        let left = changes.checked_sub(1)?;
        Rewrite::all().find_map(|rewrite| {
            // Once the means are spent, rewriting costs without a use.
            (self.means.candidates > 0).then_some(())?;
            let body = original.under(rewrite)?;
            let request = Request { body: &body, ..*request };
            self.of_body(Some(&Cause::Body(rewrite)), left, &request)
        })
    }

    /// Tries the parts and the keys over one body, with this many changes among them.
    fn of_body(
        &mut self,
        body: Option<&Cause>,
        changes: usize,
        request: &Request<'_>,
    ) -> Option<Vec<Cause>> {
        let claim = Claim { marks: Vec::new(), ..self.claim };
        for signed in self.scheme.signed(&claim, request) {
            for (part, signed) in layouts(&signed, request) {
                let left = changes.checked_sub(usize::from(part.is_some()));
                for place in 0..self.keys.len() {
                    let key = self.keys[place].0.clone();
                    if left != Some(usize::from(key.is_some())) {
                        continue;
                    }
                    if let Some(spelling) = self.spelling(place, &signed) {
                        let causes = [body.cloned(), part, key].into_iter().flatten();
                        return Some(causes.chain(spelling).collect());
                    }
                }
            }
        }
        None
    }

    /// How the request spells the signature of this content, if it holds it at all.
    fn spelling(&mut self, key: usize, signed: &Signed<'_>) -> Option<Vec<Cause>> {
        self.means.spend(signed.len())?;
        let shape = self.scheme.shape();
        let made = hmac(shape.hash, &self.keys[key].1, signed.parts());
        let found = |marks: &[&[u8]], encoding: Encoding| {
            let text = encoding.encode(&made);
            marks.iter().any(|mark| is_spelled(mark, text.as_bytes(), encoding))
        };
        let prefix = |encoding| (!found(&self.strict, encoding)).then_some(Cause::Prefix);
        let encoding = Encoding::ALL.into_iter().find(|encoding| found(&self.loose, *encoding))?;
        let other = (encoding != shape.encoding).then_some(Cause::Encoding(encoding));
        Some(other.into_iter().chain(prefix(encoding)).collect())
    }
}

/// URL-safe base64 comes with padding and without.
fn is_spelled(mark: &[u8], text: &[u8], encoding: Encoding) -> bool {
    match (encoding, mark.strip_prefix(text)) {
        (Encoding::UrlBase64, Some(rest)) => matches!(rest, b"" | b"=" | b"=="),
        (_, rest) => rest == Some(b""),
    }
}

/// The right parts, then those of known mistakes.
fn layouts<'s>(signed: &Signed<'s>, request: &Request<'s>) -> Vec<Candidate<Signed<'s>>> {
    let mut layouts = vec![(None, signed.clone())];
    let with = |place: usize, piece: Vec<u8>| {
        let mut changed = signed.clone();
        changed.pieces[place].1 = piece.into();
        changed
    };
    for (place, (name, piece)) in signed.pieces.iter().enumerate() {
        match *name {
            "timestamp" => {
                let seconds = std::str::from_utf8(piece).ok().and_then(|text| text.parse().ok());
                for other in
                    seconds.into_iter().flat_map(|n: i64| [n.saturating_mul(1000), n / 1000])
                {
                    let changed = with(place, other.to_string().into_bytes());
                    layouts.push((Some(Cause::Milliseconds), changed));
                }
            }
            "url" => {
                let other = other_scheme(piece);
                layouts.extend(other.map(|url| (Some(Cause::UrlScheme), with(place, url))));
            }
            _ => {}
        }
    }
    if signed.pieces.len() > 1 {
        layouts.push((Some(Cause::BodyOnly), Signed::new("", [("body", request.body)])));
        let others = SEPARATORS.iter().filter(|other| **other != signed.separator);
        layouts.extend(others.map(|separator| {
            (Some(Cause::Separator(separator)), Signed { separator, ..signed.clone() })
        }));
    }
    if signed.pieces.len() > 2 {
        layouts.extend((0..signed.pieces.len() - 1).map(|place| {
            let mut left = signed.clone();
            let (name, _) = left.pieces.remove(place);
            (Some(Cause::Omitted(name)), left)
        }));
    }
    layouts
}

fn other_scheme(url: &[u8]) -> Option<Vec<u8>> {
    let other = |from: &[u8], to: &[u8]| Some([to, url.strip_prefix(from)?].concat());
    other(b"https://", b"http://").or_else(|| other(b"http://", b"https://"))
}

/// The keys in force in their right form, then in others, then the other known ones.
fn keys_of<'a>(
    keys: &'a Keys,
    request: &Request<'_>,
    form_of: impl Fn(&Secret) -> Form,
) -> Vec<Candidate<Cow<'a, [u8]>>> {
    let mut found: Vec<Candidate<Cow<'a, [u8]>>> = Vec::new();
    let mut add = |cause: Option<Cause>, secret: &'a Secret, form| {
        if let Ok(key) = Secret::key(secret, form)
            && found.iter().all(|(_, earlier)| *earlier != key)
        {
            found.push((cause, key));
        }
    };
    for secret in keys.secrets.iter().filter(|secret| !secret.is_ed25519()) {
        add(None, secret, form_of(secret));
    }
    for secret in keys.secrets.iter().filter(|secret| !secret.is_ed25519()) {
        for form in Form::ALL {
            add(Some(Cause::SecretForm(form)), secret, form);
        }
    }
    // The rest of the means is the rewrites'.
    let affordable = BYTES_MAX / 8 / request.body.len().max(1);
    let known = keys.known.iter().take(affordable.min(Limits::WHY_NOT_SECRETS_MAX)).enumerate();
    for (place, secret) in known.filter(|(_, secret)| !secret.is_ed25519()) {
        add(Some(Cause::OtherSecret(place)), secret, form_of(secret));
    }
    found
}

/// What in a field's value might be a signature: the words of it, and what follows a `=` in each.
fn pieces(value: &[u8]) -> Vec<&[u8]> {
    let words = value.split(|b| matches!(b, b' ' | b',' | b';' | b'\t')).filter(|w| !w.is_empty());
    let pieces = words.flat_map(|word| {
        let after = word.iter().position(|&b| b == b'=').map(|at| &word[at + 1..]);
        [Some(word), after.filter(|after| !after.is_empty())].into_iter().flatten()
    });
    pieces.take(Limits::WHY_NOT_ENTRIES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_that_are_spent_stay_spent() {
        let mut means = Means { candidates: 3, bytes: 10 };
        assert_eq!(means.spend(4), Some(()));
        assert_eq!(means.spend(7), None);
        assert_eq!(means.spend(0), None);
        let mut means = Means { candidates: 1, bytes: 10 };
        assert_eq!(means.spend(1), Some(()));
        assert_eq!(means.spend(1), None);
    }
}
