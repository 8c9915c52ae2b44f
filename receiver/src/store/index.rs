//! A bin's captures in memory: which there are, and where they are kept.

use std::collections::VecDeque;
use std::sync::Arc;

use hooklab_shared::capture::Capture;
use hooklab_shared::id::Seq;

use super::record;

/// Which capture of a bin is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The one of this seq.
    Seq(Seq),
    /// The newest that is still there.
    Latest,
}

/// A part of a bin's captures. Both bounds are exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Only captures that came after this one.
    pub after: Option<Seq>,
    /// Only captures that came before this one.
    pub before: Option<Seq>,
    /// From the newest to the oldest.
    pub newest_first: bool,
    /// How many at most; the caller keeps it small, since all are held in memory.
    pub limit: usize,
}

/// Where a record is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) bytes: u32,
}

/// Where a capture is kept.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Memory(Arc<Capture>),
    Disk(Location),
}

impl Place {
    /// What it takes, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Memory(capture) => record::capture_bytes(capture) as u64,
            Self::Disk(location) => location.bytes.into(),
        }
    }
}

/// One capture.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) seq: Seq,
    pub(crate) place: Place,
}

/// A million captures are to fit beside everything else on a small machine.
const _: () = assert!(size_of::<Entry>() <= 32);

/// Captures in order of seq, and what has become of those that are gone.
#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: VecDeque<Entry>,
    pub(crate) bytes: u64,
    /// The newest seq ever given.
    pub(crate) newest: Seq,
    /// Everything up to and with this seq has gone from the bottom.
    pub(crate) floor: Seq,
    /// The newest seq that went in a clear.
    pub(crate) cleared: Seq,
    /// How many captures retention dropped.
    pub(crate) dropped: u64,
}

impl Index {
    pub(crate) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(crate) fn oldest(&self) -> Option<Seq> {
        self.entries.front().map(|entry| entry.seq)
    }

    /// Adds a capture; one whose seq does not rise is not added.
    pub(crate) fn push(&mut self, entry: Entry) -> bool {
        if entry.seq <= self.newest.max(self.floor) {
            return false;
        }
        self.newest = entry.seq;
        self.bytes += entry.place.bytes();
        self.entries.push_back(entry);
        true
    }

    pub(crate) fn find(&self, at: At) -> Option<&Entry> {
        match at {
            At::Latest => self.entries.back(),
            At::Seq(seq) => self.position(seq).and_then(|place| self.entries.get(place)),
        }
    }

    pub(crate) fn range(&self, range: &Range) -> Vec<Entry> {
        let begin = self.entries.partition_point(|entry| Some(entry.seq) <= range.after);
        let end = match range.before {
            Some(before) => self.entries.partition_point(|entry| entry.seq < before),
            None => self.entries.len(),
        };
        let found = self.entries.range(begin.min(end)..end);
        match range.newest_first {
            true => found.rev().take(range.limit).cloned().collect(),
            false => found.take(range.limit).cloned().collect(),
        }
    }

    /// Takes one out.
    pub(crate) fn delete(&mut self, seq: Seq) -> Option<Entry> {
        self.newest = self.newest.max(seq);
        let place = self.position(seq)?;
        let entry = self.entries.remove(place)?;
        self.bytes -= entry.place.bytes();
        if place == 0 {
            self.floor = self.oldest().map_or(self.newest, |oldest| oldest - 1);
        }
        Some(entry)
    }

    /// Takes out everything up to and with this seq.
    pub(crate) fn clear(&mut self, to: Seq) -> VecDeque<Entry> {
        self.cleared = self.cleared.max(to);
        self.drop_to(to)
    }

    /// The same, by no clear.
    pub(crate) fn drop_to(&mut self, to: Seq) -> VecDeque<Entry> {
        self.newest = self.newest.max(to);
        self.floor = self.floor.max(to);
        let kept = self.entries.partition_point(|entry| entry.seq <= to);
        let kept = self.entries.split_off(kept);
        let gone = std::mem::replace(&mut self.entries, kept);
        self.bytes -= gone.iter().map(|entry| entry.place.bytes()).sum::<u64>();
        gone
    }

    fn position(&self, seq: Seq) -> Option<usize> {
        self.entries.binary_search_by_key(&seq, |entry| entry.seq).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(seqs: &[Seq]) -> Index {
        let mut index = Index::default();
        for &seq in seqs {
            let location = Location { segment: 1, offset: 0, bytes: 10 };
            assert!(index.push(Entry { seq, place: Place::Disk(location) }));
        }
        index
    }

    fn seqs(entries: impl IntoIterator<Item = Entry>) -> Vec<Seq> {
        entries.into_iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn ranges_are_exclusive_at_both_ends_and_go_both_ways() {
        let index = index(&[1, 2, 5, 6, 9]);
        let range = |after, before, newest_first, limit| {
            seqs(index.range(&Range { after, before, newest_first, limit }))
        };
        assert_eq!(range(None, None, false, 9), [1, 2, 5, 6, 9]);
        assert_eq!(range(Some(2), Some(9), false, 9), [5, 6]);
        assert_eq!(range(Some(3), Some(6), true, 9), [5]);
        assert_eq!(range(None, Some(6), true, 2), [5, 2]);
        assert_eq!(range(Some(0), None, false, 1), [1]);
        assert!(range(Some(9), None, false, 9).is_empty());
        assert!(range(Some(6), Some(2), false, 9).is_empty());
    }

    #[test]
    fn what_goes_from_the_bottom_raises_the_floor() {
        let mut index = index(&[1, 2, 3, 4]);
        assert!(index.delete(2).is_some());
        assert!(index.delete(2).is_none());
        assert_eq!((index.floor, index.bytes, index.len()), (0, 30, 3));
        assert!(index.delete(1).is_some());
        assert_eq!(index.floor, 2);
        assert_eq!(seqs(index.clear(3)), [3]);
        assert_eq!((index.floor, index.oldest(), index.newest), (3, Some(4), 4));
        assert!(index.delete(4).is_some());
        assert_eq!((index.floor, index.bytes), (4, 0));
        let location = Location { segment: 1, offset: 0, bytes: 10 };
        assert!(!index.push(Entry { seq: 4, place: Place::Disk(location) }));
    }
}
