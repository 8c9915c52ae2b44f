//! How far each target has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hooklab_shared::id::Seq;

/// The place of every target. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<[AtomicU64]>);

/// The place of one of them.
#[derive(Clone, Debug)]
pub(super) struct Place {
    all: Places,
    number: usize,
}

impl Places {
    pub(super) fn new(count: usize, from: Seq) -> Self {
        Self((0..count).map(|_| AtomicU64::new(from)).collect())
    }

    pub(super) fn of(&self, number: usize) -> Place {
        Place { all: self.clone(), number }
    }

    /// What every target has had; 0 where there is no target.
    pub(super) fn lowest(&self) -> Seq {
        self.0.iter().map(|place| place.load(Ordering::Relaxed)).min().unwrap_or_default()
    }
}

impl Place {
    /// This target has had everything up to this capture.
    pub(super) fn reached(&self, seq: Seq) {
        if let Some(place) = self.all.0.get(self.number) {
            place.store(seq, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_target_says_where_to_go_on() {
        let places = Places::new(2, 7);
        places.of(0).reached(9);
        assert_eq!(places.lowest(), 7);
        places.of(1).reached(8);
        assert_eq!(places.lowest(), 8);
        // A bin that was made anew begins again.
        places.of(1).reached(1);
        assert_eq!(places.lowest(), 1);
    }
}
