//! The store's own clock: it starts at the wall's time, and never jumps.

use std::time::{Duration, SystemTime};

use hooklab_shared::id::Timestamp;
use tokio::time::Instant;

/// Microseconds since 1970 UTC as they were at the start, and from there on by a clock that only
/// runs forward: a wall clock that is set must not make captures old.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    at: i64,
}

/// One moment, by both clocks, in microseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// By the store's clock.
    pub(crate) now: i64,
    /// By the wall's.
    pub(crate) wall: i64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), at: wall() }
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment { now: self.now(), wall: wall() }
    }

    /// In microseconds since 1970 UTC.
    pub(crate) fn now(&self) -> i64 {
        let run = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.at.saturating_add(run)
    }

    /// When this clock will say so; at once, if it has already.
    pub(crate) fn instant(&self, at: i64) -> Instant {
        let after = u64::try_from(at.saturating_sub(self.at)).unwrap_or(0);
        // A span is at most a year, and far more than that overflows an instant.
        self.started + Duration::from_micros(after.min(10 * 366 * 24 * 3_600 * 1_000_000))
    }
}

impl Moment {
    /// When something came that the wall's clock says it did: as long ago as that clock says now,
    /// so that setting it between two captures changes neither.
    pub(crate) fn stamp(self, received_at: Timestamp) -> i64 {
        let ago = self.wall.saturating_sub(received_at.as_micros()).max(0);
        self.now.saturating_sub(ago)
    }
}

fn wall() -> i64 {
    Timestamp::from(SystemTime::now()).as_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_the_wall_clock_makes_nothing_older() {
        let hour = 3_600_000_000;
        for jump in [0, hour, -hour, 1_000_000 * hour] {
            let moment = Moment { now: 10 * hour, wall: 10 * hour + jump };
            let just_now = Timestamp::from_micros(moment.wall - 5);
            assert_eq!(moment.stamp(just_now), 10 * hour - 5);
        }
        let moment = Moment { now: 10 * hour, wall: 10 * hour };
        assert_eq!(moment.stamp(Timestamp::from_micros(7 * hour)), 7 * hour);
        assert_eq!(moment.stamp(Timestamp::from_micros(99 * hour)), 10 * hour, "not in the future");
    }
}
