//! The table of bins, and the commit point: where a change becomes visible, then live.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use hooklab_shared::bin::Keep;
use hooklab_shared::id::{BinName, Seq};
use hooklab_shared::limits::Limits;
use hooklab_shared::live::Message;

use super::bin::Bin;
use super::change::{Captured, Change, What};
use super::clock::{Clock, Moment};
use super::error::StoreError;
use super::hub::{Hub, Live, frame};
use super::index::{Entry, Place};
use super::retention::Retention;
use super::strays::Strays;

/// Everything that is committed, and the bounds it has.
#[derive(Debug)]
pub(crate) struct Bins {
    map: DashMap<BinName, Arc<Bin>>,
    pub(crate) limits: Limits,
    pub(crate) retention: Retention,
    pub(crate) clock: Clock,
    capture_url: String,
    strays: Mutex<Strays>,
    /// The channel of all bins.
    all: Mutex<Hub>,
    all_watched: AtomicBool,
    watchers: AtomicUsize,
    /// What retention dropped from bins that are gone.
    dropped_before: AtomicU64,
    closed: AtomicBool,
}

/// What came of a change.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// A seq for a capture or a stray, else how many captures went.
    pub(crate) answer: u64,
    /// The captures that went, by retention too.
    pub(crate) freed: VecDeque<Entry>,
}

