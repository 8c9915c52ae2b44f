//! Retention: what goes because there is too much, or because it is too old.
//!
//! It is part of every commit, so that there is never more to be seen than may be kept. The log is
//! told afterwards, along with what is written next: should that be lost, the next start drops the
//! same again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hooklab_shared::bin::Keep;
use tokio::sync::Notify;

use super::bin::{Bin, Listed, State};
use super::index::Entry;

/// Bins whose oldest captures are dropped by age before anybody else gets a turn.
const DUE_AT_ONCE: usize = 256;

#[derive(Debug)]
pub(crate) struct Retention {
    /// What all bins together may keep.
    pub(crate) in_all: Keep,
    /// Whether there is a log to be told.
    logs: bool,
    /// Whether the replay is over.
    begun: AtomicBool,
    lists: Mutex<Lists>,
    unlogged: Mutex<Vec<Arc<Bin>>>,
    any_unlogged: AtomicBool,
    /// Rung when a capture is due sooner than the timer knows, and at the end.
    pub(crate) sooner: Notify,
}

/// Bins by a key that their oldest capture gives them, and their address, which tells those of the
/// same key apart. A key may be outdated, but is never too high.
type Order = BTreeMap<(i64, usize), Arc<Bin>>;

#[derive(Debug, Default)]
struct Lists {
    captures: u64,
    bytes: u64,
    /// By when the oldest capture came; only where all bins together are limited.
    oldest: Order,
    /// By when it is due to go; only bins with an age.
    due: Order,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Oldest,
    Due,
}

impl Retention {
    pub(crate) fn new(in_all: Keep, logs: bool) -> Self {
        Self {
            in_all,
            logs,
            begun: AtomicBool::new(false),
            lists: Mutex::default(),
            unlogged: Mutex::default(),
            any_unlogged: AtomicBool::new(false),
            sooner: Notify::new(),
        }
    }

    /// Whether a change of this bin concerns retention beyond the bin's own count and bytes.
    pub(crate) fn follows(&self, state: &State) -> bool {
        let aged = state.keep.age.or(self.in_all.age).is_some() || state.listed.due.is_some();
        (self.counts() || aged) && self.begun.load(Ordering::Relaxed)
    }

    /// After a replay: counts what is there, and drops what is too much.
    pub(crate) fn begin(&self, bins: impl Iterator<Item = Arc<Bin>>) -> VecDeque<Entry> {
        let mut gone = VecDeque::new();
        let mut lists = self.lists();
        for bin in bins {
            let mut state = bin.state();
            let (keep, before) = (state.keep, gone.len());
            state.index.slide(&keep, &mut gone);
            lists.captures += state.index.len();
            lists.bytes += state.index.bytes;
            drop(state);
            if gone.len() > before {
                self.note(&bin);
            }
            self.relist(&mut lists, &bin);
        }
        self.shed(&mut lists, &mut gone);
        self.begun.store(true, Ordering::Relaxed);
        gone
    }

    /// Follows a change of a bin: a capture of so many bytes that came, and those that went, to
    /// which is added what has to go now.
    pub(crate) fn follow(&self, bin: &Arc<Bin>, came: Option<u64>, gone: &mut VecDeque<Entry>) {
        let mut lists = self.lists();
        if let Some(bytes) = came {
            lists.captures += 1;
            lists.bytes += bytes;
        }
        for entry in gone.iter() {
            lists.went(entry);
        }
        self.relist(&mut lists, bin);
        self.shed(&mut lists, gone);
    }

    /// Notes that the log has to be told what was dropped from this bin.
    pub(crate) fn note(&self, bin: &Arc<Bin>) {
        if self.logs && !std::mem::replace(&mut bin.state().unlogged, true) {
            self.unlogged().push(Arc::clone(bin));
            self.any_unlogged.store(true, Ordering::Release);
        }
    }

