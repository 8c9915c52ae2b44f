//! One change of many webhooks, in one transaction.

use std::collections::HashSet;

use hooklab_shared::id::Timestamp;
use hooklab_shared::webhook::Webhook;

use super::listing::{self, WebhookFilter};
use super::webhooks::{self, Registered};
use super::{Cancelled, Store, StoreError};

/// Which webhooks are meant.
#[derive(Clone, Debug)]
pub(crate) enum Picked {
    /// These numbers.
    Ids(Vec<i64>),
    /// Those that a filter lets through.
    Filter(WebhookFilter),
}

/// What became of many webhooks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    /// Each number, once, and whether there is such a webhook.
    pub(crate) each: Vec<(i64, bool)>,
    /// Those that were changed, as they are now.
    pub(crate) changed: Vec<Webhook>,
    /// Deliveries that were called off with their webhook.
    pub(crate) cancelled: Vec<Cancelled>,
}

impl Store {
    /// Changes many webhooks, as one is changed.
    pub(crate) async fn change_webhooks(
        &self,
        picked: Picked,
        at: Timestamp,
        change: impl Fn(&Registered) -> Webhook + Send + 'static,
    ) -> Result<Done, StoreError> {
        self.write(move |connection| {
            let mut done = Done::default();
            for id in ids(connection, picked)? {
                let found = webhooks::one(connection, id)?;
                if let Some(found) = &found {
                    let changed = Webhook { id, modified_at: at, ..change(found) };
                    let changed = webhooks::change(connection, &found.webhook, changed)?;
                    done.cancelled.extend(changed.cancelled);
                    done.changed.push(changed.webhook);
                }
                done.each.push((id, found.is_some()));
            }
            Ok(done)
        })
        .await
    }

    /// Deletes many webhooks; their deliveries stay in the log, and what was pending is called
    /// off.
    pub(crate) async fn delete_webhooks(&self, picked: Picked) -> Result<Done, StoreError> {
        self.write(move |connection| {
            let mut done = Done::default();
            for id in ids(connection, picked)? {
                let cancelled = webhooks::delete(connection, id)?;
                done.each.push((id, cancelled.is_some()));
                done.cancelled.extend(cancelled.into_iter().flatten());
            }
            Ok(done)
        })
        .await
    }
}

fn ids(connection: &rusqlite::Connection, picked: Picked) -> Result<Vec<i64>, StoreError> {
    match picked {
        Picked::Filter(filter) => listing::ids(connection, &filter),
        Picked::Ids(mut ids) => {
            let mut seen = HashSet::new();
            ids.retain(|id| seen.insert(*id));
            Ok(ids)
        }
    }
}
