//! HOT PATH. What a tap has seen and not yet given away.

use std::time::Instant;

use bytes::BytesMut;
use hooklab_shared::headers::{fields, head_end};

use super::BreakOff;
use super::http2::Http2;

/// A read of more than this, in bytes, is looked through for a body that need not be copied.
const AHEAD_BYTES_MIN: usize = 4 * 1024;

#[derive(Default)]
pub(super) struct Seen {
    pub(super) bytes: BytesMut,
    /// How many of the bytes to come belong to a body that is not kept.
    pub(super) passing: u64,
    /// Of the body behind the head at the front, whose length the head tells, what came with it.
    pub(super) ahead: Option<Ahead>,
    /// How many bytes a chunked body may take with its framing; none outside of one.
    pub(super) budget: Option<usize>,
    /// Whether a body took more than that: the socket is then of no more use.
    pub(super) over: bool,
    /// When the first of `bytes` came.
    pub(super) since: Option<Instant>,
    /// Where the head at the front ends, once it has come whole, and when it had.
    pub(super) head: Option<(usize, Instant)>,
    pub(super) break_off: Option<BreakOff>,
    pub(super) http2: Option<Box<Http2>>,
}

/// A body that passes before anybody has said so.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    /// Its length in bytes.
    pub(super) length: u64,
    /// What of it came with the head.
    pub(super) came: usize,
}

impl Seen {
    /// Remembers what was read, but for a large body that its head tells of; says where the head
    /// ends, if it was looked for and is there.
    pub(super) fn remember(&mut self, read: &[u8]) -> Option<usize> {
        let is_head = self.bytes.is_empty() && self.budget.is_none();
        let end = if is_head && read.len() > AHEAD_BYTES_MIN { head_end(read) } else { None };
        let Some((end, length)) = end.and_then(|end| Some((end, length(&read[..end])?))) else {
            self.bytes.extend_from_slice(read);
            return end;
        };
        let came = usize::try_from(length).unwrap_or(usize::MAX).min(read.len() - end);
        self.bytes.extend_from_slice(&read[..end]);
        self.bytes.extend_from_slice(&read[end + came..]);
        self.passing = length - came as u64;
        self.ahead = Some(Ahead { length, came });
        Some(end)
    }

    /// What is left belongs to the next request.
    pub(super) fn next(&mut self) {
        self.since = (!self.bytes.is_empty()).then(Instant::now);
        self.head = head_end(&self.bytes).zip(self.since);
    }
}

/// The length of the body that a head tells of, if it tells of one in so many words: what tells of
/// it in another way, or of two, is for hyper to judge.
fn length(head: &[u8]) -> Option<u64> {
    let mut only = None;
    for (name, value) in fields(head) {
        if name.eq_ignore_ascii_case(b"content-length") {
            if only.replace(value).is_some() {
                return None;
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return None;
        }
    }
    let digits = std::str::from_utf8(only?).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}
