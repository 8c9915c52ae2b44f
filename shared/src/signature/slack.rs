//! Slack: `v0:{timestamp}:{body}` in hex.

use super::Request;
use super::clock::Clock;
use super::mac::Encoding;
use super::shape::{Claim, PLAIN, Shape, Signed};

pub(super) const SHAPE: Shape = Shape {
    header: "X-Slack-Signature",
    prefix: "v0=",
    timestamp: Some("X-Slack-Request-Timestamp"),
    encoding: Encoding::Hex,
    clock: Clock::Seconds,
    ..PLAIN
};

pub(super) fn signed<'a>(claim: &Claim<'a>, request: &Request<'a>) -> Signed<'a> {
    let pieces = [("version", &b"v0"[..]), ("timestamp", claim.timestamp), ("body", request.body)];
    Signed::new(":", pieces)
}
