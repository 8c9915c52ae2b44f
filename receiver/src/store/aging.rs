//! The timer that drops what has become too old.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{sleep, sleep_until};

use super::Inner;
use super::bins::Bins;
use super::change::Request;
use super::error::StoreError;

/// What is due within this time of the first goes with it, so that a busy bin wakes nobody for each
/// single capture.
const TOGETHER: Duration = Duration::from_millis(100);

/// Sleeps until the next capture is due, and asks the engine to drop it. Ends with the store.
pub(super) async fn run(bins: Arc<Bins>, store: Weak<Inner>) {
    while !bins.is_closed() {
        match bins.retention.next_due() {
            None => bins.retention.sooner.notified().await,
            Some(due) if due > bins.clock.now() => {
                let due = bins.clock.instant(due) + TOGETHER;
                tokio::select! {
                    () = sleep_until(due) => {}
                    () = bins.retention.sooner.notified() => {}
                }
            }
            Some(_) => {
                let Some(store) = store.upgrade() else { return };
                if !expire(&bins, &store).await {
                    return;
                }
            }
        }
    }
}

/// Says whether it is worth going on.
async fn expire(bins: &Bins, store: &Inner) -> bool {
    for bin in bins.retention.due(bins.clock.now()) {
        if let Err(error) = store.submit(Request::Expire(bin)).await {
            if error == StoreError::Closed || store.failure().is_some() {
                return false;
            }
            tracing::warn!(%error, "old captures stay for now");
            sleep(TOGETHER).await;
        }
    }
    // A bin that is just being deleted has nothing to wait for, and the engine needs its turn.
    yield_now().await;
    true
}
