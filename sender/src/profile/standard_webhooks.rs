//! Standard Webhooks 1.0.0: `{"type","timestamp","data"}`, signed over id, timestamp and body.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Dress, Event, raw};
use crate::outgoing::Fields;

#[derive(Serialize)]
struct Content<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    data: &'a RawValue,
}

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
    let timestamp = event.created_at.to_string();
    let content = Content { kind: &event.kind, timestamp, data: raw(event) };
    serde_json::to_vec(&content).unwrap_or_default()
}
