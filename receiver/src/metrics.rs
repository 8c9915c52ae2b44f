//! What `/metrics` tells of the receiver: counters that the capture path raises, in Prometheus'
//! text format (0.0.4). No label is anything that a client chooses.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hooklab_shared::capture::Outcome;
use hooklab_shared::prometheus::Text;
use hooklab_shared::reply::Fault;
use hooklab_shared::stray::StrayReason;

use crate::store::Store;

const OUTCOMES: [Outcome; 4] =
    [Outcome::Complete, Outcome::Aborted, Outcome::TimedOut, Outcome::OverLimit];

const FAULTS: [(Fault, &str); 7] = [
    (Fault::Reset, "reset"),
    (Fault::Close, "close"),
    (Fault::Stall, "stall"),
    (Fault::Drip, "drip"),
    (Fault::Truncate, "truncate"),
    (Fault::Garbage, "garbage"),
    (Fault::Endless, "endless"),
];

const REASONS: [StrayReason; 22] = [
    StrayReason::MalformedHead,
    StrayReason::TooManyHeaders,
    StrayReason::UriTooLong,
    StrayReason::HeadTooLong,
    StrayReason::HeadTimedOut,
    StrayReason::HeadCutOff,
    StrayReason::ManyLengths,
    StrayReason::NoHost,
    StrayReason::ManyHosts,
    StrayReason::BareLineFeed,
    StrayReason::TransferCoding,
    StrayReason::LengthAndChunks,
    StrayReason::Disagreement,
    StrayReason::NoBin,
    StrayReason::BadBinName,
    StrayReason::UnknownBin,
    StrayReason::TooManyBins,
    StrayReason::MalformedHttp2,
    StrayReason::TooManyStreams,
    StrayReason::NotTls,
    StrayReason::TlsFailed,
    StrayReason::TlsTimedOut,
];

/// Counts since the start; each is raised where the thing happens.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    captures: [AtomicU64; OUTCOMES.len()],
    body_bytes: AtomicU64,
    refused: AtomicU64,
    strays: [AtomicU64; REASONS.len()],
    faults: [AtomicU64; FAULTS.len()],
    connections: AtomicU64,
    open: AtomicI64,
    waiting: AtomicI64,
    commits: AtomicU64,
    commit_us: AtomicU64,
}

/// Something that is under way, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay {
    metrics: Arc<Metrics>,
    gauge: fn(&Metrics) -> &AtomicI64,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        (self.gauge)(&self.metrics).fetch_sub(1, Relaxed);
    }
}

