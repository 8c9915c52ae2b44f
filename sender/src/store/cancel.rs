//! Deliveries that are called off.

use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::turn::Cancelled;
use super::{Store, StoreError};

/// What became of the wish to call a delivery off.
#[derive(Debug)]
pub(crate) enum CalledOff {
    /// It was pending, and is no more.
    Cancelled(Cancelled),
    /// It had ended.
    Ended,
    /// There is none.
    Unknown,
}

impl Store {
    /// Calls a delivery off. An attempt that is under way goes on to its end, and no other follows.
    pub(crate) async fn cancel(&self, id: Uuid, because: String) -> Result<CalledOff, StoreError> {
        self.write(move |connection| {
            let found = connection
                .prepare_cached(
                    "UPDATE delivery SET state = 'cancelled', because = ?2 \
                     WHERE id = ?1 AND state = 'pending' RETURNING webhook",
                )?
                .query_row(params![id.to_string(), because], |row| row.get(0))
                .optional()?;
            if let Some(webhook) = found {
                return Ok(CalledOff::Cancelled(Cancelled { id, webhook, because }));
            }
            let known = connection
                .prepare_cached("SELECT 1 FROM delivery WHERE id = ?1")?
                .exists([id.to_string()])?;
            Ok(if known { CalledOff::Ended } else { CalledOff::Unknown })
        })
        .await
    }
}

/// Calls off what of a webhook is pending and not under way; what is under way is not tried again.
pub(super) fn pending_of(
    connection: &Connection,
    webhook: i64,
    because: &str,
) -> Result<Vec<Cancelled>, StoreError> {
    let mut ending = connection.prepare_cached(
        "UPDATE delivery SET state = 'cancelled', because = ?3 \
         WHERE lane IN (?1, ?2) AND state = 'pending' AND began_at IS NULL RETURNING id",
    )?;
    let cancelled = ending.query_map(params![webhook, -webhook, because], |row| {
        let id: String = row.get(0)?;
        let id = id.parse().unwrap_or_default();
        Ok(Cancelled { id, webhook, because: because.to_owned() })
    })?;
    Ok(cancelled.collect::<Result<_, _>>()?)
}
