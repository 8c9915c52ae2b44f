//! The worker: takes what is due, attempts it, logs what came of it.

mod waiting;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hooklab_shared::delivery::{Attempt, AttemptOutcome, DeliveryState};
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::attempt::Caller;
use crate::sender::now;
use crate::store::{Due, Ended, Store};
pub(crate) use waiting::Waiting;

/// Between two tries to log an outcome, or to read what is due, while the store fails.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// The longest sleep: a clock that jumps must not delay a delivery for longer.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// What the worker works with.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) store: Store,
    pub(crate) caller: Arc<Caller>,
    pub(crate) waiting: Arc<Waiting>,
    /// Rung when a delivery has been accepted.
    pub(crate) wake: Arc<Notify>,
    /// Turns true when it is time to stop; gone when the sender is.
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) limits: Limits,
}

/// Attempts in flight, by task: the delivery's row, and the webhook's number.
#[derive(Default)]
struct Flight {
    tasks: JoinSet<()>,
    places: HashMap<Id, (i64, i64)>,
}

impl Worker {
    /// Works until it is told to stop; then finishes what is in flight, within the drain timeout.
    /// What does not finish stays pending in the store.
    pub(crate) async fn run(mut self) {
        let mut flight = Flight::default();
        loop {
            let pause = self.take(&mut flight).await;
            tokio::select! {
                biased;
                _ = self.stop.wait_for(|stop| *stop) => break,
                () = flight.landed() => {}
                () = self.wake.notified() => {}
                () = sleep_until(pause) => {}
            }
        }
        // What was accepted in the last moment still gets its chance.
        self.take(&mut flight).await;
        let until = Instant::now() + self.limits.drain_timeout;
        while !flight.tasks.is_empty() && timeout_at(until, flight.landed()).await.is_ok() {}
        self.waiting.close();
    }

    /// Starts everything that is due and has room; returns until when to sleep.
    async fn take(&self, flight: &mut Flight) -> Instant {
        loop {
            let now = now();
            let room = self.limits.attempts_max.saturating_sub(flight.places.len());
            if room == 0 {
                return Instant::now() + SLEEP_MAX;
            }
            let (rows, full) = flight.taken(self.limits.webhook_attempts_max);
            let found = self.store.due(now, room, rows, full).await;
            match found {
                Err(error) => {
                    tracing::warn!(%error, "what is due cannot be read");
                    return Instant::now() + STORE_PAUSE;
                }
                Ok(found) if found.is_empty() => return self.next(now).await,
                Ok(found) => self.start(found, flight),
            }
        }
    }

    fn start(&self, found: Vec<Due>, flight: &mut Flight) {
        for due in found {
            let full = flight.of_webhook(due.webhook) >= self.limits.webhook_attempts_max;
            if full && !due.test {
                continue;
            }
            let place = (due.row, due.webhook);
            let (store, caller) = (self.store.clone(), self.caller.clone());
            let (waiting, stop) = (self.waiting.clone(), self.stop.clone());
            let task = flight.tasks.spawn(async move {
                let attempt = Box::pin(caller.attempt(&due, now())).await;
                log(&store, &waiting, &due, attempt, stop).await;
            });
            flight.places.insert(task.id(), place);
        }
    }

    async fn next(&self, now: Timestamp) -> Instant {
        let next = self.store.next_due(now).await.ok().flatten();
        let micros = next.map_or(i64::MAX, |next| next.as_micros() - now.as_micros());
        let pause = Duration::from_micros(micros.max(0).unsigned_abs());
        Instant::now() + pause.min(SLEEP_MAX)
    }
}

impl Flight {
    /// Waits for an attempt to be over; for ever, where none is in flight.
    async fn landed(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => {
                self.places.remove(&id);
            }
            // It keeps its place until the next start: a bug must not send again and again.
            Some(Err(error)) => tracing::error!(%error, "an attempt ended by itself"),
            None => std::future::pending().await,
        }
    }

    fn of_webhook(&self, webhook: i64) -> usize {
        self.places.values().filter(|place| place.1 == webhook).count()
    }

    /// The rows in flight, and the webhooks that have no room for more.
    fn taken(&self, webhook_attempts_max: usize) -> (Vec<i64>, Vec<i64>) {
        let rows = self.places.values().map(|place| place.0).collect();
        let mut full: Vec<i64> = self.places.values().map(|place| place.1).collect();
        full.sort_unstable();
        full.dedup();
        full.retain(|&webhook| self.of_webhook(webhook) >= webhook_attempts_max);
        (rows, full)
    }
}

/// Logs an attempt. While the store fails the delivery keeps its place in flight: if it were let
/// go, it would be sent again and again.
async fn log(
    store: &Store,
    waiting: &Waiting,
    due: &Due,
    attempt: Attempt,
    mut stop: watch::Receiver<bool>,
) {
    // One attempt is all there is, so whatever it brings is the end.
    let state = match attempt.outcome {
        AttemptOutcome::Delivered => DeliveryState::Delivered,
        AttemptOutcome::Refused { .. }
        | AttemptOutcome::Failed { .. }
        | AttemptOutcome::Interrupted => DeliveryState::Exhausted,
    };
    let ended = Ended { row: due.row, webhook: due.webhook, attempt, state };
    loop {
        let logged = store.record(ended.clone()).await;
        // A caller is told the truth now rather than kept until the store is well again.
        waiting.ended(due.id);
        let Err(error) = logged else { return };
        tracing::warn!(%error, "an attempt cannot be logged");
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = sleep(STORE_PAUSE) => {}
        }
    }
}
