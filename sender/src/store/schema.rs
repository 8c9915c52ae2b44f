//! The tables, and the version that says which release may read them.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::attempts::Attempts;
use super::{StoreError, moved};

/// What each version adds to the one before it: a new one goes to the end, and none is changed once
/// it was released.
const VERSIONS: [&str; 5] = [TABLES, TERMS, OWN_TYPES, PLACES, TOLD];

/// Numbers of webhooks and deliveries are never used twice, hence AUTOINCREMENT.
/// A delivery keeps the target and profile of its webhook at the time of its event.
const TABLES: &str = "
CREATE TABLE webhook (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    event TEXT NOT NULL,
    profile TEXT NOT NULL,
    secret TEXT,
    active INTEGER NOT NULL,
    integration TEXT NOT NULL,
    count INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    last_at INTEGER,
    last_ok INTEGER,
    last_told TEXT,
    deactivated_because TEXT
) STRICT;
CREATE INDEX webhook_event ON webhook (event) WHERE active = 1;
CREATE TABLE event (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seed INTEGER,
    payload TEXT NOT NULL
) STRICT;
CREATE TABLE delivery (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    event_id TEXT NOT NULL REFERENCES event (id),
    event TEXT NOT NULL,
    webhook INTEGER NOT NULL,
    target TEXT NOT NULL,
    profile TEXT NOT NULL,
    test INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX delivery_due ON delivery (due_at) WHERE state = 'pending';
CREATE INDEX delivery_webhook ON delivery (webhook);
CREATE INDEX delivery_event ON delivery (event);
CREATE INDEX delivery_state ON delivery (state);
CREATE TABLE attempt (
    delivery INTEGER NOT NULL REFERENCES delivery (row),
    n INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (delivery, n)
) STRICT;
";

/// A webhook's own terms and its health; a delivery's lane, its place in the schedule, and whether
/// an attempt of it is under way.
///
/// A lane is a webhook's number, negative for what somebody waits for: tests and resends by hand.
/// The hot path touches few indexes on purpose; what is asked for rarely is indexed in part.
const TERMS: &str = "
ALTER TABLE webhook ADD COLUMN headers TEXT NOT NULL DEFAULT '[]';
ALTER TABLE webhook ADD COLUMN timeout_ms INTEGER;
ALTER TABLE webhook ADD COLUMN schedule TEXT;
ALTER TABLE webhook ADD COLUMN rate INTEGER;
ALTER TABLE webhook ADD COLUMN old_secret TEXT;
ALTER TABLE webhook ADD COLUMN old_secret_until INTEGER;
ALTER TABLE webhook ADD COLUMN failing_since INTEGER;
ALTER TABLE webhook ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhook ADD COLUMN held_until INTEGER;
ALTER TABLE event ADD COLUMN deliveries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN manual INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN began_at INTEGER;
ALTER TABLE delivery ADD COLUMN because TEXT;
UPDATE delivery SET lane = iif(test, -webhook, webhook);
CREATE INDEX delivery_event_id ON delivery (event_id);
UPDATE event SET deliveries = (SELECT count(*) FROM delivery WHERE event_id = event.id);
DROP INDEX delivery_event_id;
DROP INDEX delivery_due;
DROP INDEX delivery_state;
CREATE INDEX delivery_lane ON delivery (lane, due_at)
    WHERE state = 'pending' AND began_at IS NULL;
CREATE INDEX delivery_ended ON delivery (state) WHERE state IN ('exhausted', 'cancelled');
CREATE INDEX event_alone ON event (created_at) WHERE deliveries = 0;
CREATE TABLE dropped (
    what TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Event types of the user's own, with JSON Schema and sample as JSON text.
const OWN_TYPES: &str = "
CREATE TABLE event_type (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    schema TEXT,
    sample TEXT,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
) STRICT;
";

/// Where each delivery's newest attempt is in the log, and the segment of its first. With this
/// version the attempts themselves are moved from their table into the log, and it is dropped.
const PLACES: &str = "
ALTER TABLE delivery ADD COLUMN last_segment INTEGER;
ALTER TABLE delivery ADD COLUMN last_offset INTEGER;
ALTER TABLE delivery ADD COLUMN last_bytes INTEGER;
ALTER TABLE delivery ADD COLUMN first_segment INTEGER;
";

/// Up to where the tables know the log of attempts: what stands behind that place is told from it.
const TOLD: &str = "
CREATE TABLE logged (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    segment INTEGER NOT NULL,
    offset INTEGER NOT NULL
) STRICT;
";

/// The version from which on attempts are in the log.
const LOGGED: i64 = 4;

/// Makes the tables where there are none, brings older ones up to date, and refuses those of a
/// newer release.
pub(super) fn prepare(connection: &Connection, attempts: &Attempts) -> Result<(), StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let wanted = i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX);
    if found > wanted {
        return Err(StoreError::Newer { found, wanted });
    }
    // NORMAL: the syncer makes an accepted event survive a power cut. The log may grow to 32 MiB,
    // so that a page that changes often is moved to the database once.
    // Without foreign keys: an event goes with its last delivery, which is counted; SQLite would
    // look through all deliveries for each event that goes.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF; \
         PRAGMA wal_autocheckpoint = 8192; PRAGMA cache_size = -16000;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    // Plans do not depend on what is bound; else some statements were planned anew each time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let missing = VERSIONS.get(usize::try_from(found).unwrap_or(0)..).unwrap_or_default();
    if !missing.is_empty() {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(&missing.concat())?;
        if found < LOGGED {
            moved::into_the_log(&transaction, attempts)?;
        }
        transaction.pragma_update(None, "user_version", wanted)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hooklab_shared::id::Timestamp;

    use super::super::attempts::{Newest, tests};
    use super::*;

    /// Three, with three attempts, one and none.
    const DELIVERIES: &str = "
        INSERT INTO event (id, type, created_at, payload) VALUES ('evt_1', 'a', 0, '{}');
        INSERT INTO delivery (id, event_id, event, webhook, target, profile, test, state,
            created_at, due_at, attempts) VALUES
            ('a', 'evt_1', 'a', 1, '', '', 0, 'delivered', 0, 0, 3),
            ('b', 'evt_1', 'a', 1, '', '', 0, 'delivered', 0, 0, 1),
            ('c', 'evt_1', 'a', 1, '', '', 0, 'pending', 0, 0, 0);
    ";

    fn tables(connection: &Connection) -> Vec<String> {
        let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn an_event_goes_without_a_look_through_the_deliveries() {
        let connection = Connection::open_in_memory().unwrap();
        prepare(&connection, &Attempts::in_memory()).unwrap();
        let enforced: bool =
            connection.pragma_query_value(None, "foreign_keys", |row| row.get(0)).unwrap();
        assert!(!enforced);
    }

    /// As each release left them.
    #[test]
    fn tables_of_every_version_are_brought_up_to_date() {
        let newest = Connection::open_in_memory().unwrap();
        prepare(&newest, &Attempts::in_memory()).unwrap();
        for version in 1..=VERSIONS.len() {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(&VERSIONS[..version].concat()).unwrap();
            connection.pragma_update(None, "user_version", version as i64).unwrap();
            if version as i64 >= LOGGED {
                connection.execute_batch("DROP TABLE attempt").unwrap();
            }
            prepare(&connection, &Attempts::in_memory()).unwrap();
            assert_eq!(tables(&connection), tables(&newest), "from {version}");
            prepare(&connection, &Attempts::in_memory()).unwrap();
        }
        newest.pragma_update(None, "user_version", VERSIONS.len() as i64 + 1).unwrap();
        assert!(matches!(prepare(&newest, &Attempts::in_memory()), Err(StoreError::Newer { .. })));
    }

    #[test]
    fn attempts_of_every_version_are_moved_into_the_log() {
        for version in 1..LOGGED {
            let connection = Connection::open_in_memory().unwrap();
            let versions = VERSIONS[..usize::try_from(version).unwrap()].concat();
            connection.execute_batch(&versions).unwrap();
            connection.pragma_update(None, "user_version", version).unwrap();
            connection.execute_batch(DELIVERIES).unwrap();
            for (delivery, n) in [(1, 1), (2, 1), (1, 2), (1, 3)] {
                let sql = "INSERT INTO attempt VALUES (?1, ?2, ?3)";
                let document = tests::attempt(n, "x");
                let document = serde_json::to_string_pretty(&document).unwrap();
                connection.execute(sql, rusqlite::params![delivery, n, document]).unwrap();
            }
            let attempts = Attempts::in_memory();
            // What a move left that did not come to its end.
            let mut left = attempts.lines();
            left.add(&tests::line(1, None, &tests::attempt(9, "y"))).unwrap();
            attempts.append(&left).unwrap();
            prepare(&connection, &attempts).unwrap();
            let mut found = connection
                .prepare(
                    "SELECT row, attempts, last_segment, last_offset, last_bytes, first_segment \
                     FROM delivery ORDER BY row",
                )
                .unwrap();
            let found = found.query_map([], |row| {
                let (n, spot) = (row.get(1)?, super::super::deliveries::spot(row, 2)?);
                assert_eq!(row.get::<_, Option<u32>>(5)?, spot.map(|_| 1));
                let created_at = Timestamp::default();
                Ok(attempts.of(Newest { row: row.get(0)?, n, spot, created_at }).0)
            });
            let found = found.unwrap().collect::<Result<Vec<_>, _>>().unwrap();
            let made = |numbers: std::ops::RangeInclusive<u32>| {
                numbers.map(|n| tests::attempt(n, "x")).collect::<Vec<_>>()
            };
            assert_eq!(found, [made(1..=3), made(1..=1), Vec::new()], "from {version}");
        }
    }
}
