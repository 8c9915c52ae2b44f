//! Why a query cannot be read, and what to try instead.

use thiserror::Error;

use super::{QUERY_BYTES_MAX, QUERY_TERMS_MAX};

/// A term that cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("read the query at character {at}, `{term}`: {why}")]
pub struct QueryError {
    /// Where the term begins, in characters from 1.
    pub at: usize,
    /// The term, safe to show, at most 80 characters of it.
    pub term: String,
    /// What is wrong with it, and what to try.
    pub why: Why,
}

/// What is wrong with a term.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Why {
    /// The whole query is too long.
    #[error("a query takes at most {QUERY_BYTES_MAX} bytes, and this has {0}; use fewer terms")]
    TooLong(usize),
    /// There are too many terms.
    #[error("a query takes at most {QUERY_TERMS_MAX} terms; drop this and what follows")]
    TooManyTerms,
    /// A quote is never closed.
    #[error("the quote is never closed; add `\"`, or write `\\\"` for a quote itself")]
    OpenQuote,
    /// A `-` with nothing after it.
    #[error("`-` negates the term after it, and there is none; put it in quotes to search for it")]
    NothingNegated,
    /// An empty word.
    #[error("there is nothing between the quotes to search for; drop it")]
    EmptyWord,
    /// A key that does not exist, and the nearest one that does.
    #[error("there is no key `{key}`; {hint}")]
    UnknownKey {
        /// The key as given.
        key: String,
        /// What to try.
        hint: String,
    },
    /// `header:` or `query:` without the name after the dot.
    #[error(
        "`{0}` takes a name; write `{0}.NAME:value`, or `{0}.NAME:*` where only the name matters"
    )]
    NoName(&'static str),
    /// A name after a key that takes none.
    #[error("`{0}` takes no name; write `{0}:value`")]
    ExtraName(&'static str),
    /// A key without a value.
    #[error("`{0}` has no value; write one after the sign, or `*` for any")]
    NoValue(&'static str),
    /// A comparison where only equality makes sense.
    #[error("`{0}` cannot be compared; write `{0}:value`")]
    NotCompared(&'static str),
    /// A value that the key does not take.
    #[error("`{key}` takes {takes}, not `{value}`")]
    BadValue {
        /// The key.
        key: &'static str,
        /// The value as given, safe to show.
        value: String,
        /// What it takes, with an example.
        takes: &'static str,
    },
}

/// The nearest of these names, if one is near: a typo away, or begun.
pub(super) fn closest<'n>(given: &str, names: &[&'n str]) -> Option<&'n str> {
    let begun = names.iter().find(|name| given.len() >= 2 && name.starts_with(given));
    let near = || {
        let distances = names.iter().map(|name| (distance(given, name), name));
        distances.filter(|(far, name)| *far <= 2 && *far < name.len() / 2 + 1).min_by_key(|d| d.0)
    };
    begun.or_else(|| near().map(|(_, name)| name)).copied()
}

/// How many letters to add, drop or change (Levenshtein); for short names a plain table will do.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(32).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
