//! What a watcher is told, one JSON object a frame.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::bin::Bin;
use crate::capture::Summary;
use crate::id::{BinName, Seq};

/// A live message.
///
/// ```
/// use hooklab_shared::live::Message;
/// let json = r#"{"type":"gap","from":1,"to":9,"reason":"retention"}"#;
/// assert!(matches!(serde_json::from_str(json), Ok(Message::Gap { from: 1, to: 9, .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// The first message: where the bin stands.
    Hello {
        /// The bin; none on the channel of all bins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bin: Option<BinName>,
        /// The oldest capture that is still there; none on the channel of all bins.
        #[schema(value_type = Option<u64>)]
        oldest_seq: Option<Seq>,
        /// The newest that was ever given, 0 before the first and on the channel of all bins.
        #[schema(value_type = u64)]
        newest_seq: Seq,
        /// How many captures retention has dropped.
        dropped: u64,
    },
    /// A capture, committed.
    Capture {
        /// Its place, also in the summary: what to resume after.
        #[schema(value_type = u64)]
        seq: Seq,
        /// What it is.
        summary: Box<Summary>,
    },
    /// Captures that can no longer be told.
    Gap {
        /// The first of them.
        #[schema(value_type = u64)]
        from: Seq,
        /// The last of them.
        #[schema(value_type = u64)]
        to: Seq,
        /// Why they are gone.
        reason: GapReason,
    },
    /// Every capture of the bin was deleted, up to and with this one.
    Cleared {
        /// The newest that went.
        #[schema(value_type = u64)]
        to: Seq,
    },
    /// The bin itself was made or changed.
    Bin {
        /// As it is now.
        bin: Box<Bin>,
    },
    /// The bin was deleted; nothing follows.
    Deleted,
    /// On the channel of all bins: every capture of this one was deleted, up to and with `to`.
    BinCleared {
        /// The bin.
        bin: BinName,
        /// The newest that went.
        #[schema(value_type = u64)]
        to: Seq,
    },
    /// On the channel of all bins: this one was deleted.
    BinDeleted {
        /// The bin.
        bin: BinName,
    },
    /// On the channel of all bins: its watcher was slower than what came, and has missed messages,
    /// which the bins themselves still tell.
    Missed {
        /// How many.
        messages: u64,
    },
}

/// Why captures can no longer be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// Retention dropped them.
    Retention,
    /// Somebody deleted them.
    Deleted,
}
