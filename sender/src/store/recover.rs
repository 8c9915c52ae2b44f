//! What the log of attempts tells the tables: after a crash, or after a transaction that was lost.

use std::sync::Arc;
use std::time::Duration;

use hooklab_shared::delivery::{AttemptOutcome, DeliveryState};
use hooklab_shared::id::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::attempts::{Attempts, Begun, Line, NewLine, Place, Spot, Told, interrupted};
use super::turn::{self, Ahead, Ended, Patience, Turned};
use super::{StoreError, deliveries};
#[cfg(test)]
use crate::schedule::SILENCE_MAX;

/// The log of attempts, as it is told to the tables.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) attempts: Arc<Attempts>,
    /// After how long a silence a webhook that fails begins to fail anew.
    pub(super) silence_max: Duration,
    /// Why the tables could not be brought up to it when the store was opened, if they were not:
    /// before anything else is done, that is.
    pub(super) untold: Option<StoreError>,
}

impl Log {
    #[cfg(test)]
    pub(super) fn in_memory() -> Self {
        Self { attempts: Arc::new(Attempts::in_memory()), silence_max: SILENCE_MAX, untold: None }
    }

    /// Brings the tables up to what the log says, when the store is opened; on a full disk later,
    /// since what is kept can be read all the same.
    pub(super) fn open(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let recovered = connection.unchecked_transaction().map_err(StoreError::from);
        let recovered = recovered.and_then(|transaction| {
            self.recover(&transaction)?;
            Ok(transaction.commit()?)
        });
        match recovered {
            Err(error @ StoreError::Full(_)) => {
                tracing::warn!(%error, "what a crash cut off waits for room");
                self.untold = Some(error);
                Ok(())
            }
            recovered => recovered,
        }
    }

    /// Tells the tables what they missed: all of it, unless they were told when the store was
    /// opened.
    pub(super) fn catch_up(&self, connection: &Connection) -> Result<(), StoreError> {
        match self.untold {
            Some(_) => self.recover(connection),
            None => self.tell(connection).map(drop),
        }
    }

    /// Tells what the log says, then logs each attempt that was under way as interrupted, and lets
    /// its delivery be tried again at once, at the same place of its schedule: the target is not to
    /// blame. Nobody knows whether the request arrived; with this line the log has every attempt
    /// that a target can have seen. Where nothing was missed, nothing is written.
    pub(super) fn recover(&self, connection: &Connection) -> Result<(), StoreError> {
        self.tell(connection)?;
        let known = newest(connection)?.map(Spot::end).max(told(connection)?);
        self.attempts.go_past(known.unwrap_or_default())?;
        let mut lines = self.attempts.lines();
        for CutOff { id, row, n, manual, at, target, before } in cut_off(connection)? {
            let attempt = &interrupted(n, manual, at, target);
            let (webhook, test, next) = (None, false, None);
            let line = NewLine { delivery: id, row, webhook, test, before, attempt, next };
            is_over(connection, row, n, lines.add(&line)?)?;
        }
        self.attempts.append(&lines)?;
        match told(connection)? == Some(self.attempts.end()) {
            true => Ok(()),
            false => self.told(connection),
        }
    }

    /// Tells the tables what stands in the log behind the place that they know; returns how many
    /// attempts that were.
    pub(super) fn tell(&self, connection: &Connection) -> Result<usize, StoreError> {
        // A store of an older release has no such place, and knows everything.
        let Some(from) = told(connection)? else { return Ok(0) };
        let mut count = 0;
        self.attempts.each_from(from, |spot, told| match told {
            Told::Begun(begun) => {
                count += begun.attempts.len();
                begin(connection, &begun)
            }
            Told::Over(line) => {
                count += 1;
                over(connection, *line, spot, self.silence_max)
            }
        })?;
        Ok(count)
    }

    /// The tables know all of it.
    pub(super) fn told(&self, connection: &Connection) -> Result<(), StoreError> {
        let Place { segment, offset } = self.attempts.end();
        let sql = "INSERT OR REPLACE INTO logged (id, segment, offset) VALUES (1, ?1, ?2)";
        connection.prepare_cached(sql)?.execute(params![segment, offset.cast_signed()])?;
        Ok(())
    }
}

