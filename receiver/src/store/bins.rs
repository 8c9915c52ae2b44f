//! The table of bins, and the commit point: where a change becomes visible, then live.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use hooklab_shared::bin::Config;
use hooklab_shared::capture::Capture;
use hooklab_shared::id::{BinName, Seq, Timestamp};
use hooklab_shared::limits::Limits;

use super::change::{Change, What};
use super::error::StoreError;
use super::hub::{Hub, Live};
use super::index::{At, Entry, Index, Place, Range};
use super::record::Put;
use super::{BinState, Configured};

/// Every bin that is committed, and the bounds they share.
#[derive(Debug)]
pub(crate) struct Bins {
    map: DashMap<BinName, Arc<Bin>>,
    pub(crate) limits: Limits,
    watchers: AtomicUsize,
    closed: AtomicBool,
}

/// One bin. A bin that is deleted and made again is another one of the same name.
#[derive(Debug)]
pub(crate) struct Bin {
    pub(crate) name: BinName,
    pub(crate) created_at: Timestamp,
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
}

/// What came of a change.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// A seq for a capture, else how many captures went.
    pub(crate) answer: u64,
    /// The captures that went.
    pub(crate) freed: VecDeque<Entry>,
}

impl Bins {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            map: DashMap::new(),
            limits,
            watchers: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Bin>> {
        self.map.get(name).map(|bin| Arc::clone(&bin))
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Bins in order of name.
    pub(crate) fn page(&self, after: Option<&str>, limit: usize) -> Vec<Arc<Bin>> {
        let behind = |name: &str| after.is_none_or(|after| name > after);
        let mut found: Vec<Arc<Bin>> = (self.map.iter())
            .filter(|bin| behind(bin.key().as_str()))
            .map(|bin| Arc::clone(&bin))
            .collect();
        if found.len() > limit && limit > 0 {
            found.select_nth_unstable_by(limit - 1, |a, b| a.name.cmp(&b.name));
        }
        found.truncate(limit);
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// Bins whose own newest record is in this segment or an earlier one.
    pub(crate) fn put_until(&self, segment: u32) -> Vec<Arc<Bin>> {
        (self.map.iter())
            .filter(|bin| bin.put_in.load(Ordering::Relaxed) <= segment)
            .map(|bin| Arc::clone(&bin))
            .collect()
    }

    /// Makes a written change visible, then tells the watchers.
    ///
    /// Only one change at a time may be applied: their order is the log's.
    pub(crate) fn apply(&self, change: &Change, place: Option<Place>) -> Applied {
        let bin = &change.bin;
        match &change.what {
            What::Put => {
                self.put(bin, place.as_ref());
                Applied::default()
            }
            What::Capture(capture) => {
                if let Some(place) = place {
                    bin.commit(capture, place);
                }
                Applied { answer: capture.seq, freed: VecDeque::new() }
            }
            What::Delete(seq) => Applied::freed(bin.state().index.delete(*seq)),
            What::Clear(to) => Applied::freed(bin.clear(*to)),
            What::Drop => {
                self.map.remove_if(bin.name.as_str(), |_, found| Arc::ptr_eq(found, bin));
                Applied::freed(bin.end())
            }
        }
    }

    fn put(&self, bin: &Arc<Bin>, place: Option<&Place>) {
        if let Some(Place::Disk(location)) = place {
            bin.put_in.store(location.segment, Ordering::Relaxed);
        }
        self.map.entry(bin.name.clone()).or_insert_with(|| Arc::clone(bin));
    }

    /// Puts a bin into the table, in the place of one of the same name.
    pub(crate) fn insert(&self, bin: Arc<Bin>) {
        self.map.insert(bin.name.clone(), bin);
    }

    /// After a replay: the next seq of each bin follows the newest ever seen.
    pub(crate) fn resume(&self) {
        for bin in &self.map {
            bin.given.store(bin.state().index.newest, Ordering::Relaxed);
        }
    }

    /// Counts a watcher in.
    pub(crate) fn enter(&self) -> Result<(), StoreError> {
        if self.is_closed() {
            return Err(StoreError::Closed);
        }
        let more = |count: usize| (count < self.limits.watchers_max).then_some(count + 1);
        self.watchers
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .map_or(Err(StoreError::TooManyWatchers), |_| Ok(()))
    }

    /// Counts a watcher out.
    pub(crate) fn leave(&self) {
        self.watchers.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn watchers(&self) -> usize {
        self.watchers.load(Ordering::Relaxed)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Ends every watch.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for bin in &self.map {
            bin.state().hub.close();
        }
    }
}

impl Bin {
    pub(crate) fn new(name: BinName, created_at: Timestamp, config: Config) -> Arc<Self> {
        Arc::new(Self {
            name,
            created_at,
            configured: Mutex::new(Configured::new(Arc::new(config))),
            given: AtomicU64::new(0),
            put_in: AtomicU32::new(0),
            state: Mutex::default(),
        })
    }

    /// What happens under it is short and does not wait; a panic in it leaves nothing half done
    /// that another could trip over.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn configured(&self) -> Arc<Configured> {
        Arc::clone(&self.configured.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn configure(&self, config: Config) {
        *self.configured.lock().unwrap_or_else(PoisonError::into_inner) =
            Configured::new(Arc::new(config));
    }

    /// The next seq. Called under the engine's lock, so that the order of seqs is the log's.
    pub(crate) fn give(&self) -> Seq {
        self.given.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The newest seq that was given, written or not.
    pub(crate) fn given(&self) -> Seq {
        self.given.load(Ordering::Relaxed)
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
        let bin = Arc::new(Self {
            name,
            created_at: put.created_at,
            configured: Mutex::new(Configured::new(Arc::new(put.config))),
            given: AtomicU64::new(0),
            put_in: AtomicU32::new(segment),
            state: Mutex::new(State { index, ..State::default() }),
        });
        (bin, gone)
    }

    pub(crate) fn told(&self) -> BinState {
        let state = self.state();
        BinState {
            name: self.name.clone(),
            created_at: self.created_at,
            config: Arc::clone(&self.configured().config),
            captures: state.index.len(),
            bytes: state.index.bytes,
            oldest_seq: state.index.oldest(),
            newest_seq: state.index.newest,
            dropped: state.index.dropped,
        }
    }

    /// What its record says: all that is committed; what follows in the log adds to it.
    pub(crate) fn as_put(&self) -> Put {
        let state = self.state();
        Put {
            created_at: self.created_at,
            config: Config::clone(&self.configured().config),
            newest: state.index.newest,
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

    /// The frame is made outside the lock: order is kept because one commits at a time.
    fn commit(&self, capture: &Arc<Capture>, place: Place) {
        let bytes = place.bytes();
        let hub = {
            let mut state = self.state();
            state.index.push(Entry { seq: capture.seq, place });
            state.hub.sender()
        };
        if let Some(hub) = hub
            && let Some(live) = Live::capture(capture, bytes)
        {
            // An error says that the last watcher has just left.
            let _ = hub.send(live);
        }
    }

    fn clear(&self, to: Seq) -> VecDeque<Entry> {
        let mut state = self.state();
        let gone = state.index.clear(to);
        state.hub.tell(Live::cleared(to));
        gone
    }

    fn end(&self) -> VecDeque<Entry> {
        let mut state = self.state();
        state.deleted = true;
        let to = state.index.newest;
        let gone = state.index.drop_to(to);
        state.hub.tell(Live::deleted());
        state.hub.close();
        gone
    }
}

impl Applied {
    fn freed(gone: impl IntoIterator<Item = Entry>) -> Self {
        let freed: VecDeque<Entry> = gone.into_iter().collect();
        Self { answer: freed.len() as u64, freed }
    }
}
