//! Attempts that are over: each is logged, its delivery moves on, its webhook remembers.

use std::collections::BTreeMap;

use hooklab_shared::delivery::{Attempt, AttemptOutcome, DeliveryState};
use hooklab_shared::id::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::ahead::{Ahead, Began};
use super::{Ended, Patience, Turned};
use crate::delivery::Health;
use crate::schedule;
use crate::store::attempts::{Lines, NewLine, Spot};
use crate::store::{StoreError, cancel, deliveries, webhooks};

/// What a webhook has to remember of one turn.
#[derive(Default)]
struct Memory<'a> {
    last: Option<&'a Ended>,
    delivered: i64,
    /// Whether one succeeded, and failures since the last that did.
    is_well: bool,
    failures: i64,
    failing_since: Option<Timestamp>,
    held_until: Option<Timestamp>,
    gone: bool,
}

/// Adds a line for each, and tells where it will be.
pub(super) fn lines(ended: &[Ended], lines: &mut Lines) -> Result<Vec<Spot>, StoreError> {
    let line = |ended: &Ended| {
        lines.add(&NewLine {
            delivery: ended.id,
            row: ended.row,
            webhook: Some(ended.webhook),
            test: ended.test,
            before: ended.before,
            attempt: &ended.attempt,
            next: ended.next(),
        })
    };
    ended.iter().map(line).collect()
}

/// These attempts are over, and logged at these places.
pub(in crate::store) fn over(
    connection: &Connection,
    ahead: &mut Ahead,
    ended: &[Ended],
    spots: &[Spot],
    patience: &Patience,
    turned: &mut Turned,
) -> Result<(), StoreError> {
    let mut memories: BTreeMap<i64, Memory<'_>> = BTreeMap::new();
    for (ended, &spot) in ended.iter().zip(spots) {
        let began = ahead.over(ended.row);
        let (state, is_new, is_past);
        if ended.state == DeliveryState::Delivered {
            (state, is_past) = (DeliveryState::Delivered, false);
            is_new = delivered(connection, ended, began.as_ref(), spot)?;
        } else {
            began.map_or(Ok(()), |began| began.tell(connection, ended.row))?;
            is_past = self::is_past(connection, ended)?;
            (state, is_new) = failed(connection, ended, spot, is_past)?;
        }
        turned.states.push(state);
        if is_new {
            memories.entry(ended.webhook).or_default().take_in(ended, is_past);
        }
    }
    for (webhook, memory) in memories {
        remember(connection, ahead, webhook, &memory, patience, turned)?;
    }
    Ok(())
}

/// Whether the webhook has another URL by now than the attempt went to: how the old one does says
/// nothing about it.
fn is_past(connection: &Connection, ended: &Ended) -> Result<bool, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT w.url <> d.target FROM delivery d JOIN webhook w ON w.id = d.webhook \
             WHERE d.row = ?1",
        )?
        .query_row([ended.row], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(false))
}

/// One that was cancelled meanwhile was delivered after all. Says whether this attempt was not
/// logged before: a commit that seemed to fail may not have.
fn delivered(
    connection: &Connection,
    ended: &Ended,
    began: Option<&Began>,
    spot: Spot,
) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached(
            "UPDATE delivery SET state = 'delivered', because = NULL, attempts = ?2, step = ?3, \
             due_at = ?4, began_at = NULL, manual = 0, lane = webhook, last_segment = ?5, \
             last_offset = ?6, last_bytes = ?7, first_segment = coalesce(first_segment, ?5), \
             target = coalesce(?8, target) WHERE row = ?1 AND attempts < ?2",
        )?
        .execute(params![
            ended.row,
            ended.attempt.n,
            ended.step,
            ended.due_at.as_micros(),
            spot.segment,
            spot.offset.cast_signed(),
            spot.bytes.cast_signed(),
            began.map(|began| began.target.as_str()),
        ])?;
    Ok(changed > 0)
}

/// Where the delivery stands after an attempt that failed, and whether that was not logged before.
fn failed(
    connection: &Connection,
    ended: &Ended,
    spot: Spot,
    is_past: bool,
) -> Result<(DeliveryState, bool), StoreError> {
    let attempt = &ended.attempt;
    // A URL that is gone for good is not the one where it goes next.
    let ended_state = match ended.state {
        DeliveryState::Exhausted if is_past && ended.gone && !ended.test => DeliveryState::Pending,
        state => state,
    };
    let because = ended.because.as_ref().filter(|_| ended_state == DeliveryState::Exhausted);
    // One that was cancelled meanwhile stays so; and nothing is tried again for a webhook that is
    // no more, or not active.
    let changed = connection
        .prepare_cached(
            "UPDATE delivery SET state = CASE \
                 WHEN ?2 = 'pending' AND (state = 'cancelled' OR NOT EXISTS \
                     (SELECT 1 FROM webhook w WHERE w.id = webhook AND w.active)) \
                 THEN 'cancelled' \
                 WHEN state = 'cancelled' THEN 'cancelled' ELSE ?2 END, \
             because = CASE WHEN because IS NULL AND ?2 = 'pending' AND NOT EXISTS \
                     (SELECT 1 FROM webhook w WHERE w.id = webhook AND w.active) \
                 THEN 'its webhook is no longer active' ELSE coalesce(because, ?7) END, \
             attempts = ?3, step = ?4, due_at = ?5, began_at = NULL, manual = 0, lane = webhook, \
             last_segment = ?6, last_offset = ?8, last_bytes = ?9, \
             first_segment = coalesce(first_segment, ?6) \
             WHERE row = ?1 AND attempts < ?3",
        )?
        .execute(params![
            ended.row,
            ended_state.as_str(),
            attempt.n,
            ended.step,
            ended.due_at.as_micros(),
            spot.segment,
            because,
            spot.offset.cast_signed(),
            spot.bytes.cast_signed(),
        ])?;
    if changed == 0 {
        return Ok((ended_state, false));
    }
    let state: String = connection
        .prepare_cached("SELECT state FROM delivery WHERE row = ?1")?
        .query_row([ended.row], |row| row.get(0))?;
    Ok((deliveries::state(&state), true))
}

