//! Linear: the body in hex. Its `webhookTimestamp`, milliseconds, is what bounds it in time.

use serde::Deserialize;

use super::clock::Clock;
use super::mac::Encoding;
use super::shape::{PLAIN, Shape};

pub(super) const SHAPE: Shape =
    Shape { header: "Linear-Signature", encoding: Encoding::Hex, clock: Clock::InBody, ..PLAIN };

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "webhookTimestamp")]
    timestamp_ms: i64,
}

/// The time in seconds that the body tells; a body without one is bounded by nothing.
pub(super) fn sent_at(body: &[u8]) -> Option<i64> {
    let body: Body = serde_json::from_slice(body).ok()?;
    Some(body.timestamp_ms.div_euclid(1000))
}
