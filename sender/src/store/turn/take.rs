//! What is due: taken lane by lane, and marked as under way.

use std::sync::Arc;
use std::time::Duration;

use hooklab_shared::id::Timestamp;
use hooklab_shared::signature::{Keys, Secret};
use hooklab_shared::span::Span;
use hooklab_shared::webhook::Profile;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Due, Taken, Turned};
use crate::delivery::{Health, Wanted};
use crate::profile::Event;
use crate::schedule;
use crate::store::attempts::{Begun, Lines, Spot};
use crate::store::{StoreError, cancel, deliveries, webhooks};
use crate::target::Target;

/// A webhook's terms for the attempts of this turn.
struct Terms {
    active: bool,
    target: Arc<Target>,
    keys: Arc<Keys>,
    headers: Arc<[(String, String)]>,
    timeout: Option<Duration>,
    schedule: Option<Vec<Span>>,
    health: Health,
}

pub(super) fn take(
    connection: &Connection,
    Wanted { lane, most }: Wanted,
    now: Timestamp,
    lines: &mut Lines,
    turned: &mut Turned,
) -> Result<(), StoreError> {
    let webhook = lane.abs();
    let terms = terms(connection, webhook, now)?;
    // A test may go to an inactive webhook; nothing goes to one that is deleted.
    let may = terms.as_ref().is_some_and(|terms| terms.active || lane < 0);
    let (Some(terms), true) = (terms, may) else {
        let why = format!("webhook {webhook} is not active, or was deleted");
        turned.cancelled.extend(cancel::pending_of(connection, webhook, &why)?);
        turned.lanes.push((lane, 0, None));
        return Ok(());
    };
    // A worker that has just begun does not know yet that it is held.
    if lane > 0 && terms.health.held_until > Some(now) {
        turned.lanes.push((lane, 0, next(connection, lane)?));
        turned.health.push((webhook, terms.health));
        return Ok(());
    }
    let found = due(connection, lane, now, most, &terms)?;
    let taken = found.len();
    let mut schedules: Vec<(Profile, Arc<[Duration]>)> = Vec::new();
    let mut begun =
        Begun { began_at: now, target: terms.target.as_str().to_owned(), attempts: Vec::new() };
    for (due, before, step) in found {
        begin(connection, due.row, due.n, now, &begun.target)?;
        begun.attempts.push((due.row, due.n));
        let known = schedules.iter().find(|known| known.0 == due.profile);
        let schedule = known.map(|known| known.1.clone()).unwrap_or_else(|| {
            let made: Arc<[Duration]> =
                Arc::from(&*schedule::of(due.profile, terms.schedule.as_deref()));
            schedules.push((due.profile, made.clone()));
            made
        });
        turned.taken.push(Taken { lane, due, before, step, schedule });
    }
    if taken > 0 {
        lines.add(&begun)?;
    }
    turned.lanes.push((lane, taken, next(connection, lane)?));
    turned.health.push((webhook, terms.health));
    Ok(())
}

fn due(
    connection: &Connection,
    lane: i64,
    now: Timestamp,
    most: usize,
    terms: &Terms,
) -> Result<Vec<(Due, Option<Spot>, u32)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT d.row, d.id, d.webhook, d.test, d.profile, d.attempts, d.manual, d.step, \
         e.id, e.type, e.created_at, e.payload, d.last_segment, d.last_offset, d.last_bytes \
         FROM delivery d JOIN event e ON e.id = d.event_id \
         WHERE d.lane = ?1 AND d.state = 'pending' AND d.began_at IS NULL AND d.due_at <= ?2 \
         ORDER BY d.due_at, d.row LIMIT ?3",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let read = |row: &Row<'_>| read(row, terms);
    let rows = statement.query_map(params![lane, now.as_micros(), most], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The attempt of this number is under way, to this target.
pub(in crate::store) fn begin(
    connection: &Connection,
    row: i64,
    n: u32,
    at: Timestamp,
    target: &str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE delivery SET began_at = ?2, target = ?3 WHERE row = ?1 AND attempts < ?4",
        )?
        .execute(params![row, at.as_micros(), target, n])?;
    Ok(())
}

fn next(connection: &Connection, lane: i64) -> Result<Option<Timestamp>, StoreError> {
    let next: Option<i64> = connection
        .prepare_cached(
            "SELECT min(due_at) FROM delivery \
             WHERE lane = ?1 AND state = 'pending' AND began_at IS NULL",
        )?
        .query_row([lane], |row| row.get(0))?;
    Ok(next.map(Timestamp::from_micros))
}

fn terms(
    connection: &Connection,
    webhook: i64,
    now: Timestamp,
) -> Result<Option<Terms>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT active, secret, iif(old_secret_until > ?2, old_secret, NULL), headers, \
         timeout_ms, schedule, url, rate, failures, held_until FROM webhook WHERE id = ?1",
    )?;
    let read = |row: &Row<'_>| {
        let secrets = [row.get::<_, Option<String>>(1)?, row.get(2)?];
        let secrets = secrets.into_iter().flatten().map(|text| Secret::from_text(&text)).collect();
        let url: String = row.get(6)?;
        Ok(Terms {
            active: row.get(0)?,
            keys: Arc::new(Keys { secrets, ..Keys::default() }),
            headers: webhooks::parsed(row.get(3)?).unwrap_or_default(),
            timeout: webhooks::timeout(row.get(4)?).map(Span::as_duration),
            schedule: webhooks::parsed(row.get(5)?),
            health: webhooks::health(&url, row.get(7)?, row.get(8)?, row.get(9)?),
            target: Arc::new(Target::new(url)),
        })
    };
    Ok(statement.query_row(params![webhook, now.as_micros()], read).optional()?)
}

fn read(row: &Row<'_>, terms: &Terms) -> rusqlite::Result<(Due, Option<Spot>, u32)> {
    let id: String = row.get(1)?;
    let profile: String = row.get(4)?;
    let due = Due {
        row: row.get(0)?,
        id: id.parse().unwrap_or_default(),
        webhook: row.get(2)?,
        // Retries follow the webhook: one changes its URL because the old one fails.
        target: terms.target.clone(),
        test: row.get(3)?,
        profile: webhooks::profile(&profile),
        keys: terms.keys.clone(),
        headers: terms.headers.clone(),
        timeout: terms.timeout,
        n: row.get::<_, u32>(5)? + 1,
        manual: row.get(6)?,
        event: Event {
            id: row.get(8)?,
            kind: row.get(9)?,
            created_at: Timestamp::from_micros(row.get(10)?),
            payload: row.get(11)?,
        },
    };
    Ok((due, deliveries::spot(row, 12)?, row.get(7)?))
}
