//! How others tell the worker that something is due.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hooklab_shared::id::Timestamp;
use tokio::sync::Notify;

/// Lanes that have something new, each with when it is due. What is told while the worker is busy
/// is gathered; it holds no more than there are webhooks.
#[derive(Debug, Default)]
pub(crate) struct Stir {
    lanes: Mutex<HashMap<i64, Timestamp>>,
    bell: Notify,
}

impl Stir {
    /// Something of this lane is due then.
    pub(crate) fn lane(&self, lane: i64, due_at: Timestamp) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let due = lanes.entry(lane).or_insert(due_at);
        *due = due_at.min(*due);
        drop(lanes);
        self.bell.notify_one();
    }

    /// Waits until somebody told something since the last time.
    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// What was told.
    pub(crate) fn take(&self) -> HashMap<i64, Timestamp> {
        std::mem::take(&mut *self.lanes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
