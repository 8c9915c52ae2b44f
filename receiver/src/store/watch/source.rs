//! What a watcher watches, and how far it has come.

use std::collections::VecDeque;
use std::sync::Arc;

use hooklab_shared::id::Seq;
use hooklab_shared::live::{GapReason, Message};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::store::bin::{Bin, State};
use crate::store::hub::{Seat, frame};

pub(super) enum Source {
    Bin(Standing),
    /// Live only: there is no seq over all bins to resume from.
    All,
}

/// How far a watcher of one bin has come.
pub(super) struct Standing {
    pub(super) bin: Arc<Bin>,
    /// The newest capture that was told, or is known to be gone.
    pub(super) told: Seq,
    /// The newest clear that was told.
    cleared: Seq,
    /// Whether the store holds what the channel no longer does.
    pub(super) behind: bool,
}

impl Source {
    pub(super) fn is_behind(&self) -> bool {
        matches!(self, Self::Bin(Standing { behind: true, .. }))
    }

    /// Whether a capture has not been told yet; from now on it has.
    pub(super) fn is_news(&mut self, seq: Seq) -> bool {
        match self {
            Self::Bin(standing) if seq <= standing.told => false,
            Self::Bin(standing) => {
                standing.told = seq;
                true
            }
            Self::All => true,
        }
    }

    /// The same for a clear, which takes what came before it along.
    pub(super) fn is_cleared(&mut self, to: Seq) -> bool {
        match self {
            Self::Bin(standing) if to > standing.cleared => {
                standing.cleared = to;
                standing.told = standing.told.max(to);
                true
            }
            Self::Bin(_) => false,
            Self::All => true,
        }
    }

    /// What to resume after, where there is such a thing.
    pub(super) fn place(&self, seq: Seq) -> Option<Seq> {
        matches!(self, Self::Bin(_)).then_some(seq)
    }
}

impl Standing {
    /// Takes a seat in the bin's channel, and tells where the bin stands at that moment; none where
    /// it is deleted.
    pub(super) fn join(
        bin: Arc<Bin>,
        after: Option<Seq>,
        filters: bool,
    ) -> Option<(Self, Message, Seat)> {
        let mut state = bin.state();
        if state.deleted {
            return None;
        }
        let seat = state.hub.join(filters);
        let newest = state.index.newest;
        let (hello, cleared) = (hello(&bin, &state), state.index.cleared);
        drop(state);
        let told = after.map_or(newest, |after| after.min(newest));
        let behind = after.is_some_and(|after| after < newest);
        Some((Self { bin, told, cleared, behind }, hello, seat))
    }

    /// Tells of what went while nobody told; says whether that was the end.
    pub(super) fn miss_what_is_gone(
        &mut self,
        ready: &mut VecDeque<(Option<Seq>, Utf8Bytes)>,
    ) -> bool {
        let state = self.bin.state();
        if state.deleted {
            ready.extend(frame(&Message::Deleted).map(|frame| (None, frame)));
            return true;
        }
        if self.told < state.index.floor {
            let reason = match self.told < state.index.dropped_to {
                true => GapReason::Retention,
                false => GapReason::Deleted,
            };
            let (from, to) = (self.told + 1, state.index.floor);
            self.told = to;
            let gap = frame(&Message::Gap { from, to, reason });
            ready.extend(gap.map(|frame| (Some(to), frame)));
        }
        if self.cleared < state.index.cleared {
            self.cleared = state.index.cleared;
            let cleared = frame(&Message::Cleared { to: self.cleared });
            ready.extend(cleared.map(|frame| (Some(self.told), frame)));
        }
        false
    }
}

fn hello(bin: &Bin, state: &State) -> Message {
    Message::Hello {
        bin: Some(bin.name.clone()),
        oldest_seq: state.index.oldest(),
        newest_seq: state.index.newest,
        dropped: state.index.dropped,
    }
}
