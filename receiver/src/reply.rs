//! What a bin answers.

mod body;
mod template;

use bytes::Bytes;
use hooklab_shared::capture::{Outcome, Replied};
use hooklab_shared::id::{BinName, Seq};
use hooklab_shared::problem::Problem;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use uuid::Uuid;

/// Names the capture in every answer: `{bin}/{seq}`.
const HOOKLAB_CAPTURE: HeaderName = HeaderName::from_static("hooklab-capture");
const CONTENT_SECURITY_POLICY: HeaderName = HeaderName::from_static("content-security-policy");
const CONTENT_TYPE_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");

/// What will be answered, decided before the capture is kept, so that it is part of it.
pub(crate) fn choose(outcome: Outcome) -> Replied {
    let status = match outcome {
        Outcome::Complete => 200,
        Outcome::Aborted => 400,
        Outcome::TimedOut => 408,
        Outcome::OverLimit => 413,
    };
    Replied { status, rule: None }
}

/// The answer to a request that was kept. Never empty: some senders take an empty 2xx for an
/// error.
pub(crate) fn captured(
    bin: &BinName,
    seq: Seq,
    id: Uuid,
    replied: Replied,
    outcome: Outcome,
) -> Response<Full<Bytes>> {
    let mut body = format!(r#"{{"captured":true,"bin":"{bin}","seq":{seq},"id":"{id}"}}"#);
    if outcome != Outcome::Complete {
        let why = match outcome {
            Outcome::OverLimit => "the body is over the limit: only its beginning was kept",
            Outcome::TimedOut => "the body stalled: only what had come was kept",
            Outcome::Aborted | Outcome::Complete => "the body broke off: what had come was kept",
        };
        body.truncate(body.len() - 1);
        body.push_str(&format!(r#","outcome":"{}","detail":"{why}"}}"#, outcome.as_str()));
    }
    let closing = outcome != Outcome::Complete;
    let mut response = answer(replied.status, "application/json", body.into(), closing);
    if let Ok(place) = HeaderValue::try_from(format!("{bin}/{seq}")) {
        response.headers_mut().insert(HOOKLAB_CAPTURE, place);
    }
    response
}

/// The answer to a request that was not kept.
pub(crate) fn problem(problem: &Problem, closing: bool) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(&problem).unwrap_or_default().into();
    let mut response = answer(problem.status, "application/problem+json", body, closing);
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn answer(
    status: u16,
    content_type: &'static str,
    body: Bytes,
    closing: bool,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.reserve(5);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if closing {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
