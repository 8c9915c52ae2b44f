//! Stripe: an event object around the payload, over several lines; time and signature in one
//! field.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Dress, Event, raw};
use crate::outgoing::Fields;

const USER_AGENT: &str = "Stripe/1.0 (+https://stripe.com/docs/webhooks)";

/// The version of Stripe's API whose event object this is.
const API_VERSION: &str = "2024-06-20";

#[derive(Serialize)]
struct Content<'a> {
    id: &'a str,
    object: &'static str,
    api_version: &'static str,
    created: i64,
    data: Data<'a>,
    livemode: bool,
    pending_webhooks: u32,
    request: Request,
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Serialize)]
struct Data<'a> {
    object: &'a RawValue,
}

/// What raised the event: nothing that came over the API.
#[derive(Serialize)]
struct Request {
    id: Option<&'static str>,
    idempotency_key: Option<&'static str>,
}

pub(super) fn fields(dress: Dress<'_>) -> Fields {
    let mut fields = Fields::default();
    fields.push("Host", dress.host());
    fields.push("User-Agent", USER_AGENT);
    fields.push("Content-Length", dress.length_bytes.to_string());
    fields.push("Accept", "*/*; q=0.5, application/xml");
    fields.push("Cache-Control", "no-cache");
    fields.push("Content-Type", dress.content_type("application/json; charset=utf-8"));
    fields.extend(dress.signature);
    fields
}

pub(super) fn body(event: &Event) -> Vec<u8> {
    let content = Content {
        id: &event.id,
        object: "event",
        api_version: API_VERSION,
        created: event.created_at.as_secs(),
        data: Data { object: raw(event) },
        livemode: false,
        pending_webhooks: 1,
        request: Request { id: None, idempotency_key: None },
        kind: &event.kind,
    };
    serde_json::to_vec_pretty(&content).unwrap_or_default()
}
