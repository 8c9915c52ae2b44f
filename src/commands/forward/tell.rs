//! What becomes of the captures that go out.

use hooklab_sender::forward::{Because, Handed, Tally, Told};
use hooklab_shared::delivery::AttemptOutcome;
use hooklab_shared::id::Seq;
use hooklab_shared::live::GapReason;
use serde::Serialize;

use crate::exit::{Code, Failure};
use crate::report::paint::Ink;
use crate::report::{Report, micros, shown};

/// The last line of a stream.
#[derive(Serialize)]
struct End<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Seq>,
    #[serde(flatten)]
    tally: &'a Tally,
}

/// Tells of one thing that happened.
pub(crate) fn one(report: &mut Report, told: &Told) -> Result<(), Failure> {
    if report.is_json() {
        return report.json(told);
    }
    match told {
        Told::Following { after } => report.note(format_args!("following after #{after}")),
        Told::Delivered(handed) => {
            let result = report.ink(Ink::Green, result(&handed.outcome, handed.status));
            return line(report, handed, &result);
        }
        Told::Exhausted(handed) => {
            let result = report.ink(Ink::Red, result(&handed.outcome, handed.status));
            line(report, handed, &result)?;
            if let AttemptOutcome::Refused { hint, .. } | AttemptOutcome::Failed { hint, .. } =
                &handed.outcome
            {
                report.note(format_args!("  try: {}", shown(hint)));
            }
        }
        Told::Retry { tried, again_in } => {
            let result = result(&tried.outcome, tried.status);
            report.note(format_args!("{}  {result}, again in {again_in}", place(tried)));
        }
        // What a filter leaves out is as it should be: the last line counts it.
        Told::Skipped { because: Because::Filter, .. } => {}
        Told::Skipped { seq, target, why, because } => {
            let word = if *because == Because::Loop { "does not go" } else { "cannot go" };
            report.note(format_args!("#{seq} {word} to {}: {}", shown(target), shown(why)));
        }
        Told::Gap { from, to, reason } => {
            let why = match reason {
                GapReason::Retention => "dropped by retention",
                GapReason::Deleted => "deleted",
            };
            let which =
                if from == to { format!("#{to} is") } else { format!("#{from} to #{to} are") };
            report.note(format_args!("{which} gone: {why}"));
        }
        Told::Lost { after } => {
            report.note(format_args!("the connection was lost; resuming after #{after}"));
        }
        Told::Cut { after } => report.note(format_args!("cut after #{after}: it takes no more")),
        Told::Anew => report.note("the bin was made anew; going on with its first capture"),
        Told::Deleted => report.note("the bin was deleted"),
    }
    Ok(())
}

/// Tells what it came to.
pub(crate) fn end(report: &mut Report, tally: &Tally, after: Option<Seq>) -> Result<(), Failure> {
    if report.is_json() {
        return report.json(&End { kind: "end", after, tally });
    }
    let mut told = format!("{} delivered, {} failed", tally.delivered, tally.failed);
    for (count, what) in [(tally.skipped, "skipped"), (tally.gone, "gone")] {
        if count > 0 {
            told += &format!(", {count} {what}");
        }
    }
    report.note(told);
    Ok(())
}

/// How the process ends.
pub(crate) fn code(tally: &Tally) -> Code {
    let failed = tally.failed + tally.gone;
    match tally.delivered {
        _ if failed == 0 => Code::Done,
        0 if tally.unreachable == failed => Code::NotConnected,
        0 => Code::NotDelivered,
        _ => Code::SomeFailed,
    }
}

fn line(report: &mut Report, handed: &Handed, result: &str) -> Result<(), Failure> {
    let place = report.ink(Ink::Cyan, format_args!("{:<8}", place(handed)));
    let again =
        if handed.attempts > 1 { format!("  {} attempts", handed.attempts) } else { String::new() };
    let took = report.ink(Ink::Dim, micros(handed.took_us));
    report.line(format_args!("{place}{result}  {}  {took}{again}", shown(&handed.target)))
}

/// The capture, and which of its deliveries, where there are several.
fn place(handed: &Handed) -> String {
    match handed.part {
        1 => format!("#{}", handed.seq),
        part => format!("#{}.{part}", handed.seq),
    }
}

fn result(outcome: &AttemptOutcome, status: Option<u16>) -> String {
    match (outcome, status) {
        (AttemptOutcome::Delivered, Some(status)) => format!("delivered {status}"),
        (AttemptOutcome::Delivered, None) => "delivered".to_owned(),
        (AttemptOutcome::Interrupted, _) => "interrupted".to_owned(),
        (AttemptOutcome::Lost, _) => "lost".to_owned(),
        (AttemptOutcome::Refused { status, .. }, _) => format!("refused {status}"),
        (AttemptOutcome::Failed { phase, cause, .. }, _) => {
            format!("failed at {}, {}", phase.as_str(), shown(cause))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_all_from_some_and_refused_from_unreachable() {
        let of = |delivered, failed, unreachable, gone| {
            code(&Tally { delivered, failed, unreachable, skipped: 9, gone })
        };
        assert_eq!(of(0, 0, 0, 0), Code::Done);
        assert_eq!(of(3, 0, 0, 0), Code::Done);
        assert_eq!(of(3, 1, 0, 0), Code::SomeFailed);
        assert_eq!(of(3, 0, 0, 1), Code::SomeFailed);
        assert_eq!(of(0, 2, 1, 0), Code::NotDelivered);
        assert_eq!(of(0, 2, 2, 0), Code::NotConnected);
        assert_eq!(of(0, 0, 0, 1), Code::NotDelivered);
    }
}
