//! The ways in which a body is written again between signing and arriving.

use std::fmt;

use super::json::{self, Node};
pub use super::json::{Escapes, Style};

/// How the bytes that were signed differ from those that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// With a newline at the end.
    WithNewline,
    /// With CRLF at the end.
    WithCrlf,
    /// Without the newlines at the end.
    WithoutNewline,
    /// Without the white space around it.
    Trimmed,
    /// With CRLF for every LF.
    LfAsCrlf,
    /// With LF for every CRLF.
    CrlfAsLf,
    /// With a byte order mark before it.
    WithMark,
    /// Without the byte order mark before it.
    WithoutMark,
    /// The same JSON in another spelling.
    Json {
        /// What is between its parts.
        style: Style,
        /// Whether keys are sorted.
        sorted: bool,
        /// Which characters are escaped.
        escapes: Escapes,
    },
}

const MARK: &[u8] = b"\xef\xbb\xbf";

/// A body, read once for all its rewrites.
#[derive(Debug)]
pub(super) struct Original<'a> {
    body: &'a [u8],
    json: Option<(&'a str, Node<'a>)>,
}

impl<'a> Original<'a> {
    pub(super) fn of(body: &'a [u8]) -> Self {
        let text = std::str::from_utf8(body).ok();
        Self { body, json: text.and_then(|text| Some((text, json::read(text)?))) }
    }

    /// The bytes under a rewrite; nothing where it changes nothing, or makes too much of it.
    pub(super) fn under(&self, rewrite: Rewrite) -> Option<Vec<u8>> {
        let body = self.body;
        let rewritten = match rewrite {
            Rewrite::WithNewline => [body, b"\n"].concat(),
            Rewrite::WithCrlf => [body, b"\r\n"].concat(),
            Rewrite::WithoutNewline => without_newline(body).to_vec(),
            Rewrite::Trimmed => body.trim_ascii().to_vec(),
            Rewrite::LfAsCrlf => lf_as_crlf(&crlf_as_lf(body)),
            Rewrite::CrlfAsLf => crlf_as_lf(body),
            Rewrite::WithMark => [MARK, body].concat(),
            Rewrite::WithoutMark => body.strip_prefix(MARK)?.to_vec(),
            Rewrite::Json { style, sorted, escapes } => {
                let (text, tree) = self.json.as_ref()?;
                match style {
                    Style::AsIs => json::escape(text, escapes).into_bytes(),
                    _ => {
                        // Indenting what is nested deeply takes far more room than it does.
                        let bytes_max = body.len().saturating_mul(4).saturating_add(4096);
                        json::write(tree, style, sorted, escapes, bytes_max)?.into_bytes()
                    }
                }
            }
        };
        (rewritten != body).then_some(rewritten)
    }
}

impl Rewrite {
    /// Every rewrite, the likeliest first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        const PLAIN: [Rewrite; 8] = [
            Rewrite::WithNewline,
            Rewrite::WithoutNewline,
            Rewrite::WithCrlf,
            Rewrite::LfAsCrlf,
            Rewrite::CrlfAsLf,
            Rewrite::Trimmed,
            Rewrite::WithMark,
            Rewrite::WithoutMark,
        ];
        const ESCAPES: [Escapes; 6] = [
            Escapes::AsIs,
            Escapes::Slashes,
            Escapes::Unicode,
            Escapes::SlashesAndUnicode,
            Escapes::Html,
            Escapes::Plain,
        ];
        const STYLES: [Style; 6] = [
            Style::AsIs,
            Style::Compact,
            Style::Spaced,
            Style::Indented2,
            Style::Indented4,
            Style::Tabs,
        ];
        let json = [false, true].into_iter().flat_map(|sorted| {
            ESCAPES.into_iter().flat_map(move |escapes| {
                let styles = STYLES.into_iter().filter(move |style| {
                    *style != Style::AsIs || (!sorted && escapes != Escapes::AsIs)
                });
                styles.map(move |style| Self::Json { style, sorted, escapes })
            })
        });
        PLAIN.into_iter().chain(json)
    }
}

impl fmt::Display for Rewrite {
    /// Completes "what was signed …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WithNewline => "ends in a newline",
            Self::WithCrlf => "ends in CRLF",
            Self::WithoutNewline => "has no newline at its end",
            Self::Trimmed => "has no white space around it",
            Self::LfAsCrlf => "has CRLF where LF came",
            Self::CrlfAsLf => "has LF where CRLF came",
            Self::WithMark => "begins with a byte order mark",
            Self::WithoutMark => "has no byte order mark before it",
            Self::Json { style, sorted, escapes } => {
                return write!(f, "is {}{}{}", told(*style), keys(*sorted), escaped(*escapes));
            }
        })
    }
}

fn told(style: Style) -> &'static str {
    match style {
        Style::AsIs => "this JSON",
        Style::Compact => "this JSON written compactly",
        Style::Spaced => "this JSON with a space after each comma and colon",
        Style::Indented2 => "this JSON indented by two spaces",
        Style::Indented4 => "this JSON indented by four spaces",
        Style::Tabs => "this JSON indented by tabs",
    }
}

fn keys(sorted: bool) -> &'static str {
    if sorted { ", its keys sorted" } else { "" }
}

fn escaped(escapes: Escapes) -> &'static str {
    match escapes {
        Escapes::AsIs => "",
        Escapes::Slashes => ", with `/` as `\\/`",
        Escapes::Unicode => ", with `\\uXXXX` for what is not ASCII",
        Escapes::SlashesAndUnicode => ", with `/` as `\\/` and `\\uXXXX` for what is not ASCII",
        Escapes::Html => ", with `<`, `>` and `&` as `\\u003c` and so on",
        Escapes::Plain => ", with no needless escape",
    }
}

fn without_newline(body: &[u8]) -> &[u8] {
    let kept = body.iter().rposition(|b| !matches!(b, b'\r' | b'\n'));
    &body[..kept.map_or(0, |last| last + 1)]
}

fn crlf_as_lf(body: &[u8]) -> Vec<u8> {
    let bytes = body.iter().enumerate();
    let kept = bytes.filter(|(at, b)| **b != b'\r' || body.get(at + 1) != Some(&b'\n'));
    kept.map(|(_, b)| *b).collect()
}

fn lf_as_crlf(body: &[u8]) -> Vec<u8> {
    body.split(|&b| b == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..])
}
