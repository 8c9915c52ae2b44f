//! Deliveries that are sent again by hand: the same delivery, the same event, its schedule from
//! the beginning; what was tried before stays in its log.

use hooklab_shared::delivery::DeliveryState;
use hooklab_shared::id::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::{Store, StoreError};

/// Deliveries that one transaction makes due again: others wait for no more than these.
const AT_ONCE: i64 = 1_000;

/// What became of the wish to send a delivery again.
#[derive(Debug)]
pub(crate) enum SentAgain {
    /// It is due, in this lane.
    Due { lane: i64 },
    /// It has not ended.
    Pending,
    /// It was called off, and its last attempt is not over.
    UnderWay,
    /// Its webhook takes no deliveries.
    Inactive { webhook: i64 },
    /// There is none.
    Unknown,
}

/// Which deliveries are sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Again {
    /// Accepted since then.
    pub(crate) since: Timestamp,
    /// And not after this, so that what comes meanwhile does not keep it going.
    pub(crate) until: Timestamp,
    pub(crate) webhook: Option<i64>,
    pub(crate) state: DeliveryState,
}

/// A part of many.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) resent: u64,
    /// Webhooks that got something.
    pub(crate) webhooks: Vec<i64>,
    /// Where the next part begins; none where this was the last.
    pub(crate) last: Option<i64>,
}

impl Store {
    /// Makes a delivery due again that has ended. Somebody may wait for it, so it goes first.
    pub(crate) async fn resend(&self, id: Uuid, now: Timestamp) -> Result<SentAgain, StoreError> {
        self.write(move |connection| {
            let mut looking = connection.prepare_cached(
                "SELECT d.row, d.webhook, d.state = 'pending', d.began_at IS NOT NULL, \
                 coalesce(w.active, 0) FROM delivery d \
                 LEFT JOIN webhook w ON w.id = d.webhook WHERE d.id = ?1",
            )?;
            let found: Option<(i64, i64, bool, bool, bool)> = looking
                .query_row([id.to_string()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
                })
                .optional()?;
            Ok(match found {
                None => SentAgain::Unknown,
                Some((_, _, true, ..)) => SentAgain::Pending,
                Some((_, _, _, true, _)) => SentAgain::UnderWay,
                Some((_, webhook, .., false)) => SentAgain::Inactive { webhook },
                Some((row, webhook, ..)) => {
                    due_again(connection, row, -webhook, now)?;
                    SentAgain::Due { lane: -webhook }
                }
            })
        })
        .await
    }

    /// Makes deliveries due again; some of them, those after this row.
    pub(crate) async fn resend_some(
        &self,
        which: Again,
        after: i64,
        now: Timestamp,
    ) -> Result<Part, StoreError> {
        self.write(move |connection| {
            let mut looking = connection.prepare_cached(
                "SELECT row, webhook FROM delivery \
                 WHERE row > ?1 AND created_at BETWEEN ?2 AND ?6 AND state = ?3 \
                 AND began_at IS NULL AND (?4 IS NULL OR webhook = ?4) \
                 AND webhook IN (SELECT id FROM webhook WHERE active) ORDER BY row LIMIT ?5",
            )?;
            let Again { since, until, webhook, state } = which;
            let (since, until) = (since.as_micros(), until.as_micros());
            let values = params![after, since, state.as_str(), webhook, AT_ONCE, until];
            let found = looking.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
            let found: Vec<(i64, i64)> = found.collect::<Result<_, _>>()?;
            let mut part = Part::default();
            for &(row, webhook) in &found {
                due_again(connection, row, webhook, now)?;
                part.resent += 1;
                part.webhooks.push(webhook);
            }
            part.webhooks.sort_unstable();
            part.webhooks.dedup();
            part.last = found.last().map(|found| found.0);
            Ok(part)
        })
        .await
    }
}

fn due_again(
    connection: &Connection,
    row: i64,
    lane: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE delivery SET state = 'pending', due_at = ?2, lane = ?3, step = 0, \
             manual = 1, because = NULL WHERE row = ?1",
        )?
        .execute(params![row, now.as_micros(), lane])?;
    Ok(())
}
