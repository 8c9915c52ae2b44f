//! Regexes in filters. A search costs the text's length times the regex's size, which is what the
//! slowest of them really take.

use std::cell::RefCell;
use std::rc::Rc;

use jaq_core::Error;
use regex_automata::meta::Regex;
use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::captures::Captures;
use regex_automata::util::syntax;
use regex_automata::{Input, Span};

use super::meter;
use super::value::Val;

/// A compiled regex in bytes: room for some Unicode classes, none for repeats of repeats.
const REGEX_BYTES_MAX: usize = 256 * 1024;

/// What a filter asks of a regex besides the pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    global: bool,
    skip_empty: bool,
    ignore_case: bool,
    extended: bool,
    lines: bool,
    dot_all: bool,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    flags: Flags,
    regex: Regex,
    states: usize,
}

thread_local! {
    /// The regex used last: a filter applies the same one to every item.
    static LAST: RefCell<Option<Rc<Pattern>>> = const { RefCell::new(None) };
}

/// What to give of a text: the parts between the matches, the matches, or both in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Give {
    Matches,
    Between,
    Both,
}

/// Applies a regex to a text.
///
/// # Errors
/// Something is not a string, or the pattern or a flag cannot be read.
pub(super) fn apply(text: &Val, regex: &Val, flags: &Val, give: Give) -> Result<Val, Error<Val>> {
    let as_text = |value: &Val| match value {
        Val::Str(text) => Ok(text.clone()),
        other => Err(Error::typ(other.clone(), "string")),
    };
    let text = as_text(text)?;
    let pattern = pattern(&as_text(regex)?, Flags::read(&as_text(flags)?)?)?;
    let mut given = Vec::new();
    let mut end = 0;
    for found in matches(&pattern, &text) {
        let Some(whole) = found.get_match() else { continue };
        if pattern.flags.skip_empty && whole.is_empty() {
            continue;
        }
        if give != Give::Matches {
            given.push(Val::text(&text[end..whole.start()]));
        }
        if give != Give::Between {
            given.push(told(&pattern.regex, &found, &text));
        }
        end = whole.end();
        if !pattern.flags.global {
            break;
        }
    }
    if give != Give::Matches {
        given.push(Val::text(&text[end..]));
    }
    Ok(Val::array(given))
}

/// Each search is priced on its own, because each may read to the end of the text.
fn matches(pattern: &Pattern, text: &str) -> impl Iterator<Item = Captures> {
    let mut at = Some(0);
    let mut empty_at = None;
    std::iter::from_fn(move || {
        loop {
            let start = at?;
            let price = (text.len() - start + 16).saturating_mul(1 + pattern.states);
            meter::bytes(price);
            let mut found = pattern.regex.create_captures();
            pattern.regex.captures(Input::new(text).span(start..text.len()), &mut found);
            let whole = found.get_match()?;
            at = match (whole.end(), whole.is_empty()) {
                (end, false) => Some(end),
                (end, true) => text[end..].chars().next().map(|c| end + c.len_utf8()),
            };
            if !whole.is_empty() || empty_at != Some(whole.end()) {
                empty_at = Some(whole.end());
                return Some(found);
            }
        }
    })
}

/// A match as jq tells it: the whole first, then each group, what did not take part as null.
fn told(regex: &Regex, found: &Captures, text: &str) -> Val {
    let names = regex.group_info().pattern_names(regex_automata::PatternID::ZERO);
    Val::array(found.iter().zip(names).map(|(span, name)| group(span, name, text)))
}

fn group(span: Option<Span>, name: Option<&str>, text: &str) -> Val {
    let (offset, length, string) = match span {
        Some(span) => {
            meter::bytes(span.end);
            let offset = text[..span.start].chars().count();
            let string = &text[span.range()];
            (Val::int(offset), Val::int(string.chars().count()), Val::text(string))
        }
        None => (Val::from(-1_isize), Val::int(0), Val::Null),
    };
    let name = name.map(|name| ("name", Val::text(name)));
    let fields = [("offset", offset), ("length", length), ("string", string)];
    Val::object(fields.into_iter().chain(name).map(|(key, value)| (key.into(), value)))
}

fn pattern(text: &str, flags: Flags) -> Result<Rc<Pattern>, Error<Val>> {
    let is_it = |last: &&Rc<Pattern>| last.flags == flags && last.text == text;
    if let Some(last) = LAST.with_borrow(|last| last.as_ref().filter(is_it).cloned()) {
        return Ok(last);
    }
    meter::bytes(REGEX_BYTES_MAX);
    let refused = |why: String| Error::str(format!("cannot use the regex: {why}"));
    let syntax = syntax::Config::new()
        .case_insensitive(flags.ignore_case)
        .ignore_whitespace(flags.extended)
        .multi_line(flags.lines)
        .dot_matches_new_line(flags.dot_all)
        .nest_limit(64);
    let nfa: NFA = thompson::Compiler::new()
        .syntax(syntax)
        .configure(thompson::Config::new().nfa_size_limit(Some(REGEX_BYTES_MAX)))
        .build(text)
        .map_err(|error| refused(error.to_string()))?;
    let regex = Regex::builder()
        .syntax(syntax)
        .configure(Regex::config().nfa_size_limit(Some(REGEX_BYTES_MAX)))
        .build(text)
        .map_err(|error| refused(error.to_string()))?;
    let pattern =
        Rc::new(Pattern { text: text.to_owned(), flags, regex, states: nfa.states().len() });
    LAST.set(Some(pattern.clone()));
    Ok(pattern)
}

impl Flags {
    fn read(text: &str) -> Result<Self, Error<Val>> {
        let mut flags = Self::default();
        for flag in text.chars() {
            match flag {
                'g' => flags.global = true,
                'n' => flags.skip_empty = true,
                'i' => flags.ignore_case = true,
                'x' => flags.extended = true,
                'm' => flags.lines = true,
                's' => flags.dot_all = true,
                'p' => (flags.lines, flags.dot_all) = (true, true),
                other => return Err(Error::str(format!("there is no regex flag {other:?}"))),
            }
        }
        Ok(flags)
    }
}
