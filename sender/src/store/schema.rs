//! The tables, and the version that says which release may read them.

use rusqlite::Connection;

use super::StoreError;

/// Rises with every change of the tables; a newer one is refused.
const VERSION: i64 = 2;

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

/// Version 2: event types of the user's own.
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

/// Makes the tables where there are none, and refuses those of a newer release.
pub(super) fn prepare(connection: &Connection) -> Result<(), StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION {
        return Err(StoreError::Newer { found, wanted: VERSION });
    }
    // FULL: an accepted event survives a power cut.
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    connection.set_prepared_statement_cache_capacity(64);
    for (version, tables) in (1..).zip([TABLES, OWN_TYPES]) {
        if found < version {
            connection.execute_batch(&format!(
                "BEGIN; {tables} PRAGMA user_version = {version}; COMMIT;"
            ))?;
        }
    }
    Ok(())
}
