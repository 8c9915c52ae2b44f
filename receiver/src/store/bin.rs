//! One bin: what it was told, what it holds, who watches it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hooklab_shared::bin::{Config, Keep};
use hooklab_shared::id::{BinName, Seq, Timestamp};

use super::hub::Hub;
use super::index::{At, Entry, Index, Range};
use super::record::Put;
use super::{BinState, Configured};

/// One bin. A bin that is deleted and made again is another one of the same name.
#[derive(Debug)]
pub(crate) struct Bin {
    pub(crate) name: BinName,
    pub(crate) created_at: Timestamp,
    /// Apart from the state: every request asks for it.
    configured: Mutex<Arc<Configured>>,
    given: AtomicU64,
    /// The segment that holds the newest record of the bin itself.
    pub(crate) put_in: AtomicU32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) index: Index,
    pub(crate) hub: Hub,
    pub(crate) deleted: bool,
    pub(crate) keep: Keep,
    /// The configuration that is being written, so that a record of the bin that is made meanwhile
    /// does not undo it.
    coming: Option<Arc<Config>>,
    /// Whether retention dropped what the log does not tell of yet.
    pub(crate) unlogged: bool,
    pub(crate) listed: Listed,
}

/// Under which keys retention has listed the bin.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) oldest: Option<i64>,
    pub(crate) due: Option<i64>,
}

impl Bin {
    pub(crate) fn new(name: BinName, created_at: Timestamp, config: Config) -> Arc<Self> {
        Self::with(name, created_at, config, Index::default(), 0)
    }

    fn with(
        name: BinName,
        created_at: Timestamp,
        config: Config,
        index: Index,
        put_in: u32,
    ) -> Arc<Self> {
        let state = State { index, keep: config.keep, ..State::default() };
        Arc::new(Self {
            name,
            created_at,
            configured: Mutex::new(Configured::new(Arc::new(config))),
            given: AtomicU64::new(0),
            put_in: AtomicU32::new(put_in),
            state: Mutex::new(state),
        })
    }

    /// As its record says, with the captures that it had before; also those that the record says
    /// are gone.
    pub(crate) fn restored(
        name: BinName,
        put: Put,
        before: Option<&Self>,
        segment: u32,
    ) -> (Arc<Self>, VecDeque<Entry>) {
        let mut index =
            before.map(|bin| std::mem::take(&mut bin.state().index)).unwrap_or_default();
        let gone = index.drop_to(put.floor);
        index.newest = index.newest.max(put.newest);
        index.cleared = index.cleared.max(put.cleared);
        index.dropped = index.dropped.max(put.dropped);
        if put.dropped > 0 {
            index.dropped_to = index.dropped_to.max(put.floor);
        }
        (Self::with(name, put.created_at, put.config, index, segment), gone)
    }

    /// What happens under it is short and does not wait; a panic in it leaves nothing half done
    /// that another could trip over.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn configured(&self) -> Arc<Configured> {
        Arc::clone(&self.configured.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next seq. Called under the engine's lock, so that the order of seqs is the log's.
    pub(crate) fn give(&self) -> Seq {
        self.given.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The newest seq that was given, written or not.
    pub(crate) fn given(&self) -> Seq {
        self.given.load(Ordering::Relaxed)
    }

    /// After a replay: the next seq follows the newest ever seen.
    pub(crate) fn resume(&self) {
        self.given.store(self.state().index.newest, Ordering::Relaxed);
    }

    /// Announces a configuration that is about to be written.
    pub(crate) fn announce(&self, config: &Arc<Config>) {
        self.state().coming = Some(Arc::clone(config));
    }

    /// The announced configuration could not be written.
    pub(crate) fn renounce(&self) {
        self.state().coming = None;
    }

    /// The announced configuration has been written.
    pub(crate) fn configure(&self, config: &Arc<Config>) {
        let mut state = self.state();
        state.keep = config.keep;
        if state.coming.as_ref().is_some_and(|coming| Arc::ptr_eq(coming, config)) {
            state.coming = None;
        }
        drop(state);
        *self.configured.lock().unwrap_or_else(PoisonError::into_inner) =
            Configured::new(Arc::clone(config));
    }

    pub(crate) fn told(&self) -> BinState {
        let config = Arc::clone(&self.configured().config);
        let state = self.state();
        BinState {
            name: self.name.clone(),
            created_at: self.created_at,
            config,
            captures: state.index.len(),
            bytes: state.index.bytes,
            oldest_seq: state.index.oldest(),
            newest_seq: state.index.newest,
            dropped: state.index.dropped,
        }
    }

    /// What its record says: all that is committed; what follows in the log adds to it.
    pub(crate) fn as_put(&self) -> Put {
        // Seqs that are given and not yet committed count too: their captures come before this
        // record. But for a bin's first record, which comes before its first capture.
        let is_first = self.put_in.load(Ordering::Relaxed) == 0;
        let planned = if is_first { 0 } else { self.given() };
        let configured = self.configured();
        let state = self.state();
        let config = state.coming.as_ref().unwrap_or(&configured.config);
        Put {
            created_at: self.created_at,
            config: Config::clone(config),
            newest: state.index.newest.max(planned),
            floor: state.index.floor,
            cleared: state.index.cleared,
            dropped: state.index.dropped,
        }
    }

    pub(crate) fn find(&self, at: At) -> Option<Entry> {
        self.state().index.find(at).cloned()
    }

    pub(crate) fn range(&self, range: &Range) -> Vec<Entry> {
        self.state().index.range(range)
    }
}

impl State {
    /// When its oldest capture is due to go, if it ever is, by the store's clock.
    pub(crate) fn due(&self, in_all: Keep) -> Option<i64> {
        let age = shorter(self.keep, in_all)?;
        Some(self.index.front()?.at.saturating_add(age))
    }

    /// Drops what is older than it may be.
    pub(crate) fn expire(&mut self, in_all: Keep, now: i64, gone: &mut VecDeque<Entry>) {
        if let Some(age) = shorter(self.keep, in_all) {
            self.index.expire(now.saturating_sub(age), gone);
        }
    }
}

/// The shorter of two ages in microseconds.
fn shorter(one: Keep, other: Keep) -> Option<i64> {
    let age = one.age.into_iter().chain(other.age).min()?;
    Some(i64::try_from(age.as_duration().as_micros()).unwrap_or(i64::MAX))
}
