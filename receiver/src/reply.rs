//! What a bin answers: chosen before the capture is kept, acted after.

mod act;
mod body;
mod chosen;
pub(crate) mod template;

use bytes::Bytes;
use hooklab_shared::problem::Problem;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Response, StatusCode};

pub(crate) use act::{Hold, Kept, Place, act, by_default, fails};
pub(crate) use body::ReplyBody;
pub(crate) use chosen::Chosen;

/// Names the capture in every answer: `{bin}/{seq}`.
const HOOKLAB_CAPTURE: HeaderName = HeaderName::from_static("hooklab-capture");
const CONTENT_SECURITY_POLICY: HeaderName = HeaderName::from_static("content-security-policy");
const CONTENT_TYPE_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");

/// The headers of the default reply, made once: to copy them is quicker than to put them together.
pub(crate) struct Headers(HeaderMap);

impl Default for Headers {
    fn default() -> Self {
        let mut headers = Response::new(ReplyBody::default());
        let json = HeaderValue::from_static("application/json");
        headers.headers_mut().insert(CONTENT_TYPE, json);
        // Each answer has its own; here it keeps the place.
        headers.headers_mut().insert(HOOKLAB_CAPTURE, HeaderValue::from_static("-"));
        Self(finish(headers, false).into_parts().0.headers)
    }
}

/// The answer to a request that was not kept.
pub(crate) fn problem(problem: &Problem, closing: bool) -> Response<ReplyBody> {
    let body = serde_json::to_vec(problem).unwrap_or_default().into();
    let mut response = whole(problem.status, body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = problem.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    finish(response, closing)
}

fn whole(status: u16, body: Bytes) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Whole(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response.headers_mut().reserve(6);
    response
}

/// Headers that no answer goes without, unless it has its own: what is captured is hostile, and an
/// echo of it must not act in a browser.
fn finish(mut response: Response<ReplyBody>, closing: bool) -> Response<ReplyBody> {
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("sandbox"));
    headers.entry(CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    if closing {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
