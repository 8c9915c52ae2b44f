//! Attempts that were under way when the sender stopped.

use hooklab_shared::capture::BodyDocument;
use hooklab_shared::delivery::{Attempt, AttemptOutcome, Phases, SentRequest};
use hooklab_shared::id::Timestamp;
use rusqlite::{Connection, params};

use super::StoreError;

/// Logs each as interrupted, and lets its delivery be tried again at once, at the same place of
/// its schedule: the target is not to blame. Nobody knows whether the request arrived; with this
/// line the log has every attempt that a target can have seen.
pub(super) fn recover(connection: &Connection) -> Result<(), StoreError> {
    let mut flying = connection.prepare(
        "SELECT row, attempts, began_at, target, manual FROM delivery \
         WHERE began_at IS NOT NULL",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        let attempts: u32 = row.get(1)?;
        let at = Timestamp::from_micros(row.get(2)?);
        Ok((row.get(0)?, interrupted(attempts + 1, at, row.get(3)?, row.get(4)?)))
    };
    let found: Vec<(i64, Attempt)> = flying.query_map([], read)?.collect::<Result<_, _>>()?;
    for (row, attempt) in found {
        connection.execute(
            "INSERT OR IGNORE INTO attempt (delivery, n, document) VALUES (?1, ?2, ?3)",
            params![row, attempt.n, serde_json::to_string(&attempt)?],
        )?;
        connection.execute(
            "UPDATE delivery SET began_at = NULL, attempts = ?2 WHERE row = ?1",
            params![row, attempt.n],
        )?;
    }
    Ok(())
}

fn interrupted(n: u32, at: Timestamp, url: String, manual: bool) -> Attempt {
    let body = BodyDocument::of(b"");
    let request = SentRequest { method: "POST".to_owned(), url, headers: Vec::new(), body };
    let (response, phases) = (None, Phases::default());
    Attempt { n, manual, at, request, response, phases, outcome: AttemptOutcome::Interrupted }
}
