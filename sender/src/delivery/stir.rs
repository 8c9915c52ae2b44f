//! How others tell the worker that something is due.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hooklab_shared::id::Timestamp;
use tokio::sync::Notify;

use super::Health;

/// What is told while the worker is busy is gathered; it holds no more than there are webhooks.
#[derive(Debug, Default)]
pub(crate) struct Stir {
    told: Mutex<Stirred>,
    bell: Notify,
}

/// What was told.
#[derive(Debug, Default)]
pub(crate) struct Stirred {
    /// Lanes that have something new, each with when it is due.
    pub(crate) lanes: HashMap<i64, Timestamp>,
    /// Webhooks that begin with a clean record, and how they do.
    pub(crate) renewed: HashMap<i64, Health>,
}

impl Stir {
    /// Something of this lane is due then.
    pub(crate) fn lane(&self, lane: i64, due_at: Timestamp) {
        self.tell(|told| {
            let due = told.lanes.entry(lane).or_insert(due_at);
            *due = due_at.min(*due);
        });
    }

    /// A webhook was activated again or goes elsewhere, and nothing holds it any more.
    pub(crate) fn renewed(&self, webhook: i64, health: Health) {
        self.tell(|told| drop(told.renewed.insert(webhook, health)));
    }

    /// Waits until somebody told something since the last time.
    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// What was told.
    pub(crate) fn take(&self) -> Stirred {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tell(&self, what: impl FnOnce(&mut Stirred)) {
        what(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
        self.bell.notify_one();
    }
}
