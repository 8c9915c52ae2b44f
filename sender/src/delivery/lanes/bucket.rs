//! A rate, held by tokens.

use std::time::Duration;

use hooklab_shared::id::Timestamp;

/// What may go at once, as a part of what a second allows: no window exceeds the rate by more.
const BURST: f64 = 0.05;

/// So many tokens a second; each delivery takes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    a_second: f64,
    full: f64,
    tokens: f64,
    at: Timestamp,
}

impl Bucket {
    /// One that is full; time goes by `scale` times as fast.
    pub(super) fn new(rate: u32, scale: u32, now: Timestamp) -> Self {
        let full = (f64::from(rate) * BURST).floor().max(1.0);
        Self { a_second: f64::from(rate) * f64::from(scale), full, tokens: full, at: now }
    }

    /// How many there are, or when there will be one.
    pub(super) fn tokens(&mut self, now: Timestamp) -> Result<usize, Timestamp> {
        let gone = now.as_micros().saturating_sub(self.at.as_micros());
        let gone = Duration::from_micros(u64::try_from(gone).unwrap_or(0));
        self.at = now;
        self.tokens = (self.tokens + gone.as_secs_f64() * self.a_second).min(self.full);
        // The full bucket is small, so a step back of the clock costs little.
        let whole = (1..=1_000).take_while(|&n| f64::from(n) <= self.tokens + 1e-9).count();
        if whole > 0 {
            return Ok(whole);
        }
        let missing = (1.0 - self.tokens).max(0.0) / self.a_second;
        Err(now + Duration::from_secs_f64(missing) + Duration::from_micros(1))
    }

    /// So many deliveries went.
    pub(super) fn take(&mut self, count: usize) {
        self.tokens -= f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    }
}
