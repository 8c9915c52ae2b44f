//! A capture, shown.

use hooklab_shared::capture::{
    BodyDocument, Document, Outcome, Replied, SignatureVerdict, Summary,
};
use hooklab_shared::escape;
use hooklab_shared::event::{Guess, GuessedBy};
use hooklab_shared::headers::Octets;
use hooklab_shared::reply::Fault;

use super::paint::Ink;
use super::{Report, json, shown, shown_bytes, size};
use crate::exit::Failure;

/// Of a text this much is shown: what somebody may scroll through, and a terminal takes at once.
const SHOWN_BYTES_MAX: usize = 64 * 1024;

/// How one gets a capture's body whole.
pub(crate) const ALL: &str = "--body writes them";

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
    about += &format!(" · {}", answered(&document.reply));
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
    fields(report, &document.headers, margin)?;
    body(report, &document.body, margin, ALL)?;
    if document.trailers.is_empty() {
        return Ok(());
    }
    let title = report.ink(Ink::Dim, "trailers, after the body:");
    report.line(format_args!("{}\n{margin}{title}", margin.trim_end()))?;
    fields(report, &document.trailers, margin)
}

fn fields(report: &mut Report, fields: &[(Octets, Octets)], margin: &str) -> Result<(), Failure> {
    for (name, value) in fields {
        let name = report.ink(Ink::Cyan, shown_bytes(name.as_bytes()));
        report.line(format_args!("{margin}{name}: {}", shown_bytes(value.as_bytes())))?;
    }
    Ok(())
}

/// A body after its empty line: JSON indented, other text as it is, the rest as what it is. `all`
/// says how one gets what is not shown.
pub(crate) fn body(
    report: &mut Report,
    body: &BodyDocument,
    margin: &str,
    all: &str,
) -> Result<(), Failure> {
    if body.size == 0 {
        return Ok(());
    }
    report.line(margin.trim_end())?;
    match &body.text {
        None => no_text(report, body.size, margin, all),
        Some(text) if is_binary(text) => no_text(report, body.size, margin, all),
        Some(text) => {
            let text = json::indented(text).unwrap_or_else(|| text.clone());
            preview(report, &text, margin, all)
        }
    }
}

/// Bytes that nobody reads.
pub(crate) fn no_text(
    report: &mut Report,
    bytes: u64,
    margin: &str,
    all: &str,
) -> Result<(), Failure> {
    let told = report.ink(Ink::Dim, format_args!("({} that are not text; {all})", size(bytes)));
    report.line(format_args!("{margin}{told}"))
}

/// Whether this is text by its encoding alone: no text has a NUL, or is full of control characters.
pub(crate) fn is_binary(text: &str) -> bool {
    let is_odd = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    let odd = text.as_bytes().iter().filter(|byte| is_odd(byte)).count();
    odd > text.len() / 10 || text.contains('\0')
}

/// The beginning of a text, line by line, and how much more there is.
pub(crate) fn preview(
    report: &mut Report,
    text: &str,
    margin: &str,
    all: &str,
) -> Result<(), Failure> {
    let fits = |end: &usize| text.is_char_boundary(*end);
    let end = (0..=text.len().min(SHOWN_BYTES_MAX)).rev().find(fits).unwrap_or_default();
    for line in escape::terminal(&text[..end], true).lines() {
        report.line(format_args!("{margin}{line}"))?;
    }
    if end == text.len() {
        return Ok(());
    }
    let left = size((text.len() - end) as u64);
    let told = report.ink(Ink::Dim, format_args!("… and {left} more; {all}"));
    report.line(format_args!("{margin}{told}"))
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

fn verdict_ink(verdict: &SignatureVerdict) -> Ink {
    if verdict.verdict == "valid" { Ink::Green } else { Ink::Red }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::on_page;

    fn told(content: &[u8]) -> String {
        let (mut report, page) = on_page(false, false);
        body(&mut report, &BodyDocument::of(content), "", ALL).unwrap();
        page.text()
    }

    #[test]
    fn a_body_is_shown_as_far_as_somebody_reads_it() {
        assert_eq!(told(b"{\"a\":1}"), "\n{\n  \"a\": 1\n}\n");
        assert_eq!(told(b"\x1b[31mred\ttext\r\n"), "\n\\u{1b}[31mred\ttext\\r\n");
        let none = |size: &str| format!("\n({size} that are not text; --body writes them)\n");
        assert_eq!(told(&[0; 4096]), none("4.0 KiB"));
        assert_eq!(told(b"PK\x03\x04\x01\x02ab"), none("8 B"));
        assert_eq!(told(b"\xff\xfe"), none("2 B"));
        let long = told("é\n".repeat(40_000).as_bytes());
        assert!(long.len() < SHOWN_BYTES_MAX + 200);
        assert!(long.ends_with("é\n… and 53.1 KiB more; --body writes them\n"), "{}", long.len());
    }

    #[test]
    fn a_capture_is_told_with_its_signature_and_its_trailers_behind_the_body() {
        let document: Document = serde_json::from_str(
            r#"{"bin":"a","seq":1,"id":"00000000-0000-0000-0000-000000000000",
                "received_at":"2026-11-24T10:31:02.123456Z","peer":"127.0.0.1:1",
                "protocol":"HTTP/1.1","method":"POST","target":"/a","path":"/","query":[],
                "headers":[["Host","x"]],"trailers":[["X-T","yes"]],
                "body":{"size":2,"sha256":"","text":"hi"},"outcome":"complete",
                "timing":{"head_us":1,"body_us":1},"reply":{"status":200,"rule":null},
                "event":null,"signature":{"scheme":"github","verdict":"missing","reason":null}}"#,
        )
        .unwrap();
        let (mut report, page) = on_page(false, false);
        whole(&mut report, &document).unwrap();
        let text = page.text();
        let (_, text) = text.split_once('\n').unwrap();
        let want = "signature missing (github)\nPOST /a HTTP/1.1\nHost: x\n\nhi\n\n\
                    trailers, after the body:\nX-T: yes\n";
        assert_eq!(text, want);
    }

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
