//! How much lives in which segment, so that those in which nothing does can go, and those in which
//! little does can shrink.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::index::{Entry, Place};

/// What has to be dead in the segment that is being written, in bytes, so that another is begun for
/// the sake of its space, times the segments that there are: with less, small captures that go one
/// by one would each ask for a file. One that cannot go by then may stand before the others.
const ROLLED_BYTES_MIN: u64 = 64 * 1024;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Segment {
    /// Captures in it that are still there.
    pub(super) alive: u64,
    /// The same in bytes.
    pub(super) alive_bytes: u64,
    /// What captures and strays take in its file, dead or alive, in bytes; 0 where nothing can be
    /// taken out of it any more.
    pub(super) held_bytes: u64,
    /// What captures that are gone took in it, in bytes.
    pub(super) gone_bytes: u64,
    /// Whether nothing more is written to it, and all that was is committed.
    pub(super) closed: bool,
    /// Whether anything in it has been committed by this process.
    begun: bool,
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
        let mut untidy = false;
        let rolled_bytes_min = rolled_bytes_min(&segments);
        if let Some(segment) = segments.get_mut(&tally.segment) {
            segment.alive += tally.came.alive;
            segment.alive_bytes += tally.came.alive_bytes;
            segment.held_bytes += tally.came.held_bytes;
            untidy = !std::mem::replace(&mut segment.begun, true);
        }
        if untidy {
            // Commits are in the order of the log: those before it have all of theirs.
            close_before(&mut segments, tally.segment);
        }
        for (number, went) in &tally.went {
            if let Some(segment) = segments.get_mut(number) {
                segment.went(went);
                untidy |= segment.alive == 0 && segment.is_worth_freeing(rolled_bytes_min);
            }
        }
        untidy || (!tally.went.is_empty() && is_wasteful(&segments, segment_bytes))
    }

    /// Begins with one, and closes those before it.
    pub(super) fn begin(&self, number: u32) {
        let mut segments = self.lock();
        segments.entry(number).or_default().begun = true;
        close_before(&mut segments, number);
    }

    /// Adds one that is written from now on. The one before it is closed by the first commit in
    /// this one: till then some of it may be written and not yet committed.
    pub(super) fn add(&self, number: u32) {
        self.lock().entry(number).or_default();
    }

    /// The segment that is being written, if nothing lives in it and its space is worth another.
    pub(super) fn to_roll(&self) -> Option<u32> {
        let segments = self.lock();
        let (number, segment) = segments.last_key_value()?;
        let is_worth = !segment.closed && segment.gone_bytes >= rolled_bytes_min(&segments);
        (segment.alive == 0 && is_worth).then_some(*number)
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

fn rolled_bytes_min(segments: &BTreeMap<u32, Segment>) -> u64 {
    ROLLED_BYTES_MIN * segments.len() as u64
}

fn close_before(segments: &mut BTreeMap<u32, Segment>, number: u32) {
    segments.range_mut(..number).for_each(|(_, segment)| segment.closed = true);
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

    /// Counts captures out.
    pub(super) fn went(&mut self, went: &Self) {
        self.alive = self.alive.saturating_sub(went.alive);
        self.alive_bytes = self.alive_bytes.saturating_sub(went.alive_bytes);
        self.gone_bytes += went.alive_bytes;
    }

    fn is_worth_freeing(&self, rolled_bytes_min: u64) -> bool {
        self.closed || self.gone_bytes >= rolled_bytes_min
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

#[cfg(test)]
mod tests {
    use super::*;

    fn came(segments: &Segments, number: u32, bytes: u64) -> bool {
        let mut tally = segments.tally(number);
        tally.came(bytes);
        segments.settle(&tally, 1 << 20)
    }

    fn went(segments: &Segments, number: u32, bytes: u64) -> bool {
        let mut tally = segments.tally(number);
        tally.went.entry(number).or_default().came(bytes);
        segments.settle(&tally, 1 << 20)
    }

    /// What a segment was given and has not told yet must not go with it.
    #[test]
    fn one_is_closed_by_what_is_committed_behind_it() {
        let segments = Segments::default();
        segments.begin(1);
        came(&segments, 1, 100_000);
        went(&segments, 1, 100_000);
        segments.add(2);
        assert_eq!(segments.oldest_dead(), None, "a batch in it may not be committed yet");
        assert!(segments.to_shrink(1 << 20, &BTreeSet::new()).is_none());
        segments.add(3);
        assert!(came(&segments, 2, 10), "there is something to tidy up");
        assert_eq!(segments.oldest_dead(), Some(1));
        segments.remove(1);
        went(&segments, 2, 10);
        assert_eq!(segments.oldest_dead(), None);
        came(&segments, 3, 10);
        assert_eq!(segments.oldest_dead(), Some(2));
    }

    #[test]
    fn the_one_that_is_written_is_left_where_it_is_dead_and_not_for_little() {
        let segments = Segments::default();
        segments.begin(1);
        came(&segments, 1, 1_000);
        assert!(!went(&segments, 1, 1_000));
        assert_eq!(segments.to_roll(), None, "for little");
        came(&segments, 1, 1_000);
        came(&segments, 1, ROLLED_BYTES_MIN);
        assert!(!went(&segments, 1, ROLLED_BYTES_MIN));
        assert_eq!(segments.to_roll(), None, "something lives in it");
        assert!(went(&segments, 1, 1_000));
        assert_eq!(segments.to_roll(), Some(1));
        segments.add(2);
        assert_eq!(segments.to_roll(), None, "it was left");
    }
}
