//! Keeps the log within its bounds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::Clock;
use crate::sender::Keep;
use crate::store::Store;

/// How often what is too old is looked for where nothing ends.
const EVERY: Duration = Duration::from_secs(60);

/// Deliveries that go in one transaction: the worker waits for no more than these.
const AT_ONCE: usize = 256;

/// Drops what is beyond the bounds, a little at a time.
#[derive(Debug)]
pub(crate) struct Retainer {
    store: Store,
    keep: Keep,
    clock: Clock,
    bell: Arc<Notify>,
    stop: watch::Receiver<bool>,
}

impl Retainer {
    pub(crate) fn new(store: Store, keep: Keep, clock: Clock, stop: watch::Receiver<bool>) -> Self {
        Self { store, keep, clock, bell: Arc::default(), stop }
    }

    /// To be rung when deliveries have ended.
    pub(crate) fn bell(&self) -> Arc<Notify> {
        self.bell.clone()
    }

    /// Works until it is told to stop.
    pub(crate) async fn run(mut self) {
        let mut every = interval(EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = self.stop.wait_for(|stop| *stop) => return,
                _ = every.tick() => {}
                () = self.bell.notified() => {}
            }
            self.drop_old().await;
        }
    }

    async fn drop_old(&self) {
        loop {
            match self.store.drop_old(self.keep, self.clock.now(), AT_ONCE).await {
                Ok(dropped) if dropped == AT_ONCE && !*self.stop.borrow() => {}
                Ok(_) => return,
                Err(error) => return tracing::warn!(%error, "old deliveries cannot be dropped"),
            }
        }
    }
}
