//! Stripe: one field holds the time and the signatures, `t=…,v1=…[,v1=…]`. The key is the whole
//! `whsec_…` text, not what its base64 stands for.

use super::clock::Clock;
use super::mac::Encoding;
use super::shape::{Algorithm, Claim, Mark, PLAIN, Shape, Signed};
use super::{Reason, Request};

pub(super) const SHAPE: Shape = Shape {
    header: "Stripe-Signature",
    prefix: "v1=",
    encoding: Encoding::Hex,
    clock: Clock::SecondsPast,
    ..PLAIN
};

/// The one `t`; with two, nobody knows which was signed.
pub(super) fn timestamp(value: &[u8]) -> Result<&[u8], Reason> {
    let mut times = items(value, b"t=");
    match (times.next(), times.next()) {
        (Some(time), None) => Ok(time),
        _ => Err(Reason::Unreadable(SHAPE.header)),
    }
}

pub(super) fn marks(value: &[u8]) -> Vec<Mark<'_>> {
    items(value, b"v1=").map(|text| Mark { algorithm: Algorithm::Hmac, text }).collect()
}

pub(super) fn signed<'a>(claim: &Claim<'a>, request: &Request<'a>) -> Signed<'a> {
    Signed::new(".", [("timestamp", claim.timestamp), ("body", request.body)])
}

pub(super) fn write(timestamp: &str, marks: &[(Algorithm, String)]) -> String {
    marks.iter().fold(format!("t={timestamp}"), |value, (_, text)| value + ",v1=" + text)
}

fn items<'a>(value: &'a [u8], key: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    value.split(|&b| b == b',').filter_map(move |item| item.strip_prefix(key))
}
