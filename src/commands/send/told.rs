//! What a send tells: each delivery as it ends, and the whole of it at the end.

use hooklab_shared::delivery::{AttemptOutcome, DeliveryState};
use hooklab_shared::send::SentDelivery;

use crate::exit::{Code, Failure};
use crate::report::paint::Ink;
use crate::report::{Report, delivery, micros, shown};

/// Deliveries that are told in full each; more are told in a line each.
const WHOLE_MAX: usize = 1;

/// What has come of a send so far.
pub(super) struct Tally {
    deliveries: usize,
    delivered: usize,
    codes: Vec<Code>,
    consumer_failed: usize,
}

impl Tally {
    pub(super) fn new(deliveries: usize) -> Self {
        Self { deliveries, delivered: 0, codes: Vec::new(), consumer_failed: 0 }
    }

    /// Tells one delivery.
    pub(super) fn add(&mut self, report: &mut Report, sent: &SentDelivery) -> Result<(), Failure> {
        let outcome = sent.attempts.last().map(|attempt| &attempt.outcome);
        self.codes.push(delivery::code_of(outcome));
        self.delivered += usize::from(sent.state == DeliveryState::Delivered);
        self.consumer_failed += usize::from(sent.consumer_ok == Some(false));
        if report.is_json() {
            return report.json(sent);
        }
        if self.deliveries > WHOLE_MAX { line(report, sent) } else { whole(report, sent) }
    }

    /// Tells how it was, on the side: data has been told.
    pub(super) fn end(&self, report: &mut Report, seed: u64) {
        if self.deliveries > WHOLE_MAX {
            let failed = self.codes.len() - self.delivered;
            report.note(format_args!("{} delivered, {failed} not; seed {seed}", self.delivered));
        } else {
            report.note(format_args!("seed {seed}"));
        }
        if self.consumer_failed > 0 {
            let failed = self.consumer_failed;
            report.note(format_args!("the consumer did not do what it must {failed} times"));
        }
    }

    pub(super) fn code(&self) -> Code {
        delivery::code_of_many(&self.codes)
    }
}

fn line(report: &mut Report, sent: &SentDelivery) -> Result<(), Failure> {
    let result = report.ink(delivery::ink(sent.state), result(sent));
    let took: u64 = sent.attempts.iter().map(|attempt| attempt.phases.total_us).sum();
    let (target, id, n) = (shown(&sent.target), shown(&sent.id), sent.n);
    report.line(format_args!("{n:>5}  {result}  {}  {target}  {id}{}", micros(took), judged(sent)))
}

fn whole(report: &mut Report, sent: &SentDelivery) -> Result<(), Failure> {
    let result = report.ink(delivery::ink(sent.state), result(sent));
    report.line(format_args!("{result}  {}", shown(&sent.target)))?;
    if let Some(attempt) = sent.attempts.last() {
        delivery::rows(report, attempt, "")?;
    }
    let row = |name: &str, value: &str| format!("  {name:<10} {}", shown(value));
    report.line(row("id", &sent.id))?;
    if sent.attempts.len() > 1 {
        report.line(row("attempts", &sent.attempts.len().to_string()))?;
    }
    if let Some(invalid) = &sent.invalid {
        report.line(row("invalid", &format!("{invalid}: a correct consumer answers 4xx")))?;
    }
    for fault in &sent.faults {
        report.line(row("bent", &format!("{} ({})", fault.bent, fault.fault)))?;
        report.line(row("must", &fault.must))?;
    }
    match sent.consumer_ok {
        Some(true) => report.line(row("consumer", "did what it must, as far as its answer tells")),
        Some(false) => {
            let told = report.ink(Ink::Red, "did not do what it must");
            report.line(format_args!("  {:<10} {told}", "consumer"))
        }
        None => Ok(()),
    }
}

fn result(sent: &SentDelivery) -> String {
    let Some(attempt) = sent.attempts.last() else { return sent.state.as_str().to_owned() };
    let many = match sent.attempts.len() {
        1 => String::new(),
        many => format!(" after {many} attempts"),
    };
    match &attempt.outcome {
        AttemptOutcome::Delivered | AttemptOutcome::Refused { .. } => {
            delivery::result_of(attempt) + &many
        }
        _ => delivery::result_of(attempt),
    }
}

fn judged(sent: &SentDelivery) -> String {
    let bent: Vec<&str> = sent.faults.iter().map(|fault| fault.fault.as_str()).collect();
    let bent = match (bent.is_empty(), &sent.invalid) {
        (true, None) => return String::new(),
        (true, Some(invalid)) => invalid.clone(),
        (false, _) => bent.join(", "),
    };
    let ok = match sent.consumer_ok {
        Some(true) => "consumer right",
        Some(false) => "consumer wrong",
        None => "consumer not reached",
    };
    format!("  [{}: {ok}]", shown(&bent))
}
