//! Names, places and instants.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Add;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A capture's place in its bin: rises strictly, never used twice, gaps allowed. The first is 1.
pub type Seq = u64;

/// The longest bin name in bytes: a DNS label's length, so that names can become host names.
pub const BIN_NAME_BYTES_MAX: usize = 63;

/// A bin's name: `[a-z0-9][a-z0-9_-]{0,62}`. Cheap to clone.
///
/// ```
/// use hooklab_shared::id::BinName;
/// assert!("orders-2".parse::<BinName>().is_ok());
/// assert!("Orders".parse::<BinName>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BinName(Arc<str>);

/// Why a text is not a bin's name.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "use `{0}` as a bin's name: it takes 1 to 63 of a-z, 0-9, `-` and `_`, and begins with a \
     letter or digit"
)]
pub struct BadBinName(String);

impl BinName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether these bytes are a name, without making one.
    #[must_use]
    pub fn is_valid(name: &[u8]) -> bool {
        let [first, rest @ ..] = name else { return false };
        name.len() <= BIN_NAME_BYTES_MAX
            && (first.is_ascii_lowercase() || first.is_ascii_digit())
            && rest
                .iter()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
    }
}

impl FromStr for BinName {
    type Err = BadBinName;

    fn from_str(name: &str) -> Result<Self, BadBinName> {
        if Self::is_valid(name.as_bytes()) {
            return Ok(Self(name.into()));
        }
        // The whole of a hostile megabyte helps nobody read the message.
        Err(BadBinName(name.chars().take(80).flat_map(char::escape_default).collect()))
    }
}

impl Borrow<str> for BinName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BinName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BinName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl Serialize for BinName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for BinName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An instant in microseconds since 1970 UTC, told as RFC 3339 with six decimals.
///
/// ```
/// use hooklab_shared::id::Timestamp;
/// assert_eq!(Timestamp::from_micros(1).to_string(), "1970-01-01T00:00:00.000001Z");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is not an instant.
#[derive(Debug, Error)]
#[error("read `{0}` as an RFC 3339 time, such as 2026-11-24T10:31:02Z")]
pub struct BadTimestamp(String);

impl Timestamp {
    /// From microseconds since 1970 UTC, clamped to the years RFC 3339 can write (0 to 9999).
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(-62_167_219_200_000_000, 253_402_300_799_999_999))
    }

    /// Microseconds since 1970 UTC.
    #[must_use]
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970 UTC, rounded down.
    #[must_use]
    pub fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// So much later, clamped to the years RFC 3339 can write.
    fn add(self, later: Duration) -> Self {
        let micros = i64::try_from(later.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_add(micros))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let micros = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros)
            }
        };
        Self::from_micros(micros)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = OffsetDateTime::from_unix_timestamp(self.as_secs()).map_err(|_| fmt::Error)?;
        let (year, month, day) = at.to_calendar_date();
        let (hour, minute, second) = at.to_hms();
        // Each attempt writes several: digit by digit takes a tenth of what `{:02}` does.
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        digits(&mut text[0..4], i64::from(year));
        digits(&mut text[5..7], i64::from(u8::from(month)));
        digits(&mut text[8..10], i64::from(day));
        digits(&mut text[11..13], i64::from(hour));
        digits(&mut text[14..16], i64::from(minute));
        digits(&mut text[17..19], i64::from(second));
        digits(&mut text[20..26], self.0.rem_euclid(1_000_000));
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Writes a number that is not negative in as many digits as there is room for.
fn digits(text: &mut [u8], mut number: i64) {
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789"[usize::try_from(number % 10).unwrap_or(0)];
        number /= 10;
    }
}

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        let at = OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| BadTimestamp(text.chars().take(80).collect()))?;
        i64::try_from(at.unix_timestamp_nanos() / 1000)
            .map(Self::from_micros)
            .map_err(|_| BadTimestamp(text.chars().take(80).collect()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_alphabet_and_the_length() {
        for good in ["a", "0", "orders", "a_b-c", &"x".repeat(63)] {
            assert!(good.parse::<BinName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "_a", "A", "a.b", "a/b", "é", &"x".repeat(64), "a b", "a\n"] {
            assert!(bad.parse::<BinName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn instants_survive_their_text() {
        for micros in [0, 1, -1, 1_790_000_000_123_456, i64::MAX, i64::MIN] {
            let at = Timestamp::from_micros(micros);
            assert_eq!(at.to_string().parse::<Timestamp>().ok(), Some(at), "{at}");
        }
        assert_eq!(Timestamp::from_micros(-1).as_secs(), -1);
    }
}
