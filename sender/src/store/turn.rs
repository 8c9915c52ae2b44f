//! One turn of the worker: what ended is logged, and what is due is taken.
//!
//! Taking is a write: an attempt that is under way is in the log, so that one that a crash cut off
//! is not forgotten. What a turn does is in lines of the log, from which it can be done again; they
//! are written once SQLite has taken it, in one call.

mod ahead;
mod log;
mod take;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use hooklab_shared::delivery::{Attempt, DeliveryState};
use hooklab_shared::id::Timestamp;
use hooklab_shared::signature::Keys;
use hooklab_shared::webhook::Profile;
use rusqlite::Connection;
use uuid::Uuid;

use super::attempts::{Attempts, Next, Spot};
use super::{Store, StoreError};
use crate::delivery::{Health, Wanted};
use crate::profile::Event;
use crate::target::Target;
pub(super) use ahead::{Ahead, begin};
pub(super) use log::over;

/// A delivery whose next attempt is due.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    /// Its place in the store.
    pub(crate) row: i64,
    pub(crate) id: Uuid,
    pub(crate) webhook: i64,
    pub(crate) target: Arc<Target>,
    pub(crate) test: bool,
    pub(crate) profile: Profile,
    /// What it signs with: the webhook's secret, then the old one while that is in force.
    pub(crate) keys: Arc<Keys>,
    /// The webhook's own header fields.
    pub(crate) headers: Arc<[(String, String)]>,
    /// The webhook's own timeout.
    pub(crate) timeout: Option<Duration>,
    /// The number of the attempt that is due, from 1.
    pub(crate) n: u32,
    /// Whether it was asked for by hand.
    pub(crate) manual: bool,
    pub(crate) event: Event,
}

/// A delivery that was taken, and where it is in its schedule.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) lane: i64,
    pub(crate) due: Due,
    /// Where its attempt before this one is logged.
    pub(crate) before: Option<Spot>,
    pub(crate) step: u32,
    pub(crate) schedule: Arc<[Duration]>,
}

/// An attempt that is over, and where its delivery goes from here.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) row: i64,
    pub(crate) id: Uuid,
    pub(crate) webhook: i64,
    pub(crate) test: bool,
    /// Where the attempt before this one is logged.
    pub(crate) before: Option<Spot>,
    pub(crate) attempt: Attempt,
    pub(crate) state: DeliveryState,
    /// The place in the schedule of what comes next.
    pub(crate) step: u32,
    pub(crate) due_at: Timestamp,
    /// Why it ended undelivered, if it did.
    pub(crate) because: Option<String>,
    /// Until when the webhook is left alone.
    pub(crate) held_until: Option<Timestamp>,
    /// The target says that it is gone for good.
    pub(crate) gone: bool,
}

/// What a turn is asked to do.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// In the order in which they ended.
    pub(crate) ended: Arc<[Ended]>,
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) patience: Patience,
}

/// When a webhook that fails is given up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) now: Timestamp,
    /// One that has failed since before this may be deactivated.
    pub(crate) failing_since_min: Timestamp,
    /// One that was last tried so long before it failed begins to fail then.
    pub(crate) silence_max: Duration,
}

impl Patience {
    /// Of somebody who only retells.
    pub(super) fn endless(now: Timestamp, silence_max: Duration) -> Self {
        Self { now, failing_since_min: Timestamp::from_micros(i64::MIN), silence_max }
    }
}

impl Ended {
    /// Where the delivery goes, for the log; none where it was delivered.
    fn next(&self) -> Option<Next> {
        (self.state != DeliveryState::Delivered).then(|| Next {
            state: self.state,
            step: self.step,
            due_at: self.due_at,
            because: self.because.clone(),
            held_until: self.held_until,
            gone: self.gone,
        })
    }

    /// It goes there.
    pub(super) fn go_on(&mut self, next: Next) {
        let Next { state, step, due_at, because, held_until, gone } = next;
        (self.state, self.step, self.due_at) = (state, step, due_at);
        (self.because, self.held_until, self.gone) = (because, held_until, gone);
    }
}

/// What a turn came to.
#[derive(Debug, Default)]
pub(crate) struct Turned {
    /// Where each that ended stands now, in their order: it may have been cancelled meanwhile.
    pub(crate) states: Vec<DeliveryState>,
    pub(crate) taken: Vec<Taken>,
    /// Each lane that asked: how many it got, and when its next delivery is due.
    pub(crate) lanes: Vec<(i64, usize, Option<Timestamp>)>,
    /// Each webhook that it had to do with.
    pub(crate) health: Vec<(i64, Health)>,
    /// Webhooks that it deactivated, and why.
    pub(crate) deactivated: Vec<(i64, String)>,
    /// Deliveries that it called off.
    pub(crate) cancelled: Vec<Cancelled>,
}

impl Turned {
    /// Whether the log does not tell all of it.
    pub(super) fn says_more(&self) -> bool {
        !self.cancelled.is_empty() || !self.deactivated.is_empty()
    }

    /// What the log does not tell was lost. Its lanes may have something due still.
    pub(super) fn unsay(&mut self) {
        self.cancelled.clear();
        self.deactivated.clear();
        self.lanes.iter_mut().for_each(|(_, _, next)| *next = Some(Timestamp::default()));
    }
}

/// A delivery that was called off.
#[derive(Clone, Debug)]
pub(crate) struct Cancelled {
    pub(crate) id: Uuid,
    pub(crate) webhook: i64,
    pub(crate) because: String,
}

impl Store {
    /// Makes a turn. It survives kill -9 when this returns, which is what a log has to.
    pub(crate) async fn turn(&self, asked: Asked) -> Result<Turned, StoreError> {
        let attempts = self.attempts.clone();
        self.writer.turn(move |connection, ahead| turn(connection, ahead, &attempts, &asked)).await
    }

    /// Every lane that has something pending, and when that is due.
    pub(crate) async fn lanes(&self) -> Result<Vec<(i64, Timestamp)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT lane, min(due_at) FROM delivery \
                 WHERE state = 'pending' AND began_at IS NULL GROUP BY lane",
            )?;
            let at = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let lanes = statement.query_map([], at)?;
            lanes
                .map(|lane| lane.map(|(lane, at)| (lane, Timestamp::from_micros(at))))
                .collect::<Result<_, _>>()
                .map_err(StoreError::from)
        })
        .await
    }
}

fn turn(
    connection: &Connection,
    ahead: &mut Ahead,
    attempts: &Attempts,
    asked: &Asked,
) -> Result<Turned, StoreError> {
    let mut turned = Turned::default();
    let mut lines = attempts.lines();
    let spots = log::lines(&asked.ended, &mut lines)?;
    over(connection, ahead, &asked.ended, &spots, &asked.patience, &mut turned)?;
    for &wanted in &asked.wanted {
        take::take(connection, ahead, wanted, asked.patience.now, &mut lines, &mut turned)?;
    }
    attempts.append(&lines)?;
    Ok(turned)
}
