//! One change of many webhooks, in one transaction.

use std::collections::HashSet;

use hooklab_shared::id::Timestamp;
use hooklab_shared::webhook::Webhook;
use uuid::Uuid;

use super::listing::{self, WebhookFilter};
use super::webhooks::{self, Registered};
use super::{Store, StoreError};

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
    /// Deliveries that ended with their webhook.
    pub(crate) ended: Vec<Uuid>,
}

impl Store {
    /// Changes many webhooks.
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
                    webhooks::update(connection, &changed)?;
                }
                done.each.push((id, found.is_some()));
            }
            Ok(done)
        })
        .await
    }

    /// Deletes many webhooks; their deliveries stay in the log, and what was pending ends.
    pub(crate) async fn delete_webhooks(&self, picked: Picked) -> Result<Done, StoreError> {
        self.write(move |connection| {
            let mut done = Done::default();
            for id in ids(connection, picked)? {
                let ended = webhooks::delete(connection, id)?;
                done.each.push((id, ended.is_some()));
                done.ended.extend(ended.into_iter().flatten());
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
