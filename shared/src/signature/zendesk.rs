//! Zendesk: an RFC 3339 timestamp and the body, nothing between them, in base64.

use super::Request;
use super::clock::Clock;
use super::shape::{Claim, PLAIN, Shape, Signed};

pub(super) const SHAPE: Shape = Shape {
    header: "X-Zendesk-Webhook-Signature",
    timestamp: Some("X-Zendesk-Webhook-Signature-Timestamp"),
    clock: Clock::Rfc3339,
    ..PLAIN
};

pub(super) fn signed<'a>(claim: &Claim<'a>, request: &Request<'a>) -> Signed<'a> {
    Signed::new("", [("timestamp", claim.timestamp), ("body", request.body)])
}
