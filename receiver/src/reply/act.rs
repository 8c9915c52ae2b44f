//! Acting a reply: waiting, answering, misbehaving as planned.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use hooklab_shared::body::Body;
use hooklab_shared::capture::{Capture, Outcome, Summary};
use hooklab_shared::headers::Head;
use hooklab_shared::id::{BinName, Seq, Timestamp};
use hooklab_shared::matching::Asked;
use hooklab_shared::problem::Problem;
use hooklab_shared::reply::{Content, Fault, Rule, WAIT_MAX};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::template::{self, Known, TemplateError};
use super::{Chosen, HOOKLAB_CAPTURE, Headers, ReplyBody, finish, problem, whole};
use crate::capture::Capturing;
use crate::held::{Held, Registry, Waiting};
use crate::tap::{BreakOff, Tapped};

/// How often the sender of a held request is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Bytes that are no HTTP, whoever reads them.
const GARBAGE: &[u8] = b"\x16\x03\x01\x00 \xff\xfenot HTTP at all\r\n\r\n\x00\x01";

/// Where a capture is kept.
pub(crate) struct Place<'a> {
    pub(crate) bin: &'a BinName,
    pub(crate) seq: Seq,
    pub(crate) id: Uuid,
}

/// The request that is answered.
pub(crate) struct Kept<'a> {
    pub(crate) head: &'a Head,
    pub(crate) body: &'a Body,
    pub(crate) outcome: Outcome,
}

/// A request that is going to be held, told before the store has it.
pub(crate) struct Hold {
    summary: Summary,
    wait: Duration,
}

impl Hold {
    pub(crate) fn of(capture: &Capture, wait: Duration) -> Self {
        Self { summary: capture.summary(), wait: wait.min(WAIT_MAX) }
    }

    /// Lists it as waiting, from now on.
    pub(crate) fn registered(
        mut self,
        registry: &Registry,
        seq: Seq,
        tapped: &Tapped,
    ) -> (Waiting, Duration) {
        self.summary.seq = seq;
        let now = SystemTime::now();
        let held = Held {
            id: self.summary.id,
            seq,
            since: now.into(),
            until: Timestamp::from(now + self.wait),
            summary: self.summary,
            sender_ended: false,
        };
        (registry.keep(held, tapped.clone()), self.wait)
    }
}

/// Answers a request that is kept.
pub(crate) async fn act(
    chosen: Chosen,
    held: Option<(Waiting, Duration)>,
    place: &Place<'_>,
    request: &Kept<'_>,
    capturing: &Capturing,
    tapped: &Tapped,
) -> Response<ReplyBody> {
    let by_hand = match held {
        Some((waiting, wait)) => answer_by_hand(waiting, wait, tapped).await,
        None => None,
    };
    let rule = match (&by_hand, &chosen) {
        (Some(rule), _) => rule,
        (None, chosen) => match chosen.rule() {
            Some(rule) => rule,
            None => {
                let (headers, status) = (&capturing.headers, chosen.default_status());
                return by_default(headers, status, place, request.outcome);
            }
        },
    };
    if let Some(delay) = rule.delay {
        sleep(delay.as_duration().min(WAIT_MAX)).await;
    }
    let response = match answered(rule, place, request) {
        Ok(response) => response,
        Err(error) => {
            let (bin, seq) = (place.bin.as_str(), place.seq);
            let rule = if by_hand.is_some() { None } else { chosen.place() };
            tracing::warn!(bin, seq, rule, %error, "a bin's template failed: 500 was answered");
            let detail = format!("the bin's reply failed to {error}");
            return problem_of(&Problem::new(500, "template", detail), place);
        }
    };
    if let Some(fault) = rule.fault {
        capturing.metrics.faulted(fault);
    }
    misbehave(rule.fault, response, tapped).await
}

/// What is answered by hand before the wait is over; meanwhile the sender is looked for.
async fn answer_by_hand(mut waiting: Waiting, wait: Duration, tapped: &Tapped) -> Option<Rule> {
    let until = Instant::now() + wait;
    loop {
        tapped.look_for_peer();
        let left = until.saturating_duration_since(Instant::now());
        match timeout(left.min(LOOK_EVERY), waiting.answered()).await {
            Ok(answer) => return answer,
            Err(_) if left <= LOOK_EVERY => return None,
            Err(_) => {}
        }
    }
}

/// Whether a template fails for a request that is to be kept here; its seq can only be guessed.
pub(crate) fn fails(template: &str, place: &Place<'_>, head: &Head, body: &Body) -> bool {
    let id = place.id.to_string();
    let known = Known { bin: place.bin.as_str(), seq: place.seq, id: &id };
    template::render(template, &Asked::new(head, body), known).is_err()
}

