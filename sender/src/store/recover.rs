//! Attempts that were under way when the sender stopped.

use hooklab_shared::delivery::Attempt;
use hooklab_shared::id::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::attempts::{Attempts, Spot, interrupted};
use super::{StoreError, deliveries};

/// One that was cut off.
struct CutOff {
    id: Uuid,
    row: i64,
    before: Option<Spot>,
    attempt: Attempt,
}

/// Logs each as interrupted, and lets its delivery be tried again at once, at the same place of
/// its schedule: the target is not to blame. Nobody knows whether the request arrived; with this
/// line the log has every attempt that a target can have seen.
pub(super) fn recover(connection: &Connection, attempts: &Attempts) -> Result<(), StoreError> {
    if let Some(newest) = newest(connection)? {
        attempts.go_past(newest)?;
    }
    let mut lines = attempts.lines();
    let mut logged = Vec::new();
    for CutOff { id, row, before, attempt } in cut_off(connection)? {
        logged.push((row, attempt.n, lines.add(id, row, before, &attempt)?));
    }
    attempts.append(&lines)?;
    let transaction = connection.unchecked_transaction()?;
    for (row, n, spot) in logged {
        refer(&transaction, row, spot)?;
        transaction.execute(
            "UPDATE delivery SET began_at = NULL, attempts = ?2 WHERE row = ?1",
            params![row, n],
        )?;
    }
    Ok(transaction.commit()?)
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
        let attempts: u32 = row.get(1)?;
        let at = Timestamp::from_micros(row.get(2)?);
        let attempt = interrupted(attempts + 1, row.get(4)?, at, row.get(3)?);
        let (id, before) = (row.get::<_, String>(5)?, deliveries::spot(row, 6)?);
        Ok(CutOff { id: id.parse().unwrap_or_default(), row: row.get(0)?, before, attempt })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
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
