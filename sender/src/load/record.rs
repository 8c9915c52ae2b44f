//! What became of each delivery, as it ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};
use hooklab_shared::limits::Limits;

use super::report::{Latency, LoadReport, Progress};
use super::{Load, Mode};

/// The longest latency that is told apart from longer ones: an hour, in microseconds.
const LATENCY_US_MAX: u64 = 3_600_000_000;

/// Digits of a latency that count.
const DIGITS: u8 = 3;

/// A delivery that ended.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) number: u64,
    /// When it should have begun, from the beginning on.
    pub(super) due: Duration,
    /// From then to its end.
    pub(super) latency: Duration,
    /// From when it did begin.
    pub(super) service: Duration,
    pub(super) attempts: u32,
    pub(super) ended: Ended,
}

/// How the last attempt of a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Delivered,
    Refused(u16),
    Failed { cause: String, unreachable: bool },
}

/// What is remembered of a delivery, to account for it: its number is its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// When it should have begun, in microseconds from the beginning on: an hour fits.
    pub(super) due_us: u32,
    /// Whether it was answered with 2xx; nothing where it never ended.
    pub(super) answered: Option<bool>,
}

/// Records what ends. One for all workers: it is held for less than a microsecond.
#[derive(Debug)]
pub(super) struct Recorder(Mutex<Records>);

#[derive(Debug)]
struct Records {
    latency: Histogram<u64>,
    service: Histogram<u64>,
    delivered: u64,
    failed: u64,
    unreachable: u64,
    retries: u64,
    statuses: BTreeMap<u16, u64>,
    failures: BTreeMap<String, u64>,
    sent: Option<Vec<Sent>>,
}

impl Recorder {
    /// With or without what it takes to account for each delivery.
    ///
    /// # Errors
    /// None, with these bounds.
    pub(super) fn new(accounting: bool) -> Result<Self, CreationError> {
        Ok(Self(Mutex::new(Records {
            latency: histogram()?,
            service: histogram()?,
            delivered: 0,
            failed: 0,
            unreachable: 0,
            retries: 0,
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            sent: accounting.then(Vec::new),
        })))
    }

    pub(super) fn record(&self, entry: Entry) {
        self.records().record(entry);
    }

    pub(super) fn progress(&self) -> Progress {
        let records = self.records();
        let Records { delivered, failed, .. } = *records;
        Progress { delivered, failed, p99_us: records.latency.value_at_quantile(0.99) }
    }

    /// Every delivery by its number.
    pub(super) fn sent(&self) -> Vec<Sent> {
        self.records().sent.take().unwrap_or_default()
    }

    pub(super) fn report(&self, load: &Load, elapsed: Duration, not_begun: u64) -> LoadReport {
        let records = self.records();
        let all = records.delivered + records.failed;
        #[expect(clippy::cast_precision_loss, reason = "a run's numbers are far below 2^53")]
        let per_second = all as f64 / elapsed.as_secs_f64().max(1e-9);
        LoadReport {
            target: load.target.to_string(),
            rate: match load.mode {
                Mode::Open(rate) => Some(rate),
                Mode::Closed => None,
            },
            connections: load.connections,
            elapsed_us: micros(elapsed),
            ended: all,
            delivered: records.delivered,
            failed: records.failed,
            unreachable: records.unreachable,
            not_begun,
            retries: records.retries,
            per_second,
            statuses: records.statuses.clone(),
            failures: records.failures.clone(),
            latency: Latency::of(&records.latency),
            service: Latency::of(&records.service),
            account: None,
        }
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    fn record(&mut self, entry: Entry) {
        let delivered = entry.ended == Ended::Delivered;
        self.latency.saturating_record(micros(entry.latency));
        self.service.saturating_record(micros(entry.service));
        self.retries += u64::from(entry.attempts.saturating_sub(1));
        match entry.ended {
            Ended::Delivered => self.delivered += 1,
            Ended::Refused(status) => {
                self.failed += 1;
                *self.statuses.entry(status).or_default() += 1;
            }
            Ended::Failed { cause, unreachable } => {
                self.failed += 1;
                self.unreachable += u64::from(unreachable);
                let full = self.failures.len() >= Limits::LOAD_FAILURES_MAX
                    && !self.failures.contains_key(&cause);
                let cause = if full { "other".to_owned() } else { cause };
                *self.failures.entry(cause).or_default() += 1;
            }
        }
        let (Some(sent), Ok(place)) = (&mut self.sent, usize::try_from(entry.number)) else {
            return;
        };
        if place >= sent.len() {
            sent.resize(place + 1, Sent::default());
        }
        let due_us = u32::try_from(micros(entry.due)).unwrap_or(u32::MAX);
        sent[place] = Sent { due_us, answered: Some(delivered) };
    }
}

fn histogram() -> Result<Histogram<u64>, CreationError> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, DIGITS)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64, ended: Ended) -> Entry {
        let ms = Duration::from_millis;
        Entry { number, due: ms(number), latency: ms(5), service: ms(2), attempts: 1, ended }
    }

    #[test]
    fn deliveries_are_found_by_their_number_whatever_ends_first() {
        let recorder = Recorder::new(true).unwrap();
        recorder.record(entry(2, Ended::Refused(500)));
        recorder.record(entry(0, Ended::Delivered));
        let sent = recorder.sent();
        assert_eq!(sent[0], Sent { due_us: 0, answered: Some(true) });
        assert_eq!(sent[1].answered, None);
        assert_eq!(sent[2], Sent { due_us: 2_000, answered: Some(false) });
        assert_eq!(recorder.progress().failed, 1);
        assert!(recorder.progress().p99_us.abs_diff(5_000) < 10);
    }

    #[test]
    fn causes_without_end_take_room_for_a_few() {
        let recorder = Recorder::new(false).unwrap();
        for number in 0..1_000 {
            let cause = format!("body: {number}");
            recorder.record(entry(number, Ended::Failed { cause, unreachable: false }));
        }
        let records = recorder.records();
        assert_eq!(records.failures.len(), Limits::LOAD_FAILURES_MAX + 1);
        assert_eq!(records.failures.values().sum::<u64>(), 1_000);
    }
}
