//! What is told of deliveries on their way, and what it adds up to.

use std::time::Duration;

use hooklab_shared::delivery::{AttemptOutcome, Phase};
use hooklab_shared::id::Seq;
use hooklab_shared::live::GapReason;
use hooklab_shared::span::Span;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something happened on the way from a bin to its targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Told {
    /// The bin is followed: captures after this one go out.
    Following {
        /// The capture.
        #[schema(value_type = u64)]
        after: Seq,
    },
    /// A delivery ended well.
    Delivered(Handed),
    /// A delivery ended otherwise: no attempt is left.
    Exhausted(Handed),
    /// An attempt failed, and there will be another.
    Retry {
        /// What was tried.
        #[serde(flatten)]
        tried: Handed,
        /// How long until the next attempt.
        again_in: Span,
    },
    /// A capture does not go out.
    Skipped {
        /// The capture.
        #[schema(value_type = u64)]
        seq: Seq,
        /// Where it would have gone.
        target: String,
        /// What kind of reason there is.
        because: Because,
        /// Why.
        why: String,
    },
    /// Captures that are gone, and cannot go out.
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
    /// The connection to the receiver is lost, and will be opened again after this capture.
    Lost {
        /// The capture.
        #[schema(value_type = u64)]
        after: Seq,
    },
    /// More captures were asked for than one replay takes: it ended after this one.
    Cut {
        /// The capture.
        #[schema(value_type = u64)]
        after: Seq,
    },
    /// The bin was made anew: its captures go out from the first one on.
    Anew,
    /// The bin was deleted; nothing follows.
    Deleted,
}

/// Why a capture does not go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// The filter gives nothing for it.
    Filter,
    /// It came back by a forward.
    Loop,
    /// It was wanted, and cannot go out.
    Failure,
}

/// One delivery of a capture to a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Handed {
    /// The capture.
    #[schema(value_type = u64)]
    pub seq: Seq,
    /// Its place among the capture's deliveries, from 1: a filter may give several.
    pub part: u32,
    /// Where it went, its query left out.
    pub target: String,
    /// How many attempts it took so far.
    pub attempts: u32,
    /// What the last one was answered.
    pub status: Option<u16>,
    /// How long the last one took, in microseconds.
    pub took_us: u64,
    /// How the last one ended.
    pub outcome: AttemptOutcome,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tally {
    /// Deliveries that ended well.
    pub delivered: u64,
    /// Deliveries that did not, and captures that could not go out.
    pub failed: u64,
    /// Of those, whose target could not be connected to.
    pub unreachable: u64,
    /// Captures that a filter gave nothing for, or that came back by a forward.
    pub skipped: u64,
    /// Captures that were gone.
    pub gone: u64,
}

impl Tally {
    /// Counts what was told.
    pub fn count(&mut self, told: &Told) {
        match told {
            Told::Delivered(_) => self.delivered += 1,
            Told::Exhausted(handed) => {
                self.failed += 1;
                self.unreachable += u64::from(handed.is_unreachable());
            }
            Told::Skipped { because: Because::Failure, .. } => self.failed += 1,
            Told::Skipped { .. } => self.skipped += 1,
            Told::Gap { from, to, .. } => self.gone += to.saturating_sub(*from) + 1,
            Told::Following { .. }
            | Told::Retry { .. }
            | Told::Lost { .. }
            | Told::Cut { .. }
            | Told::Anew
            | Told::Deleted => {}
        }
    }
}

impl Handed {
    /// Whether nothing could be sent.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        let AttemptOutcome::Failed { phase, .. } = self.outcome else { return false };
        matches!(phase, Phase::Policy | Phase::Dns | Phase::Connect | Phase::Tls)
    }
}

/// The wait as it is told: in milliseconds, so that it stays short.
pub(super) fn span(wait: Duration) -> Span {
    let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(ms).into()
}
