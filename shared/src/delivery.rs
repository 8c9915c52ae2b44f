//! A delivery: one event to one webhook; an attempt: one HTTP try of it.

mod live;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::capture::BodyDocument;
use crate::headers::Octets;
use crate::id::Timestamp;
pub use live::{AttemptSummary, Message, Watched};

/// What an event is fired from. Unknown fields are refused, so that a typo is not silence.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// The slug of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its payload, sent as it is spelled; one is generated where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub payload: Option<Box<RawValue>>,
    /// What the generated payload grows from: the same seed, the same payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Fields of the generated payload to set, by dotted path: `{"customer.id": 7}`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = HashMap<String, Value>)]
    pub set: Map<String, Value>,
}

/// An event that was fired, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FiredEvent {
    /// Its id, constant over deliveries and attempts.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// The seed of a generated payload.
    pub seed: Option<u64>,
    /// Its payload.
    pub payload: Value,
    /// One delivery for each webhook that it triggered.
    pub deliveries: Vec<Delivery>,
}

/// One event to one webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Its id.
    pub id: Uuid,
    /// The event's id, sent as `webhook-id`.
    pub event_id: String,
    /// The event's type.
    pub event: String,
    /// The webhook's number.
    pub webhook: i64,
    /// Where it goes: the webhook's URL; while it is pending it follows that URL's changes.
    pub target: String,
    /// Whether it is a test event: marked, logged, not counted.
    pub test: bool,
    /// Where it stands.
    pub state: DeliveryState,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its next attempt is due, while it is pending.
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    /// Why it ended without being delivered, where it did.
    #[serde(default)]
    pub because: Option<String>,
    /// Every attempt, the first one first.
    pub attempts: Vec<Attempt>,
}

/// What to send again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resend {
    /// Those accepted since then.
    pub since: Timestamp,
    /// Only those of this webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<i64>,
    /// Those that stand there, `exhausted` unless given; what is pending goes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<DeliveryState>,
}

/// How many are sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resent {
    /// Deliveries that are due now.
    pub resent: u64,
}

/// A page of the delivery log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Log {
    /// Deliveries, the newest first.
    pub items: Vec<Delivery>,
    /// What to give as `after` for the next page; none on the last.
    pub next: Option<String>,
    /// How many deliveries retention has dropped, all in all.
    #[serde(default)]
    pub dropped: u64,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is due, or will be.
    Pending,
    /// A target answered 2xx.
    Delivered,
    /// No attempt is left.
    Exhausted,
    /// It was called off: by hand, or because its webhook was deleted or deactivated.
    Cancelled,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Exhausted, Self::Cancelled];

    /// As it is told.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Exhausted => "exhausted",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One HTTP try of a delivery, as it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// Its number, from 1.
    pub n: u32,
    /// Whether it was asked for by hand: a resend.
    #[serde(default)]
    pub manual: bool,
    /// When it began.
    pub at: Timestamp,
    /// What was sent.
    pub request: SentRequest,
    /// What was answered, if anything was.
    pub response: Option<GotResponse>,
    /// How long each phase took.
    pub phases: Phases,
    /// How it ended.
    pub outcome: AttemptOutcome,
}

/// What an attempt sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SentRequest {
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The header fields, in the order sent.
    pub headers: Vec<(String, Octets)>,
    /// The body.
    pub body: BodyDocument,
}

/// What a target answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GotResponse {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Vec<(String, Octets)>,
    /// The body, up to 64 KiB.
    pub body: BodyDocument,
    /// Whether there was more than that.
    pub truncated: bool,
}

/// How long each phase of an attempt took, in microseconds; none where it was not reached or not
/// needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Phases {
    /// Whether the connection stood already: then there was nothing to resolve, connect or shake.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
    /// Resolving the name.
    pub dns_us: Option<u64>,
    /// Connecting.
    pub connect_us: Option<u64>,
    /// The TLS handshake.
    pub tls_us: Option<u64>,
    /// From the first byte sent to the first byte of the answer.
    pub first_byte_us: Option<u64>,
    /// From there to the answer's end.
    pub body_us: Option<u64>,
    /// All of it.
    pub total_us: u64,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// 2xx, and nothing else, is success.
    Delivered,
    /// The target answered, and not with 2xx.
    Refused {
        /// Its status.
        status: u16,
        /// What to try.
        hint: String,
    },
    /// There was no whole answer.
    Failed {
        /// Where it ended.
        phase: Phase,
        /// Why, such as `connection refused`.
        cause: String,
        /// What to try.
        hint: String,
    },
    /// The sender stopped while it was under way, so nobody knows how it ended; it is made again.
    Interrupted,
    /// It was made and logged, and what was logged of it cannot be read any more: a power cut took
    /// it, or the disk is damaged.
    Lost,
}

/// A phase of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Vetting the target: it is not one that may be dialled.
    Policy,
    /// Resolving the name.
    Dns,
    /// Connecting.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending the request.
    Send,
    /// Waiting for the answer's head.
    FirstByte,
    /// Reading the answer's body.
    Body,
}

impl Phase {
    /// As it is told.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::FirstByte => "first_byte",
            Self::Body => "body",
        }
    }
}
