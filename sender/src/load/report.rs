//! What a run came to.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::Accounted;

/// A run, summed up. Latencies are those of every delivery that ended, whatever came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LoadReport {
    /// Where to.
    pub target: String,
    /// Deliveries a second that were asked for; none in a closed loop.
    pub rate: Option<f64>,
    /// Connections at most.
    pub connections: usize,
    /// How long it took, in microseconds.
    pub elapsed_us: u64,
    /// Deliveries that ended.
    pub ended: u64,
    /// Those that were answered with 2xx.
    pub delivered: u64,
    /// Those that were not.
    pub failed: u64,
    /// Of those, whose target could not be connected to.
    pub unreachable: u64,
    /// Deliveries that were due, and for which there never was a connection.
    pub not_begun: u64,
    /// Attempts beyond the first ones.
    pub retries: u64,
    /// Deliveries that ended, a second.
    pub per_second: f64,
    /// What those that were refused were answered.
    pub statuses: BTreeMap<u16, u64>,
    /// What happened to those that were not answered.
    pub failures: BTreeMap<String, u64>,
    /// From when a delivery should have begun to its end.
    pub latency: Latency,
    /// From when it did begin.
    pub service: Latency,
    /// What arrived in the bin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Accounted>,
}

/// How long deliveries took, in microseconds, to three digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// The shortest.
    pub min_us: u64,
    /// The mean.
    pub mean_us: f64,
    /// The standard deviation.
    pub stdev_us: f64,
    /// Half of them are no longer.
    pub p50_us: u64,
    /// Nine of ten are no longer.
    pub p90_us: u64,
    /// 99 of a hundred are no longer.
    pub p99_us: u64,
    /// 999 of a thousand are no longer.
    pub p99_9_us: u64,
    /// All but one of ten thousand are no longer.
    pub p99_99_us: u64,
    /// The longest.
    pub max_us: u64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Deliveries that were answered with 2xx.
    pub delivered: u64,
    /// Deliveries that were not.
    pub failed: u64,
    /// 99 of a hundred took no longer, in microseconds.
    pub p99_us: u64,
}

impl Latency {
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self {
            min_us: histogram.min(),
            mean_us: histogram.mean(),
            stdev_us: histogram.stdev(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p99_9_us: at(0.999),
            p99_99_us: at(0.9999),
            max_us: histogram.max(),
        }
    }
}
