//! What came over HTTP/2 and no handler ever saw.
//!
//! h2 refuses a malformed request by itself, and tells nobody. So the tap shows it one head, and
//! then nothing until it has asked again: by then it has either called the service or refused.

use bytes::{Buf, BytesMut};
use hooklab_shared::stray::{HEAD_BYTES_MAX, StrayReason};
use tokio::io::ReadBuf;

use super::frames::{
    CONTINUATION, DATA, Frame, Frames, GOAWAY, HEADERS, PRIORITY, RST_STREAM, WINDOW_UPDATE,
};

/// Every connection of HTTP/2 begins with it (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// As RFC 9113, section 7, numbers them.
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

/// A request that was refused below the service, or did not come to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unserved {
    pub(crate) reason: StrayReason,
    pub(crate) status: u16,
    /// Its first bytes as they came: frames, with what they compress.
    pub(crate) head: BytesMut,
    pub(crate) bytes: u64,
}

/// What h2 makes of the newest head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It has it, and may not have looked at it.
    Shown,
    /// It has looked at it, and asked for more.
    Looked,
    /// The service was called, or never will be; or no head has come.
    Known,
}

/// What was answered to the newest head, before the service was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Nothing,
    /// Only a head over the limit is answered by h2 itself, with 431.
    TooLong,
    Reset(u32),
}

#[derive(Debug)]
pub(super) struct Http2 {
    came: Frames,
    said: Frames,
    /// What came behind the newest head and was not shown yet: at most one read.
    held: BytesMut,
    /// The newest head, or frame, as it came; its first bytes.
    recent: BytesMut,
    recent_bytes: u64,
    /// Whether a head has begun and not ended.
    in_head: bool,
    /// Whether that opens a stream: trailers belong to a request which is served.
    opens: bool,
    /// The newest stream that was opened.
    newest: u32,
    verdict: Verdict,
    answer: Answer,
    /// How the payload of the newest frame that was written begins.
    code: [u8; 8],
    code_bytes: usize,
    /// What a GOAWAY of ours said.
    error: u32,
    /// The last stream that is taken, once the connection is to end.
    last: u32,
    unserved: Option<Unserved>,
}

impl Http2 {
    pub(super) fn new() -> Self {
        Self {
            came: Frames::default(),
            said: Frames::default(),
            held: BytesMut::new(),
            recent: BytesMut::new(),
            recent_bytes: 0,
            in_head: false,
            opens: false,
            newest: 0,
            verdict: Verdict::Known,
            answer: Answer::Nothing,
            code: [0; 8],
            code_bytes: 0,
            error: 0,
            last: u32::MAX,
            unserved: None,
        }
    }

    /// Whether nothing more is to be shown for now. Asked whenever h2 wants to read.
    pub(super) fn waits(&mut self) -> bool {
        match self.verdict {
            Verdict::Shown => {
                self.verdict = Verdict::Looked;
                return true;
            }
            Verdict::Looked => {
                self.verdict = Verdict::Known;
                // Behind the last stream the client knows that it was not looked at.
                if self.newest <= self.last {
                    let (reason, status) = self.refused();
                    self.unserved = Some(self.recent(reason, status));
                }
            }
            Verdict::Known => {}
        }
        self.unserved.is_some()
    }

    /// The service was called with the newest head.
    pub(super) fn served(&mut self) {
        self.verdict = Verdict::Known;
    }

    /// Takes what was refused.
    pub(super) fn take_unserved(&mut self) -> Option<Unserved> {
        self.unserved.take()
    }

    /// Shows what was held back; whether there was any.
    pub(super) fn show_held(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        if self.held.is_empty() {
            return false;
        }
        let mut held = std::mem::take(&mut self.held);
        let length = held.len().min(buf.remaining());
        let shown = self.walk(&held[..length]);
        buf.put_slice(&held[..shown]);
        held.advance(shown);
        self.held = held;
        true
    }

    /// How much of what was just read is shown; the rest is held back.
    pub(super) fn read(&mut self, bytes: &[u8]) -> usize {
        let shown = self.walk(bytes);
        self.held.extend_from_slice(&bytes[shown..]);
        shown
    }

