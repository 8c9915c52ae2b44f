//! A bin's captures in memory: which there are, and where they are kept.

use std::collections::VecDeque;
use std::sync::Arc;

use hooklab_shared::bin::Keep;
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

    /// The segment it is in; 0 where there are none.
    pub(crate) fn segment(&self) -> u32 {
        match self {
            Self::Memory(_) => 0,
            Self::Disk(location) => location.segment,
        }
    }
}

/// One capture.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) seq: Seq,
    /// When it came, by the store's clock, in microseconds since 1970 UTC.
    pub(crate) at: i64,
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
    /// The newest seq that retention dropped.
    pub(crate) dropped_to: Seq,
    /// The same as far as the log has been told.
    pub(crate) logged_to: Seq,
}

impl Index {
    pub(crate) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(crate) fn oldest(&self) -> Option<Seq> {
        self.entries.front().map(|entry| entry.seq)
    }

    pub(crate) fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    /// Adds a capture; one whose seq does not rise is not added. It is at least as young as the one
    /// before it, so that what retention drops is a beginning.
    pub(crate) fn push(&mut self, mut entry: Entry) -> bool {
        if entry.seq <= self.newest.max(self.floor) {
            return false;
        }
        entry.at = self.entries.back().map_or(entry.at, |last| last.at.max(entry.at));
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

    /// How many there are in a range, whatever its limit.
    pub(crate) fn count(&self, range: &Range) -> u64 {
        self.places(range).len() as u64
    }

    fn places(&self, range: &Range) -> std::ops::Range<usize> {
        let begin = self.entries.partition_point(|entry| Some(entry.seq) <= range.after);
        let end = match range.before {
            Some(before) => self.entries.partition_point(|entry| entry.seq < before),
            None => self.entries.len(),
        };
        begin.min(end)..end
    }

    pub(crate) fn range(&self, range: &Range) -> Vec<Entry> {
        let found = self.entries.range(self.places(range));
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

    /// Takes out those whose seq is in one of these runs, first and last included, which rise.
    pub(crate) fn delete_runs(&mut self, runs: &[(Seq, Seq)]) -> VecDeque<Entry> {
        let (mut gone, mut kept) = (VecDeque::new(), VecDeque::new());
        let mut runs = runs.iter().peekable();
        for entry in std::mem::take(&mut self.entries) {
            while runs.next_if(|(_, last)| *last < entry.seq).is_some() {}
            match runs.peek() {
                Some((first, _)) if *first <= entry.seq => gone.push_back(entry),
                _ => kept.push_back(entry),
            }
        }
        self.entries = kept;
        self.bytes -= gone.iter().map(|entry| entry.place.bytes()).sum::<u64>();
        if gone.front().is_some_and(|gone| self.oldest().is_none_or(|oldest| gone.seq < oldest)) {
            self.floor = self.oldest().map_or(self.newest, |oldest| oldest - 1);
        }
        gone
    }

    /// Drops the oldest while there are more than so many, or they take more bytes. The newest
    /// stays: what has just been acknowledged can be looked at, however large it is.
    pub(crate) fn slide(&mut self, keep: &Keep, gone: &mut VecDeque<Entry>) {
        let captures = keep.captures.unwrap_or(u64::MAX);
        let bytes = keep.bytes.unwrap_or(u64::MAX);
        while self.len() > 1 && (self.len() > captures || self.bytes > bytes) {
            gone.extend(self.drop_oldest());
        }
    }

    /// Drops those that came up to and with this moment, the newest too.
    pub(crate) fn expire(&mut self, until: i64, gone: &mut VecDeque<Entry>) {
        while self.front().is_some_and(|entry| entry.at <= until) {
            gone.extend(self.drop_oldest());
        }
    }

    /// Drops one, by retention.
    pub(crate) fn drop_oldest(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.place.bytes();
        self.dropped += 1;
        self.dropped_to = entry.seq;
        self.floor = self.oldest().map_or(self.newest, |oldest| oldest - 1);
        Some(entry)
    }

    /// What retention dropped, as its record says: so many in all, up to and with this one.
    pub(crate) fn drop_as_told(&mut self, to: Seq, dropped: u64) -> VecDeque<Entry> {
        self.dropped_to = self.dropped_to.max(to);
        self.logged_to = self.logged_to.max(to);
        self.dropped = self.dropped.max(dropped);
        self.drop_to(to)
    }

    /// A capture now lies elsewhere in its segment.
    pub(crate) fn relocate(&mut self, seq: Seq, from: Location, to: Location) {
        if let Some(at) = self.position(seq)
            && let Some(entry) = self.entries.get_mut(at)
            && matches!(entry.place, Place::Disk(found) if found == from)
        {
            entry.place = Place::Disk(to);
        }
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

    fn entry(seq: Seq) -> Entry {
        let location = Location { segment: 1, offset: 0, bytes: 10 };
        Entry { seq, at: seq as i64 * 100, place: Place::Disk(location) }
    }

    fn index(seqs: &[Seq]) -> Index {
        let mut index = Index::default();
        for &seq in seqs {
            assert!(index.push(entry(seq)));
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
        assert!(!index.push(entry(4)));
    }

    #[test]
    fn runs_are_taken_out_at_once() {
        let mut index = index(&[1, 2, 4, 5, 6, 9]);
        assert_eq!(seqs(index.delete_runs(&[(2, 3), (5, 5), (7, 8)])), [2, 5]);
        assert_eq!((index.floor, index.bytes, index.len()), (0, 40, 4));
        assert_eq!(seqs(index.delete_runs(&[(1, 4), (100, 200)])), [1, 4]);
        assert_eq!((index.floor, index.oldest()), (5, Some(6)));
        assert_eq!(seqs(index.delete_runs(&[(1, 9)])), [6, 9]);
        assert_eq!((index.floor, index.bytes, index.newest), (9, 0, 9));
        assert!(index.delete_runs(&[(1, 9)]).is_empty());
    }

    #[test]
    fn retention_drops_a_beginning_and_counts_it() {
        let keep = |captures, bytes| Keep { captures, bytes, age: None };
        let slid = |index: &mut Index, keep: Keep| {
            let mut gone = VecDeque::new();
            index.slide(&keep, &mut gone);
            seqs(gone)
        };
        let mut index = index(&[1, 2, 4, 5, 6, 9]);
        assert!(slid(&mut index, keep(Some(6), Some(60))).is_empty());
        assert_eq!(slid(&mut index, keep(Some(5), None)), [1]);
        assert_eq!(slid(&mut index, keep(Some(5), Some(39))), [2, 4]);
        assert_eq!((index.floor, index.dropped, index.dropped_to), (4, 3, 4));
        let mut gone = VecDeque::new();
        index.expire(600, &mut gone);
        assert_eq!(seqs(gone), [5, 6]);
        assert!(slid(&mut index, keep(None, Some(1))).is_empty(), "the newest stays");
        assert!(index.delete(9).is_some());
        assert_eq!((index.dropped, index.bytes, index.floor), (5, 0, 9));
    }

    #[test]
    fn none_is_older_than_the_one_before_it() {
        let mut index = index(&[5]);
        assert!(index.push(Entry { at: 3, ..entry(6) }));
        let mut gone = VecDeque::new();
        index.expire(499, &mut gone);
        assert!(gone.is_empty());
    }
}
