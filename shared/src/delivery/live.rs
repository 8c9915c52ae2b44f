//! What a watcher of the sender is told, one JSON object a frame.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AttemptOutcome, DeliveryState};
use crate::id::Timestamp;
use crate::webhook::Webhook;

/// A live message of the sender. Bodies are not part of it: the delivery log has them.
///
/// ```
/// use hooklab_shared::delivery::Message;
/// let json = r#"{"type":"gap","missed":7}"#;
/// assert!(matches!(serde_json::from_str(json), Ok(Message::Gap { missed: 7 })));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = SenderMessage)]
pub enum Message {
    /// The first message.
    Hello {
        /// The webhook that is watched; none for all of them.
        webhook: Option<i64>,
        /// When watching began.
        at: Timestamp,
    },
    /// A delivery was accepted, or is sent again.
    Fired {
        /// Which.
        #[serde(flatten)]
        delivery: Watched,
        /// The event's type.
        event: String,
        /// The event's id.
        event_id: String,
        /// Where it goes.
        target: String,
        /// Whether it is a test.
        test: bool,
    },
    /// An attempt is over, and will be followed by another.
    Attempt {
        /// Which delivery.
        #[serde(flatten)]
        delivery: Watched,
        /// How it went.
        attempt: AttemptSummary,
        /// When the next one is due.
        due_at: Timestamp,
    },
    /// An attempt is over, and the target answered 2xx.
    Delivered {
        /// Which delivery.
        #[serde(flatten)]
        delivery: Watched,
        /// How it went.
        attempt: AttemptSummary,
    },
    /// An attempt is over, and none is left.
    Exhausted {
        /// Which delivery.
        #[serde(flatten)]
        delivery: Watched,
        /// How it went.
        attempt: AttemptSummary,
    },
    /// A delivery was called off.
    Cancelled {
        /// Which.
        #[serde(flatten)]
        delivery: Watched,
        /// Why.
        because: String,
    },
    /// A webhook was made or changed.
    Webhook {
        /// As it is now.
        #[serde(flatten)]
        webhook: Box<Webhook>,
    },
    /// A webhook was deactivated by hooklab itself.
    Deactivated {
        /// Its number.
        webhook: i64,
        /// Why.
        because: String,
    },
    /// A webhook was deleted.
    Deleted {
        /// Its number.
        webhook: i64,
    },
    /// The watcher was too slow, and these messages were not kept for it: the log has them all.
    Gap {
        /// How many.
        missed: u64,
    },
}

/// A delivery, by its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Watched {
    /// The delivery's id.
    pub id: Uuid,
    /// Its webhook's number.
    pub webhook: i64,
}

/// An attempt, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptSummary {
    /// Its number, from 1.
    pub n: u32,
    /// When it began.
    pub at: Timestamp,
    /// Whether it was asked for by hand.
    pub manual: bool,
    /// What was answered, if anything was.
    pub status: Option<u16>,
    /// How long it took, in microseconds.
    pub total_us: u64,
    /// How it ended.
    pub outcome: AttemptOutcome,
}

impl Message {
    /// What is told of an attempt that is over, by where its delivery stands now.
    #[must_use]
    pub fn of_attempt(
        delivery: Watched,
        attempt: AttemptSummary,
        state: DeliveryState,
        due_at: Timestamp,
    ) -> Self {
        match state {
            DeliveryState::Pending => Self::Attempt { delivery, attempt, due_at },
            DeliveryState::Delivered => Self::Delivered { delivery, attempt },
            DeliveryState::Exhausted => Self::Exhausted { delivery, attempt },
            DeliveryState::Cancelled => {
                let because = "it was called off while this attempt was under way".to_owned();
                Self::Cancelled { delivery, because }
            }
        }
    }
}
