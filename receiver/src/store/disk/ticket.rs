//! One answer for all who append in one batch.

use std::pin::pin;
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::store::error::StoreError;

/// What those wait upon whose records are written together: they all fare the same, so that none
/// needs a channel of its own.
#[derive(Debug, Default)]
pub(super) struct Ticket {
    settled: OnceLock<Result<(), StoreError>>,
    notify: Notify,
}

/// The writer's end of a ticket. Dropped without a word it says that the store is closed, so that
/// nobody is left waiting.
#[derive(Debug, Default)]
pub(super) struct Stub(Arc<Ticket>);

impl Ticket {
    pub(super) async fn wait(&self) -> Result<(), StoreError> {
        let mut settled = pin!(self.notify.notified());
        settled.as_mut().enable();
        if let Some(result) = self.settled.get() {
            return result.clone();
        }
        settled.await;
        self.settled.get().cloned().unwrap_or(Err(StoreError::Closed))
    }
}

impl Stub {
    pub(super) fn ticket(&self) -> Arc<Ticket> {
        Arc::clone(&self.0)
    }

    /// Answers once; what is said later is not heard.
    pub(super) fn settle(&self, result: Result<(), StoreError>) {
        if self.0.settled.set(result).is_ok() {
            self.0.notify.notify_waiters();
        }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.settle(Err(StoreError::Closed));
    }
}
