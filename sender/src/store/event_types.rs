//! Own event types in the store.

use hooklab_shared::id::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::Value;

use super::{Store, StoreError};
use crate::catalogue::OwnParts;

/// What became of the wish to delete an own type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeletedType {
    /// It is gone.
    Gone,
    /// There is none of this slug.
    Unknown,
    /// These webhooks use it: the first few numbers, and how many there are.
    Used(Vec<i64>, usize),
}

/// Webhooks that are named to whoever deletes the type they use.
const USERS_TOLD: usize = 5;

impl Store {
    /// Keeps an own type, in the place of an earlier one of its slug, whose age it takes over.
    pub(crate) async fn put_event_type(&self, new: OwnParts) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection.execute(
                "INSERT INTO event_type \
                 (slug, name, description, schema, sample, created_at, modified_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                 ON CONFLICT (slug) DO UPDATE SET name = excluded.name, \
                 description = excluded.description, schema = excluded.schema, \
                 sample = excluded.sample, modified_at = excluded.modified_at",
                params![
                    new.slug,
                    new.name,
                    new.description,
                    new.schema.as_ref().map(Value::to_string),
                    new.sample.as_ref().map(Value::to_string),
                    new.created_at.as_micros(),
                    new.modified_at.as_micros(),
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// Deletes an own type that no webhook uses.
    pub(crate) async fn delete_event_type(&self, slug: String) -> Result<DeletedType, StoreError> {
        self.write(move |connection| delete(connection, &slug)).await
    }

    /// Whether the log holds a delivery of this type, which may no longer be in the catalogue.
    pub(crate) async fn has_delivery_of(&self, event: String) -> Result<bool, StoreError> {
        self.read(move |connection| {
            let found = connection
                .query_row("SELECT 1 FROM delivery WHERE event = ?1 LIMIT 1", [event], |_| Ok(()))
                .optional()?;
            Ok(found.is_some())
        })
        .await
    }
}

/// Every own type, the oldest first.
pub(super) fn all(connection: &Connection) -> Result<Vec<OwnParts>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT slug, name, description, schema, sample, created_at, modified_at \
         FROM event_type ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, Option<String>>(3)?, row.get::<_, Option<String>>(4)?, read(row)?))
    })?;
    rows.map(|row| {
        let (schema, sample, parts) = row?;
        let schema = schema.as_deref().map(serde_json::from_str).transpose()?;
        let sample = sample.as_deref().map(serde_json::from_str).transpose()?;
        Ok(OwnParts { schema, sample, ..parts })
    })
    .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<OwnParts> {
    Ok(OwnParts {
        slug: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        schema: None,
        sample: None,
        created_at: Timestamp::from_micros(row.get(5)?),
        modified_at: Timestamp::from_micros(row.get(6)?),
    })
}

fn delete(connection: &Connection, slug: &str) -> Result<DeletedType, StoreError> {
    let mut users = connection.prepare_cached("SELECT id FROM webhook WHERE event = ?1")?;
    let users: Result<Vec<i64>, _> = users.query_map([slug], |row| row.get(0))?.collect();
    let mut users = users?;
    if !users.is_empty() {
        let count = users.len();
        users.truncate(USERS_TOLD);
        return Ok(DeletedType::Used(users, count));
    }
    let deleted = connection.execute("DELETE FROM event_type WHERE slug = ?1", [slug])?;
    Ok(if deleted > 0 { DeletedType::Gone } else { DeletedType::Unknown })
}
