//! Events and deliveries in the store.

use std::time::Duration;

use hooklab_shared::delivery::{Delivery, DeliveryState};
use hooklab_shared::id::Timestamp;
use hooklab_shared::webhook::Webhook;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use uuid::Uuid;

use super::attempts::{Attempts, Newest, Spot};
use super::{Store, StoreError, webhooks};
use crate::clock::Clock;
use crate::profile::Event;
use crate::schedule;

/// Who gets an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Recipients {
    /// Every active webhook of its type.
    Active,
    /// This webhook, as a test.
    Test(i64),
}

/// Which deliveries are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeliveryFilter {
    pub(crate) webhook: Option<i64>,
    pub(crate) event: Option<String>,
    pub(crate) state: Option<DeliveryState>,
    /// Only those older than this cursor.
    pub(crate) after: Option<i64>,
    pub(crate) limit: usize,
    /// The page ends before it holds more than this, but for its first.
    pub(crate) page_bytes_max: usize,
}

const COLUMNS: &str = "row, id, event_id, event, webhook, target, test, state, created_at, \
                       due_at, because, attempts, last_segment, last_offset, last_bytes";

impl Store {
    /// Commits an event together with its deliveries: from here it cannot be lost. Returns `None`
    /// if the webhook to test is not there.
    pub(crate) async fn accept(
        &self,
        event: Event,
        seed: Option<u64>,
        recipients: Recipients,
        clock: Clock,
    ) -> Result<Option<Vec<Delivery>>, StoreError> {
        self.write(move |connection| {
            let webhooks = match recipients {
                Recipients::Active => active(connection, &event.kind)?,
                Recipients::Test(id) => match webhooks::one(connection, id)? {
                    Some(found) => vec![found.webhook],
                    None => return Ok(None),
                },
            };
            let mut inserting = connection.prepare_cached(
                "INSERT INTO event (id, type, created_at, seed, payload, deliveries) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            inserting.execute(params![
                event.id,
                event.kind,
                event.created_at.as_micros(),
                seed.map(u64::cast_signed),
                event.payload,
                i64::try_from(webhooks.len()).unwrap_or(i64::MAX),
            ])?;
            let test = matches!(recipients, Recipients::Test(_));
            let deliveries = webhooks
                .into_iter()
                .map(|webhook| insert(connection, &event, webhook, test, clock))
                .collect::<Result<_, _>>()?;
            Ok(Some(deliveries))
        })
        .await
    }

    /// One delivery with its attempts.
    pub(crate) async fn delivery(&self, id: Uuid) -> Result<Option<Delivery>, StoreError> {
        let attempts = self.attempts.clone();
        self.read(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM delivery WHERE id = ?1");
            let found =
                connection.prepare_cached(&sql)?.query_row([id.to_string()], read).optional()?;
            Ok(found.map(|(newest, mut delivery)| {
                delivery.attempts = attempts.of(newest).0;
                delivery
            }))
        })
        .await
    }

    /// One page of deliveries, the newest first, and the cursor of the next page.
    pub(crate) async fn deliveries(
        &self,
        filter: DeliveryFilter,
    ) -> Result<(Vec<Delivery>, Option<i64>), StoreError> {
        let attempts = self.attempts.clone();
        self.read(move |connection| page(connection, &attempts, &filter)).await
    }
}

fn active(connection: &Connection, event: &str) -> Result<Vec<Webhook>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT id FROM webhook WHERE event = ?1 AND active = 1 ORDER BY id")?;
    let ids = statement.query_map([event], |row| row.get(0))?;
    let mut found = Vec::new();
    for id in ids {
        found.extend(webhooks::one(connection, id?)?.map(|found| found.webhook));
    }
    Ok(found)
}

