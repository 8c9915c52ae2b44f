//! A source file, and the same with its strings, characters and comments blanked.

use std::fs;
use std::path::{Path, PathBuf};

const ROOMS: [&str; 5] = ["shared/src", "receiver/src", "sender/src", "src", "tests"];

pub(super) struct Source {
    /// From the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// As long as `text`, with spaces for what is not code.
    pub(super) code: String,
}

impl Source {
    pub(super) fn snippet(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: blanked(text) }
    }

    pub(super) fn is_in(&self, room: &str) -> bool {
        self.path.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The code that ships: what stands before the unit tests, which close a file.
    pub(super) fn shipped(&self) -> &str {
        let of_tests = self.is_in("tests")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
            || self.path.contains("/tests/");
        match self.code.find("#[cfg(test)]\nmod ") {
            _ if of_tests => "",
            Some(at) => &self.code[..at],
            None => &self.code,
        }
    }

    /// Each place of a word in the shipped code, as `path:line: word`.
    pub(super) fn mentions(&self, word: &str) -> Vec<String> {
        let code = self.shipped();
        let at = code.match_indices(word).filter(|(at, _)| {
            let before = code[..*at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        });
        at.map(|(at, _)| format!("{}:{}: {word}", self.path, line_of(code, at))).collect()
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(super) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// Every Rust source of the workspace.
pub(super) fn all() -> Vec<Source> {
    let mut sources = Vec::new();
    for room in ROOMS {
        collect(&root().join(room), &mut sources);
    }
    sources
}

fn collect(dir: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|why| panic!("{}: {why}", dir.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap();
            sources.push(Source::snippet(path, &text));
        }
    }
}

pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The text with everything but code turned into spaces; line breaks stay.
fn blanked(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skip = not_code(rest, code.chars().next_back());
        if skip == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            code.extend(rest[..skip].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
            rest = &rest[skip..];
        }
    }
    code
}

/// How many bytes at the start are a comment, string or character; 0 if it is code.
fn not_code(rest: &str, before: Option<char>) -> usize {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let bare = rest.strip_prefix('b').filter(|_| !in_word).unwrap_or(rest);
    let prefix = rest.len() - bare.len();
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment(rest)
    } else if let Some(raw) = bare.strip_prefix('r').filter(|_| !in_word || prefix == 1)
        && raw.trim_start_matches('#').starts_with('"')
    {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let start = prefix + 1 + hashes + 1;
        rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
    } else if bare.starts_with('"') {
        prefix + quoted(bare, '"')
    } else if bare.starts_with('\'') && is_character(bare) {
        prefix + quoted(bare, '\'')
    } else {
        0
    }
}

/// A lifetime has no quote after its first character.
fn is_character(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

#[test]
fn only_code_is_left() {
    let text = "let a = \"fn {\"; // }\n/* { /* } */ */ 'x' '\\'' b\"{\" r#\"}\"# <'a> {}";
    let code = blanked(text);
    assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), "let a = ; <'a> {}");
    assert_eq!(code.len(), text.len());
}
