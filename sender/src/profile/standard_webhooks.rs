//! Standard Webhooks 1.0.0: `{"type","timestamp","data"}`, signed over id, timestamp and body.

use std::io::Write as _;

use super::{Dress, Event};
use crate::outgoing::Fields;

/// What stands around an event's type and payload, in bytes.
const FRAME_BYTES: usize = 72;

pub(super) fn fields(dress: Dress<'_>) -> Fields {
    let mut fields = Fields::default();
    fields.push("host", dress.host());
    fields.push("user-agent", dress.sending.user_agent.to_owned());
    fields.push("content-type", dress.content_type("application/json"));
    fields.push("content-length", dress.length_bytes.to_string());
    fields.extend(dress.signature);
    fields
}

/// The timestamp is the event's, not the attempt's, so that the body is the same in every attempt.
pub(super) fn body(event: &Event) -> Vec<u8> {
    let Event { kind, created_at, payload, .. } = event;
    let mut body = Vec::with_capacity(FRAME_BYTES + kind.len() + payload.len());
    body.extend_from_slice(b"{\"type\":");
    let _ = serde_json::to_writer(&mut body, kind);
    // It was parsed before it was accepted, and need not be again.
    let payload = payload.trim_ascii();
    let _ = write!(body, r#","timestamp":"{created_at}","data":{payload}}}"#);
    body
}
