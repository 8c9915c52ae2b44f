//! What the sender does, one line a message.

use hooklab_shared::delivery::{AttemptOutcome, AttemptSummary, Message, Watched};
use hooklab_shared::id::Timestamp;

use crate::exit::Failure;
use crate::report::paint::Ink;
use crate::report::{Report, micros, shown};

/// Tells a live message.
pub(crate) fn told(report: &mut Report, message: &Message) -> Result<(), Failure> {
    match message {
        Message::Hello { .. } => Ok(()),
        Message::Gap { missed } => {
            report.note(format_args!("{missed} messages were missed; the log has them"));
            Ok(())
        }
        Message::Fired { delivery, event, target, test, .. } => {
            let test = if *test { " (test)" } else { "" };
            let what = format!("{}{test} to {}", shown(event), shown(target));
            line(report, delivery, Ink::Cyan, "fired", &what)
        }
        Message::Attempt { delivery, attempt, due_at } => {
            let what = format!("{}; again at {}", how(attempt), clock(*due_at));
            line(report, delivery, Ink::Yellow, "failed", &what)
        }
        Message::Delivered { delivery, attempt } => {
            line(report, delivery, Ink::Green, "delivered", &how(attempt))
        }
        Message::Exhausted { delivery, attempt } => {
            line(report, delivery, Ink::Red, "exhausted", &how(attempt))
        }
        Message::Cancelled { delivery, because } => {
            line(report, delivery, Ink::Dim, "cancelled", &shown(because))
        }
        Message::Webhook { webhook } => {
            let active = if webhook.active { "active" } else { "not active" };
            let what = format!("{} · {} · {active}", shown(&webhook.name), shown(&webhook.url));
            about(report, webhook.id, &what)
        }
        Message::Deactivated { webhook, because } => {
            about(report, *webhook, &format!("deactivated: {}", shown(because)))
        }
        Message::Deleted { webhook } => about(report, *webhook, "deleted"),
    }
}

fn line(
    report: &mut Report,
    delivery: &Watched,
    ink: Ink,
    word: &str,
    what: &str,
) -> Result<(), Failure> {
    let word = report.ink(ink, format_args!("{word:<9}"));
    let id = report.ink(Ink::Dim, delivery.id);
    report.line(format_args!("{id}  webhook {:<3}  {word}  {what}", delivery.webhook))
}

fn about(report: &mut Report, webhook: i64, what: &str) -> Result<(), Failure> {
    let number = report.ink(Ink::Bold, format_args!("webhook {webhook}"));
    report.line(format_args!("{number}  {what}"))
}

fn how(attempt: &AttemptSummary) -> String {
    let manual = if attempt.manual { ", by hand" } else { "" };
    let result = match &attempt.outcome {
        AttemptOutcome::Delivered => {
            attempt.status.map_or_else(String::new, |status| status.to_string())
        }
        AttemptOutcome::Refused { status, .. } => status.to_string(),
        AttemptOutcome::Failed { phase, cause, .. } => {
            format!("{}: {}", phase.as_str(), shown(cause))
        }
        AttemptOutcome::Interrupted => "interrupted".to_owned(),
        AttemptOutcome::Lost => "lost".to_owned(),
    };
    format!("{result}, attempt {}{manual}, {}", attempt.n, micros(attempt.total_us))
}

/// The time of day; the date goes with it where that is another day's business.
fn clock(at: Timestamp) -> String {
    let at = at.to_string();
    at.get(..19).unwrap_or(&at).replace('T', " ")
}
