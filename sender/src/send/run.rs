//! Sending a plan: in its order, at its rate, so many at once, each with its attempts.

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hooklab_shared::capture::BodyDocument;
use hooklab_shared::delivery::{
    Attempt, AttemptOutcome, DeliveryState, Phase, Phases, SentRequest,
};
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::send::SentDelivery;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::compose::{About, Composed};
use super::order::Order;
use crate::attempt::{Answer, Called, Caller};
use crate::fault::{Must, Step};
use crate::schedule;
use crate::sender::now;

/// Sends every step to every target; `told` hears of each delivery when it has ended.
pub(super) async fn run(
    order: &Arc<Order>,
    steps: &[Step],
    caller: &Arc<Caller>,
    mut told: impl FnMut(SentDelivery),
) {
    let began = Instant::now();
    let targets = order.targets.len();
    let mut flight = JoinSet::new();
    for place in 0..steps.len() * targets {
        while flight.len() >= order.concurrency {
            land(&mut flight, &mut told).await;
        }
        if let Some(rate) = order.rate {
            let due = began + Duration::from_secs_f64(place as f64 / rate);
            // What ends meanwhile is told meanwhile.
            while Instant::now() < due && !flight.is_empty() {
                tokio::select! {
                    () = sleep_until(due) => {}
                    () = land(&mut flight, &mut told) => {}
                }
            }
            sleep_until(due).await;
        }
        let (step, target) = (steps[place / targets], place % targets);
        let (order, caller) = (order.clone(), caller.clone());
        flight.spawn(async move { deliver(&order, &caller, step, target, place + 1, began).await });
    }
    while !flight.is_empty() {
        land(&mut flight, &mut told).await;
    }
}

async fn land(flight: &mut JoinSet<SentDelivery>, told: &mut impl FnMut(SentDelivery)) {
    match flight.join_next().await {
        Some(Ok(delivery)) => told(delivery),
        Some(Err(error)) => tracing::error!(%error, "a delivery ended by itself"),
        None => {}
    }
}

/// Attempts until one is delivered, none is left, or the target says that it is gone.
async fn deliver(
    order: &Order,
    caller: &Caller,
    step: Step,
    target: usize,
    place: usize,
    began: Instant,
) -> SentDelivery {
    if !order.delay().is_zero() {
        sleep(order.delay()).await;
    }
    let mut attempts = Vec::new();
    let mut about = None;
    let schedule: Vec<Duration> =
        iter::once(Duration::ZERO).chain(order.retries.iter().copied()).collect();
    for (n, place_in_schedule) in (1..).zip(0..schedule.len()) {
        let at = if order.is_at_given { order.at } else { after(order.at, began.elapsed()) };
        let attempt = match order.compose(step, target, n, at) {
            Ok(Composed { about: of, outgoing }) => {
                about = Some(of);
                let Called { answer, phases, outcome } = caller.call(&outgoing).await;
                let mut request = outgoing.told();
                request.body = told_body(&outgoing.body);
                let response = answer.map(Answer::into_told);
                Attempt { n, manual: false, at, request, response, phases, outcome }
            }
            Err((_, detail)) => unsendable(n, at, detail),
        };
        // What may not be sent now may not be sent later.
        let is_over =
            matches!(attempt.outcome, AttemptOutcome::Failed { phase: Phase::Policy, .. });
        // Waits that a user has typed are kept to, without jitter.
        let verdict = schedule::judge(&attempt, &schedule, place_in_schedule, now(), 0.0);
        attempts.push(attempt);
        match verdict.wait {
            Some(wait) if !is_over => sleep(wait).await,
            _ => break,
        }
    }
    sent(order, about, target, place, attempts)
}

fn sent(
    order: &Order,
    about: Option<About>,
    target: usize,
    n: usize,
    attempts: Vec<Attempt>,
) -> SentDelivery {
    let nothing = About { id: String::new(), kind: None, invalid: None, faults: Vec::new() };
    let About { id, kind, invalid, faults } = about.unwrap_or(nothing);
    let outcome = attempts.last().map(|attempt| &attempt.outcome);
    let state = match outcome {
        Some(AttemptOutcome::Delivered) => DeliveryState::Delivered,
        _ => DeliveryState::Exhausted,
    };
    let strictest = order.faults.iter().map(|fault| fault.must()).max();
    let strictest = if invalid.is_some() { Some(Must::Refuse).max(strictest) } else { strictest };
    let consumer_ok = strictest.zip(outcome).and_then(|(must, outcome)| did(must, outcome));
    let target = order.targets[target].to_string();
    SentDelivery { n, id, kind, target, invalid, faults, consumer_ok, state, attempts }
}

/// Whether a consumer did what it must; nothing is known of one that was never spoken to.
fn did(must: Must, outcome: &AttemptOutcome) -> Option<bool> {
    let status = match outcome {
        AttemptOutcome::Refused { status, .. } => Some(*status),
        AttemptOutcome::Failed {
            phase: Phase::Policy | Phase::Dns | Phase::Connect | Phase::Tls,
            ..
        } => return None,
        _ => None,
    };
    let is_delivered = *outcome == AttemptOutcome::Delivered;
    Some(match must {
        Must::Accept => is_delivered,
        Must::Answer => is_delivered || status.is_some_and(|status| status < 500),
        Must::NotAccept => !is_delivered,
        Must::Refuse => status.is_some_and(|status| (400..500).contains(&status)),
    })
}

/// A body as a report repeats it: whole, or by its length and digest alone.
fn told_body(body: &Bytes) -> BodyDocument {
    let mut told = BodyDocument::of(body);
    if body.len() > Limits::SEND_TOLD_BODY_BYTES_MAX {
        told.text = None;
        told.base64 = None;
    }
    told
}

fn unsendable(n: u32, at: Timestamp, detail: String) -> Attempt {
    let (method, url) = (String::new(), String::new());
    let (headers, body) = (Vec::new(), BodyDocument::of(b""));
    let hint = "check the payload and the secret".to_owned();
    Attempt {
        n,
        manual: false,
        at,
        request: SentRequest { method, url, headers, body },
        response: None,
        phases: Phases::default(),
        outcome: AttemptOutcome::Failed { phase: Phase::Policy, cause: detail, hint },
    }
}

fn after(at: Timestamp, by: Duration) -> Timestamp {
    at + by
}
