//! What `/metrics` tells of the sender: counters that the worker raises, and what waits in the
//! store. No label is anything that a user chooses.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hooklab_shared::delivery::{Attempt, AttemptOutcome, DeliveryState};
use hooklab_shared::id::Timestamp;
use hooklab_shared::prometheus::Text;

use crate::store::Store;

const ENDS: [DeliveryState; 3] =
    [DeliveryState::Delivered, DeliveryState::Exhausted, DeliveryState::Cancelled];

const OUTCOMES: [&str; 3] = ["delivered", "refused", "failed"];

/// Up to which time an attempt counts in each bucket: from a target on this machine to the longest
/// timeout of a profile. One more bucket has no bound.
const BOUNDS_MS: [u64; 13] = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 15_000, 45_000];

/// Counts since the start, of what webhooks' deliveries came to.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    ended: [AtomicU64; ENDS.len()],
    attempts: [AtomicU64; OUTCOMES.len()],
    took: [AtomicU64; BOUNDS_MS.len() + 1],
    took_us: AtomicU64,
    under_way: AtomicI64,
}

/// An attempt that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Metrics>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

impl Metrics {
    /// An attempt begins.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// An attempt was logged, and left its delivery there.
    pub(crate) fn attempted(&self, attempt: &Attempt, state: DeliveryState) {
        let outcome = match attempt.outcome {
            AttemptOutcome::Delivered => 0,
            AttemptOutcome::Refused { .. } => 1,
            AttemptOutcome::Failed { .. } => 2,
            AttemptOutcome::Interrupted | AttemptOutcome::Lost => return,
        };
        self.attempts[outcome].fetch_add(1, Relaxed);
        let took_us = attempt.phases.total_us;
        let bucket = BOUNDS_MS.partition_point(|bound| bound * 1_000 < took_us);
        self.took[bucket].fetch_add(1, Relaxed);
        self.took_us.fetch_add(took_us, Relaxed);
        // What was called off was counted when it was.
        if state != DeliveryState::Cancelled {
            self.ended(state);
        }
    }

    /// A delivery was called off.
    pub(crate) fn cancelled(&self) {
        self.ended(DeliveryState::Cancelled);
    }

    fn ended(&self, state: DeliveryState) {
        if let Some(place) = ENDS.iter().position(|&end| end == state) {
            self.ended[place].fetch_add(1, Relaxed);
        }
    }

    /// All of it as text, with what is waiting now; without that where the store cannot be read.
    pub(crate) async fn text(&self, store: &Store, now: Timestamp) -> String {
        let mut text = Text::default();
        let name = "deliveries_ended_total";
        text.family(name, "counter", "Deliveries of webhooks that ended, by where they ended.");
        for (state, count) in ENDS.iter().zip(&self.ended) {
            text.labelled(name, "state", state.as_str(), count.load(Relaxed));
        }
        text.family("attempts_total", "counter", "Attempts of deliveries, by how they ended.");
        for (outcome, count) in OUTCOMES.iter().zip(&self.attempts) {
            text.labelled("attempts_total", "outcome", outcome, count.load(Relaxed));
        }
        let under_way = self.under_way.load(Relaxed).max(0);
        text.gauge("attempts_under_way", "Attempts that have begun and not ended.", under_way);
        let bounds = BOUNDS_MS.iter().copied().map(Duration::from_millis);
        let bounds = bounds.chain([Duration::MAX]);
        let buckets: Vec<_> =
            bounds.zip(self.took.iter().map(|count| count.load(Relaxed))).collect();
        let sum = Duration::from_micros(self.took_us.load(Relaxed));
        text.histogram("attempt_duration_seconds", "How long attempts took.", &buckets, sum);
        let failed = u8::from(store.failure().is_some());
        text.gauge("sender_store_failed", "Whether the sender's store keeps nothing.", failed);
        if let Ok(backlog) = store.backlog(now).await {
            let waiting = backlog.waiting;
            text.gauge("deliveries_waiting", "Deliveries that wait for an attempt.", waiting);
            text.gauge("deliveries_due", "Those of them that are due.", backlog.due);
            let age = backlog.oldest.map_or(0, |at| now.as_micros() - at.as_micros()).max(0);
            let age = Duration::from_micros(age.unsigned_abs()).as_secs_f64();
            let help = "For how long the delivery has been due that has waited longest.";
            text.gauge("deliveries_due_age_seconds", help, age);
        }
        text.into_string()
    }
}
