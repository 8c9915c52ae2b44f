//! A capture's content, understood and laid out.

use hooklab_shared::headers::Octets;
use hooklab_shared::view::{Content, Markup, Part, View};

use super::paint::Ink;
use super::{Report, capture, shown, shown_bytes, size};
use crate::exit::Failure;

/// Hex digits on one line: 16 bytes.
const HEX_DIGITS: usize = 32;

/// What it is, how it was packed, and what it holds.
pub(crate) fn whole(report: &mut Report, view: &View) -> Result<(), Failure> {
    let claimed = view
        .content_type
        .as_ref()
        .map_or_else(|| "no content type".to_owned(), |kind| shown_bytes(kind.as_bytes()));
    let mut about = format!("{} · {claimed} · {}", kind(&view.content), size(view.size));
    for coding in &view.codings {
        let how = match coding.error {
            None => "taken off",
            Some(_) if coding.size > 0 => "taken off in part",
            Some(_) => "not taken off",
        };
        about += &format!(" · {} {how}", shown(&coding.name));
    }
    if view.sniffed {
        about += " · told from its bytes";
    }
    let about = report.ink(Ink::Dim, about);
    report.line(about)?;
    capture::signature(report, view.signature.as_ref())?;
    for coding in &view.codings {
        wrong(report, coding.error.as_deref(), "")?;
    }
    content(report, &view.content, "")
}

fn kind(content: &Content) -> &'static str {
    match content {
        Content::Empty => "empty",
        Content::Json { .. } => "JSON",
        Content::Form { .. } => "a form",
        Content::Multipart { .. } => "parts",
        Content::Text { markup: Markup::Plain, .. } => "text",
        Content::Text { markup: Markup::Html, .. } => "HTML",
        Content::Text { markup: Markup::Xml, .. } => "XML",
        Content::Binary { .. } => "bytes",
    }
}

fn content(report: &mut Report, content: &Content, margin: &str) -> Result<(), Failure> {
    match content {
        Content::Empty => Ok(()),
        Content::Json { text, error, repeated_keys, inexact_numbers } => {
            wrong(report, error.as_deref(), margin)?;
            listed(report, "keys that come twice", repeated_keys, margin)?;
            listed(report, "numbers that 64-bit floats lose", inexact_numbers, margin)?;
            lines(report, text, margin)
        }
        Content::Form { fields, total } => {
            for (name, value) in fields {
                field(report, name, value, margin)?;
            }
            rest(report, *total, fields.len(), "fields", margin)
        }
        Content::Multipart { parts, total, error } => {
            wrong(report, error.as_deref(), margin)?;
            for (place, each) in (1..).zip(parts) {
                part(report, place, each, margin)?;
            }
            rest(report, *total, parts.len(), "parts", margin)
        }
        Content::Text { charset, text, truncated, error, .. } => {
            wrong(report, error.as_deref(), margin)?;
            if charset != "UTF-8" {
                let told = report.ink(Ink::Dim, format_args!("read as {}", shown(charset)));
                report.line(format_args!("{margin}{told}"))?;
            }
            lines(report, text, margin)?;
            match truncated {
                true => report.line(format_args!("{margin}…")),
                false => Ok(()),
            }
        }
        Content::Binary { looks_like, hex } => {
            if let Some(kind) = looks_like {
                report.line(format_args!("{margin}looks like {}", shown(kind)))?;
            }
            for row in hex.as_bytes().chunks(HEX_DIGITS) {
                report.line(format_args!("{margin}{}", spaced(row)))?;
            }
            Ok(())
        }
    }
}

fn part(report: &mut Report, place: usize, part: &Part, margin: &str) -> Result<(), Failure> {
    let said = |octets: &Option<Octets>| {
        octets.as_ref().map_or_else(String::new, |octets| shown_bytes(octets.as_bytes()))
    };
    let mut about = format!("part {place} · {} · {}", kind(&part.content), size(part.size));
    let known = [("", &part.content_type), ("name ", &part.name), ("file ", &part.filename)];
    for (label, octets) in known.into_iter().filter(|(_, octets)| octets.is_some()) {
        about += &format!(" · {label}{}", said(octets));
    }
    let about = report.ink(Ink::Bold, about);
    report.line(format_args!("{margin}{about}"))?;
    content(report, &part.content, &format!("{margin}  "))
}

