//! Prometheus' text format, version 0.0.4: what `/metrics` answers.

use std::fmt::{Arguments, Display, Write as _};
use std::time::Duration;

/// Lines of the text format, every name under `hooklab_`.
///
/// ```
/// let mut text = hooklab_shared::prometheus::Text::default();
/// text.gauge("bins", "Bins.", 3);
/// assert!(text.into_string().ends_with("# TYPE hooklab_bins gauge\nhooklab_bins 3\n"));
/// ```
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    /// Begins a family of samples.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP hooklab_{name} {help}\n# TYPE hooklab_{name} {kind}");
    }

    /// A sample as it stands.
    pub fn line(&mut self, line: Arguments<'_>) {
        let _ = writeln!(self.0, "hooklab_{line}");
    }

    /// A sample with a label.
    pub fn labelled(&mut self, name: &str, label: &str, value: &str, count: u64) {
        self.line(format_args!("{name}{{{label}=\"{value}\"}} {count}"));
    }

    /// A family of one counter.
    pub fn counter(&mut self, name: &str, help: &str, count: u64) {
        self.family(name, "counter", help);
        self.line(format_args!("{name} {count}"));
    }

    /// A family of one gauge.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.line(format_args!("{name} {value}"));
    }

    /// A histogram of durations: how many took at most so long and longer than the bucket before;
    /// the last bucket has no bound.
    pub fn histogram(
        &mut self,
        name: &str,
        help: &str,
        buckets: &[(Duration, u64)],
        sum: Duration,
    ) {
        self.family(name, "histogram", help);
        let mut total = 0;
        for (place, (bound, count)) in buckets.iter().enumerate() {
            total += count;
            if place + 1 < buckets.len() {
                let bound = bound.as_secs_f64();
                self.line(format_args!("{name}_bucket{{le=\"{bound}\"}} {total}"));
            }
        }
        self.line(format_args!("{name}_bucket{{le=\"+Inf\"}} {total}"));
        self.line(format_args!("{name}_sum {}", sum.as_secs_f64()));
        self.line(format_args!("{name}_count {total}"));
    }

    /// All of it.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}
