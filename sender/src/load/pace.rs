//! Which delivery begins when.
//!
//! The runtime's timers are a millisecond coarse, which would be added to every latency, so the
//! moments of an open loop are waited for by a thread of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::{Load, Mode};

/// The shortest wait of the thread: what the system's own timers are good for.
const NAP_MIN: Duration = Duration::from_micros(50);

/// The longest: within it the thread sees that it is to stop.
const NAP_MAX: Duration = Duration::from_millis(20);

/// A delivery that is to begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    /// Its number in the run, from 0.
    pub(super) number: u64,
    /// When it should begin.
    pub(super) due: Instant,
}

/// Hands out the deliveries of a run.
#[derive(Debug)]
pub(super) struct Tickets {
    mode: Mode,
    total: u64,
    began: Instant,
    /// When the last one is due, or the last one may begin.
    until: Instant,
    /// When what is due and has not begun is given up.
    give_up: Instant,
    given: AtomicU64,
    due: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

/// The thread that says what is due; it ends with this.
#[derive(Debug)]
pub(super) struct Pacer {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tickets {
    pub(super) fn new(load: &Load, began: Instant, stop: watch::Receiver<bool>) -> Self {
        let total = load.total();
        let until = match load.mode {
            Mode::Open(rate) => began + offset(rate, total).min(load.duration),
            Mode::Closed => began + load.duration,
        };
        Self {
            mode: load.mode,
            total,
            began,
            until,
            give_up: until + load.timeout,
            given: AtomicU64::new(0),
            due: Arc::new(Semaphore::new(0)),
            stop,
        }
    }

    /// The next delivery, once it is due; none once there is none any more.
    pub(super) async fn next(&self) -> Option<Ticket> {
        if let Mode::Open(_) = self.mode {
            self.due.acquire().await.ok()?.forget();
        }
        let now = Instant::now();
        let late = match self.mode {
            Mode::Open(_) => now > self.give_up,
            Mode::Closed => now >= self.until,
        };
        if late || *self.stop.borrow() {
            return None;
        }
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        if number >= self.total {
            return None;
        }
        let due = match self.mode {
            Mode::Open(rate) => self.began + offset(rate, number),
            Mode::Closed => now,
        };
        Some(Ticket { number, due })
    }

    /// Those that were due, and were never begun.
    pub(super) fn not_begun(&self) -> u64 {
        match self.mode {
            Mode::Open(_) if !*self.stop.borrow() => {
                self.total.saturating_sub(self.given.load(Ordering::Relaxed))
            }
            _ => 0,
        }
    }

    /// Starts to say what is due to so many workers, where there is a rate.
    pub(super) fn paced(&self, workers: usize) -> Option<Pacer> {
        let Mode::Open(rate) = self.mode else { return None };
        let over = Arc::new(AtomicBool::new(false));
        let (ended, due, stop) = (over.clone(), self.due.clone(), self.stop.clone());
        let (began, total) = (self.began, self.total);
        let beat = move || {
            let mut said = 0;
            while said < total && !*stop.borrow() && !ended.load(Ordering::Relaxed) {
                let elapsed = began.elapsed();
                let all = due_by(rate, elapsed).min(total);
                // What stays below the count of a run stays below that of a semaphore.
                due.add_permits(usize::try_from(all.saturating_sub(said)).unwrap_or_default());
                said = all.max(said);
                thread::sleep(offset(rate, said).saturating_sub(elapsed).clamp(NAP_MIN, NAP_MAX));
            }
            // Everybody hears that nothing follows.
            due.add_permits(workers);
        };
        let thread = thread::Builder::new().name("pacer".to_owned()).spawn(beat).ok();
        if thread.is_none() {
            self.due.close();
        }
        Some(Pacer { over, thread })
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// When this delivery is due, from the beginning on.
#[expect(clippy::cast_precision_loss, reason = "a run's numbers are far below 2^53")]
fn offset(rate: f64, number: u64) -> Duration {
    Duration::try_from_secs_f64(number as f64 / rate).unwrap_or(Duration::MAX)
}

/// How many deliveries are due by then.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "neither a rate nor a time is negative, and `as` ends at the largest"
)]
fn due_by(rate: f64, elapsed: Duration) -> u64 {
    (elapsed.as_secs_f64() * rate) as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_and_when_agree() {
        for rate in [0.5, 1.0, 3.0, 1_000.0, 99_999.0] {
            for number in [0, 1, 2, 7, 1_000, 1_000_000] {
                let at = offset(rate, number) + Duration::from_nanos(1_000);
                let due = due_by(rate, at);
                assert_eq!(due, number + 1, "{number} at {rate}/s");
            }
        }
        assert_eq!(due_by(10.0, Duration::ZERO), 1);
        assert_eq!(due_by(10.0, Duration::from_millis(99)), 1);
    }
}
