//! From a filter's text to what runs, or where and why not.

use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Filter};

use super::JqError;
use super::library::{self, Program};
use crate::query::lex::shown;

/// How much of what was found an error shows, in characters.
const FOUND_CHARS_MAX: usize = 40;

/// Reads and compiles a filter. Nesting is bounded by length alone, so the stack must be ours.
pub(super) fn filter(text: &str) -> Result<Filter<Program>, JqError> {
    let arena = Arena::default();
    let loader = Loader::new(library::definitions());
    let file = File { code: text, path: () };
    let modules = loader.load(&arena, file).map_err(|errors| {
        let error = errors.into_iter().next().map(|(_, error)| error);
        error.map_or(JqError::Broken, |error| misread(text, error))
    })?;
    Compiler::default().with_funs(library::functions()).compile(modules).map_err(|errors| {
        let unknown = errors.into_iter().flat_map(|(_, errors)| errors).next();
        unknown.map_or(JqError::Broken, |(name, kind)| {
            let count = match kind {
                jaq_core::compile::Undefined::Filter(count) if count > 0 => {
                    format!(" with {count} arguments")
                }
                _ => String::new(),
            };
            let what = format!("{} `{}`{count}", kind.as_str(), shown(name, FOUND_CHARS_MAX));
            JqError::Unknown { at: place(text, name), what }
        })
    })
}

fn misread(text: &str, error: load::Error<&str>) -> JqError {
    let (at, why) = match error {
        load::Error::Io(errors) => {
            (errors.first().map(|(path, _)| *path), "a filter cannot import".to_owned())
        }
        load::Error::Lex(errors) => match errors.into_iter().next() {
            Some((expected, rest)) => {
                let found = shown(rest, FOUND_CHARS_MAX);
                (Some(rest), format!("expected {}, found `{found}`", expected.as_str()))
            }
            None => (None, String::new()),
        },
        load::Error::Parse(errors) => match errors.into_iter().next() {
            Some((expected, found)) => {
                let here = if found.is_empty() {
                    "the end".to_owned()
                } else {
                    shown(found, FOUND_CHARS_MAX)
                };
                (Some(found), format!("expected {}, found `{here}`", expected.as_str()))
            }
            None => (None, String::new()),
        },
    };
    JqError::Syntax { at: at.map_or(1, |part| place(text, part)), why }
}

/// Where a part of a text begins, in characters from 1; what is not part of it is at its end.
fn place(text: &str, part: &str) -> usize {
    let byte = part.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
    text.get(..byte).unwrap_or(text).chars().count() + 1
}
