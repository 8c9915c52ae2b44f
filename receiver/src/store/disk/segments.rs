//! How much lives in which segment, so that those in which nothing does can go, and those in which
//! little does can shrink.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::index::{Entry, Place};

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Segment {
    /// Captures in it that are still there.
    pub(super) alive: u64,
    /// The same in bytes.
    pub(super) alive_bytes: u64,
    /// What captures and strays take in its file, dead or alive, in bytes; 0 where nothing can be
    /// taken out of it any more.
    pub(super) held_bytes: u64,
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
    came: Segment,
    went: BTreeMap<u32, Segment>,
}

impl Segments {
    pub(super) fn tally(&self, segment: u32) -> Tally {
        Tally { segment, came: Segment::default(), went: BTreeMap::new() }
    }

    /// Counts a batch; says whether there is now something to tidy up.
    pub(super) fn settle(&self, tally: &Tally, segment_bytes: u64) -> bool {
        let mut segments = self.lock();
        if let Some(segment) = segments.get_mut(&tally.segment) {
            segment.alive += tally.came.alive;
            segment.alive_bytes += tally.came.alive_bytes;
            segment.held_bytes += tally.came.held_bytes;
        }
        let mut untidy = false;
        for (number, went) in &tally.went {
            if let Some(segment) = segments.get_mut(number) {
                segment.alive = segment.alive.saturating_sub(went.alive);
                segment.alive_bytes = segment.alive_bytes.saturating_sub(went.alive_bytes);
                untidy |= segment.closed && segment.alive == 0;
            }
        }
        untidy || (!tally.went.is_empty() && is_wasteful(&segments, segment_bytes))
    }

    /// Begins one, and closes those before it.
    pub(super) fn begin(&self, number: u32) {
        let mut segments = self.lock();
        segments.entry(number).or_default();
        for (other, segment) in segments.iter_mut() {
            segment.closed = *other != number;
        }
    }

    pub(super) fn newest(&self) -> u32 {
        self.lock().last_key_value().map_or(0, |(number, _)| *number)
    }

    pub(super) fn remove(&self, number: u32) {
        self.lock().remove(&number);
    }

    /// Notes that of its captures and strays only so many bytes are left in its file.
    pub(super) fn shrunk(&self, number: u32, held_bytes: u64) {
        if let Some(segment) = self.lock().get_mut(&number) {
            segment.held_bytes = held_bytes;
        }
    }

    /// The oldest of all, if nothing lives in it.
    pub(super) fn oldest_dead(&self) -> Option<u32> {
        let segments = self.lock();
        let (number, segment) = segments.first_key_value()?;
        (segment.alive == 0 && segment.closed).then_some(*number)
    }

    /// One that is worth shrinking: one in which no capture lives, or, where more is dead than
    /// alive in all, the one of which the least lives. Those that need the least room come first:
    /// there may be none but what they give back.
    pub(super) fn to_shrink(&self, segment_bytes: u64, not: &BTreeSet<u32>) -> Option<u32> {
        let segments = self.lock();
        let wasteful = is_wasteful(&segments, segment_bytes);
        (segments.iter())
            .filter(|(number, segment)| {
                segment.closed && segment.held_bytes > 0 && !not.contains(number)
            })
            .filter(|(_, segment)| {
                segment.alive == 0 || wasteful && segment.alive_bytes < segment.held_bytes / 2
            })
            .min_by_key(|(_, segment)| (segment.alive_bytes, segment.alive))
            .map(|(number, _)| *number)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Segment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two segments may be dead for nothing: what retention drops in order soon frees them whole.
fn is_wasteful(segments: &BTreeMap<u32, Segment>, segment_bytes: u64) -> bool {
    let alive: u64 = segments.values().map(|segment| segment.alive_bytes).sum();
    let held: u64 = segments.values().map(|segment| segment.held_bytes).sum();
    held > alive * 2 + segment_bytes * 2
}

impl From<BTreeMap<u32, Segment>> for Segments {
    fn from(segments: BTreeMap<u32, Segment>) -> Self {
        Self(Mutex::new(segments))
    }
}

impl Segment {
    /// Counts a capture in.
    pub(super) fn came(&mut self, bytes: u64) {
        self.alive += 1;
        self.alive_bytes += bytes;
        self.held_bytes += bytes;
    }
}

impl Tally {
    pub(super) fn came(&mut self, bytes: u64) {
        self.came.came(bytes);
    }

    pub(super) fn stray(&mut self, bytes: u64) {
        self.came.held_bytes += bytes;
    }

    pub(super) fn went(&mut self, freed: &VecDeque<Entry>) {
        for entry in freed {
            if let Place::Disk(location) = entry.place {
                self.went.entry(location.segment).or_default().came(location.bytes.into());
            }
        }
    }
}
