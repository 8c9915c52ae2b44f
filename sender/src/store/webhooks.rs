//! Webhooks in the store.

use std::time::Duration;

use hooklab_shared::id::Timestamp;
use hooklab_shared::signature::standard_webhooks::Secret;
use hooklab_shared::span::Span;
use hooklab_shared::webhook::{LastResult, Profile, Webhook};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::de::DeserializeOwned;

use super::turn::Cancelled;
use super::{Store, StoreError, cancel};
use crate::delivery::Health;

/// A webhook, checked, to be registered.
#[derive(Clone, Debug)]
pub(crate) struct NewRow {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) event: String,
    pub(crate) profile: Profile,
    pub(crate) secret: Option<Secret>,
    pub(crate) active: bool,
    pub(crate) integration: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) timeout: Option<Span>,
    pub(crate) schedule: Option<Vec<Span>>,
    pub(crate) rate: Option<u32>,
}

/// A webhook as it is told, and its secret.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) webhook: Webhook,
    pub(crate) secret: Option<Secret>,
}

/// A webhook after a change, and what the change called off.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    pub(crate) webhook: Webhook,
    pub(crate) cancelled: Vec<Cancelled>,
}

pub(super) const COLUMNS: &str = "id, name, url, event, profile, active, integration, count, \
                       created_at, modified_at, last_at, last_ok, last_told, deactivated_because, \
                       secret, headers, timeout_ms, schedule, rate, \
                       old_secret_until, failing_since, held_until";

impl Store {
    /// Registers a webhook, unless there are `webhooks_max` already.
    pub(crate) async fn add_webhook(
        &self,
        new: NewRow,
        at: Timestamp,
        webhooks_max: usize,
    ) -> Result<Option<Webhook>, StoreError> {
        self.write(move |connection| {
            let count: i64 =
                connection.query_row("SELECT count(*) FROM webhook", [], |row| row.get(0))?;
            if usize::try_from(count).unwrap_or(usize::MAX) >= webhooks_max {
                return Ok(None);
            }
            insert(connection, &new, at)?;
            let added = one(connection, connection.last_insert_rowid())?;
            Ok(added.map(|added| added.webhook))
        })
        .await
    }

    /// One webhook.
    pub(crate) async fn webhook(&self, id: i64) -> Result<Option<Registered>, StoreError> {
        self.read(move |connection| one(connection, id)).await
    }

    /// Whether there is such a webhook, or was one of which the log tells.
    pub(crate) async fn knows_webhook(&self, id: i64) -> Result<bool, StoreError> {
        self.read(move |connection| {
            let mut looking = connection.prepare_cached(
                "SELECT 1 FROM webhook WHERE id = ?1 \
                 UNION ALL SELECT 1 FROM delivery WHERE webhook = ?1 LIMIT 1",
            )?;
            Ok(looking.exists([id])?)
        })
        .await
    }

    /// Changes a webhook within the transaction that reads it, so that no other change is lost.
    /// What is pending follows a new URL, and is called off when the webhook is deactivated.
    /// Returns `None` if there is none, and the change's refusal if it refuses.
    pub(crate) async fn change_webhook<E: Send + 'static>(
        &self,
        id: i64,
        at: Timestamp,
        change: impl FnOnce(&Registered) -> Result<Webhook, E> + Send + 'static,
    ) -> Result<Option<Result<Changed, E>>, StoreError> {
        self.write(move |connection| {
            let Some(found) = one(connection, id)? else { return Ok(None) };
            let changed = match change(&found) {
                Ok(changed) => Webhook { id, modified_at: at, ..changed },
                Err(refusal) => return Ok(Some(Err(refusal))),
            };
            Ok(Some(Ok(self::change(connection, &found.webhook, changed)?)))
        })
        .await
    }

    /// Puts a new secret in the place of a webhook's; the old one signs too until then. Returns
    /// `None` if there is no such webhook. While one that was replaced before still signs, a third
    /// would end it: then nothing changes, and until when it signs is the error.
    pub(crate) async fn rotate_secret(
        &self,
        id: i64,
        at: Timestamp,
        secret: Secret,
        old_until: Option<Timestamp>,
    ) -> Result<Option<Result<Webhook, Timestamp>>, StoreError> {
        self.write(move |connection| {
            let rotated = connection.execute(
                "UPDATE webhook SET old_secret = iif(?3 IS NULL, NULL, secret), \
                 old_secret_until = iif(secret IS NULL, NULL, ?3), secret = ?2, \
                 modified_at = ?4 WHERE id = ?1 \
                 AND (?3 IS NULL OR old_secret_until IS NULL OR old_secret_until <= ?4)",
                params![id, secret.reveal(), old_until.map(Timestamp::as_micros), at.as_micros()],
            )?;
            let Some(Registered { webhook, .. }) = one(connection, id)? else { return Ok(None) };
            Ok(Some(match webhook.old_secret_until {
                Some(until) if rotated == 0 => Err(until),
                _ => Ok(webhook),
            }))
        })
        .await
    }

    /// Deletes a webhook; its deliveries stay in the log, and what was pending is called off. None
    /// where there is no such webhook.
    pub(crate) async fn delete_webhook(
        &self,
        id: i64,
    ) -> Result<Option<Vec<Cancelled>>, StoreError> {
        self.write(move |connection| delete(connection, id)).await
    }
}