fn field(report: &mut Report, name: &Octets, value: &Octets, margin: &str) -> Result<(), Failure> {
    let name = report.ink(Ink::Cyan, shown_bytes(name.as_bytes()));
    report.line(format_args!("{margin}{name} = {}", shown_bytes(value.as_bytes())))
}

fn lines(report: &mut Report, text: &str, margin: &str) -> Result<(), Failure> {
    match capture::is_binary(text) {
        true => capture::no_text(report, text.len() as u64, margin, capture::ALL),
        false => capture::preview(report, text, margin, capture::ALL),
    }
}

fn wrong(report: &mut Report, error: Option<&str>, margin: &str) -> Result<(), Failure> {
    let Some(error) = error else { return Ok(()) };
    let told = report.ink(Ink::Yellow, format_args!("! {}", shown(error)));
    report.line(format_args!("{margin}{told}"))
}

fn listed(report: &mut Report, what: &str, at: &[String], margin: &str) -> Result<(), Failure> {
    match at.is_empty() {
        true => Ok(()),
        false => wrong(report, Some(&format!("{what}: {}", at.join(", "))), margin),
    }
}

fn rest(
    report: &mut Report,
    total: u64,
    told: usize,
    what: &str,
    margin: &str,
) -> Result<(), Failure> {
    let left = total.saturating_sub(told as u64);
    match left {
        0 => Ok(()),
        _ => report.line(format_args!("{margin}… and {left} more {what}")),
    }
}

/// Hex digits in pairs.
fn spaced(digits: &[u8]) -> String {
    let pairs = digits.chunks(2).map(|pair| String::from_utf8_lossy(pair));
    pairs.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::on_page;

    fn told(json: &str) -> String {
        let (mut report, page) = on_page(false, true);
        whole(&mut report, &serde_json::from_str(json).unwrap()).unwrap();
        page.text()
    }

    fn of(content: &str) -> String {
        told(&format!(
            r#"{{"content_type":"a/b","codings":[{{"name":"gzip","size":9}}],"size":9,
                "sniffed":true,"content":{content},"signature":{{"scheme":"github",
                "verdict":"invalid","reason":"it is in \u001bbase64"}}}}"#
        ))
    }

    #[test]
    fn every_kind_is_laid_out_and_safe() {
        let json =
            of(r#"{"kind":"json","text":"{\n  \"a\": \"\u001b\"\n}","repeated_keys":["/a"]}"#);
        assert!(json.starts_with("JSON · a/b · 9 B · gzip taken off · told from its bytes\n"));
        let signature = "\nsignature invalid (github): it is in \\u{1b}base64\n";
        assert!(json.contains(signature), "{json}");
        assert!(json.contains("! keys that come twice: /a\n{\n  \"a\": \"\\u{1b}\"\n}"), "{json}");
        let form = of(r#"{"kind":"form","fields":[["a","1\n"]],"total":3}"#);
        assert!(form.contains("a = 1\\n\n… and 2 more fields\n"), "{form}");
        let parts = of(r#"{"kind":"multipart","total":1,"parts":[{"name":"f","filename":"x.txt",
            "content_type":null,"headers":[],"size":2,"sniffed":false,
            "content":{"kind":"binary","hex":"00ff"}}]}"#);
        assert!(parts.contains("part 1 · bytes · 2 B · name f · file x.txt\n  00 ff\n"), "{parts}");
        let text = of(r#"{"kind":"text","markup":"html","charset":"windows-1252","text":"é",
            "truncated":true}"#);
        assert!(text.starts_with("HTML") && text.ends_with("read as windows-1252\né\n…\n"));
        assert!(of(r#"{"kind":"empty"}"#).starts_with("empty"));
        let wrong = told(
            r#"{"content_type":null,"sniffed":false,"size":3,"content":{"kind":"empty"},"codings":[
                {"name":"gzip","size":5,"error":"it is cut off"},
                {"name":"sdch","size":0,"error":"it is not known here"}]}"#,
        );
        assert!(wrong.contains(" · gzip taken off in part · sdch not taken off\n"), "{wrong}");
    }
}
