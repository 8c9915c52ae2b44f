//! A capture, shown.

use hooklab_shared::capture::{BodyDocument, Document, Outcome, Replied, Summary};
use hooklab_shared::escape;
use hooklab_shared::event::{Guess, GuessedBy};
use hooklab_shared::reply::Fault;

use super::paint::Ink;
use super::{Report, json, shown, shown_bytes, size};
use crate::exit::Failure;

/// One capture on one line, for a stream of them.
pub(crate) fn line(report: &Report, summary: &Summary) -> String {
    let at = summary.received_at.to_string();
    let clock = at.get(11..23).unwrap_or(&at);
    let mut line = format!(
        "{}  {}  {}  {}",
        report.ink(Ink::Cyan, format_args!("#{:<5}", summary.seq)),
        report.ink(Ink::Dim, clock),
        report.ink(Ink::Bold, format_args!("{:<6}", shown_bytes(summary.method.as_bytes()))),
        shown_bytes(summary.target.as_bytes()),
    );
    line += &format!("  {}", size(summary.size));
    if let Some(kind) = &summary.content_type {
        line += &format!("  {}", report.ink(Ink::Dim, shown_bytes(kind.as_bytes())));
    }
    line += &format!("  {}", report.ink(reply_ink(&summary.reply), answer(&summary.reply)));
    if let Some(guess) = &summary.event {
        line += &format!("  {}", guessed(guess));
    }
    if summary.outcome != Outcome::Complete {
        line += &format!("  {}", report.ink(Ink::Red, summary.outcome.as_str()));
    }
    line
}

/// One capture, whole: where it stands, its head, its content laid out for reading.
pub(crate) fn whole(report: &mut Report, document: &Document) -> Result<(), Failure> {
    let mut about = format!(
        "{} #{} · {} · from {} · {}",
        document.bin,
        document.seq,
        document.received_at,
        document.peer,
        document.outcome.as_str()
    );
    if let Some(client) = document.client {
        about += &format!(" · for {client}");
    }
    about += &format!(" · {}", answered(&document.reply));
    if let Some(guess) = &document.event {
        about += &format!(" · event {}", guessed(guess));
    }
    let about = report.ink(Ink::Dim, about);
    report.line(about)?;
    request(report, document, "")
}

/// The request of a capture, every line behind this margin.
pub(crate) fn request(
    report: &mut Report,
    document: &Document,
    margin: &str,
) -> Result<(), Failure> {
    let line = format!(
        "{} {} {}",
        shown_bytes(document.method.as_bytes()),
        shown_bytes(document.target.as_bytes()),
        document.protocol.as_str()
    );
    let line = report.ink(Ink::Bold, line);
    report.line(format_args!("{margin}{line}"))?;
    for (name, value) in document.headers.iter().chain(&document.trailers) {
        let name = report.ink(Ink::Cyan, shown_bytes(name.as_bytes()));
        report.line(format_args!("{margin}{name}: {}", shown_bytes(value.as_bytes())))?;
    }
    body(report, &document.body, margin)
}

/// A body after its empty line: JSON indented, other text as it is, the rest as what it is.
pub(crate) fn body(report: &mut Report, body: &BodyDocument, margin: &str) -> Result<(), Failure> {
    if body.size == 0 {
        return Ok(());
    }
    report.line(margin.trim_end())?;
    let Some(text) = &body.text else {
        let told = format!("({} that are not text; --body writes them)", size(body.size));
        let told = report.ink(Ink::Dim, told);
        return report.line(format_args!("{margin}{told}"));
    };
    let text = json::indented(text).unwrap_or_else(|| text.clone());
    for line in escape::terminal(&text, true).lines() {
        report.line(format_args!("{margin}{line}"))?;
    }
    Ok(())
}

fn guessed(guess: &Guess) -> String {
    let kind = shown(&guess.kind);
    match guess.by {
        GuessedBy::Header => format!("{kind} (named by a header)"),
        GuessedBy::Type => format!("{kind} (its own type)"),
        GuessedBy::Keys => format!("{kind} (guessed from its keys)"),
    }
}

/// What was answered, in a sentence's words: with the rule where the status alone does not say it.
fn answered(reply: &Replied) -> String {
    let rule = reply.rule.map(|rule| format!(" (rule {rule})")).unwrap_or_default();
    match reply.fault {
        _ if reply.held => format!("held for an answer by hand{rule}"),
        Some(fault) if !fault.bends_body() => format!("not answered: {}{rule}", fault.as_str()),
        Some(_) => format!("answered {}{rule}", answer(reply)),
        None if reply.template_failed => format!("answered {}{rule}", answer(reply)),
        None => format!("answered {}", reply.status),
    }
}

/// The same in as few words as a line has room for.
fn answer(reply: &Replied) -> String {
    let status = reply.status;
    match reply.fault {
        _ if reply.held => "held".to_owned(),
        Some(fault @ (Fault::Reset | Fault::Close | Fault::Stall | Fault::Garbage)) => {
            fault.as_str().to_owned()
        }
        Some(Fault::Drip) => format!("{status}, dripping"),
        Some(Fault::Truncate) => format!("{status}, truncated"),
        Some(Fault::Endless) => format!("{status}, endless"),
        None if reply.template_failed => format!("{status}, its template failed"),
        None => status.to_string(),
    }
}

fn reply_ink(reply: &Replied) -> Ink {
    let is_plain = !reply.held && reply.fault.is_none();
    if is_plain && (200..300).contains(&reply.status) { Ink::Green } else { Ink::Yellow }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_was_not_given_is_not_told() {
        let plain = Replied { status: 200, rule: Some(1), ..Replied::default() };
        let silent = Replied { status: 0, ..plain };
        let reset = Replied { fault: Some(Fault::Reset), ..silent };
        let truncated = Replied { fault: Some(Fault::Truncate), ..plain };
        let failed = Replied { status: 500, template_failed: true, ..plain };
        for (reply, long, short) in [
            (plain, "answered 200", "200"),
            (reset, "not answered: reset (rule 1)", "reset"),
            (truncated, "answered 200, truncated (rule 1)", "200, truncated"),
            (failed, "answered 500, its template failed (rule 1)", "500, its template failed"),
            (Replied { held: true, ..silent }, "held for an answer by hand (rule 1)", "held"),
        ] {
            assert_eq!((answered(&reply), answer(&reply)), (long.to_owned(), short.to_owned()));
        }
    }
}
