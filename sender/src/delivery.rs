//! The worker: takes what is due, attempts it, logs what came of it.
//!
//! It works in turns. A turn is one transaction in which everything that ended since the last one
//! is logged, and what is due and has room is taken; so there are as many commits as the store can
//! make, and never one for each attempt.

mod lanes;
mod retainer;
mod round;
mod stir;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use hooklab_shared::limits::Limits;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::attempt::Caller;
use crate::clock::Clock;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::store::Store;
pub(crate) use lanes::{Health, Wanted};
pub(crate) use retainer::Retainer;
use round::Round;
pub(crate) use stir::Stir;
pub(crate) use waiting::Waiting;

/// Between two tries to use the store while it fails.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What the worker works with.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) store: Store,
    pub(crate) caller: Arc<Caller>,
    pub(crate) waiting: Arc<Waiting>,
    /// Told when deliveries have been accepted.
    pub(crate) stir: Arc<Stir>,
    pub(crate) live: Live,
    pub(crate) metrics: Arc<Metrics>,
    /// Rung when deliveries have ended.
    pub(crate) bell: Arc<Notify>,
    /// Turns true when it is time to stop; gone when the sender is.
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
}

impl Worker {
    /// Works until it is told to stop; then finishes what is in flight, within the drain timeout.
    /// What does not finish is told as interrupted when the store is opened again.
    pub(crate) async fn run(mut self) {
        let mut round = Round::new(&self);
        if self.begin(&mut round).await {
            self.work(&mut round).await;
        }
        // What was accepted in the last moment still gets its chance.
        round.stirred(&self);
        round.turn(&self);
        round.close();
        let until = Instant::now() + self.limits.drain_timeout;
        while round.is_busy() && timeout_at(until, round.over(&self)).await.is_ok() {
            round.turn(&self);
        }
        self.waiting.close();
    }

    /// Learns what was pending before; false if it is time to stop.
    async fn begin(&mut self, round: &mut Round) -> bool {
        loop {
            match self.store.lanes().await {
                Ok(lanes) => {
                    for (lane, due_at) in lanes {
                        self.stir.lane(lane, due_at);
                    }
                    round.stirred(self);
                    return true;
                }
                Err(error) => tracing::warn!(%error, "what is due cannot be read"),
            }
            tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => return false,
                () = sleep(STORE_PAUSE) => {}
            }
        }
    }

    async fn work(&mut self, round: &mut Round) {
        let (stir, mut stop) = (self.stir.clone(), self.stop.clone());
        loop {
            round.gather().await;
            round.turn(self);
            let next = round.next(self);
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = round.over(self) => {}
                () = stir.rung() => round.stirred(self),
                () = until(next) => {}
            }
        }
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