    /// The bins of which the log has to be told; it is told by whoever calls.
    pub(crate) fn take_unlogged(&self) -> Vec<Arc<Bin>> {
        if !self.any_unlogged.load(Ordering::Acquire) {
            return Vec::new();
        }
        let bins = {
            let mut unlogged = self.unlogged();
            self.any_unlogged.store(false, Ordering::Release);
            std::mem::take(&mut *unlogged)
        };
        for bin in &bins {
            bin.state().unlogged = false;
        }
        bins
    }

    /// When the next capture is due, by the store's clock.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.first(&mut self.lists(), By::Due).map(|(due, _)| due)
    }

    /// Some of the bins whose oldest capture is due by now.
    pub(crate) fn due(&self, now: i64) -> Vec<Arc<Bin>> {
        let lists = self.lists();
        let due = lists.due.range(..=(now, usize::MAX)).take(DUE_AT_ONCE);
        due.map(|(_, bin)| Arc::clone(bin)).collect()
    }

    fn counts(&self) -> bool {
        self.in_all.captures.is_some() || self.in_all.bytes.is_some()
    }

    /// Drops the oldest of all while there is too much; the newest of all stays.
    fn shed(&self, lists: &mut Lists, gone: &mut VecDeque<Entry>) {
        let captures = self.in_all.captures.unwrap_or(u64::MAX);
        let bytes = self.in_all.bytes.unwrap_or(u64::MAX);
        while lists.captures > 1 && (lists.captures > captures || lists.bytes > bytes) {
            let Some((_, bin)) = self.first(lists, By::Oldest) else { return };
            let Some(entry) = bin.state().index.drop_oldest() else { return };
            lists.went(&entry);
            gone.push_back(entry);
            self.note(&bin);
            self.relist(lists, &bin);
        }
    }

    /// The first bin of an order, by its key as it is now.
    fn first(&self, lists: &mut Lists, by: By) -> Option<(i64, Arc<Bin>)> {
        loop {
            let order = lists.order(by);
            let (&(key, address), bin) = order.first_key_value()?;
            let bin = Arc::clone(bin);
            let mut state = bin.state();
            let now = state.key(by, self.in_all);
            if now == Some(key) {
                drop(state);
                return Some((key, bin));
            }
            order.remove(&(key, address));
            *state.listed.by(by) = now;
            drop(state);
            if let Some(now) = now {
                order.insert((now, address), bin);
            }
        }
    }

    /// Lists a bin that has something to list, and takes one off that has not. A key that has
    /// risen is left until it is looked at.
    fn relist(&self, lists: &mut Lists, bin: &Arc<Bin>) {
        let address = Arc::as_ptr(bin).addr();
        let mut state = bin.state();
        for by in [By::Oldest, By::Due] {
            if by == By::Oldest && !self.counts() {
                continue;
            }
            let key = state.key(by, self.in_all);
            let listed = state.listed.by(by);
            if listed.is_some_and(|listed| key.is_some_and(|key| key >= listed)) {
                continue;
            }
            let before = std::mem::replace(listed, key);
            let order = lists.order(by);
            if let Some(before) = before {
                order.remove(&(before, address));
            }
            if let Some(key) = key {
                order.insert((key, address), Arc::clone(bin));
                let is_first = order.first_key_value().is_some_and(|(first, _)| first.0 == key);
                if by == By::Due && is_first {
                    self.sooner.notify_one();
                }
            }
        }
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unlogged(&self) -> MutexGuard<'_, Vec<Arc<Bin>>> {
        self.unlogged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lists {
    fn order(&mut self, by: By) -> &mut Order {
        match by {
            By::Oldest => &mut self.oldest,
            By::Due => &mut self.due,
        }
    }

    fn went(&mut self, entry: &Entry) {
        self.captures = self.captures.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(entry.place.bytes());
    }
}

impl Listed {
    fn by(&mut self, by: By) -> &mut Option<i64> {
        match by {
            By::Oldest => &mut self.oldest,
            By::Due => &mut self.due,
        }
    }
}

impl State {
    fn key(&self, by: By, in_all: Keep) -> Option<i64> {
        match by {
            By::Oldest => self.index.front().map(|entry| entry.at),
            By::Due => self.due(in_all),
        }
    }
}
