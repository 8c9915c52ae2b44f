//! What turns have ahead of SQLite: deliveries that were read before they are wanted, and attempts
//! under way of which it is told once somebody may look. Both keep a turn from asking it for each.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use hooklab_shared::id::Timestamp;
use hooklab_shared::webhook::Profile;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use crate::profile::Event;
use crate::store::attempts::Spot;
use crate::store::{StoreError, deliveries, webhooks};
use crate::target::Target;

/// Deliveries that are read at once at most, and the bytes of those of all lanes together.
const READ_MAX: usize = 256;
const READ_BYTES_MAX: usize = 4 * 1024 * 1024;

/// About as much as one takes beside its payload.
const ROW_BYTES: usize = 400;

/// Lives with the transaction that its attempts belong to.
#[derive(Debug, Default)]
pub(in crate::store) struct Ahead {
    /// Deliveries that are due, by lane, in their order.
    read: HashMap<i64, VecDeque<Waiting>>,
    /// Their bytes.
    bytes: usize,
    /// How many it was worth reading at once: less where others change what was read.
    depth: usize,
    /// Attempts under way that SQLite does not know to be, by their delivery's row.
    begun: HashMap<i64, Began>,
}

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Began {
    n: u32,
    at: Timestamp,
    pub(super) target: Arc<Target>,
}

/// A delivery that waits, as it stands in its table.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) row: i64,
    pub(super) id: Uuid,
    pub(super) webhook: i64,
    pub(super) test: bool,
    pub(super) profile: Profile,
    pub(super) attempts: u32,
    pub(super) manual: bool,
    pub(super) step: u32,
    pub(super) event: Event,
    /// Where its newest attempt is logged.
    pub(super) last: Option<Spot>,
    due_at: Timestamp,
}

impl Ahead {
    /// Somebody else is about to look and to change: SQLite learns of all that is under way, and
    /// what was read is not relied on any more.
    pub(in crate::store) fn settle(&mut self, connection: &Connection) -> Result<(), StoreError> {
        if !self.read.is_empty() {
            self.depth /= 2;
            self.forget();
        }
        self.tell(connection)
    }

    /// SQLite learns of all that is under way.
    pub(in crate::store) fn tell(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.begun.drain().try_for_each(|(row, began)| began.tell(connection, row))
    }

    /// Its transaction is lost.
    pub(in crate::store) fn clear(&mut self) {
        self.begun.clear();
        self.forget();
    }

    fn forget(&mut self) {
        self.read.clear();
        self.bytes = 0;
    }

    /// An attempt is under way.
    pub(super) fn begin(&mut self, row: i64, n: u32, at: Timestamp, target: Arc<Target>) {
        self.begun.insert(row, Began { n, at, target });
    }

    /// It is over; returns what SQLite has not been told of it.
    pub(super) fn over(&mut self, row: i64) -> Option<Began> {
        self.begun.remove(&row)
    }

    /// The next deliveries of this lane that are due, at most so many.
    pub(super) fn take(
        &mut self,
        connection: &Connection,
        lane: i64,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Waiting>, StoreError> {
        if !self.read.contains_key(&lane) {
            self.read(connection, lane, now, most)?;
        }
        let Some(waiting) = self.read.get_mut(&lane) else { return Ok(Vec::new()) };
        let taken: Vec<Waiting> = waiting.drain(..most.min(waiting.len())).collect();
        self.bytes -= taken.iter().map(Waiting::bytes).sum::<usize>();
        if waiting.is_empty() {
            self.read.remove(&lane);
            self.depth = (2 * self.depth.max(most)).min(READ_MAX);
        }
        Ok(taken)
    }

    fn read(
        &mut self,
        connection: &Connection,
        lane: i64,
        now: Timestamp,
        most: usize,
    ) -> Result<(), StoreError> {
        self.tell(connection)?;
        let mut statement = connection.prepare_cached(
            "SELECT d.row, d.id, d.webhook, d.test, d.profile, d.attempts, d.manual, d.step, \
             e.id, e.type, e.created_at, e.payload, d.last_segment, d.last_offset, d.last_bytes, \
             d.due_at FROM delivery d JOIN event e ON e.id = d.event_id \
             WHERE d.lane = ?1 AND d.state = 'pending' AND d.began_at IS NULL AND d.due_at <= ?2 \
             ORDER BY d.due_at, d.row LIMIT ?3",
        )?;
        let limit = i64::try_from(most.max(self.depth)).unwrap_or(i64::MAX);
        let found = statement.query_map(params![lane, now.as_micros(), limit], waiting)?;
        let mut read = VecDeque::new();
        for one in found {
            let one = one?;
            self.bytes += one.bytes();
            read.push_back(one);
            if read.len() >= most && self.bytes >= READ_BYTES_MAX {
                break;
            }
        }
        if !read.is_empty() {
            self.read.insert(lane, read);
        }
        Ok(())
    }

    /// When the next delivery of this lane is due.
    pub(super) fn next(
        &mut self,
        connection: &Connection,
        lane: i64,
    ) -> Result<Option<Timestamp>, StoreError> {
        if let Some(first) = self.read.get(&lane).and_then(|waiting| waiting.front()) {
            return Ok(Some(first.due_at));
        }
        self.tell(connection)?;
        let next: Option<i64> = connection
            .prepare_cached(
                "SELECT min(due_at) FROM delivery \
                 WHERE lane = ?1 AND state = 'pending' AND began_at IS NULL",
            )?
            .query_row([lane], |row| row.get(0))?;
        Ok(next.map(Timestamp::from_micros))
    }
}

impl Began {
    /// SQLite learns of it.
    pub(super) fn tell(&self, connection: &Connection, row: i64) -> Result<(), StoreError> {
        begin(connection, row, self.n, self.at, self.target.as_str())
    }
}

impl Waiting {
    fn bytes(&self) -> usize {
        ROW_BYTES + self.event.payload.len()
    }
}

/// The attempt of this number is under way, to this target.
pub(in crate::store) fn begin(
    connection: &Connection,
    row: i64,
    n: u32,
    at: Timestamp,
    target: &str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE delivery SET began_at = ?2, target = ?3 WHERE row = ?1 AND attempts < ?4",
        )?
        .execute(params![row, at.as_micros(), target, n])?;
    Ok(())
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    let id: String = row.get(1)?;
    let profile: String = row.get(4)?;
    Ok(Waiting {
        row: row.get(0)?,
        id: id.parse().unwrap_or_default(),
        webhook: row.get(2)?,
        test: row.get(3)?,
        profile: webhooks::profile(&profile),
        attempts: row.get(5)?,
        manual: row.get(6)?,
        step: row.get(7)?,
        event: Event {
            id: row.get(8)?,
            kind: row.get(9)?,
            created_at: Timestamp::from_micros(row.get(10)?),
            payload: row.get(11)?,
        },
        last: deliveries::spot(row, 12)?,
        due_at: Timestamp::from_micros(row.get(15)?),
    })
}
