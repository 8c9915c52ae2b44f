//! When each capture is due again. Pure: times come in as values.

use std::str::FromStr;
use std::time::Duration;

use hooklab_shared::id::Timestamp;
use thiserror::Error;

/// How fast captures go out again.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Pace {
    /// As fast as the target takes them.
    #[default]
    Fast,
    /// So many a second at most.
    Rate(Rate),
    /// With the pauses that there were when they came, shrunk by this.
    Original(Speed),
}

/// Captures a second: 0.001 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(f64);

/// Why a text is no rate.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("use `{0}` as a rate: give a number a second, from 0.001 to 1000000, such as 50 or 0.5")]
pub struct BadRate(String);

impl FromStr for Rate {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Self, BadRate> {
        match text.trim_end_matches("/s").parse() {
            Ok(rate) if (0.001..=1e6).contains(&rate) => Ok(Self(rate)),
            _ => Err(BadRate(text.chars().take(40).collect())),
        }
    }
}

/// How many times faster than it was: 0.001 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed(f64);

/// Why a text is no speed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "use `{0}` as a speed: give a number from 0.001 to 1000000, such as 10 for ten times faster"
)]
pub struct BadSpeed(String);

impl Default for Speed {
    /// As it was.
    fn default() -> Self {
        Self(1.0)
    }
}

impl FromStr for Speed {
    type Err = BadSpeed;

    fn from_str(text: &str) -> Result<Self, BadSpeed> {
        match text.trim_end_matches('x').parse() {
            Ok(speed) if (0.001..=1e6).contains(&speed) => Ok(Self(speed)),
            _ => Err(BadSpeed(text.chars().take(40).collect())),
        }
    }
}

/// Says when what is given next is due, from the beginning of the replay on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pace: Pace,
    given: u64,
    first: Option<Timestamp>,
    last: Duration,
}

impl Clock {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, given: 0, first: None, last: Duration::ZERO }
    }

    /// When the next capture is due, which came at `at`; never before the one that went before it.
    /// One that is gone is due at once, and says nothing of when the first one came.
    pub(super) fn due(&mut self, at: Option<Timestamp>) -> Duration {
        let due_secs = match self.pace {
            Pace::Fast => 0.0,
            #[expect(clippy::cast_precision_loss, reason = "2^53 captures take longer than a life")]
            Pace::Rate(Rate(rate)) => self.given as f64 / rate,
            Pace::Original(Speed(speed)) => {
                let Some(at) = at else { return self.last };
                let first = *self.first.get_or_insert(at);
                let micros = at.as_micros().saturating_sub(first.as_micros()).max(0);
                Duration::from_micros(micros.unsigned_abs()).as_secs_f64() / speed
            }
        };
        self.given += 1;
        let due = Duration::try_from_secs_f64(due_secs).unwrap_or(Duration::MAX);
        self.last = self.last.max(due);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dues(pace: Pace, seconds: &[i64]) -> Vec<u128> {
        let mut clock = Clock::new(pace);
        let at = |second: &i64| Timestamp::from_micros(second * 1_000_000);
        seconds.iter().map(|second| clock.due(Some(at(second))).as_millis()).collect()
    }

    #[test]
    fn captures_are_due_as_they_were_asked_for() {
        assert_eq!(dues(Pace::Fast, &[5, 6, 9]), [0, 0, 0]);
        assert_eq!(dues(Pace::Rate(Rate(2.0)), &[5, 6, 9]), [0, 500, 1_000]);
        assert_eq!(dues(Pace::Original(Speed(1.0)), &[5, 6, 9]), [0, 1_000, 4_000]);
        assert_eq!(dues(Pace::Original(Speed(10.0)), &[5, 6, 9]), [0, 100, 400]);
        assert_eq!(dues(Pace::Original(Speed(0.5)), &[5, 6]), [0, 2_000]);
    }

    #[test]
    fn a_clock_that_went_back_is_no_reason_to_wait_or_to_reorder() {
        assert_eq!(
            dues(Pace::Original(Speed(1.0)), &[5, 8, 6, 7, 9]),
            [0, 3_000, 3_000, 3_000, 4_000]
        );
        assert_eq!(dues(Pace::Original(Speed(1.0)), &[5, 1, 6]), [0, 0, 1_000]);
    }

    #[test]
    fn a_capture_that_is_gone_is_not_waited_for() {
        let mut clock = Clock::new(Pace::Original(Speed(1.0)));
        let at = |second: i64| Some(Timestamp::from_micros(second * 1_000_000));
        assert_eq!(clock.due(None), Duration::ZERO);
        assert_eq!(clock.due(at(1_000_000)), Duration::ZERO);
        assert_eq!(clock.due(at(1_000_002)).as_secs(), 2);
        assert_eq!(clock.due(None).as_secs(), 2);
    }

    #[test]
    fn speeds_have_bounds() {
        assert_eq!("10".parse(), Ok(Speed(10.0)));
        assert_eq!("2.5x".parse(), Ok(Speed(2.5)));
        assert_eq!("0.5/s".parse(), Ok(Rate(0.5)));
        for bad in ["", "0", "-1", "nan", "inf", "1e9", "fast"] {
            assert!(bad.parse::<Speed>().is_err() && bad.parse::<Rate>().is_err(), "{bad}");
        }
    }
}
