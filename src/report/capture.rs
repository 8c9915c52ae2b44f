//! A capture, shown.

use hooklab_shared::capture::{BodyDocument, Document, Outcome, SignatureVerdict, Summary};
use hooklab_shared::escape;
use hooklab_shared::event::{Guess, GuessedBy};

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
    line += &format!("  {}", report.ink(status_ink(summary.reply.status), summary.reply.status));
    if let Some(guess) = &summary.event {
        line += &format!("  {}", guessed(guess));
    }
    if let Some(verdict) = &summary.signature {
        let told = format!("signature {}", shown(&verdict.verdict));
        line += &format!("  {}", report.ink(verdict_ink(verdict), told));
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
    about += &format!(" · answered {}", document.reply.status);
    if let Some(guess) = &document.event {
        about += &format!(" · event {}", guessed(guess));
    }
    let about = report.ink(Ink::Dim, about);
    report.line(about)?;
    signature(report, document.signature.as_ref())?;
    request(report, document, "")
}

/// What came of checking a signature, and why it does not hold; nothing where none was checked.
pub(crate) fn signature(
    report: &mut Report,
    verdict: Option<&SignatureVerdict>,
) -> Result<(), Failure> {
    let Some(verdict) = verdict else { return Ok(()) };
    let mut told = format!("signature {} ({})", shown(&verdict.verdict), shown(&verdict.scheme));
    if let Some(reason) = &verdict.reason {
        told += &format!(": {}", shown(reason));
    }
    let told = report.ink(verdict_ink(verdict), told);
    report.line(told)
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

fn verdict_ink(verdict: &SignatureVerdict) -> Ink {
    if verdict.verdict == "valid" { Ink::Green } else { Ink::Red }
}

fn status_ink(status: u16) -> Ink {
    if (200..300).contains(&status) { Ink::Green } else { Ink::Yellow }
}
