//! jq filters over captures, with bounds that no filter gets around.
//!
//! A filter sees the capture as `GET …/captures/{seq}` tells it, and besides, where the content
//! is JSON, that JSON at `.body.json`, its numbers as they were written. It sees nothing else: no
//! file, no environment, no clock, no other capture.
//!
//! A filter runs on a thread of its own and is ended after so many steps, bytes and levels, always
//! at the same place; nothing is left running. Definitions may call themselves within these bounds.

mod access;
mod arithmetic;
mod compile;
mod input;
mod json;
mod library;
pub mod meter;
mod number;
mod regex;
mod value;

use std::fmt;
use std::io;
use std::thread;

use jaq_core::{Ctx, Filter, Vars};
use serde_json::value::RawValue;
use thiserror::Error;

use super::lex::shown;
use crate::capture::Document;
use library::{Code, Program};
use meter::Spent;
use value::Val;

/// A filter's length in bytes: what fits a URL that every client sends.
pub const JQ_TEXT_BYTES_MAX: usize = 4 * 1024;

/// Content above this length in bytes is not shown to a filter: `.body` then has its size and hash
/// only. Parsed, it takes some twenty times its length in memory.
pub const JQ_BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What a filter may give for one capture, in bytes of JSON: a page of a list stays readable.
pub const JQ_OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// How much of a filter's own error is shown, in characters: a line or two.
const ERROR_CHARS_MAX: usize = 200;

/// A jq filter, compiled.
///
/// ```
/// use hooklab_shared::query::jq::Jq;
/// assert!(Jq::compile(".body.json.amount > 10").is_ok());
/// let error = Jq::compile(".a | inptu").unwrap_err().to_string();
/// assert!(error.contains("character 6") && error.contains("`inptu`"), "{error}");
/// ```
pub struct Jq {
    filter: Filter<Program>,
    /// Fewer in tests that only want to see an end.
    steps: u64,
}

/// What a filter says of one capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// Its first output is neither `false` nor `null`.
    Yes,
    /// Its first output is, or there is none.
    No,
    /// It failed on this capture, which so does not match: why, in one line.
    Failed(String),
}

/// Why a filter cannot be used.
#[derive(Debug, Error)]
pub enum JqError {
    /// It is too long.
    #[error("read the filter: it may have {JQ_TEXT_BYTES_MAX} bytes and has {0}; make it shorter")]
    TooLong(usize),
    /// It is not jq.
    #[error("read the filter at character {at}: {why}")]
    Syntax {
        /// Where, in characters from 1.
        at: usize,
        /// What is wrong there.
        why: String,
    },
    /// It calls what does not exist here.
    #[error(
        "read the filter at character {at}: there is no {what} here; files, the environment, the \
         clock and other captures are out of a filter's reach"
    )]
    Unknown {
        /// Where, in characters from 1.
        at: usize,
        /// What is called, and with how many arguments.
        what: String,
    },
    /// It used up what one filter may.
    #[error("finish the filter: {0} on one capture; look at less of it, or bound its loops")]
    Spent(#[from] Spent),
    /// It failed on the capture it was to be applied to.
    #[error("apply the filter: {0}; `?` after a path lets it be absent")]
    Failed(String),
    /// It gave too much.
    #[error("take the filter's output: it gave over {JQ_OUTPUT_BYTES_MAX} bytes; select less")]
    TooMuchOutput,
    /// Its thread could not be started.
    #[error("start a thread for the filter: {0}; try again when the machine is less busy")]
    Thread(io::Error),
    /// A bug.
    #[error("run the filter: it broke hooklab itself; please report it with the filter")]
    Broken,
}

impl Jq {
    /// Reads and compiles a filter.
    ///
    /// # Errors
    /// It is too long, not jq, or calls something out of reach.
    pub fn compile(text: &str) -> Result<Self, JqError> {
        if text.len() > JQ_TEXT_BYTES_MAX {
            return Err(JqError::TooLong(text.len()));
        }
        on_own_stack(|| compile::filter(text))?
            .map(|filter| Self { filter, steps: meter::JQ_STEPS_MAX })
    }

    /// Whether this capture is asked for.
    ///
    /// # Errors
    /// The filter is spent, or gets no thread.
    pub fn matches(&self, document: &Document) -> Result<Match, JqError> {
        on_own_stack(|| self.judge(document))
    }

    /// The same for several captures, on one thread; each may use up all that a filter may.
    ///
    /// # Errors
    /// The filter is spent on one of them, or gets no thread.
    pub fn matches_each(&self, documents: &[Document]) -> Result<Vec<Match>, JqError> {
        on_own_stack(|| documents.iter().map(|document| self.judge(document)).collect())
    }

    /// All that the filter gives for this capture, numbers as they were written.
    ///
    /// # Errors
    /// The filter is spent, fails on this capture, gives too much, or gets no thread.
    pub fn select_outputs(&self, document: &Document) -> Result<Vec<Box<RawValue>>, JqError> {
        on_own_stack(|| self.give(document))?
    }

    fn judge(&self, document: &Document) -> Match {
        match self.outputs(document).next() {
            Some(Ok(value)) if value.truthy() => Match::Yes,
            Some(Ok(_)) | None => Match::No,
            Some(Err(why)) => Match::Failed(why),
        }
    }

    fn give(&self, document: &Document) -> Result<Vec<Box<RawValue>>, JqError> {
        let mut given = Vec::new();
        let mut left = JQ_OUTPUT_BYTES_MAX;
        for output in self.outputs(document) {
            let json = json::write(&output.map_err(JqError::Failed)?);
            left = left.checked_sub(json.len() + 1).ok_or(JqError::TooMuchOutput)?;
            given.push(RawValue::from_string(json).map_err(|_| JqError::Broken)?);
        }
        Ok(given)
    }

    fn outputs(&self, document: &Document) -> impl Iterator<Item = Result<Val, String>> {
        meter::suspend();
        let input = input::of(document);
        meter::start(self.steps);
        let context = Ctx::<Program>::new(Code(&self.filter.lut), Vars::new([]));
        self.filter.id.run((context, input)).map(|output| {
            output.map_err(|exception| match exception.get_err() {
                Ok(error) => match error.into_val() {
                    Val::Str(text) => shown(&text, ERROR_CHARS_MAX),
                    other => other.to_string(),
                },
                Err(_) => "it left a label that is not there".to_owned(),
            })
        })
    }
}

impl fmt::Debug for Jq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jq(…)")
    }
}

/// A stack of known size, on which the parser and the evaluator can count; and a thread that can be
/// ended by unwinding it.
fn on_own_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, JqError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("jq".to_owned()).stack_size(meter::STACK_BYTES);
        let running = thread.spawn_scoped(scope, work).map_err(JqError::Thread)?;
        running.join().map_err(|payload| match payload.downcast::<Spent>() {
            Ok(spent) => JqError::Spent(*spent),
            Err(_) => JqError::Broken,
        })
    })
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
