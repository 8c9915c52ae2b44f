//! JSON as it was written: the digits of numbers, the order of keys and repeated keys stay.

mod number;
pub(crate) mod object;
mod parse;
mod pointer;
mod write;

use std::borrow::Cow;

pub(crate) use number::survives_f64;
pub(crate) use parse::{JsonError, parse};
pub(crate) use pointer::Pointer;

/// A value that borrows from the text it was read from.
#[derive(Clone, Debug)]
pub(crate) enum Node<'a> {
    Null,
    Bool(bool),
    /// Its digits, as sent.
    Number(&'a str),
    /// What stands between its quotes, escapes as sent.
    String(&'a str),
    Array(Vec<Node<'a>>),
    /// Keys as strings are, in order, repeats kept.
    Object(Vec<(&'a str, Node<'a>)>),
}

impl PartialEq for Node<'_> {
    /// Numbers are equal if their digits are, strings if they mean the same.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::String(a), Self::String(b)) => same_string(a, b),
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => {
                a.len() == b.len()
                    && a.iter().zip(b).all(|((k, v), (l, w))| same_string(k, l) && v == w)
            }
            _ => false,
        }
    }
}

/// Whether two strings, escapes as sent, mean the same.
pub(crate) fn same_string(a: &str, b: &str) -> bool {
    a == b || matches!((unescaped(a), unescaped(b)), (Some(a), Some(b)) if a == b)
}

/// What a string means; `None` where it holds half of a surrogate pair, which no text can.
pub(crate) fn unescaped(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains('\\') {
        return Some(Cow::Borrowed(raw));
    }
    serde_json::from_str::<String>(&format!("\"{raw}\"")).ok().map(Cow::Owned)
}

/// What a string means, or where that is no text, how it was sent.
pub(crate) fn shown(raw: &str) -> Cow<'_, str> {
    unescaped(raw).unwrap_or(Cow::Borrowed(raw))
}