impl Metrics {
    /// A capture was committed, `took` after the store was asked to.
    pub(crate) fn captured(&self, outcome: Outcome, body_bytes: u64, took: Duration) {
        self.captures[outcome as usize].fetch_add(1, Relaxed);
        self.body_bytes.fetch_add(body_bytes, Relaxed);
        self.commits.fetch_add(1, Relaxed);
        self.commit_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// A request was not kept, because the store could not.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// A stray came.
    pub(crate) fn strayed(&self, reason: StrayReason) {
        self.strays[reason as usize].fetch_add(1, Relaxed);
    }

    /// A reply misbehaved as planned.
    pub(crate) fn faulted(&self, fault: Fault) {
        self.faults[fault as usize].fetch_add(1, Relaxed);
    }

    /// A connection was accepted; it is open until the guard is dropped.
    pub(crate) fn connected(self: &Arc<Self>) -> UnderWay {
        self.connections.fetch_add(1, Relaxed);
        self.begin(|metrics| &metrics.open)
    }

    /// The store was asked to commit; it has not until the guard is dropped.
    pub(crate) fn committing(self: &Arc<Self>) -> UnderWay {
        self.begin(|metrics| &metrics.waiting)
    }

    fn begin(self: &Arc<Self>, gauge: fn(&Self) -> &AtomicI64) -> UnderWay {
        gauge(self).fetch_add(1, Relaxed);
        UnderWay { metrics: Arc::clone(self), gauge }
    }

    /// All of it as text.
    pub(crate) fn text(&self, store: &Store) -> String {
        let mut text = Text::default();
        text.family("captures_total", "counter", "Captures committed, by how they ended.");
        for (outcome, count) in OUTCOMES.iter().zip(&self.captures) {
            text.labelled("captures_total", "outcome", outcome.as_str(), count.load(Relaxed));
        }
        let bytes = self.body_bytes.load(Relaxed);
        text.counter("capture_body_bytes_total", "Bytes of captured content.", bytes);
        let refused = self.refused.load(Relaxed);
        text.counter("captures_refused_total", "Requests that the store did not keep.", refused);
        text.family("strays_total", "counter", "Strays, by why they belong to no bin.");
        for (reason, count) in REASONS.iter().zip(&self.strays) {
            text.labelled("strays_total", "reason", reason.as_str(), count.load(Relaxed));
        }
        text.family("reply_faults_total", "counter", "Planned misbehaviours of replies.");
        for ((_, name), count) in FAULTS.iter().zip(&self.faults) {
            text.labelled("reply_faults_total", "fault", name, count.load(Relaxed));
        }
        self.gauges(store, &mut text);
        text.into_string()
    }

    fn gauges(&self, store: &Store, text: &mut Text) {
        let connections = self.connections.load(Relaxed);
        text.counter("connections_total", "Connections to the capture listener.", connections);
        let under_way = |gauge: &AtomicI64| gauge.load(Relaxed).max(0);
        text.gauge("connections", "Those that are open.", under_way(&self.open));
        let waiting = under_way(&self.waiting);
        text.gauge("store_waiting", "Captures that wait for the store to commit.", waiting);
        let name = "store_commit_seconds";
        text.family(name, "summary", "From asking the store to commit to its answer.");
        let seconds = Duration::from_micros(self.commit_us.load(Relaxed)).as_secs_f64();
        text.line(format_args!("{name}_sum {seconds}"));
        text.line(format_args!("{name}_count {}", self.commits.load(Relaxed)));
        text.gauge(
            "store_failed",
            "Whether the store has stopped.",
            u8::from(store.failure().is_some()),
        );
        text.gauge("bins", "Bins.", store.bins_len());
        let dropped = store.captures_dropped();
        text.counter("captures_dropped_total", "Captures that retention dropped.", dropped);
        text.gauge("watchers", "Watchers of live channels.", store.watchers());
        let dropped = store.strays_dropped();
        text.counter("strays_dropped_total", "Strays that were forgotten for newer ones.", dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_stands_under_its_own_label() {
        for (place, outcome) in OUTCOMES.iter().enumerate() {
            assert_eq!(*outcome as usize, place);
        }
        for (place, (fault, name)) in FAULTS.iter().enumerate() {
            assert_eq!(*fault as usize, place);
            assert_eq!(serde_json::to_string(fault).unwrap(), format!("\"{name}\""));
        }
        for (place, reason) in REASONS.iter().enumerate() {
            assert_eq!(*reason as usize, place);
        }
    }

    #[test]
    fn every_reason_is_on_the_page_of_strays() {
        let page = include_str!("../../docs/strays.md");
        let table = page.lines().filter(|line| line.starts_with("| `"));
        let cells: Vec<&str> = table.filter_map(|line| line.split('|').nth(1)).collect();
        let mut told: Vec<&str> =
            cells.iter().flat_map(|cell| cell.split(',')).map(|name| name.trim()).collect();
        let mut known = REASONS.map(|reason| format!("`{}`", reason.as_str()));
        told.sort_unstable();
        known.sort_unstable();
        assert_eq!(told, known);
    }

    #[test]
    fn what_is_under_way_is_counted_until_it_ends() {
        let metrics = Arc::new(Metrics::default());
        let open = metrics.connected();
        assert_eq!(metrics.open.load(Relaxed), 1);
        drop(open);
        assert_eq!(metrics.open.load(Relaxed), 0);
        assert_eq!(metrics.connections.load(Relaxed), 1);
    }
}
