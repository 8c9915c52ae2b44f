//! Attempts of stores of older releases, which kept them in a table.

use hooklab_shared::delivery::Attempt;
use rusqlite::Connection;
use uuid::Uuid;

use super::attempts::{Attempts, NewLine, Spot};
use super::{StoreError, recover};

/// Lines that are written at once.
const PART_BYTES: usize = 1024 * 1024;

/// Moves them into the log and drops the table. The log is on the disk before the transaction can
/// be, and a move that was cut off begins anew.
pub(super) fn into_the_log(connection: &Connection, attempts: &Attempts) -> Result<(), StoreError> {
    attempts.clear();
    let mut looking = connection.prepare(
        "SELECT d.row, d.id, a.document FROM attempt a JOIN delivery d ON d.row = a.delivery \
         ORDER BY a.delivery, a.n",
    )?;
    let mut rows = looking.query([])?;
    let mut lines = attempts.lines();
    let mut last: Option<(i64, Spot)> = None;
    while let Some(found) = rows.next()? {
        let (row, id, document): (i64, String, String) =
            (found.get(0)?, found.get(1)?, found.get(2)?);
        // What does not parse could not be told before either; from now on it is told as lost.
        let Ok(attempt) = serde_json::from_str::<Attempt>(&document) else { continue };
        if lines.bytes() > PART_BYTES {
            attempts.append(&lines)?;
            lines = attempts.lines();
        }
        let before = last.filter(|last| last.0 == row).map(|last| last.1);
        let delivery = id.parse::<Uuid>().unwrap_or_default();
        let (attempt, webhook, test, next) = (&attempt, None, false, None);
        let line = NewLine { delivery, row, webhook, test, before, attempt, next };
        let spot = lines.add(&line)?;
        recover::refer(connection, row, spot)?;
        last = Some((row, spot));
    }
    attempts.append(&lines)?;
    attempts.sync()?;
    drop(rows);
    drop(looking);
    Ok(connection.execute_batch("DROP TABLE attempt")?)
}
