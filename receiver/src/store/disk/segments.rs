//! How much lives in which segment, so that those in which nothing does can go.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::index::{Entry, Place};

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Segment {
    /// Captures in it that are still there.
    pub(super) alive: u64,
    /// Whether its file holds captures at all, dead or alive.
    pub(super) captures: bool,
    /// Whether nothing more is written to it.
    pub(super) closed: bool,
}

/// Every segment by its number.
#[derive(Debug, Default)]
pub(super) struct Segments(Mutex<BTreeMap<u32, Segment>>);

/// What a batch changes, counted outside the lock.
#[derive(Debug)]
pub(super) struct Tally {
    segment: u32,
    came: u64,
    went: BTreeMap<u32, u64>,
}

impl Segments {
    pub(super) fn tally(&self, segment: u32) -> Tally {
        Tally { segment, came: 0, went: BTreeMap::new() }
    }

    /// Counts a batch; says whether a segment has died of it.
    pub(super) fn settle(&self, tally: Tally) -> bool {
        let mut segments = self.lock();
        if tally.came > 0
            && let Some(segment) = segments.get_mut(&tally.segment)
        {
            segment.alive += tally.came;
            segment.captures = true;
        }
        let mut died = false;
        for (number, went) in tally.went {
            if let Some(segment) = segments.get_mut(&number) {
                segment.alive = segment.alive.saturating_sub(went);
                died |= segment.alive == 0 && segment.closed;
            }
        }
        died
    }

    /// Begins one, and closes those before it.
    pub(super) fn begin(&self, number: u32) {
        let mut segments = self.lock();
        segments.entry(number).or_default();
        for (other, segment) in segments.iter_mut() {
            segment.closed = *other != number;
        }
    }

    pub(super) fn remove(&self, number: u32) {
        self.lock().remove(&number);
    }

    /// Notes that its captures, all dead, are out of its file.
    pub(super) fn shrunk(&self, number: u32) {
        if let Some(segment) = self.lock().get_mut(&number) {
            segment.captures = false;
        }
    }

    /// The oldest of all, if nothing lives in it.
    pub(super) fn oldest_dead(&self) -> Option<u32> {
        let segments = self.lock();
        let (number, segment) = segments.first_key_value()?;
        (segment.alive == 0 && segment.closed).then_some(*number)
    }

    /// Those whose file holds captures, all dead.
    pub(super) fn dead(&self) -> Vec<u32> {
        (self.lock().iter())
            .filter(|(_, segment)| segment.alive == 0 && segment.closed && segment.captures)
            .map(|(number, _)| *number)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Segment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<BTreeMap<u32, Segment>> for Segments {
    fn from(segments: BTreeMap<u32, Segment>) -> Self {
        Self(Mutex::new(segments))
    }
}

impl Tally {
    pub(super) fn came(&mut self) {
        self.came += 1;
    }

    pub(super) fn went(&mut self, freed: &VecDeque<Entry>) {
        for entry in freed {
            if let Place::Disk(location) = entry.place {
                *self.went.entry(location.segment).or_default() += 1;
            }
        }
    }
}
