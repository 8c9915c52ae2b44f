//! When a delivery is tried again. Pure.

use std::time::Duration;

use hooklab_shared::delivery::{AttemptOutcome, GotResponse};
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;

use crate::schedule::retry_after;

/// The waits between attempts; how many there are says how often it is tried again.
///
/// ```
/// use hooklab_sender::forward::Retry;
/// assert_eq!(Retry::default().waits().len(), 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry(Vec<Duration>);

impl Default for Retry {
    /// What outlives a restart of the target: captures stay in order, so each wait is everybody's.
    fn default() -> Self {
        Self([1, 5, 30].map(Duration::from_secs).into())
    }
}

impl From<Vec<Duration>> for Retry {
    fn from(waits: Vec<Duration>) -> Self {
        Self(waits)
    }
}

impl Retry {
    /// This often, at most 20 times: after 1 s, 5 s, and then every 30 s.
    #[must_use]
    pub fn times(count: usize) -> Option<Self> {
        let waits = [1, 5].into_iter().chain(std::iter::repeat(30)).map(Duration::from_secs);
        (count <= Limits::FORWARD_RETRIES_MAX).then(|| Self(waits.take(count).collect()))
    }

    /// The waits.
    #[must_use]
    pub fn waits(&self) -> &[Duration] {
        &self.0
    }

    /// How long to wait after this attempt, the first one being 1; none where it was the last.
    pub(super) fn after(
        &self,
        attempt: u32,
        outcome: &AttemptOutcome,
        response: Option<&GotResponse>,
        now: Timestamp,
    ) -> Option<Duration> {
        // Gone is for good (RFC 9110, section 15.5.11).
        if matches!(
            outcome,
            AttemptOutcome::Delivered | AttemptOutcome::Refused { status: 410, .. }
        ) {
            return None;
        }
        let wait = *self.0.get(usize::try_from(attempt).ok()?.checked_sub(1)?)?;
        let asked = response.and_then(|response| retry_after(response, now)).unwrap_or_default();
        Some(wait.max(asked.min(Limits::FORWARD_RETRY_AFTER_MAX)))
    }
}

#[cfg(test)]
mod tests {
    use hooklab_shared::capture::BodyDocument;

    use super::*;

    fn refused(status: u16, after: &str) -> (AttemptOutcome, GotResponse) {
        let headers = vec![("Retry-After".to_owned(), after.as_bytes().into())];
        let body = BodyDocument::of(b"");
        let response = GotResponse { status, headers, body, truncated: false };
        (AttemptOutcome::Refused { status, hint: String::new() }, response)
    }

    fn wait(attempt: u32, status: u16, after: &str) -> Option<u64> {
        let retry = Retry::from(vec![Duration::from_secs(2), Duration::from_secs(10)]);
        let (outcome, response) = refused(status, after);
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        retry.after(attempt, &outcome, Some(&response), now).map(|wait| wait.as_secs())
    }

    #[test]
    fn the_schedule_is_kept_and_a_target_may_ask_for_more() {
        assert_eq!([1, 2, 3].map(|attempt| wait(attempt, 500, "x")), [Some(2), Some(10), None]);
        assert_eq!(wait(1, 503, "7"), Some(7));
        assert_eq!(wait(2, 503, "7"), Some(10));
        assert_eq!(wait(1, 429, "999999999"), Some(3_600));
        assert_eq!(wait(1, 503, "Mon, 21 Sep 2026 14:13:40 GMT"), Some(20));
        assert_eq!(wait(1, 410, "7"), None);
        let (retry, now) = (Retry::default(), Timestamp::default());
        assert_eq!(retry.after(1, &AttemptOutcome::Delivered, None, now), None);
    }
}
