//! When to try again. Pure: the time and the random number come in as values.

use std::borrow::Cow;
use std::time::Duration;

use hooklab_shared::delivery::{Attempt, AttemptOutcome, DeliveryState, GotResponse};
use hooklab_shared::id::Timestamp;
use hooklab_shared::span::Span;
use hooklab_shared::webhook::Profile;

const SECOND: u64 = 1;
const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;

/// How long each attempt waits for the one before it, in seconds (Standard Webhooks 1.0.0,
/// "Deliverability and reliability").
const STANDARD_SECS: [u64; 10] = [
    0,
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];

/// By how much a wait may grow, so that what failed together is not tried again together.
const JITTER: f64 = 0.2;

/// How long a target that says it has too much to do is left alone, where it does not say itself.
const HOLD: Duration = Duration::from_secs(5);

/// Failures in a row after which a webhook is tried more and more slowly.
const PATIENT_FAILURES: u32 = 10;

/// The slowest that a webhook which only fails is tried: soon enough to notice that it is well.
const GAP_MAX: Duration = Duration::from_secs(60);

/// How long a webhook may fail without one success before it is deactivated: longer than the
/// schedule.
pub(crate) const FAILING_MAX: Duration = Duration::from_secs(5 * 24 * HOUR);

/// Failures in a row without which it is not, however long it takes: a quiet webhook whose target
/// was away twice is no dead one.
const FAILURES_MIN: u32 = 10;

/// Failures further apart than this do not belong together: nobody knows what was in between,
/// where this machine slept or nothing was sent. It is longer than the schedule's longest wait.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(2 * 24 * HOUR);

/// What an attempt means for its delivery and its webhook. Durations are as in real time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) state: DeliveryState,
    /// How long the next attempt waits, where there is one.
    pub(crate) wait: Option<Duration>,
    /// How long the whole webhook is left alone.
    pub(crate) hold: Option<Duration>,
    /// The target says that it is gone for good.
    pub(crate) gone: bool,
}

/// The schedule of a webhook: its own, or its profile's.
pub(crate) fn of(profile: Profile, own: Option<&[Span]>) -> Cow<'static, [Duration]> {
    match (own, profile) {
        (Some(own), _) => own.iter().map(|span| span.as_duration()).collect(),
        // WordPress sends once, within the request that raised the event.
        (None, Profile::UltimateMultisite) => Cow::Borrowed(&[Duration::ZERO]),
        (None, _) => STANDARD_SECS.into_iter().map(Duration::from_secs).collect(),
    }
}

/// How long the attempt at this place of the schedule, from 0, waits for the one before it; none
/// where the schedule has ended. `random` is 0 to 1.
pub(crate) fn delay(schedule: &[Duration], step: usize, random: f64) -> Option<Duration> {
    Some(schedule.get(step)?.mul_f64(1.0 + JITTER * random.clamp(0.0, 1.0)))
}

/// What the attempt at this place of the schedule came to.
pub(crate) fn judge(
    attempt: &Attempt,
    schedule: &[Duration],
    step: usize,
    ended_at: Timestamp,
    random: f64,
) -> Verdict {
    let mut verdict =
        Verdict { state: DeliveryState::Exhausted, wait: None, hold: None, gone: false };
    let status = match attempt.outcome {
        AttemptOutcome::Delivered => {
            verdict.state = DeliveryState::Delivered;
            return verdict;
        }
        AttemptOutcome::Refused { status, .. } => Some(status),
        AttemptOutcome::Failed { .. } | AttemptOutcome::Interrupted | AttemptOutcome::Lost => None,
    };
    verdict.gone = status == Some(410);
    // Nobody may put a webhook off for longer than its schedule would.
    let cap = schedule.iter().copied().max().unwrap_or_default().max(HOLD);
    let asked = attempt.response.as_ref().and_then(|response| retry_after(response, ended_at));
    let asked = asked.map(|asked| asked.min(cap));
    if matches!(status, Some(429 | 502 | 503 | 504)) {
        verdict.hold = Some(asked.unwrap_or(HOLD));
    }
    if let Some(delay) = delay(schedule, step + 1, random)
        && !verdict.gone
    {
        verdict.state = DeliveryState::Pending;
        verdict.wait = Some(delay.max(asked.unwrap_or_default()));
    }
    verdict
}

/// What `Retry-After` asks for (RFC 9110, section 10.2.3): seconds, or a date. Anything else, and
/// what is past, asks for nothing.
pub(crate) fn retry_after(response: &GotResponse, now: Timestamp) -> Option<Duration> {
    let is_it = |name: &str| name.eq_ignore_ascii_case("retry-after");
    let (_, value) = response.headers.iter().find(|(name, _)| is_it(name))?;
    let text = std::str::from_utf8(value.as_bytes()).ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // So many digits that they are no number mean very long.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = Timestamp::from(httpdate::parse_http_date(text).ok()?);
    let micros = until.as_micros().saturating_sub(now.as_micros());
    u64::try_from(micros).ok().map(Duration::from_micros)
}

/// Whether a webhook that has failed so many times in a row, all of them for as long as it may
/// (`FAILING_MAX`), is to be deactivated.
pub(crate) fn is_hopeless(failures: u32, since: Timestamp, failing_since_min: Timestamp) -> bool {
    failures >= FAILURES_MIN && since <= failing_since_min
}

/// So long before this instant.
pub(crate) fn before(at: Timestamp, span: Duration) -> Timestamp {
    let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.as_micros().saturating_sub(micros))
}

/// How far apart the attempts of a webhook are that failed so many times in a row.
pub(crate) fn gap(failures: u32) -> Duration {
    let beyond = failures.saturating_sub(PATIENT_FAILURES);
    if failures < PATIENT_FAILURES {
        return Duration::ZERO;
    }
    Duration::from_secs(1_u64.checked_shl(beyond).unwrap_or(u64::MAX)).min(GAP_MAX)
}

/// How many attempts of a webhook may be under way that failed so many times in a row.
pub(crate) fn attempts_at_once(failures: u32, most: usize) -> usize {
    match failures {
        0 => most,
        1..5 => most.min(4),
        _ => most.min(1),
    }
}

#[cfg(test)]
mod tests;
