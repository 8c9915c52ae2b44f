//! Standard Webhooks 1.0.0: `{"type","timestamp","data"}`, signed over id, timestamp and body.

use hooklab_shared::signature::{Message, Scheme, sign};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Event, Sending, Wire};
use crate::outgoing::{Fields, host};

#[derive(Serialize)]
struct Content<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    data: &'a RawValue,
}

pub(super) fn wire(event: &Event, sending: &Sending<'_>) -> Wire {
    let body = content(event);
    let seconds = sending.at.as_secs();
    let mut fields = Fields::default();
    fields.push("host", host(sending.target));
    fields.push("user-agent", sending.user_agent.to_owned());
    fields.push("content-type", "application/json");
    fields.push("content-length", body.len().to_string());
    let message = Message {
        method: b"POST",
        url: b"",
        headers: &[],
        body: &body,
        id: &event.id,
        timestamp: seconds,
    };
    // Without a key that signs, id and timestamp still say which event this is.
    let signed = sign(Scheme::StandardWebhooks, sending.keys, &message);
    let unsigned =
        || vec![("webhook-id", event.id.clone()), ("webhook-timestamp", seconds.to_string())];
    for (name, value) in signed.unwrap_or_else(|_| unsigned()) {
        fields.push(name, value);
    }
    Wire { fields, body: body.into() }
}

/// The timestamp is the event's, not the attempt's, so that the body is the same in every attempt.
fn content(event: &Event) -> Vec<u8> {
    // A stored payload was parsed before it was accepted, so the fallback never shows.
    let data: &RawValue = serde_json::from_str(&event.payload).unwrap_or(RawValue::NULL);
    let timestamp = event.created_at.to_string();
    serde_json::to_vec(&Content { kind: &event.kind, timestamp, data }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use hooklab_shared::id::Timestamp;
    use hooklab_shared::signature::Keys;
    use hooklab_shared::signature::standard_webhooks::{Secret, verify};
    use url::Url;

    use super::*;

    #[test]
    fn the_body_keeps_the_payload_and_the_signature_verifies() {
        let event = Event {
            id: "evt_1".into(),
            kind: "payment_received".into(),
            created_at: Timestamp::from_micros(1_790_000_000_123_456),
            payload: r#"{"b":1.10,"a":12345678901234567890123}"#.into(),
        };
        let secret = Secret::from_key(&[7; 32]).unwrap();
        let target = Url::parse("http://127.0.0.1:4665/orders?x=1").unwrap();
        let at = Timestamp::from_micros(1_790_000_005_999_999);
        let keys = Keys::from(secret.clone());
        let sending = Sending { target: &target, at, keys: &keys, user_agent: "hooklab/0.1.0" };
        let wire = wire(&event, &sending);
        assert_eq!(
            std::str::from_utf8(&wire.body).unwrap(),
            "{\"type\":\"payment_received\",\"timestamp\":\"2026-09-21T14:13:20.123456Z\",\
             \"data\":{\"b\":1.10,\"a\":12345678901234567890123}}"
        );
        let value = |name| String::from_utf8(wire.fields.get(name).unwrap().to_vec()).unwrap();
        let names: Vec<_> = wire.fields.iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "host",
                "user-agent",
                "content-type",
                "content-length",
                "webhook-id",
                "webhook-timestamp",
                "webhook-signature"
            ]
        );
        assert_eq!(value("host"), "127.0.0.1:4665");
        assert_eq!(value("webhook-timestamp"), "1790000005");
        let signature = value("webhook-signature");
        let ts = value("webhook-timestamp");
        let now = 1_790_000_006;
        assert_eq!(verify(&secret, "evt_1", &ts, &signature, &wire.body, now), Ok(()));
    }
}