/// Keeps a change of a webhook, and takes what is pending along.
pub(super) fn change(
    connection: &Connection,
    found: &Webhook,
    changed: Webhook,
) -> Result<Changed, StoreError> {
    let id = changed.id;
    // A clean record has nothing that holds it: `update` keeps it so.
    let held_until = changed.failing_since.and(changed.held_until);
    let changed = Webhook { held_until, ..changed };
    update(connection, &changed)?;
    if changed.url != found.url {
        let mut moving = connection.prepare_cached(
            "UPDATE delivery SET target = ?3 WHERE lane IN (?1, ?2) \
             AND state = 'pending' AND began_at IS NULL",
        )?;
        moving.execute(params![id, -id, changed.url])?;
    }
    let mut cancelled = Vec::new();
    if found.active && !changed.active {
        let why = format!("webhook {id} was deactivated");
        cancelled = cancel::pending_of(connection, id, &why)?;
    }
    Ok(Changed { webhook: changed, cancelled })
}

pub(super) fn delete(
    connection: &Connection,
    id: i64,
) -> Result<Option<Vec<Cancelled>>, StoreError> {
    if connection.execute("DELETE FROM webhook WHERE id = ?1", [id])? == 0 {
        return Ok(None);
    }
    let why = format!("webhook {id} was deleted");
    cancel::pending_of(connection, id, &why).map(Some)
}

pub(super) fn one(connection: &Connection, id: i64) -> Result<Option<Registered>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM webhook WHERE id = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([id], read).optional()?)
}

fn insert(connection: &Connection, new: &NewRow, at: Timestamp) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO webhook (name, url, event, profile, secret, active, integration, \
         created_at, modified_at, headers, timeout_ms, schedule, rate) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11, ?12)",
        params![
            new.name,
            new.url,
            new.event,
            new.profile.as_str(),
            new.secret.as_ref().map(Secret::reveal),
            new.active,
            new.integration,
            at.as_micros(),
            serde_json::to_string(&new.headers)?,
            new.timeout.map(millis),
            new.schedule.as_ref().map(serde_json::to_string).transpose()?,
            new.rate,
        ],
    )?;
    Ok(())
}

fn update(connection: &Connection, webhook: &Webhook) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE webhook SET name = ?2, url = ?3, event = ?4, profile = ?5, active = ?6, \
         integration = ?7, modified_at = ?8, deactivated_because = ?9, headers = ?10, \
         timeout_ms = ?11, schedule = ?12, rate = ?13, failing_since = ?14, \
         failures = iif(?14 IS NULL, 0, failures), \
         held_until = iif(?14 IS NULL, NULL, held_until) WHERE id = ?1",
        params![
            webhook.id,
            webhook.name,
            webhook.url,
            webhook.event,
            webhook.profile.as_str(),
            webhook.active,
            webhook.integration,
            webhook.modified_at.as_micros(),
            webhook.deactivated_because,
            serde_json::to_string(&webhook.headers)?,
            webhook.timeout.map(millis),
            webhook.schedule.as_ref().map(serde_json::to_string).transpose()?,
            webhook.rate,
            webhook.failing_since.map(Timestamp::as_micros),
        ],
    )?;
    Ok(())
}

fn millis(span: Span) -> i64 {
    i64::try_from(span.as_duration().as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Registered> {
    let at = |micros: i64| Timestamp::from_micros(micros);
    let last = match (row.get(10)?, row.get(11)?, row.get(12)?) {
        (Some(micros), Some(ok), Some(told)) => Some(LastResult { at: at(micros), ok, told }),
        _ => None,
    };
    let webhook = Webhook {
        id: row.get(0)?,
        name: row.get(1)?,
        url: row.get(2)?,
        event: row.get(3)?,
        profile: profile(&row.get::<_, String>(4)?),
        active: row.get(5)?,
        integration: row.get(6)?,
        headers: parsed(Some(row.get(15)?)).unwrap_or_default(),
        timeout: timeout(row.get(16)?),
        schedule: parsed(row.get(17)?),
        rate: row.get(18)?,
        old_secret_until: row.get::<_, Option<i64>>(19)?.map(at),
        failing_since: row.get::<_, Option<i64>>(20)?.map(at),
        held_until: held(row.get(21)?),
        count: row.get::<_, i64>(7)?.unsigned_abs(),
        created_at: at(row.get(8)?),
        modified_at: at(row.get(9)?),
        last,
        deactivated_because: row.get(13)?,
    };
    let secret: Option<String> = row.get(14)?;
    Ok(Registered { webhook, secret: secret.as_deref().map(Secret::from_text) })
}

/// How a webhook does, as its columns say.
pub(super) fn health(
    url: &str,
    rate: Option<u32>,
    failures: u32,
    held_until: Option<i64>,
) -> Health {
    Health { failures, held_until: held(held_until), ..Health::clean(url, rate) }
}

fn held(until: Option<i64>) -> Option<Timestamp> {
    until.filter(|&until| until > 0).map(Timestamp::from_micros)
}

/// What was written here as JSON, by this release or an older one.
pub(super) fn parsed<T: DeserializeOwned>(text: Option<String>) -> Option<T> {
    text.and_then(|text| serde_json::from_str(&text).ok())
}

pub(super) fn timeout(millis: Option<i64>) -> Option<Span> {
    millis.map(|millis| Span::from(Duration::from_millis(millis.unsigned_abs())))
}

/// The profile of this name; the default for one that this release does not know.
pub(super) fn profile(name: &str) -> Profile {
    Profile::ALL.into_iter().find(|profile| profile.as_str() == name).unwrap_or_default()
}