impl Bins {
    /// `logs` says whether there is a log that has to be told what retention drops.
    pub(crate) fn new(limits: Limits, keep: Keep, capture_url: &str, logs: bool) -> Self {
        Self {
            map: DashMap::new(),
            limits,
            retention: Retention::new(keep, logs),
            clock: Clock::start(),
            capture_url: capture_url.to_owned(),
            strays: Mutex::new(Strays::new(limits.strays_max)),
            all: Mutex::default(),
            all_watched: AtomicBool::new(false),
            watchers: AtomicUsize::new(0),
            dropped_before: AtomicU64::new(0),
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

    pub(crate) fn strays(&self) -> MutexGuard<'_, Strays> {
        self.strays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channel of all bins.
    pub(crate) fn all(&self) -> MutexGuard<'_, Hub> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a capture of this bin has to be at hand when it is committed.
    pub(crate) fn is_watched(&self, bin: &Bin) -> bool {
        self.all_watched.load(Ordering::Relaxed) || bin.state().hub.is_watched()
    }

    /// Makes a written change visible, then tells the watchers.
    ///
    /// Only one change at a time may be applied: their order is the log's.
    pub(crate) fn apply(&self, change: &Change, place: Option<Place>, moment: Moment) -> Applied {
        match change {
            Change::Capture(captured) => match place {
                Some(place) => self.capture(captured, place, moment),
                None => Applied::default(),
            },
            Change::Bin(bin, what) => self.change(bin, what, place.as_ref(), moment),
            Change::Stray(stray) => {
                let segment = place.as_ref().map_or(0, Place::segment);
                self.strays().put(Arc::clone(stray), segment);
                Applied { answer: stray.seq, freed: VecDeque::new() }
            }
            Change::Dropped(bin, to) => {
                bin.state().index.logged_to = *to;
                Applied::default()
            }
            Change::Nothing => Applied::default(),
        }
    }

    /// The frame is made outside the lock: order is kept because one commits at a time.
    fn capture(&self, captured: &Captured, place: Place, moment: Moment) -> Applied {
        let (bin, seq, bytes) = (&captured.bin, captured.seq, place.bytes());
        let mut freed = VecDeque::new();
        let mut state = bin.state();
        state.index.push(Entry { seq, at: moment.stamp(captured.received_at), place });
        let keep = state.keep;
        state.index.slide(&keep, &mut freed);
        let watched = state.hub.is_watched();
        let followed = self.retention.follows(&state);
        drop(state);
        if !freed.is_empty() {
            self.retention.note(bin);
        }
        if followed {
            self.retention.follow(bin, Some(bytes), &mut freed);
        }
        if watched || self.all_watched.load(Ordering::Relaxed) {
            let live = match &captured.whole {
                Some(whole) => Live::capture(bin, Arc::clone(whole), bytes),
                None => Live::stored(bin, seq),
            };
            self.tell_all(|| Some(live.clone()));
            bin.state().hub.tell(Some(live), self.limits.live_messages_max);
        }
        Applied { answer: seq, freed }
    }

    fn change(
        &self,
        bin: &Arc<Bin>,
        what: &What,
        place: Option<&Place>,
        moment: Moment,
    ) -> Applied {
        let mut freed = match what {
            What::Put | What::Update(_) => self.put(bin, what, place),
            What::Delete(seq) => bin.state().index.delete(*seq).into_iter().collect(),
            What::DeleteMany(runs) => bin.state().index.delete_runs(runs),
            What::Clear(to) => self.clear(bin, *to),
            What::Drop => self.drop(bin),
            What::Expire => {
                let mut gone = VecDeque::new();
                bin.state().expire(self.retention.in_all, moment.now, &mut gone);
                gone
            }
        };
        let answer = freed.len() as u64;
        if matches!(what, What::Update(_) | What::Expire) && answer > 0 {
            self.retention.note(bin);
        }
        let followed = self.retention.follows(&bin.state());
        if followed {
            self.retention.follow(bin, None, &mut freed);
        }
        Applied { answer, freed }
    }

    fn put(&self, bin: &Arc<Bin>, what: &What, place: Option<&Place>) -> VecDeque<Entry> {
        if let Some(place) = place {
            bin.put_in.store(place.segment(), Ordering::Relaxed);
        }
        let mut gone = VecDeque::new();
        let mut news = false;
        self.map.entry(bin.name.clone()).or_insert_with(|| {
            news = true;
            Arc::clone(bin)
        });
        if let What::Update(config) = what {
            news = true;
            bin.configure(config);
            bin.state().index.slide(&config.keep, &mut gone);
        }
        let watched = bin.state().hub.is_watched() || self.all_watched.load(Ordering::Relaxed);
        if news && watched {
            let told = Box::new(bin.told().told(&self.capture_url));
            let live = frame(&Message::Bin { bin: told }).map(Live::Other);
            self.tell_all(|| live.clone());
            bin.state().hub.tell(live, self.limits.live_messages_max);
        }
        gone
    }

    fn clear(&self, bin: &Bin, to: Seq) -> VecDeque<Entry> {
        let mut state = bin.state();
        let gone = state.index.clear(to);
        if state.hub.is_watched() {
            state.hub.tell(Live::cleared(to), self.limits.live_messages_max);
        }
        drop(state);
        self.tell_all(|| Live::bin_cleared(&bin.name, to));
        gone
    }

    fn drop(&self, bin: &Arc<Bin>) -> VecDeque<Entry> {
        self.map.remove_if(bin.name.as_str(), |_, found| Arc::ptr_eq(found, bin));
        let mut state = bin.state();
        state.deleted = true;
        self.dropped_before.fetch_add(state.index.dropped, Ordering::Relaxed);
        let to = state.index.newest;
        let gone = state.index.drop_to(to);
        if state.hub.is_watched() {
            state.hub.tell(Live::deleted(), self.limits.live_messages_max);
        }
        state.hub.close();
        drop(state);
        self.tell_all(|| Live::bin_deleted(&bin.name));
        gone
    }

    fn tell_all(&self, live: impl FnOnce() -> Option<Live>) {
        if self.all_watched.load(Ordering::Relaxed) {
            self.all().tell(live(), self.limits.live_messages_max);
        }
    }

    /// Puts a bin into the table, in the place of one of the same name.
    pub(crate) fn insert(&self, bin: Arc<Bin>) {
        self.map.insert(bin.name.clone(), bin);
    }

    /// After a replay: the next seq of each bin follows the newest ever seen, and what retention
    /// does not allow any more is dropped.
    pub(crate) fn resume(&self) -> VecDeque<Entry> {
        for bin in &self.map {
            bin.resume();
        }
        self.retention.begin(self.map.iter().map(|bin| Arc::clone(&bin)))
    }

    /// How many captures retention has dropped; it never falls while the store is open.
    pub(crate) fn dropped_ever(&self) -> u64 {
        self.dropped() + self.dropped_before.load(Ordering::Relaxed)
    }

    /// How many captures retention has dropped from the bins that are there.
    pub(crate) fn dropped(&self) -> u64 {
        self.map.iter().map(|bin| bin.state().index.dropped).sum()
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

    /// Notes whether anybody watches all bins.
    pub(crate) fn note_all(&self, all: &Hub) {
        self.all_watched.store(all.is_watched(), Ordering::Relaxed);
    }

    pub(crate) fn watchers(&self) -> usize {
        self.watchers.load(Ordering::Relaxed)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Ends every watch, and the timer.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for bin in &self.map {
            bin.state().hub.close();
        }
        self.all().close();
        self.retention.sooner.notify_one();
    }
}
