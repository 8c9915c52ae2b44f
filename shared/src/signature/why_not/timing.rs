//! What is wrong with the time that a request tells.

use super::super::clock::{Clock, near};
use super::super::{Reason, Request, Scheme};
use super::{Cause, http_message};

/// Seconds will not have this many digits before the year 5138.
const MILLISECONDS_MIN: i64 = 100_000_000_000;

pub(super) fn causes(
    scheme: Scheme,
    request: &Request<'_>,
    now: i64,
    tolerance: i64,
) -> Vec<Cause> {
    let sent = match scheme {
        Scheme::HttpMessage => created(request),
        _ => sent_at(scheme, request),
    };
    let past_only = scheme.shape().clock == Clock::SecondsPast;
    let cause = match sent {
        Ok(Some(sent)) if sent >= MILLISECONDS_MIN => Some(Cause::Milliseconds),
        Ok(Some(sent)) => match near(sent, now, tolerance) {
            Err(Reason::Stale(secs)) => Some(Cause::Stale(secs)),
            Err(Reason::Future(secs)) if !past_only => Some(Cause::Future(secs)),
            _ => None,
        },
        Err(Reason::Timestamp) => Some(Cause::TimestampForm),
        Ok(None) | Err(_) => None,
    };
    cause.into_iter().collect()
}

fn sent_at(scheme: Scheme, request: &Request<'_>) -> Result<Option<i64>, Reason> {
    let Some(claim) = scheme.read(request)? else { return Ok(None) };
    scheme.shape().clock.sent_at(&claim, request)
}

fn created(request: &Request<'_>) -> Result<Option<i64>, Reason> {
    let entries = http_message::read(request)?.unwrap_or_default();
    Ok(entries.first().and_then(http_message::Entry::created))
}
