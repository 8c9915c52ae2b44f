//! What is due: taken lane by lane, and marked as under way.

use std::sync::Arc;
use std::time::Duration;

use hooklab_shared::id::Timestamp;
use hooklab_shared::signature::{Keys, Secret};
use hooklab_shared::span::Span;
use hooklab_shared::webhook::Profile;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::ahead::{Ahead, Waiting};
use super::{Due, Taken, Turned};
use crate::delivery::{Health, Wanted};
use crate::schedule;
use crate::store::attempts::{Begun, Lines};
use crate::store::{StoreError, cancel, webhooks};
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
    ahead: &mut Ahead,
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
        ahead.settle(connection)?;
        turned.cancelled.extend(cancel::pending_of(connection, webhook, &why)?);
        turned.lanes.push((lane, 0, None));
        return Ok(());
    };
    // A worker that has just begun does not know yet that it is held.
    let is_held = lane > 0 && terms.health.held_until > Some(now);
    let found = if is_held { Vec::new() } else { ahead.take(connection, lane, now, most)? };
    if !found.is_empty() {
        lines.add(&Begun {
            began_at: now,
            target: terms.target.as_str().to_owned(),
            attempts: found.iter().map(|found| (found.row, found.attempts + 1)).collect(),
        })?;
    }
    let taken = found.len();
    let mut schedules: Vec<(Profile, Arc<[Duration]>)> = Vec::new();
    for waiting in found {
        let known = schedules.iter().find(|known| known.0 == waiting.profile);
        let schedule = known.map(|known| known.1.clone()).unwrap_or_else(|| {
            let made: Arc<[Duration]> =
                Arc::from(&*schedule::of(waiting.profile, terms.schedule.as_deref()));
            schedules.push((waiting.profile, made.clone()));
            made
        });
        let (before, step) = (waiting.last, waiting.step);
        let due = terms.due(waiting);
        ahead.begin(due.row, due.n, now, due.target.clone());
        turned.taken.push(Taken { lane, due, before, step, schedule });
    }
    turned.lanes.push((lane, taken, ahead.next(connection, lane)?));
    turned.health.push((webhook, terms.health));
    Ok(())
}

impl Terms {
    fn due(&self, waiting: Waiting) -> Due {
        Due {
            row: waiting.row,
            id: waiting.id,
            webhook: waiting.webhook,
            // Retries follow the webhook: one changes its URL because the old one fails.
            target: self.target.clone(),
            test: waiting.test,
            profile: waiting.profile,
            keys: self.keys.clone(),
            headers: self.headers.clone(),
            timeout: self.timeout,
            n: waiting.attempts + 1,
            manual: waiting.manual,
            event: waiting.event,
        }
    }
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
