//! What is due, and what came of it.

use std::time::Duration;

use hooklab_shared::delivery::{Attempt, AttemptOutcome, DeliveryState};
use hooklab_shared::id::Timestamp;
use hooklab_shared::signature::{Keys, Secret};
use hooklab_shared::span::Span;
use hooklab_shared::webhook::Profile;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{Store, StoreError, webhooks};
use crate::profile::Event;

/// A delivery whose next attempt is due.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    /// Its place in the store.
    pub(crate) row: i64,
    pub(crate) id: Uuid,
    pub(crate) webhook: i64,
    pub(crate) target: String,
    pub(crate) test: bool,
    pub(crate) profile: Profile,
    /// What it signs with: the webhook's secret, then the old one while that is in force.
    pub(crate) keys: Keys,
    /// The webhook's own header fields.
    pub(crate) headers: Vec<(String, String)>,
    /// The webhook's own timeout.
    pub(crate) timeout: Option<Duration>,
    /// The number of the attempt that is due, from 1.
    pub(crate) n: u32,
    /// Whether it was asked for by hand.
    pub(crate) manual: bool,
    pub(crate) event: Event,
}

/// An attempt that is over, and where its delivery stands now.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) row: i64,
    pub(crate) webhook: i64,
    pub(crate) attempt: Attempt,
    pub(crate) state: DeliveryState,
}

impl Store {
    /// The oldest of what is due at `now`, without those rows, and without those webhooks but for
    /// their tests.
    pub(crate) async fn due(
        &self,
        now: Timestamp,
        limit: usize,
        but_rows: Vec<i64>,
        but_webhooks: Vec<i64>,
    ) -> Result<Vec<Due>, StoreError> {
        let but_rows = serde_json::to_string(&but_rows)?;
        let but_webhooks = serde_json::to_string(&but_webhooks)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT d.row, d.id, d.webhook, d.target, d.profile, d.attempts, w.secret, \
                 e.id, e.type, e.created_at, e.payload, d.test, \
                 iif(w.old_secret_until > ?1, w.old_secret, NULL), w.headers, w.timeout_ms, \
                 d.manual \
                 FROM delivery d JOIN event e ON e.id = d.event_id \
                 LEFT JOIN webhook w ON w.id = d.webhook \
                 WHERE d.state = 'pending' AND d.due_at <= ?1 \
                 AND d.row NOT IN (SELECT value FROM json_each(?2)) \
                 AND (d.test OR d.webhook NOT IN (SELECT value FROM json_each(?3))) \
                 ORDER BY d.due_at, d.row LIMIT ?4",
            )?;
            let values = params![now.as_micros(), but_rows, but_webhooks, limit];
            let rows = statement.query_map(values, read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// When the next delivery becomes due that is not due at `now`.
    pub(crate) async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |connection| {
            let next: Option<i64> = connection
                .prepare_cached(
                    "SELECT min(due_at) FROM delivery WHERE state = 'pending' AND due_at > ?1",
                )?
                .query_row([now.as_micros()], |row| row.get(0))?;
            Ok(next.map(Timestamp::from_micros))
        })
        .await
    }

    /// Logs an attempt; its delivery moves on, and its webhook remembers how it went.
    pub(crate) async fn record(&self, ended: Ended) -> Result<(), StoreError> {
        self.write(move |connection| record(connection, &ended)).await
    }
}

fn record(connection: &Connection, ended: &Ended) -> Result<(), StoreError> {
    let attempt = &ended.attempt;
    let logged = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO attempt (delivery, n, document) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![ended.row, attempt.n, serde_json::to_string(attempt)?])?;
    if logged == 0 {
        // A commit that seemed to fail did not.
        return Ok(());
    }
    connection
        .prepare_cached("UPDATE delivery SET state = ?2, attempts = ?3 WHERE row = ?1")?
        .execute(params![ended.row, ended.state.as_str(), attempt.n])?;
    let ok = ended.state == DeliveryState::Delivered;
    connection
        .prepare_cached(
            "UPDATE webhook SET last_at = ?2, last_ok = ?3, last_told = ?4, \
             count = count + (SELECT ?3 AND test = 0 FROM delivery WHERE row = ?5) WHERE id = ?1",
        )?
        .execute(params![ended.webhook, attempt.at.as_micros(), ok, told(attempt), ended.row])?;
    Ok(())
}

/// An outcome in a few words.
fn told(attempt: &Attempt) -> String {
    match &attempt.outcome {
        AttemptOutcome::Delivered => attempt
            .response
            .as_ref()
            .map_or_else(|| "delivered".to_owned(), |response| response.status.to_string()),
        AttemptOutcome::Refused { status, .. } => status.to_string(),
        AttemptOutcome::Failed { phase, cause, .. } => format!("{}: {cause}", phase.as_str()),
        AttemptOutcome::Interrupted => "interrupted".to_owned(),
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Due> {
    let id: String = row.get(1)?;
    let profile: String = row.get(4)?;
    let secrets = [row.get::<_, Option<String>>(6)?, row.get(12)?];
    let secrets = secrets.into_iter().flatten().map(|text| Secret::from_text(&text)).collect();
    Ok(Due {
        row: row.get(0)?,
        id: id.parse().unwrap_or_default(),
        webhook: row.get(2)?,
        target: row.get(3)?,
        test: row.get(11)?,
        profile: webhooks::profile(&profile),
        keys: Keys { secrets, ..Keys::default() },
        headers: webhooks::parsed(row.get(13)?).unwrap_or_default(),
        timeout: webhooks::timeout(row.get(14)?).map(Span::as_duration),
        n: row.get::<_, u32>(5)? + 1,
        manual: row.get(15)?,
        event: Event {
            id: row.get(7)?,
            kind: row.get(8)?,
            created_at: Timestamp::from_micros(row.get(9)?),
            payload: row.get(10)?,
        },
    })
}
