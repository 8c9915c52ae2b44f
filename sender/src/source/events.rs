//! Server-sent events, read piece by piece (the HTML standard, section 9.2). Pure.

/// A line in bytes: a summary whose head took all that a head may, escaped, with room.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// What has come and is not yet a whole line.
#[derive(Debug, Default)]
pub(super) struct Events {
    pending: Vec<u8>,
    read: usize,
}

/// A line is longer than any that a receiver sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Events {
    /// Takes the next piece of the stream.
    pub(super) fn take(&mut self, piece: &[u8]) -> Result<(), TooLong> {
        self.pending.drain(..self.read);
        self.read = 0;
        self.pending.extend_from_slice(piece);
        let unended = self.pending.iter().rev().take_while(|&&byte| byte != b'\n').count();
        if unended > LINE_BYTES_MAX { Err(TooLong) } else { Ok(()) }
    }

    /// The data of the next event. Each has one line of it: JSON on one line holds no line break.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        loop {
            let rest = &self.pending[self.read..];
            let end = rest.iter().position(|&byte| byte == b'\n')?;
            let begin = self.read;
            self.read += end + 1;
            if self.pending[begin..].starts_with(b"data:") {
                let line = &self.pending[begin + 5..begin + end];
                let line = line.strip_prefix(b" ").unwrap_or(line);
                return Some(line.strip_suffix(b"\r").unwrap_or(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<String> {
        let mut events = Events::default();
        let mut data = Vec::new();
        for piece in pieces {
            events.take(piece).unwrap();
            while let Some(event) = events.next() {
                data.push(String::from_utf8(event.to_vec()).unwrap());
            }
        }
        data
    }

    #[test]
    fn events_are_the_same_wherever_the_stream_is_cut() {
        let stream = b": hello\n\nid: 1\ndata: {\"a\":1}\n\ndata:{}\r\n\r\nevent: x\ndata: c\n\n";
        let whole = read(&[stream]);
        assert_eq!(whole, ["{\"a\":1}", "{}", "c"]);
        for cut in 0..=stream.len() {
            assert_eq!(read(&[&stream[..cut], &stream[cut..]]), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(&bytes), whole);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut events = Events::default();
        let piece = vec![b'x'; LINE_BYTES_MAX];
        assert_eq!(events.take(&piece), Ok(()));
        assert_eq!(events.take(b"x"), Err(TooLong));
    }
}
