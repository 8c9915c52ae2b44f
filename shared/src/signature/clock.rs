//! When a request claims to have been signed, and whether that is near enough to now.

use crate::id::Timestamp;

use super::linear;
use super::shape::Claim;
use super::{Reason, Request};

/// What a scheme's timestamp is, and in which direction it may not be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// There is none: repeats are found by the id of a delivery.
    None,
    /// Whole seconds, bounded both ways.
    Seconds,
    /// Whole seconds, bounded in the past only, as Stripe's libraries do.
    SecondsPast,
    /// RFC 3339, bounded both ways.
    Rfc3339,
    /// Milliseconds inside the body, bounded both ways.
    InBody,
}

impl Clock {
    /// A time in seconds as this scheme writes it.
    pub(crate) fn text(self, secs: i64) -> String {
        match self {
            Self::None | Self::InBody => String::new(),
            Self::Seconds | Self::SecondsPast => secs.to_string(),
            Self::Rfc3339 => {
                let at = Timestamp::from_micros(secs.saturating_mul(1_000_000)).to_string();
                // The providers write whole seconds.
                at.replace(".000000Z", "Z")
            }
        }
    }

    /// When the request says it was signed, in seconds; none where it does not say.
    pub(crate) fn sent_at(
        self,
        claim: &Claim<'_>,
        request: &Request<'_>,
    ) -> Result<Option<i64>, Reason> {
        match self {
            Self::None => Ok(None),
            Self::Seconds | Self::SecondsPast => seconds(claim.timestamp).map(Some),
            Self::Rfc3339 => {
                let text = std::str::from_utf8(claim.timestamp).map_err(|_| Reason::Timestamp)?;
                let at: Timestamp = text.parse().map_err(|_| Reason::Timestamp)?;
                Ok(Some(at.as_secs()))
            }
            Self::InBody => Ok(linear::sent_at(request.body)),
        }
    }

    /// # Errors
    /// The timestamp cannot be read, or is farther from now than the tolerance.
    pub(crate) fn check(
        self,
        claim: &Claim<'_>,
        request: &Request<'_>,
        now: i64,
        tolerance: i64,
    ) -> Result<(), Reason> {
        let Some(sent) = self.sent_at(claim, request)? else { return Ok(()) };
        match near(sent, now, tolerance) {
            Err(Reason::Future(_)) if self == Self::SecondsPast => Ok(()),
            judged => judged,
        }
    }
}

/// Whether two times in seconds are within a tolerance of each other.
pub(crate) fn near(sent: i64, now: i64, tolerance: i64) -> Result<(), Reason> {
    let age = now.saturating_sub(sent);
    if age > tolerance {
        Err(Reason::Stale(age))
    } else if age < tolerance.saturating_neg() {
        Err(Reason::Future(age.saturating_neg()))
    } else {
        Ok(())
    }
}

/// ASCII digits and nothing else: what a laxer parser lets through is no integer to the next one.
fn seconds(text: &[u8]) -> Result<i64, Reason> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = digits.then(|| std::str::from_utf8(text).ok()).flatten();
    text.and_then(|text| text.parse().ok()).ok_or(Reason::Timestamp)
}