fn insert(
    connection: &Connection,
    event: &Event,
    webhook: Webhook,
    test: bool,
    clock: Clock,
) -> Result<Delivery, StoreError> {
    let schedule = schedule::of(webhook.profile, webhook.schedule.as_deref());
    let wait = clock.wait(schedule.first().copied().unwrap_or_default());
    let delivery = Delivery {
        id: Uuid::now_v7(),
        event_id: event.id.clone(),
        event: event.kind.clone(),
        webhook: webhook.id,
        target: webhook.url,
        test,
        state: DeliveryState::Pending,
        created_at: event.created_at,
        due_at: Some(event.created_at + if test { Duration::ZERO } else { wait }),
        because: None,
        attempts: Vec::new(),
    };
    connection
        .prepare_cached(
            "INSERT INTO delivery (id, event_id, event, webhook, target, profile, test, state, \
             created_at, due_at, lane) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            delivery.id.to_string(),
            delivery.event_id,
            delivery.event,
            delivery.webhook,
            delivery.target,
            webhook.profile.as_str(),
            test,
            delivery.state.as_str(),
            delivery.created_at.as_micros(),
            delivery.due_at.map(Timestamp::as_micros),
            if test { -delivery.webhook } else { delivery.webhook },
        ])?;
    Ok(delivery)
}

fn page(
    connection: &Connection,
    attempts: &Attempts,
    filter: &DeliveryFilter,
) -> Result<(Vec<Delivery>, Option<i64>), StoreError> {
    let (sql, values) = query(filter);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), read)?;
    let mut deliveries = Vec::new();
    let (mut bytes, mut last) = (0, None);
    for row in rows {
        let (newest, mut delivery) = row?;
        let size;
        (delivery.attempts, size) = attempts.of(newest);
        bytes += size;
        let full = deliveries.len() >= filter.limit || bytes > filter.page_bytes_max;
        if full && last.is_some() {
            return Ok((deliveries, last));
        }
        last = Some(newest.row);
        deliveries.push(delivery);
    }
    Ok((deliveries, None))
}

fn query(filter: &DeliveryFilter) -> (String, Vec<Value>) {
    let mut sql = format!("SELECT {COLUMNS} FROM delivery WHERE 1");
    if matches!(filter.state, Some(DeliveryState::Exhausted | DeliveryState::Cancelled)) {
        // Said literally, so that the index of these few is used.
        sql.push_str(" AND state IN ('exhausted', 'cancelled')");
    }
    let mut values = Vec::new();
    let mut with = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value);
        }
    };
    with(" AND webhook = ?", filter.webhook.map(Value::from));
    with(" AND event = ?", filter.event.clone().map(Value::from));
    with(" AND state = ?", filter.state.map(|state| Value::from(state.as_str().to_owned())));
    with(" AND row < ?", filter.after.map(Value::from));
    // One more than is shown tells whether there is a next page.
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX).saturating_add(1);
    with(" ORDER BY row DESC LIMIT ?", Some(limit.into()));
    (sql, values)
}

/// The state of this name.
pub(super) fn state(name: &str) -> DeliveryState {
    let known = DeliveryState::ALL.into_iter().find(|known| known.as_str() == name);
    known.unwrap_or(DeliveryState::Pending)
}

fn read(row: &Row<'_>) -> rusqlite::Result<(Newest, Delivery)> {
    let state: String = row.get(7)?;
    let state = self::state(&state);
    let id: String = row.get(1)?;
    let delivery = Delivery {
        id: id.parse().unwrap_or_default(),
        event_id: row.get(2)?,
        event: row.get(3)?,
        webhook: row.get(4)?,
        target: row.get(5)?,
        test: row.get(6)?,
        state,
        created_at: Timestamp::from_micros(row.get(8)?),
        due_at: (state == DeliveryState::Pending).then_some(Timestamp::from_micros(row.get(9)?)),
        because: row.get(10)?,
        attempts: Vec::new(),
    };
    let (n, spot, created_at) = (row.get(11)?, spot(row, 12)?, delivery.created_at);
    Ok((Newest { row: row.get(0)?, n, spot, created_at }, delivery))
}

/// Where a delivery's newest attempt is logged: in these three columns from this one on.
pub(super) fn spot(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Spot>> {
    let Some(segment) = row.get(first)? else { return Ok(None) };
    let [offset, bytes] = [row.get::<_, i64>(first + 1)?, row.get(first + 2)?];
    Ok(Some(Spot { segment, offset: offset.cast_unsigned(), bytes: bytes.cast_unsigned() }))
}
