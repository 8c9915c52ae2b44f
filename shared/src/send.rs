//! A one-off send: nothing registered, any body, any signature, any planned fault.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::delivery::{Attempt, DeliveryState, SentRequest};
use crate::headers::Octets;
use crate::id::Timestamp;
use crate::signature::Scheme;
use crate::span::Span;
use crate::webhook::Profile;

/// What to send. Unknown fields are refused, so that a typo is not silence.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewSend {
    /// Where to: each delivery goes to all of them.
    #[schema(min_items = 1, max_items = 16)]
    pub to: Vec<String>,
    /// The event's type: one of the catalogue gives the payload, any other needs `payload`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The event's payload, put into the profile's own form; a generated one where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub payload: Option<Box<RawValue>>,
    /// Fields of the payload to set, by dotted path: `{"customer.id": 7}`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub set: Map<String, Value>,
    /// Makes the payload just invalid: one field is missing, null, or of another type.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub invalid: bool,
    /// The body as it is, in the place of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The same for bytes that are no text, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
    /// Payloads or bodies, one delivery each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// How it is put on the wire.
    pub profile: Profile,
    /// How it is signed, in the place of the profile's own way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// What signs it; unsigned where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The method; `POST` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What the content is; the profile's unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Header fields that take the place of those of the same name, or come after all others; an
    /// empty value takes one away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub headers: Vec<(String, String)>,
    /// The event's id; made from the seed unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The time that is signed; now unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How many events, each with a payload and an id of its own; 1 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub repeat: Option<u32>,
    /// Deliveries a second, begun whether or not earlier ones have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Deliveries in flight at once; 1 unless given, or as many as it takes with a rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 128)]
    pub concurrency: Option<usize>,
    /// How long to wait before each further attempt; there is one attempt unless given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 9)]
    pub retries: Vec<Span>,
    /// How long an attempt may take; the profile's time unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// What payloads, ids and faults grow from: the same seed, the same bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Planned faults, such as `duplicate`, `stale=10m` or `wrong-signature`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub faults: Vec<String>,
}

/// What became of a send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SendReport {
    /// What everything grew from: give it again for the same bytes.
    pub seed: u64,
    /// Every delivery, in the order in which they ended.
    pub deliveries: Vec<SentDelivery>,
    /// Deliveries that did not begin in time.
    pub unsent: usize,
}

/// One delivery of a send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SentDelivery {
    /// Its place in the order of sending, from 1.
    pub n: usize,
    /// The event's id.
    pub id: String,
    /// The event's type, where there is one.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Where it went.
    pub target: String,
    /// What is invalid in its payload, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid: Option<String>,
    /// What was bent, and what a correct consumer does about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<ToldFault>,
    /// Whether the consumer did what it must, where something was bent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer_ok: Option<bool>,
    /// How it ended.
    pub state: DeliveryState,
    /// Every attempt, the first one first.
    pub attempts: Vec<Attempt>,
}

/// One delivery of a send that is not sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DryRun {
    /// Its place in the order of sending, from 1.
    pub n: usize,
    /// The event's id.
    pub id: String,
    /// The event's type, where there is one.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What is invalid in its payload, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid: Option<String>,
    /// What is bent, and what a correct consumer does about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<ToldFault>,
    /// What would be sent.
    pub request: SentRequest,
    /// The same as it would go out, byte for byte.
    pub raw: Octets,
}

/// A planned fault, told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToldFault {
    /// The fault as it is asked for.
    pub fault: String,
    /// What was bent.
    pub bent: String,
    /// What a correct consumer does.
    pub must: String,
}
