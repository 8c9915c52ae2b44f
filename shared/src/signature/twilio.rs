//! Twilio: HMAC-SHA1 in base64 of the URL and the sorted fields of a form; of any other body, the
//! URL holds the digest as `bodySHA256`.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use subtle::ConstantTimeEq;

use super::mac::{Hash, hex, sha256};
use super::shape::{PLAIN, Shape, Signed};
use super::{Reason, Request, fields};

const DIGEST: &str = "bodySHA256";

pub(super) const SHAPE: Shape = Shape { header: "X-Twilio-Signature", hash: Hash::Sha1, ..PLAIN };

/// The URL to send a body to that is not a form: with the body's digest in its query.
///
/// ```
/// use hooklab_shared::signature::twilio::url_with_digest;
/// assert!(url_with_digest("http://h/?a=b", b"{}").starts_with("http://h/?a=b&bodySHA256=44136"));
/// ```
#[must_use]
pub fn url_with_digest(url: &str, body: &[u8]) -> String {
    let (url, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{DIGEST}={}{fragment}", hex(&sha256(body)))
}

/// The same content under the URL as it is, without its port, and with the scheme's own: senders
/// and proxies disagree.
pub(super) fn signed<'a>(request: &Request<'a>) -> Vec<Signed<'a>> {
    let form = if is_form(request) { sorted_form(request.body) } else { Vec::new() };
    let mut signed: Vec<Signed<'a>> = Vec::new();
    for url in urls(request.url) {
        if signed.iter().all(|earlier| earlier.pieces[0].1 != url) {
            let pieces = vec![("url", url), ("form", form.clone().into())];
            signed.push(Signed { pieces, separator: "" });
        }
    }
    signed
}

/// # Errors
/// The body is neither a form nor empty, and its digest is absent from the URL or wrong.
pub(super) fn bound(request: &Request<'_>) -> Result<(), Reason> {
    if is_form(request) {
        return Ok(());
    }
    let Some(digest) = digest(request.url) else {
        let empty = request.body.is_empty();
        return if empty { Ok(()) } else { Err(Reason::Uncovered(DIGEST)) };
    };
    let right = digest.ct_eq(hex(&sha256(request.body)).as_bytes());
    if right.into() { Ok(()) } else { Err(Reason::Digest(DIGEST)) }
}

/// The body's digest as the URL claims it.
pub(super) fn digest(url: &[u8]) -> Option<&[u8]> {
    let query = url.splitn(2, |&b| b == b'?').nth(1)?;
    let query = query.split(|&b| b == b'#').next()?;
    let mut pairs = query.split(|&b| b == b'&');
    pairs.find_map(|pair| pair.strip_prefix(DIGEST.as_bytes())?.strip_prefix(b"="))
}

/// A form, unless the URL holds a digest: then that is what binds the body.
fn is_form(request: &Request<'_>) -> bool {
    let form = b"application/x-www-form-urlencoded";
    fields::media_type(request).eq_ignore_ascii_case(form) && digest(request.url).is_none()
}

/// Names and values one after the other, sorted, each pair once.
fn sorted_form(body: &[u8]) -> Vec<u8> {
    let pairs = body.split(|&b| b == b'&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| {
            let mut halves = pair.splitn(2, |&b| b == b'=');
            let mut half = || decoded(halves.next().unwrap_or_default());
            (half(), half())
        })
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.into_iter().flat_map(|(name, value)| [name, value]).collect::<Vec<_>>().concat()
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    percent_decode(&spaced).collect()
}

fn urls(url: &[u8]) -> [Cow<'_, [u8]>; 3] {
    let Some((start, host_end, end)) = authority(url) else {
        return [url.into(), url.into(), url.into()];
    };
    let port = if url[..start].eq_ignore_ascii_case(b"https://") { ":443" } else { ":80" };
    let with = |middle: &[u8]| [&url[..host_end], middle, &url[end..]].concat();
    let had_port = host_end != end;
    let with_port = if had_port { url.to_vec() } else { with(port.as_bytes()) };
    [url.into(), with(b"").into(), with_port.into()]
}

/// Where the authority begins, its host ends, and it ends itself.
fn authority(url: &[u8]) -> Option<(usize, usize, usize)> {
    let start = url.windows(3).position(|three| three == b"://")? + 3;
    let length = url[start..].iter().position(|b| b"/?#".contains(b));
    let end = length.map_or(url.len(), |length| start + length);
    let colon = url[start..end].iter().rposition(|&b| b == b':').map(|at| start + at);
    let is_port = |at: &usize| url[at + 1..end].iter().all(u8::is_ascii_digit);
    Some((start, colon.filter(is_port).unwrap_or(end), end))
}