/// Up to where the tables know it; none where they never were told.
pub(super) fn told(connection: &Connection) -> Result<Option<Place>, StoreError> {
    let mut looking = connection.prepare_cached("SELECT segment, offset FROM logged")?;
    let place = |row: &rusqlite::Row<'_>| {
        let (segment, offset): (u32, i64) = (row.get(0)?, row.get(1)?);
        Ok(Place { segment, offset: offset.cast_unsigned() })
    };
    Ok(looking.query_row([], place).optional()?)
}

fn begin(connection: &Connection, begun: &Begun) -> Result<(), StoreError> {
    let Begun { began_at, target, attempts } = begun;
    attempts.iter().try_for_each(|&(row, n)| turn::begin(connection, row, n, *began_at, target))
}

fn over(
    connection: &Connection,
    line: Line,
    spot: Spot,
    silence_max: Duration,
) -> Result<(), StoreError> {
    let Line { delivery, row, webhook, test, before, attempt, next } = line;
    let webhook = match (webhook, &attempt.outcome) {
        (None, _) | (_, AttemptOutcome::Interrupted) => {
            return is_over(connection, row, attempt.n, spot);
        }
        (Some(webhook), _) => webhook,
    };
    let at = attempt.at;
    let mut ended = Ended {
        row,
        id: delivery,
        webhook,
        test,
        before,
        attempt,
        state: DeliveryState::Delivered,
        step: 0,
        due_at: at,
        because: None,
        held_until: None,
        gone: false,
    };
    if let Some(next) = next {
        ended.go_on(next);
    }
    // A webhook that has failed for long enough is deactivated with its next failure.
    let patience = Patience::endless(at, silence_max);
    let (mut ahead, mut turned) = (Ahead::default(), Turned::default());
    turn::over(connection, &mut ahead, &[ended], &[spot], &patience, &mut turned)
}

/// One that was cut off.
struct CutOff {
    id: Uuid,
    row: i64,
    n: u32,
    manual: bool,
    at: Timestamp,
    target: String,
    before: Option<Spot>,
}

/// Where the newest line is that a delivery refers to.
fn newest(connection: &Connection) -> Result<Option<Spot>, StoreError> {
    let mut looking = connection.prepare(
        "SELECT last_segment, last_offset, last_bytes FROM delivery \
         WHERE last_segment IS NOT NULL ORDER BY last_segment DESC, last_offset DESC LIMIT 1",
    )?;
    Ok(looking.query_row([], |row| deliveries::spot(row, 0)).optional()?.flatten())
}

fn cut_off(connection: &Connection) -> Result<Vec<CutOff>, StoreError> {
    let mut flying = connection.prepare(
        "SELECT row, attempts, began_at, target, manual, id, \
         last_segment, last_offset, last_bytes FROM delivery WHERE began_at IS NOT NULL",
    )?;
    let found = flying.query_map([], |row| {
        let id: String = row.get(5)?;
        Ok(CutOff {
            id: id.parse().unwrap_or_default(),
            row: row.get(0)?,
            n: row.get::<_, u32>(1)? + 1,
            manual: row.get(4)?,
            at: Timestamp::from_micros(row.get(2)?),
            target: row.get(3)?,
            before: deliveries::spot(row, 6)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// An attempt was cut off: its delivery has it behind it, and stands where it stood.
fn is_over(connection: &Connection, row: i64, n: u32, spot: Spot) -> Result<(), StoreError> {
    refer(connection, row, spot)?;
    connection
        .prepare_cached("UPDATE delivery SET began_at = NULL, attempts = ?2 WHERE row = ?1")?
        .execute(params![row, n])?;
    Ok(())
}

/// The delivery's newest attempt is logged there.
pub(super) fn refer(connection: &Connection, row: i64, spot: Spot) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE delivery SET last_segment = ?2, last_offset = ?3, last_bytes = ?4, \
             first_segment = coalesce(first_segment, ?2) WHERE row = ?1",
        )?
        .execute(params![row, spot.segment, spot.offset.cast_signed(), spot.bytes.cast_signed()])?;
    Ok(())
}
