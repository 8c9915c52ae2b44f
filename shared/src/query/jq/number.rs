//! Numbers: as written until somebody calculates with them, so that big ones stay intact.

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use super::meter;

/// A number.
#[derive(Clone, Debug)]
pub(super) enum Num {
    /// A whole number that a machine word holds.
    Int(i64),
    /// What a calculation gave.
    Float(f64),
    /// As written in JSON or in the filter; valid JSON, never a plain machine word.
    Literal(Rc<str>),
}

/// Above this, neighbouring whole numbers share one float.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

impl Num {
    /// Reads JSON's form of a number; the text must be one.
    pub(super) fn written(text: &str) -> Self {
        match text.parse() {
            Ok(int) if text != "-0" => Self::Int(int),
            _ => Self::Literal(text.into()),
        }
    }

    pub(super) fn as_f64(&self) -> f64 {
        match self {
            Self::Int(int) => *int as f64,
            Self::Float(float) => *float,
            Self::Literal(text) => {
                meter::bytes(text.len());
                text.parse().unwrap_or(f64::NAN)
            }
        }
    }

    pub(super) fn is_int(&self) -> bool {
        match self {
            Self::Int(_) => true,
            Self::Float(_) => false,
            Self::Literal(text) => !text.contains(['.', 'e', 'E']),
        }
    }

    /// The place that this names in an array: towards zero, as jq does.
    pub(super) fn as_place(&self) -> i64 {
        match self {
            Self::Int(int) => *int,
            other => other.as_f64() as i64,
        }
    }

    /// Calculates with machine words where both are and the result is, else with floats.
    pub(super) fn calculate(
        &self,
        other: &Self,
        ints: fn(i64, i64) -> Option<i64>,
        floats: fn(f64, f64) -> f64,
    ) -> Self {
        if let (Self::Int(a), Self::Int(b)) = (self, other)
            && let Some(int) = ints(*a, *b)
        {
            return Self::Int(int);
        }
        Self::Float(floats(self.as_f64(), other.as_f64()))
    }

    pub(super) fn negated(&self) -> Self {
        Self::Int(0).calculate(self, i64::checked_sub, |_, float| -float)
    }

    /// A total order, as sorting needs it: by value, where floats are too coarse by digits; what is
    /// not a number comes first.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        if let (Self::Int(a), Self::Int(b)) = (self, other) {
            return a.cmp(b);
        }
        let (a, b) = (self.as_f64(), other.as_f64());
        match a.partial_cmp(&b) {
            None => b.is_nan().cmp(&a.is_nan()),
            Some(Ordering::Equal) if a.abs() >= EXACT_MAX && a.is_finite() => {
                let (a, b) = (self.digits(), other.digits());
                let magnitudes = |a: &str, b: &str| a.len().cmp(&b.len()).then_with(|| a.cmp(b));
                if a.starts_with('-') { magnitudes(&b, &a) } else { magnitudes(&a, &b) }
            }
            Some(order) => order,
        }
    }

    pub(super) fn is_nan(&self) -> bool {
        matches!(self, Self::Float(float) if float.is_nan())
    }

    fn digits(&self) -> String {
        match self {
            Self::Literal(text) if !self.is_int() => format!("{:.0}", text.parse().unwrap_or(0.0)),
            Self::Literal(text) => text.to_string(),
            Self::Int(int) => int.to_string(),
            Self::Float(float) => format!("{float:.0}"),
        }
    }
}

/// JSON has neither infinity nor NaN: the one becomes the greatest number, the other null.
impl fmt::Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(int) => write!(f, "{int}"),
            Self::Literal(text) => f.write_str(text),
            Self::Float(float) if float.is_nan() => f.write_str("null"),
            Self::Float(float) => {
                let float = float.clamp(f64::MIN, f64::MAX);
                if float.abs() < 1e17 { write!(f, "{float}") } else { write!(f, "{float:e}") }
            }
        }
    }
}
