//! Segments that no delivery needs any more.

use hooklab_shared::id::Timestamp;

use super::{Attempts, Segment};
use crate::store::StoreError;

/// How long a segment that nobody needs may stay, where no new one is begun.
const EVERY_MICROS: u64 = 60_000_000;

/// Whether it is worth a look which segments are needed: that reads every delivery.
#[derive(Debug, Default)]
pub(super) struct Sweeping {
    has_rolled: bool,
    swept_at: Option<Timestamp>,
}

impl Sweeping {
    /// A new segment was begun.
    pub(super) fn rolled(&mut self) {
        self.has_rolled = true;
    }
}

impl Attempts {
    /// Whether deliveries that are gone may have left a segment behind, and nobody looked lately.
    pub(in crate::store) fn is_to_be_swept(&self, now: Timestamp) -> bool {
        let mut segments = self.lock();
        let is_old = segments
            .sweeping
            .swept_at
            .is_none_or(|at| (now.as_micros() - at.as_micros()).unsigned_abs() >= EVERY_MICROS);
        let is_due = segments.kept.len() > 1 && (segments.sweeping.has_rolled || is_old);
        if is_due {
            segments.sweeping.has_rolled = false;
            segments.sweeping.swept_at = Some(now);
        }
        is_due
    }

    /// Drops the segments before this one; the newest stays in any case.
    pub(in crate::store) fn drop_before(&self, first: u32) {
        let newest = self.lock().kept.last_key_value().map_or(0, |(&number, _)| number);
        self.remove_before(first.min(newest));
    }

    pub(super) fn remove_before(&self, first: u32) {
        let mut segments = self.lock();
        let kept = segments.kept.split_off(&first);
        for (number, segment) in std::mem::replace(&mut segments.kept, kept) {
            let path = self.path(number);
            if let Segment::Disk = segment
                && let Err(error) = std::fs::remove_file(&path)
            {
                let error = StoreError::io("remove", &path, &error);
                tracing::warn!(%error, "a part of the log that nobody needs stays");
            }
        }
    }
}
