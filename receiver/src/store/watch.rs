//! One watcher of one bin: hello, what it missed, then live, without loss or repeat.

use std::collections::VecDeque;
use std::sync::Arc;

use hooklab_shared::capture::Capture;
use hooklab_shared::id::Seq;
use hooklab_shared::live::{GapReason, Message};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::bins::{Bin, State};
use super::error::StoreError;
use super::hub::{Live, capture_frame, frame};
use super::index::Range;
use super::{Inner, Store};

/// Captures that are read at once for a watcher that is behind: what a socket feeds before it
/// flushes.
const PAGE_CAPTURES: usize = 64;

/// Which captures a watcher wants to be told of.
pub type Filter = Box<dyn Fn(&Capture) -> bool + Send + Sync>;

/// A watch over a bin; ends with its bin or its store. Dropping it counts it out.
///
/// It is in the channel before it reads what it missed, so that nothing falls in between, and
/// drops what both tell by its seq.
#[derive(Debug)]
pub struct Watch {
    store: Arc<Inner>,
    bin: Arc<Bin>,
    live: Receiver<Live>,
    ready: VecDeque<Utf8Bytes>,
    /// The newest capture that was told, or is known to be gone.
    told: Seq,
    /// The newest clear that was told.
    cleared: Seq,
    /// Whether the store holds what the channel no longer does.
    behind: bool,
    over: bool,
}

impl Watch {
    pub(super) fn begin(
        store: &Store,
        bin: Arc<Bin>,
        after: Option<Seq>,
    ) -> Result<Option<Self>, StoreError> {
        let store = Arc::clone(&store.0);
        store.bins.enter()?;
        let mut state = bin.state();
        if state.deleted {
            drop(state);
            store.bins.leave();
            return Ok(None);
        }
        let live = state.hub.join(store.bins.limits.live_messages_max);
        let newest = state.index.newest;
        let hello = hello(&bin, &state);
        let cleared = state.index.cleared;
        drop(state);
        Ok(Some(Self {
            store,
            bin,
            live,
            ready: hello.into_iter().collect(),
            told: after.map_or(newest, |after| after.min(newest)),
            cleared,
            behind: after.is_some_and(|after| after < newest),
            over: false,
        }))
    }

    /// The next live message, one JSON object; `None` once bin or store has ended.
    ///
    /// Cancel-safe: a message is handed out or kept.
    pub async fn next(&mut self) -> Option<Utf8Bytes> {
        loop {
            if let Some(frame) = self.at_hand() {
                return Some(frame);
            }
            if self.over {
                return None;
            }
            match self.live.recv().await {
                Ok(live) => self.take(live),
                Err(RecvError::Lagged(_)) => self.behind = true,
                Err(RecvError::Closed) => self.over = true,
            }
        }
    }

    /// The next live message if there is one already, so that many can be fed before one flush.
    pub fn try_next(&mut self) -> Option<Utf8Bytes> {
        loop {
            if let Some(frame) = self.at_hand() {
                return Some(frame);
            }
            if self.over {
                return None;
            }
            match self.live.try_recv() {
                Ok(live) => self.take(live),
                Err(TryRecvError::Lagged(_)) => self.behind = true,
                Err(TryRecvError::Closed) => self.over = true,
                Err(TryRecvError::Empty) => return None,
            }
        }
    }

    /// Whether the bin is gone, and not only the store closed.
    #[must_use]
    pub fn deleted(&self) -> bool {
        self.bin.state().deleted
    }

    /// What needs no waiting: frames that are ready, or that the store has.
    fn at_hand(&mut self) -> Option<Utf8Bytes> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            if self.over || !self.behind {
                return None;
            }
            self.catch_up();
        }
    }

    fn take(&mut self, live: Live) {
        match live {
            Live::Capture(seq, frame) if seq > self.told => {
                self.told = seq;
                self.ready.push_back(frame);
            }
            Live::Cleared(to, frame) if to > self.cleared => {
                self.cleared = to;
                self.told = self.told.max(to);
                self.ready.push_back(frame);
            }
            Live::Deleted(frame) => {
                self.over = true;
                self.ready.push_back(frame);
            }
            Live::Capture(..) | Live::Cleared(..) => {}
        }
    }

    /// Reads one page of what was missed; an empty one says that the channel has the rest.
    fn catch_up(&mut self) {
        if self.store.bins.is_closed() {
            self.over = true;
            return;
        }
        if self.miss_what_is_gone() {
            return;
        }
        let range = Range {
            after: Some(self.told),
            before: None,
            newest_first: false,
            limit: PAGE_CAPTURES,
        };
        match self.store.summaries(&self.bin, range) {
            Ok(page) => {
                self.behind = !page.is_empty();
                self.told = page.last().map_or(self.told, |summary| summary.seq);
                self.ready.extend(page.into_iter().filter_map(capture_frame));
            }
            Err(error) => {
                tracing::warn!(bin = %self.bin.name, %error, "a watch ended: failed to read on");
                self.over = true;
            }
        }
    }

    /// Tells of what went while nobody told; says whether that was the end.
    fn miss_what_is_gone(&mut self) -> bool {
        let state = self.bin.state();
        if state.deleted {
            self.over = true;
            self.ready.extend(frame(&Message::Deleted));
            return true;
        }
        if self.told < state.index.floor {
            let reason = match state.index.dropped {
                0 => GapReason::Deleted,
                _ => GapReason::Retention,
            };
            let (from, to) = (self.told + 1, state.index.floor);
            self.told = to;
            self.ready.extend(frame(&Message::Gap { from, to, reason }));
        }
        if self.cleared < state.index.cleared {
            self.cleared = state.index.cleared;
            self.ready.extend(frame(&Message::Cleared { to: self.cleared }));
        }
        false
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bin.state().hub.leave();
        self.store.bins.leave();
    }
}

fn hello(bin: &Bin, state: &State) -> Option<Utf8Bytes> {
    frame(&Message::Hello {
        bin: Some(bin.name.clone()),
        oldest_seq: state.index.oldest(),
        newest_seq: state.index.newest,
        dropped: state.index.dropped,
    })
}
