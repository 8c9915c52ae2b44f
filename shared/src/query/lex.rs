//! A query's text, cut into terms.

use super::error::{QueryError, Why};
use super::{QUERY_BYTES_MAX, QUERY_TERMS_MAX};
use crate::escape;

/// How much of a term or its value an error shows, in characters.
pub(super) const TERM_CHARS_MAX: usize = 80;

/// A character of a term, and whether it stood in quotes and so means only itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Char {
    pub(super) c: char,
    pub(super) quoted: bool,
}

/// One term, not yet understood.
#[derive(Debug)]
pub(super) struct Lexeme {
    /// Where it begins, in characters from 1.
    at: usize,
    /// As it was typed, for messages.
    raw: String,
    pub(super) negated: bool,
    pub(super) chars: Vec<Char>,
}

impl Lexeme {
    pub(super) fn error(&self, why: Why) -> QueryError {
        QueryError { at: self.at, term: shown(&self.raw, TERM_CHARS_MAX), why }
    }

    /// An empty value is meant only where it is written as `""`.
    pub(super) fn ends_in_quote(&self) -> bool {
        self.raw.ends_with('"')
    }
}

/// Text that is safe to show and short enough to read.
pub(super) fn shown(text: &str, chars_max: usize) -> String {
    let short: String = text.chars().take(chars_max).collect();
    escape::terminal(&short, false)
}

/// Cuts at spaces outside quotes.
pub(super) fn split(text: &str) -> Result<Vec<Lexeme>, QueryError> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(QueryError {
            at: 1,
            term: shown(text, TERM_CHARS_MAX),
            why: Why::TooLong(text.len()),
        });
    }
    let mut rest = text.chars().enumerate().peekable();
    let mut lexemes = Vec::new();
    while let Some(&(at, c)) = rest.peek() {
        if c.is_whitespace() {
            rest.next();
            continue;
        }
        let lexeme = one(at + 1, &mut rest)?;
        if lexemes.len() == QUERY_TERMS_MAX {
            return Err(lexeme.error(Why::TooManyTerms));
        }
        lexemes.push(lexeme);
    }
    Ok(lexemes)
}

type Rest<'t> = std::iter::Peekable<std::iter::Enumerate<std::str::Chars<'t>>>;

fn one(at: usize, rest: &mut Rest<'_>) -> Result<Lexeme, QueryError> {
    let mut lexeme = Lexeme { at, raw: String::new(), negated: false, chars: Vec::new() };
    let mut quoted = false;
    while let Some((_, c)) = rest.next_if(|(_, c)| quoted || !c.is_whitespace()) {
        lexeme.raw.push(c);
        let escaped = |(_, next): &(usize, char)| quoted && c == '\\' && matches!(next, '"' | '\\');
        if let Some((_, c)) = rest.next_if(escaped) {
            lexeme.raw.push(c);
            lexeme.chars.push(Char { c, quoted });
        } else if c == '"' {
            quoted = !quoted;
        } else {
            lexeme.chars.push(Char { c, quoted });
        }
    }
    if quoted {
        return Err(lexeme.error(Why::OpenQuote));
    }
    if lexeme.raw.starts_with('-') {
        lexeme.negated = true;
        lexeme.chars.remove(0);
    }
    match lexeme.raw.as_str() {
        "-" => Err(lexeme.error(Why::NothingNegated)),
        _ if lexeme.chars.is_empty() => Err(lexeme.error(Why::EmptyWord)),
        _ => Ok(lexeme),
    }
}