    /// Walks to the end, or to that of a request's head.
    fn walk(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some(part) = self.came.take(&mut rest) {
            if part.is_header {
                self.begin(part.frame);
            } else {
                self.remember(part.payload);
            }
            if part.is_last && self.in_head && part.frame.ends_head() {
                self.in_head = false;
                if self.opens {
                    self.verdict = Verdict::Shown;
                    self.answer = Answer::Nothing;
                    return bytes.len() - rest.len();
                }
            }
        }
        bytes.len()
    }

    fn begin(&mut self, frame: Frame) {
        if !(self.in_head && frame.kind == CONTINUATION) {
            self.recent.clear();
            self.recent_bytes = 0;
            self.in_head = frame.kind == HEADERS;
            self.opens = self.in_head && frame.stream > self.newest;
            self.newest = self.newest.max(if self.opens { frame.stream } else { 0 });
        }
        self.remember(&frame.header);
    }

    fn remember(&mut self, bytes: &[u8]) {
        self.recent_bytes += bytes.len() as u64;
        let room = HEAD_BYTES_MAX - self.recent.len();
        self.recent.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Follows what is written, for what it says of the newest head and of the connection.
    pub(super) fn wrote(&mut self, mut bytes: &[u8]) {
        while let Some(part) = self.said.take(&mut bytes) {
            if part.is_header {
                self.code_bytes = 0;
            }
            for (to, byte) in self.code.iter_mut().skip(self.code_bytes).zip(part.payload) {
                *to = *byte;
                self.code_bytes += 1;
            }
            if part.is_last {
                self.said(part.frame);
            }
        }
    }

    fn said(&mut self, frame: Frame) {
        let [a, b, c, d, code @ ..] = self.code;
        let first = u32::from_be_bytes([a, b, c, d]);
        let is_first = frame.stream == self.newest && self.answer == Answer::Nothing;
        match frame.kind {
            HEADERS if is_first => self.answer = Answer::TooLong,
            RST_STREAM if is_first => self.answer = Answer::Reset(first),
            GOAWAY => {
                self.error = u32::from_be_bytes(code);
                if self.error == 0 {
                    self.last = first;
                }
            }
            _ => {}
        }
    }

    fn refused(&self) -> (StrayReason, u16) {
        match self.answer {
            Answer::TooLong => (StrayReason::HeadTooLong, 431),
            Answer::Reset(REFUSED_STREAM) => (StrayReason::TooManyStreams, 0),
            _ => (StrayReason::MalformedHttp2, 0),
        }
    }

    fn recent(&mut self, reason: StrayReason, status: u16) -> Unserved {
        let head = std::mem::take(&mut self.recent);
        Unserved { reason, status, head, bytes: std::mem::take(&mut self.recent_bytes) }
    }

    /// What the connection's end leaves behind, if that is of a request nobody served.
    pub(super) fn ended(&mut self, timed_out: bool) -> Option<Unserved> {
        let is_over = self.verdict != Verdict::Known;
        let begun = self.came.begun().to_vec();
        let reason = match self.error {
            ENHANCE_YOUR_CALM if self.in_head => StrayReason::HeadTooLong,
            _ if is_over && self.answer != Answer::Nothing => self.refused().0,
            0 if is_over || self.is_cut() => match timed_out {
                true => StrayReason::HeadTimedOut,
                false => StrayReason::HeadCutOff,
            },
            0 => return None,
            _ if !is_over && !self.in_head && self.is_of_a_capture() => return None,
            _ => StrayReason::MalformedHttp2,
        };
        if !self.in_head && !begun.is_empty() {
            self.recent.clear();
            self.recent_bytes = 0;
        }
        self.remember(&begun);
        Some(self.recent(reason, 0))
    }

    /// Whether the last that came is a part of something, and of no request that is served.
    fn is_cut(&self) -> bool {
        let within = self.came.within();
        let is_cut = self.in_head || within.is_some() || !self.came.begun().is_empty();
        is_cut && !within.is_some_and(|frame| self.is_known(frame.kind, frame.stream))
    }

    /// Whether the newest frame belongs to a request that is, or was, a capture.
    fn is_of_a_capture(&self) -> bool {
        let Some(header) = self.recent.first_chunk() else { return false };
        let frame = Frame::of(*header);
        self.is_known(frame.kind, frame.stream)
    }

    fn is_known(&self, kind: u8, stream: u32) -> bool {
        let is_of_stream = matches!(kind, DATA | PRIORITY | RST_STREAM | WINDOW_UPDATE);
        is_of_stream && (1..=self.newest).contains(&stream)
    }
}

#[cfg(test)]
mod tests;
