//! The frames of HTTP/2 (RFC 9113, section 4.1), walked by their lengths: nothing is decoded.

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

const HEADER_BYTES: usize = 9;

/// What stands before a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    flags: u8,
    pub(super) stream: u32,
    length: usize,
    pub(super) header: [u8; HEADER_BYTES],
}

impl Frame {
    pub(super) fn of(header: [u8; HEADER_BYTES]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = header;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        // The first bit is reserved, and to be ignored.
        let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
        Self { kind, flags, stream, length, header }
    }

    /// Whether no CONTINUATION follows, where it is of a head.
    pub(super) fn ends_head(&self) -> bool {
        self.flags & 4 != 0
    }
}

/// A part of a frame: its header, which comes whole and alone, or some of its payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) frame: Frame,
    pub(super) is_header: bool,
    pub(super) payload: &'a [u8],
    /// Whether the frame ends with it.
    pub(super) is_last: bool,
}

/// Where in its frames a connection is, in one direction.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; HEADER_BYTES],
    /// How much of the next header has come.
    came: usize,
    /// The frame whose payload comes, and how much of it is still to come.
    within: Option<(Frame, usize)>,
}

impl Frames {
    /// Takes the next part off the front; `None` once all is taken.
    pub(super) fn take<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Part<'a>> {
        if let Some((frame, left)) = self.within {
            let (payload, rest) = bytes.split_at(left.min(bytes.len()));
            if payload.is_empty() {
                return None;
            }
            *bytes = rest;
            let left = left - payload.len();
            self.within = (left > 0).then_some((frame, left));
            return Some(Part { frame, is_header: false, payload, is_last: left == 0 });
        }
        let (more, rest) = bytes.split_at((HEADER_BYTES - self.came).min(bytes.len()));
        self.header[self.came..self.came + more.len()].copy_from_slice(more);
        self.came += more.len();
        *bytes = rest;
        if self.came < HEADER_BYTES {
            return None;
        }
        self.came = 0;
        let frame = Frame::of(self.header);
        self.within = (frame.length > 0).then_some((frame, frame.length));
        Some(Part { frame, is_header: true, payload: &[], is_last: frame.length == 0 })
    }

    /// What has come of a header that is not whole.
    pub(super) fn begun(&self) -> &[u8] {
        &self.header[..self.came]
    }

    /// The frame whose payload has not come whole.
    pub(super) fn within(&self) -> Option<Frame> {
        self.within.map(|(frame, _)| frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart_wherever_the_bytes_are_cut() {
        let wire = b"\0\0\x03\x01\x04\x80\0\0\x05abc\0\0\0\x04\0\0\0\0\0\0\0\x02\0\x01\0\0\0\x05hi";
        for piece in 1..wire.len() {
            let mut frames = Frames::default();
            let mut seen: Vec<(u8, u32, Vec<u8>)> = Vec::new();
            let mut ended = 0;
            for mut bytes in wire.chunks(piece) {
                while let Some(part) = frames.take(&mut bytes) {
                    if part.is_header {
                        seen.push((part.frame.kind, part.frame.stream, Vec::new()));
                    }
                    seen.last_mut().unwrap().2.extend(part.payload);
                    ended += usize::from(part.is_last);
                }
                assert!(bytes.is_empty());
            }
            let expected =
                [(HEADERS, 5, b"abc".to_vec()), (4, 0, Vec::new()), (DATA, 5, b"hi".to_vec())];
            assert_eq!((&seen[..], ended), (&expected[..], 3), "{piece}");
            assert_eq!((frames.begun(), frames.within()), (&b""[..], None));
        }
    }

    #[test]
    fn what_is_not_whole_is_told() {
        let mut frames = Frames::default();
        assert_eq!(frames.take(&mut &b"\0\0\x03\x01"[..]), None);
        assert_eq!(frames.begun(), b"\0\0\x03\x01");
        let part = frames.take(&mut &b"\0\0\0\0\x01"[..]).unwrap();
        assert!(part.is_header && !part.is_last && !part.frame.ends_head());
        assert_eq!(frames.within(), Some(part.frame));
        assert_eq!(frames.take(&mut &b""[..]), None);
    }
}
