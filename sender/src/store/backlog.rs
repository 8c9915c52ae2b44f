//! How much is waiting: found by the index of what waits, so that what has ended is not looked at.

use hooklab_shared::id::Timestamp;

use super::{Store, StoreError};

/// Deliveries that wait for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backlog {
    pub(crate) waiting: u64,
    /// Those that are due.
    pub(crate) due: u64,
    /// When the first of them was due, or will be.
    pub(crate) oldest: Option<Timestamp>,
}

const BACKLOG: &str = "SELECT count(*), count(*) FILTER (WHERE due_at <= ?1), min(due_at) \
     FROM delivery WHERE state = 'pending' AND began_at IS NULL";

impl Store {
    /// What is waiting now.
    pub(crate) async fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(BACKLOG)?;
            Ok(statement.query_row([now.as_micros()], |row| {
                let oldest: Option<i64> = row.get(2)?;
                let oldest = oldest.map(Timestamp::from_micros);
                Ok(Backlog { waiting: count(row.get(0)?), due: count(row.get(1)?), oldest })
            })?)
        })
        .await
    }
}

fn count(found: i64) -> u64 {
    u64::try_from(found).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn what_waits_is_counted_in_an_index() {
        let connection = Connection::open_in_memory().unwrap();
        super::super::schema::prepare(&connection, &super::super::attempts::Attempts::in_memory())
            .unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {BACKLOG}")).unwrap();
        let plan: String = statement.query_row([0], |row| row.get(3)).unwrap();
        assert_eq!(plan, "SCAN delivery USING INDEX delivery_lane");
    }
}