impl<'a> Memory<'a> {
    fn take_in(&mut self, ended: &'a Ended, is_past: bool) {
        self.last = Some(ended);
        if is_past {
            return;
        }
        self.gone |= ended.gone;
        self.held_until = self.held_until.max(ended.held_until);
        let is_delivered = ended.state == DeliveryState::Delivered;
        if is_delivered {
            self.is_well = true;
            self.failures = 0;
            self.failing_since = None;
            self.delivered += i64::from(!ended.test);
        } else if !ended.test {
            // A test that fails tells its user; it does not count against the webhook.
            self.failures += 1;
            self.failing_since = self.failing_since.or(Some(ended.attempt.at));
        }
    }
}

fn remember(
    connection: &Connection,
    ahead: &mut Ahead,
    webhook: i64,
    memory: &Memory<'_>,
    patience: &Patience,
    turned: &mut Turned,
) -> Result<(), StoreError> {
    let Some(last) = memory.last else { return Ok(()) };
    // What failed before a long silence says nothing about this failure.
    let silent_before = memory.failing_since.map(|at| schedule::before(at, patience.silence_max));
    // What RETURNING gives goes by way of a table of its own, each time a new one.
    connection
        .prepare_cached(
            "UPDATE webhook SET last_at = ?2, last_ok = ?3, last_told = ?4, count = count + ?5, \
             failures = iif(?6, 0, failures) + ?7, \
             failing_since = iif(?6 OR last_at < ?10, ?8, coalesce(failing_since, ?8)), \
             held_until = max(coalesce(held_until, 0), coalesce(?9, 0)) \
             WHERE id = ?1",
        )?
        .execute(params![
            webhook,
            last.attempt.at.as_micros(),
            last.state == DeliveryState::Delivered,
            told(&last.attempt),
            memory.delivered,
            memory.is_well,
            memory.failures,
            memory.failing_since.map(Timestamp::as_micros),
            memory.held_until.map(Timestamp::as_micros),
            silent_before.map(Timestamp::as_micros),
        ])?;
    let Some((active, failing_since, health)) = standing(connection, webhook)? else {
        return Ok(());
    };
    if let Some(because) = why_deactivated(memory, failing_since, health.failures, patience)
        && active
    {
        ahead.settle(connection)?;
        deactivate(connection, webhook, &because, patience.now, turned)?;
    }
    turned.health.push((webhook, health));
    Ok(())
}

fn why_deactivated(
    memory: &Memory<'_>,
    failing_since: Option<Timestamp>,
    failures: u32,
    patience: &Patience,
) -> Option<String> {
    if memory.gone {
        return Some("its target answered 410 Gone; activate it again once it is back".to_owned());
    }
    let since = failing_since.filter(|_| memory.failures > 0)?;
    schedule::is_hopeless(failures, since, patience.failing_since_min).then(|| {
        let days = schedule::FAILING_MAX.as_secs() / (24 * 3_600);
        format!(
            "every attempt has failed since {since}, for {days} days; activate it again once \
                 its target is well"
        )
    })
}

fn deactivate(
    connection: &Connection,
    webhook: i64,
    because: &str,
    now: Timestamp,
    turned: &mut Turned,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE webhook SET active = 0, deactivated_because = ?2, modified_at = ?3 \
             WHERE id = ?1",
        )?
        .execute(params![webhook, because, now.as_micros()])?;
    let why = format!("webhook {webhook} was deactivated: {because}");
    turned.cancelled.extend(cancel::pending_of(connection, webhook, &why)?);
    turned.deactivated.push((webhook, because.to_owned()));
    Ok(())
}

/// Whether a webhook is active, since when it has failed, and how it does.
fn standing(
    connection: &Connection,
    webhook: i64,
) -> Result<Option<(bool, Option<Timestamp>, Health)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT url, rate, failures, held_until, active, failing_since FROM webhook WHERE id = ?1",
    )?;
    let found = statement.query_row([webhook], |row| {
        let url: String = row.get(0)?;
        let health = webhooks::health(&url, row.get(1)?, row.get(2)?, row.get(3)?);
        let failing_since: Option<i64> = row.get(5)?;
        Ok((row.get(4)?, failing_since.map(Timestamp::from_micros), health))
    });
    Ok(found.optional()?)
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
        AttemptOutcome::Lost => "lost".to_owned(),
    }
}
