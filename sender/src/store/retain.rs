//! Retention: the oldest deliveries that have ended go, with their attempts and events.

use hooklab_shared::id::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::attempts::Attempts;
use super::{Store, StoreError, recover};
use crate::sender::Keep;

impl Store {
    /// Drops at most so many deliveries that are beyond the bounds, and tells how many it dropped.
    pub(crate) async fn drop_old(
        &self,
        keep: Keep,
        now: Timestamp,
        most: usize,
    ) -> Result<usize, StoreError> {
        let age = i64::try_from(keep.age.as_micros()).unwrap_or(i64::MAX);
        let oldest = now.as_micros().saturating_sub(age);
        let count = i64::try_from(keep.deliveries).unwrap_or(i64::MAX);
        let attempts = self.attempts.clone();
        self.write_soon(move |connection| {
            // What the last calls dropped is committed: what they left of the log may go.
            sweep(connection, &attempts, now)?;
            drop_old(connection, count, oldest, most)
        })
        .await
    }

    /// How many deliveries retention has dropped since the store was made.
    pub(crate) async fn dropped(&self) -> Result<u64, StoreError> {
        self.read(|connection| {
            let sql = "SELECT coalesce(sum(count), 0) FROM dropped WHERE what = 'deliveries'";
            let dropped: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            Ok(dropped.unsigned_abs())
        })
        .await
    }
}

fn drop_old(
    connection: &Connection,
    keep: i64,
    oldest: i64,
    most: usize,
) -> Result<usize, StoreError> {
    // Rows are numbered without gaps, so the newest so many are those above this one.
    let newest: i64 = connection
        .prepare_cached("SELECT coalesce(max(row), 0) FROM delivery")?
        .query_row([], |row| row.get(0))?;
    let young: Option<i64> = connection
        .prepare_cached("SELECT row FROM delivery WHERE created_at >= ?1 ORDER BY row LIMIT 1")?
        .query_row([oldest], |row| row.get(0))
        .optional()?;
    let last = newest.saturating_sub(keep).max(young.map_or(newest, |young| young - 1));
    let mut looking = connection.prepare_cached(
        "SELECT row, event_id FROM delivery WHERE row <= ?1 \
         AND state <> 'pending' AND began_at IS NULL ORDER BY row LIMIT ?2",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let found = looking.query_map(params![last, most], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<(i64, String)> = found.collect::<Result<_, _>>()?;
    for (row, event) in &found {
        forget(connection, *row, event)?;
    }
    // Events that nobody waited for were never part of a delivery.
    connection
        .prepare_cached("DELETE FROM event WHERE deliveries = 0 AND created_at < ?1")?
        .execute([oldest])?;
    if !found.is_empty() {
        connection
            .prepare_cached(
                "INSERT INTO dropped (what, count) VALUES ('deliveries', ?1) \
                 ON CONFLICT (what) DO UPDATE SET count = count + ?1",
            )?
            .execute([i64::try_from(found.len()).unwrap_or(i64::MAX)])?;
    }
    Ok(found.len())
}

/// Drops the part of the log of attempts that no delivery reaches any more.
fn sweep(connection: &Connection, attempts: &Attempts, now: Timestamp) -> Result<(), StoreError> {
    if attempts.is_to_be_swept(now) {
        let first: Option<u32> = connection
            .prepare_cached("SELECT min(first_segment) FROM delivery")?
            .query_row([], |row| row.get(0))?;
        // What SQLite has yet to commit is told from there, should it be lost.
        let told = recover::told(connection)?.map_or(u32::MAX, |told| told.segment);
        attempts.drop_before(first.unwrap_or(u32::MAX).min(told));
    }
    Ok(())
}

fn forget(connection: &Connection, row: i64, event: &str) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM delivery WHERE row = ?1")?.execute([row])?;
    connection
        .prepare_cached("UPDATE event SET deliveries = deliveries - 1 WHERE id = ?1")?
        .execute([event])?;
    connection
        .prepare_cached("DELETE FROM event WHERE id = ?1 AND deliveries <= 0")?
        .execute([event])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    #[test]
    fn a_part_of_the_log_goes_with_the_last_delivery_that_reaches_it() {
        let connection = Connection::open_in_memory().unwrap();
        let attempts = Attempts::in_memory();
        schema::prepare(&connection, &attempts).unwrap();
        connection
            .execute_batch(
                "INSERT INTO event (id, type, created_at, payload, deliveries) \
                 VALUES ('e', 'a', 0, '', 4)",
            )
            .unwrap();
        for segment in [1_u32, 2, 2, 3] {
            let sql = "INSERT INTO delivery (id, event_id, event, webhook, target, profile, test, \
                       state, created_at, due_at, first_segment) \
                       VALUES (hex(randomblob(4)), 'e', 'a', 1, '', '', 0, 'delivered', 0, 0, ?1)";
            connection.execute(sql, [segment]).unwrap();
            attempts.begin(segment).unwrap();
        }
        let mut at = 0;
        let mut kept = |keep| {
            at += 60_000_000;
            let now = Timestamp::from_micros(at);
            drop_old(&connection, keep, 0, 10).unwrap();
            sweep(&connection, &attempts, now).unwrap();
            attempts.first()
        };
        assert_eq!([kept(4), kept(3), kept(2), kept(1), kept(0)], [1, 2, 2, 3, 3]);
    }

    #[test]
    fn what_may_have_to_be_told_again_stays() {
        let connection = Connection::open_in_memory().unwrap();
        let attempts = Attempts::in_memory();
        schema::prepare(&connection, &attempts).unwrap();
        (1..=3).for_each(|segment| attempts.begin(segment).unwrap());
        connection.execute_batch("INSERT INTO logged VALUES (1, 2, 0)").unwrap();
        sweep(&connection, &attempts, Timestamp::from_micros(60_000_000)).unwrap();
        assert_eq!(attempts.first(), 2);
    }
}
