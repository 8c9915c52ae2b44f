//! A duration as users write it: `"250ms"`, `"10s"`, `"1h 30m"`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A duration, told as text with its units; at most 366 days.
///
/// ```
/// use hooklab_shared::span::Span;
/// let span: Span = "1m 30s".parse().unwrap();
/// assert_eq!(span.as_duration().as_secs(), 90);
/// assert_eq!(span.to_string(), "1m 30s");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

/// The longest span: beyond a year a wait is a mistake.
const MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// Why a text is not a duration.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("read `{0}` as a duration: write a number with its unit, such as 250ms, 10s, 5m, 2h or 7d")]
pub struct BadSpan(String);

impl Span {
    /// The duration itself.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        self.0
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration.min(MAX))
    }
}

impl FromStr for Span {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Self, BadSpan> {
        match humantime::parse_duration(text.trim()) {
            Ok(duration) if duration <= MAX => Ok(Self(duration)),
            _ => Err(BadSpan(text.chars().take(80).collect())),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_units_and_an_end() {
        for (text, ms) in
            [("250ms", 250), ("10s", 10_000), ("1m 30s", 90_000), ("0s", 0), ("7d", 604_800_000)]
        {
            assert_eq!(text.parse::<Span>().map(|s| s.as_duration().as_millis()), Ok(ms));
        }
        for bad in ["", "10", "s", "-1s", "1000y", "ten seconds"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }
}
