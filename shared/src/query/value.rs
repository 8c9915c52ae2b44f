//! The values of terms: sizes, statuses, moments.

use std::ops::RangeInclusive;

use super::lex::Char;
use crate::id::{Seq, Timestamp};

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// `:` or `=`.
    Equal,
    /// `<`.
    Below,
    /// `<=`.
    AtMost,
    /// `>`.
    Above,
    /// `>=`.
    AtLeast,
}

impl Sign {
    /// The sign that these characters begin with, and its length.
    pub(super) fn at(chars: &[Char]) -> Option<(Self, usize)> {
        let plain = |place: usize| chars.get(place).filter(|c| !c.quoted).map(|c| c.c);
        Some(match (plain(0)?, plain(1)) {
            ('<', Some('=')) => (Self::AtMost, 2),
            ('>', Some('=')) => (Self::AtLeast, 2),
            (':' | '=', _) => (Self::Equal, 1),
            ('<', _) => (Self::Below, 1),
            ('>', _) => (Self::Above, 1),
            _ => return None,
        })
    }

    /// The numbers that compare so with one between `low` and `high`.
    fn range(self, low: u64, high: u64) -> RangeInclusive<u64> {
        let nothing = RangeInclusive::new(1, 0);
        match self {
            Self::Equal => low..=high,
            Self::AtMost => 0..=high,
            Self::AtLeast => low..=u64::MAX,
            Self::Below => low.checked_sub(1).map_or(nothing, |last| 0..=last),
            Self::Above => high.checked_add(1).map_or(nothing, |first| first..=u64::MAX),
        }
    }
}

/// `200`, a class such as `2xx`, or `0` where no status was sent.
pub(super) fn status(sign: Sign, value: &str) -> Option<RangeInclusive<u64>> {
    let (low, high) = match value.as_bytes() {
        [class @ b'1'..=b'9', b'x' | b'X', b'x' | b'X'] => {
            let low = u64::from(class - b'0') * 100;
            (low, low + 99)
        }
        [b'0'] | [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9'] => {
            let code = value.parse().ok()?;
            (code, code)
        }
        _ => return None,
    };
    Some(sign.range(low, high))
}

/// Bytes, or `k`, `m`, `g` of 1024 each, with or without a `b` or `ib` after.
pub(super) fn size(sign: Sign, value: &str) -> Option<RangeInclusive<u64>> {
    let (number, unit) = number(value)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    let bytes = number.checked_mul(factor)?;
    Some(sign.range(bytes, bytes))
}

/// A point to come after or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Seq(Seq),
    Time(Timestamp),
}

/// A seq, an RFC 3339 time, a date at its first instant in UTC, or a duration back from now.
pub(super) fn moment(value: &str, now: Timestamp) -> Option<Moment> {
    if let Ok(seq) = value.parse::<Seq>() {
        return Some(Moment::Seq(seq));
    }
    if let Some(back) = duration_micros(value) {
        return Some(Moment::Time(Timestamp::from_micros(now.as_micros().saturating_sub(back))));
    }
    let date = || format!("{value}T00:00:00Z").parse();
    value.parse().or_else(|_| date()).ok().map(Moment::Time)
}

/// `90s`, `1h30m`: numbers, each with its unit.
fn duration_micros(value: &str) -> Option<i64> {
    let mut rest = value;
    let mut micros: i64 = 0;
    while !rest.is_empty() {
        let (count, after) = number(rest)?;
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, next) = after.split_at(letters);
        let each: i64 = match unit {
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            "w" => 604_800_000_000,
            _ => return None,
        };
        micros = micros.checked_add(i64::try_from(count).ok()?.checked_mul(each)?)?;
        rest = next;
    }
    (!value.is_empty()).then_some(micros)
}

/// The number that a text begins with, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}
