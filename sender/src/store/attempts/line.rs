//! The log's lines, and the way from a delivery's newest to its first.

use hooklab_shared::capture::BodyDocument;
use hooklab_shared::delivery::{Attempt, AttemptOutcome, DeliveryState, Phases, SentRequest};
use hooklab_shared::id::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Attempts;
use crate::store::StoreError;

/// A place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
}

/// Where a line is; the newline after it is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spot {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

impl Spot {
    /// Where it ends.
    pub(in crate::store) fn end(self) -> Place {
        let Self { segment, offset, bytes } = self;
        Place { segment, offset: offset.saturating_add(bytes) }
    }

    fn begin(self) -> Place {
        Place { segment: self.segment, offset: self.offset }
    }
}

/// A delivery's newest line.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Newest {
    /// The delivery's row.
    pub(in crate::store) row: i64,
    /// The number of its newest attempt; 0 where there is none.
    pub(in crate::store) n: u32,
    pub(in crate::store) spot: Option<Spot>,
    /// When the delivery was accepted.
    pub(in crate::store) created_at: Timestamp,
}

/// An attempt that is over, as it is read.
#[derive(Debug, Deserialize)]
pub(in crate::store) struct Line {
    pub(in crate::store) delivery: Uuid,
    pub(in crate::store) row: i64,
    /// Where its webhook is concerned: not where it was cut off, nor in logs of older releases.
    #[serde(default)]
    pub(in crate::store) webhook: Option<i64>,
    #[serde(default)]
    pub(in crate::store) test: bool,
    pub(in crate::store) before: Option<Spot>,
    pub(in crate::store) attempt: Attempt,
    /// None where it was delivered.
    #[serde(default)]
    pub(in crate::store) next: Option<Next>,
}

/// The same as it is written.
#[derive(Debug, Serialize)]
pub(in crate::store) struct NewLine<'a, A> {
    pub(in crate::store) delivery: Uuid,
    pub(in crate::store) row: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::store) webhook: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::store) test: bool,
    pub(in crate::store) before: Option<Spot>,
    pub(in crate::store) attempt: &'a A,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::store) next: Option<Next>,
}

/// Where a delivery goes from an attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct Next {
    pub(in crate::store) state: DeliveryState,
    pub(in crate::store) step: u32,
    pub(in crate::store) due_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::store) because: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::store) held_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::store) gone: bool,
}

/// Attempts that begin, all at one target.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::store) struct Begun {
    pub(in crate::store) began_at: Timestamp,
    pub(in crate::store) target: String,
    /// Each by its delivery's row and its number.
    pub(in crate::store) attempts: Vec<(i64, u32)>,
}

/// Lines that are written at once.
#[derive(Debug)]
pub(in crate::store) struct Lines {
    segment: u32,
    offset: u64,
    text: Vec<u8>,
}

impl Lines {
    pub(super) fn at(segment: u32, offset: u64) -> Self {
        Self { segment, offset, text: Vec::new() }
    }

    pub(super) fn begin(&self) -> (u32, u64) {
        (self.segment, self.offset)
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(in crate::store) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Adds a line.
    pub(in crate::store) fn add(&mut self, line: &impl Serialize) -> Result<Spot, StoreError> {
        let begin = self.text.len();
        serde_json::to_writer(&mut self.text, line)?;
        let bytes = (self.text.len() - begin) as u64;
        self.text.push(b'\n');
        Ok(Spot { segment: self.segment, offset: self.offset + begin as u64, bytes })
    }
}

impl Attempts {
    /// Every attempt of a delivery, the first one first, and their size in bytes. What cannot be
    /// read is told as lost, and what stands before it too, since nothing leads there any more.
    pub(in crate::store) fn of(&self, newest: Newest) -> (Vec<Attempt>, usize) {
        let Newest { row, mut n, spot: mut next, created_at } = newest;
        let (mut attempts, mut bytes) = (Vec::new(), 0_usize);
        while n > 0 {
            let is_its = |line: &Line| line.row == row && line.attempt.n == n;
            let line = next.and_then(|spot| self.line(spot)).filter(is_its);
            bytes += next.map_or(0, |spot| usize::try_from(spot.bytes).unwrap_or(0));
            let Some(Line { before, attempt, .. }) = line else {
                attempts.extend((1..=n).rev().map(|n| lost(n, created_at)));
                break;
            };
            attempts.push(attempt);
            // It goes back only, whatever a damaged line says.
            next = before.filter(|before| next.is_some_and(|spot| before.begin() < spot.begin()));
            n -= 1;
        }
        attempts.reverse();
        (attempts, bytes)
    }
}

/// An attempt of which nothing is known but that it was.
fn lost(n: u32, at: Timestamp) -> Attempt {
    Attempt { outcome: AttemptOutcome::Lost, ..empty(n, false, at, String::new()) }
}

/// An attempt that was under way when the sender stopped.
pub(in crate::store) fn interrupted(n: u32, manual: bool, at: Timestamp, url: String) -> Attempt {
    empty(n, manual, at, url)
}

fn empty(n: u32, manual: bool, at: Timestamp, url: String) -> Attempt {
    let body = BodyDocument::of(b"");
    let request = SentRequest { method: "POST".to_owned(), url, headers: Vec::new(), body };
    let (response, phases) = (None, Phases::default());
    Attempt { n, manual, at, request, response, phases, outcome: AttemptOutcome::Interrupted }
}