/// 200 and the place of the capture. Never empty: some senders take an empty 2xx for an error.
pub(crate) fn by_default(
    headers: &Headers,
    status: u16,
    place: &Place<'_>,
    outcome: Outcome,
) -> Response<ReplyBody> {
    let (name, body) = named_and_captured(place, outcome);
    let mut response = Response::new(ReplyBody::Whole(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    *response.headers_mut() = headers.0.clone();
    if let Ok(name) = HeaderValue::from_maybe_shared(name) {
        response.headers_mut().insert(HOOKLAB_CAPTURE, name);
    }
    if outcome != Outcome::Complete {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn captured(place: &Place<'_>, outcome: Outcome) -> Bytes {
    named_and_captured(place, outcome).1
}

/// HOT PATH. `orders/42`, and the body that tells the same, in one piece of memory and put together
/// by hand: formatting costs as much as keeping the capture.
fn named_and_captured(place: &Place<'_>, outcome: Outcome) -> (Bytes, Bytes) {
    let (mut digits, mut id) = (itoa::Buffer::new(), Uuid::encode_buffer());
    let (bin, seq) = (place.bin.as_str(), digits.format(place.seq));
    let id = &*place.id.hyphenated().encode_lower(&mut id);
    let mut told = String::with_capacity(2 * (bin.len() + seq.len()) + 128);
    let mut put = |pieces: &[&str]| pieces.iter().for_each(|piece| told.push_str(piece));
    put(&[bin, "/", seq]);
    put(&[r#"{"captured":true,"bin":""#, bin, r#"","seq":"#, seq, r#","id":""#, id, r#"""#]);
    match why(outcome) {
        Some(why) => put(&[r#","outcome":""#, outcome.as_str(), r#"","detail":""#, why, r#""}"#]),
        None => put(&["}"]),
    }
    let mut name = Bytes::from(told);
    let body = name.split_off(bin.len() + 1 + seq.len());
    (name, body)
}

fn why(outcome: Outcome) -> Option<&'static str> {
    Some(match outcome {
        Outcome::OverLimit => "the body is over the limit: only its beginning was kept",
        Outcome::TimedOut => "the body stalled: only what had come was kept",
        Outcome::Aborted => "the body broke off: what had come was kept",
        Outcome::Complete => return None,
    })
}

fn named(response: &mut Response<ReplyBody>, place: &Place<'_>) {
    if let Ok(place) = HeaderValue::try_from(format!("{}/{}", place.bin, place.seq)) {
        response.headers_mut().insert(HOOKLAB_CAPTURE, place);
    }
}

/// A rule's answer, before any fault.
fn answered(
    rule: &Rule,
    place: &Place<'_>,
    request: &Kept<'_>,
) -> Result<Response<ReplyBody>, TemplateError> {
    let (content_type, body) = content(rule, place, request)?;
    let mut response = whole(rule.status, body);
    let headers = response.headers_mut();
    for (name, value) in &rule.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        // They were checked when the program was set.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    if let Some(content_type) = content_type {
        headers.entry(CONTENT_TYPE).or_insert(content_type);
    }
    named(&mut response, place);
    Ok(finish(response, false))
}

fn content(
    rule: &Rule,
    place: &Place<'_>,
    request: &Kept<'_>,
) -> Result<(Option<HeaderValue>, Bytes), TemplateError> {
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    let json = HeaderValue::from_static("application/json");
    Ok(match &rule.content {
        Content::Captured => (Some(json), captured(place, request.outcome)),
        Content::Text(body) if body.is_empty() => (None, Bytes::new()),
        Content::Text(body) => {
            let is_json = body.trim_start().starts_with(['{', '[']);
            (Some(if is_json { json } else { text }), Bytes::from(body.clone()))
        }
        Content::Binary(body) => {
            let binary = HeaderValue::from_static("application/octet-stream");
            (Some(binary), Bytes::from(body.clone()))
        }
        Content::Echo => {
            let sent = request.head.field("content-type");
            let sent = sent.and_then(|sent| HeaderValue::from_bytes(sent).ok());
            (sent, Bytes::from(request.body.decoded().into_owned()))
        }
        Content::Template(template) => {
            let asked = Asked::new(request.head, request.body);
            let id = place.id.to_string();
            let known = Known { bin: place.bin.as_str(), seq: place.seq, id: &id };
            (Some(text), template::render(template, &asked, known)?.into())
        }
    })
}

fn problem_of(told: &Problem, place: &Place<'_>) -> Response<ReplyBody> {
    let mut response = problem(told, false);
    named(&mut response, place);
    response
}

async fn misbehave(
    fault: Option<Fault>,
    response: Response<ReplyBody>,
    tapped: &Tapped,
) -> Response<ReplyBody> {
    let broken_off = |how| {
        tapped.break_off(how);
        whole(200, Bytes::new())
    };
    match fault {
        None => response,
        Some(Fault::Reset) => broken_off(BreakOff::Reset),
        Some(Fault::Close) => broken_off(BreakOff::Close),
        Some(Fault::Garbage) => broken_off(BreakOff::Garbage(Bytes::from_static(GARBAGE))),
        Some(Fault::Stall) => {
            sleep(WAIT_MAX).await;
            broken_off(BreakOff::Close)
        }
        Some(Fault::Drip) => bent(response, ReplyBody::dripping),
        Some(Fault::Truncate) => bent(response, ReplyBody::truncated),
        Some(Fault::Endless) => bent(response, |_| ReplyBody::Endless { sent: 0 }),
    }
}

fn bent(response: Response<ReplyBody>, bend: fn(Bytes) -> ReplyBody) -> Response<ReplyBody> {
    response.map(|body| match body {
        ReplyBody::Whole(whole) => bend(whole),
        other => other,
    })
}
