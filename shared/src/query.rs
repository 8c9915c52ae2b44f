//! Which captures somebody asks for: one language for lists, the command, live filters and
//! deleting by query.
//!
//! A query is a row of terms, and a capture must satisfy all of them:
//!
//! | term | holds where |
//! |---|---|
//! | `method:POST` | the method is this, in either case |
//! | `path:/hooks/*` | the path below the bin is this, as sent |
//! | `header.NAME:value` | a field of this name has this value; `header.NAME:*`: any |
//! | `query.NAME:value` | a query pair of this name has this value, both percent-decoded |
//! | `event:payment_received` | the event was guessed to be this |
//! | `status:200` `status:2xx` `status>=400` | what was answered |
//! | `fault:reset` | the fault that was played |
//! | `outcome:complete` | whether it came whole: `complete`, `aborted`, `timed_out`, `over_limit` |
//! | `signature:valid` | what came of checking it: `valid`, `invalid`, `missing` |
//! | `size>1024` `size<=10k` | the content's length in bytes; `k`, `m`, `g` are powers of 1024 |
//! | `after:118` `before:118` | its seq is above, below this |
//! | `after:2026-11-24T10:31:02Z` `before:2026-11-24` | it came later, earlier than this (UTC) |
//! | `after:10m` `before:1h30m` | the same, counted back from now; `ms`, `s`, `m`, `h`, `d`, `w` |
//! | `peer:127.0.0.1` | the sender's address, with or without its port |
//! | `protocol:HTTP/1.1` | the protocol; `protocol:2` will do |
//! | `word` `"two words"` | the content or the target holds this text, in either ASCII case |
//!
//! `-` before a term turns it round. In a value, `*` stands for any text, and a value without it
//! must be equal. Quotes may stand anywhere; between them spaces, `*`, `:` and `-` are themselves,
//! and `\` makes a quote or itself plain. Words are searched for as they stand, `*` included.

pub mod error;
pub mod glob;
pub mod jq;
mod key;
mod lex;
mod text;
mod value;

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::capture::{Capture, SignatureVerdict};
use crate::event;
use crate::id::{Seq, Timestamp};

pub use error::QueryError;
use key::Test;

/// A query's length in bytes: what fits a URL that every client sends.
pub const QUERY_BYTES_MAX: usize = 4 * 1024;

/// Terms in one query: each can cost a pass over the body.
pub const QUERY_TERMS_MAX: usize = 64;

/// A query, parsed.
///
/// ```
/// use hooklab_shared::id::Timestamp;
/// use hooklab_shared::query::Query;
/// let now = Timestamp::from_micros(0);
/// assert!(Query::parse("method:POST -status:2xx \"order paid\"", now).is_ok());
/// let error = Query::parse("methd:POST", now).unwrap_err();
/// assert!(error.to_string().contains("did you mean `method`"));
/// ```
#[derive(Clone, Debug)]
pub struct Query {
    /// Cheap tests first, so that most captures are decided without their body.
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    negated: bool,
    test: Test,
}

/// What a query is asked about: a capture, and what is known beside it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The capture.
    pub capture: &'a Capture,
    /// What came of checking its signature; none where the bin checks none.
    pub signature: Option<&'a SignatureVerdict>,
}

/// The seqs that a query leaves possible. Both ends are themselves excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeqBounds {
    /// Only captures above this one.
    pub after: Option<Seq>,
    /// Only captures below this one.
    pub before: Option<Seq>,
}

impl Query {
    /// Reads a query. Durations are counted back from `now`; no terms at all match everything.
    ///
    /// # Errors
    /// The first term that cannot be read: where it stands, why, and what to try.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, QueryError> {
        let mut terms = Vec::new();
        for lexeme in lex::split(text)? {
            let negated = lexeme.negated;
            let test = Test::parse(&lexeme, now).map_err(|why| lexeme.error(why))?;
            terms.push(Term { negated, test });
        }
        terms.sort_by_key(|term| term.test.needs_body());
        Ok(Self { terms })
    }

    /// Whether this capture is asked for.
    #[must_use]
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        let subject = Seen { subject: *subject, content: OnceCell::new() };
        self.terms.iter().all(|term| term.test.holds(&subject) != term.negated)
    }

    /// Whether the answer can depend on the content: where it cannot, nobody need read it.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.terms.iter().any(|term| term.test.needs_body())
    }

    /// Whether the answer can depend on the signature: where it cannot, nobody need check it.
    #[must_use]
    pub fn needs_signature(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::Signature(_)))
    }

    /// The seqs outside which nothing can match, so that a store need not look there.
    #[must_use]
    pub fn seq_bounds(&self) -> SeqBounds {
        let mut bounds = SeqBounds::default();
        for term in &self.terms {
            match (&term.test, term.negated) {
                (Test::After(seq), false) => bounds.raise(*seq),
                (Test::Before(seq), false) => bounds.lower(*seq),
                (Test::After(seq), true) => bounds.lower(seq.saturating_add(1)),
                (Test::Before(seq), true) if *seq > 0 => bounds.raise(seq - 1),
                _ => {}
            }
        }
        bounds
    }
}

impl SeqBounds {
    fn raise(&mut self, seq: Seq) {
        self.after = self.after.max(Some(seq));
    }

    fn lower(&mut self, seq: Seq) {
        self.before = Some(self.before.map_or(seq, |before| before.min(seq)));
    }
}

/// A subject under test: its content is joined at most once, and only if a term asks for it.
struct Seen<'a> {
    subject: Subject<'a>,
    content: OnceCell<Cow<'a, [u8]>>,
}

impl<'a> Seen<'a> {
    fn capture(&self) -> &'a Capture {
        self.subject.capture
    }

    fn content(&self) -> &[u8] {
        self.content.get_or_init(|| self.subject.capture.body.decoded())
    }

    fn event(&self) -> Option<String> {
        event::guess(&self.capture().head, self.content()).map(|guess| guess.kind)
    }
}

#[cfg(test)]
mod tests;
