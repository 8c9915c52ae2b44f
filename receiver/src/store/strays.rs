//! The list of strays: the newest, and no more than the limit.

use std::collections::BTreeMap;
use std::sync::Arc;

use hooklab_shared::stray::{HEAD_BYTES_MAX, Stray};

#[derive(Debug, Default)]
pub(crate) struct Strays {
    remembered: BTreeMap<u64, Kept>,
    /// The newest seq that was given.
    given: u64,
    most: usize,
}

#[derive(Debug)]
struct Kept {
    stray: Arc<Stray>,
    /// The segment of its record.
    segment: u32,
}

impl Strays {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// The next seq. Called under the engine's lock, so that the order of seqs is the log's.
    pub(crate) fn give(&mut self) -> u64 {
        self.given += 1;
        self.given
    }

    pub(crate) fn get(&self, seq: u64) -> Option<Arc<Stray>> {
        self.remembered.get(&seq).map(|kept| Arc::clone(&kept.stray))
    }

    /// Adds one that is written, or one that is written again.
    pub(crate) fn put(&mut self, stray: Arc<Stray>, segment: u32) {
        self.given = self.given.max(stray.seq);
        self.remembered.insert(stray.seq, Kept { stray, segment });
        while self.remembered.len() > self.most {
            self.remembered.pop_first();
        }
    }

    pub(crate) fn page(
        &self,
        after: Option<u64>,
        before: Option<u64>,
        newest_first: bool,
        limit: usize,
    ) -> Vec<Stray> {
        let begin = after.map_or(0, |after| after.saturating_add(1));
        let end = before.unwrap_or(u64::MAX);
        if begin >= end {
            return Vec::new();
        }
        let found = self.remembered.range(begin..end).map(|(_, kept)| Stray::clone(&kept.stray));
        match newest_first {
            true => found.rev().take(limit).collect(),
            false => found.take(limit).collect(),
        }
    }

    /// How many have gone: all before the oldest.
    pub(crate) fn dropped(&self) -> u64 {
        self.remembered.first_key_value().map_or(self.given, |(oldest, _)| oldest - 1)
    }

    /// Those whose record is in this segment or an earlier one.
    pub(crate) fn until(&self, segment: u32) -> Vec<Arc<Stray>> {
        let within = self.remembered.values().filter(|kept| kept.segment <= segment);
        within.map(|kept| Arc::clone(&kept.stray)).collect()
    }

    /// Whether the record of this stray in this segment is still the one that counts.
    pub(crate) fn lives(&self, seq: u64, segment: u32) -> bool {
        self.remembered.get(&seq).is_some_and(|kept| kept.segment == segment)
    }
}

/// A stray whose head is not longer than is kept.
pub(crate) fn bounded(mut stray: Stray) -> Stray {
    let head = stray.head.as_bytes();
    if head.len() > HEAD_BYTES_MAX {
        stray.head = head[..HEAD_BYTES_MAX].into();
    }
    stray
}
