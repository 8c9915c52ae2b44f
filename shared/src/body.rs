//! A request's body as its exact bytes, the chunked framing included (RFC 9112, section 7.1).

use bytes::Bytes;
use memchr::memchr;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How a body was framed on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// By `Content-Length`, or there was none: the wire bytes are the body.
    #[default]
    Length,
    /// By `Transfer-Encoding: chunked`: the wire bytes hold sizes, chunks and trailers.
    Chunked,
}

/// A body as it came, and how to read it.
///
/// ```
/// use hooklab_shared::body::{Body, Framing};
/// let body = Body { wire: "3\r\nabc\r\n0\r\n\r\n".into(), framing: Framing::Chunked };
/// assert_eq!(&*body.decoded(), b"abc");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The bytes after the head, as the socket delivered them.
    pub wire: Bytes,
    /// What frames them.
    pub framing: Framing,
}

/// What a chunked body holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunks<'a> {
    /// The chunks' data, in order.
    pub parts: Vec<&'a [u8]>,
    /// The trailer section, without the empty line that ends it.
    pub trailers: &'a [u8],
    /// The length on the wire of all that was read, in bytes.
    pub wire_bytes: usize,
    /// Whether the empty line that ends the body was reached.
    pub complete: bool,
}

impl Body {
    /// The content: for a chunked body the chunks joined, else the wire bytes themselves.
    #[must_use]
    pub fn decoded(&self) -> Cow<'_, [u8]> {
        match self.framing {
            Framing::Length => Cow::Borrowed(&self.wire),
            Framing::Chunked => match chunks(&self.wire).parts[..] {
                [] => Cow::Borrowed(&[]),
                [one] => Cow::Borrowed(one),
                ref many => Cow::Owned(many.concat()),
            },
        }
    }

    /// The content's length in bytes, without joining it.
    #[must_use]
    pub fn size(&self) -> usize {
        match self.framing {
            Framing::Length => self.wire.len(),
            Framing::Chunked => chunks(&self.wire).parts.iter().map(|part| part.len()).sum(),
        }
    }

    /// The trailer fields of a chunked body, as they came.
    pub fn trailers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let section = match self.framing {
            Framing::Length => &[],
            Framing::Chunked => chunks(&self.wire).trailers,
        };
        section.split(|&b| b == b'\n').filter_map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = memchr(b':', line)?;
            Some((&line[..colon], line[colon + 1..].trim_ascii()))
        })
    }
}

/// Reads a chunked body from its first size line on, as far as it goes, and nothing beyond.
///
/// A body cut off in the middle yields the chunks so far, the last one short.
#[must_use]
pub fn chunks(wire: &[u8]) -> Chunks<'_> {
    let mut read = Chunks::default();
    let mut at = 0;
    while let Some((size, data)) = size_line(wire, at) {
        if size == 0 {
            return trailers(wire, data, read);
        }
        let end = data.saturating_add(size).min(wire.len());
        read.parts.push(&wire[data..end]);
        read.wire_bytes = end;
        let Some(next) = after_newline(wire, end) else { return read };
        at = next;
        read.wire_bytes = next;
    }
    read
}

/// A size line's number and where its data begins.
fn size_line(wire: &[u8], at: usize) -> Option<(usize, usize)> {
    let rest = wire.get(at..)?;
    let lf = memchr(b'\n', rest)?;
    let digits = rest[..lf].iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let digits = std::str::from_utf8(&rest[..digits]).ok()?;
    Some((usize::from_str_radix(digits, 16).ok()?, at + lf + 1))
}

fn trailers<'a>(wire: &'a [u8], start: usize, mut read: Chunks<'a>) -> Chunks<'a> {
    let mut at = start;
    while let Some(lf) = memchr(b'\n', &wire[at..]) {
        let line = &wire[at..at + lf];
        read.trailers = &wire[start..at];
        at += lf + 1;
        if matches!(line, b"" | b"\r") {
            read.complete = true;
            break;
        }
    }
    read.wire_bytes = at;
    read
}

fn after_newline(wire: &[u8], at: usize) -> Option<usize> {
    match wire.get(at..)? {
        [b'\r', b'\n', ..] => Some(at + 2),
        [b'\n', ..] => Some(at + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_with_extensions_and_trailers() {
        let wire = b"5;a=b\r\nhello\r\n01\r\n!\r\n0\r\nX-T: 1\r\nY:2\r\n\r\nGET / HTTP/1.1";
        let read = chunks(wire);
        assert_eq!(read.parts, [&b"hello"[..], b"!"]);
        assert!(read.complete);
        assert_eq!(&wire[read.wire_bytes..], b"GET / HTTP/1.1");
        let body = Body { wire: Bytes::from_static(wire), framing: Framing::Chunked };
        assert_eq!(&*body.decoded(), b"hello!");
        assert_eq!(body.size(), 6);
        let trailers: Vec<_> = body.trailers().collect();
        assert_eq!(trailers, [(&b"X-T"[..], &b"1"[..]), (b"Y", b"2")]);
    }

    #[test]
    fn a_body_cut_anywhere_neither_panics_nor_claims_to_be_whole() {
        let wire = b"a\r\n0123456789\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n";
        for cut in 0..wire.len() {
            let read = chunks(&wire[..cut]);
            assert!(!read.complete, "{cut}");
            assert!(read.wire_bytes <= cut);
        }
        assert!(chunks(wire).complete);
        assert!(!chunks(b"ffffffffffffffff\r\nab").complete);
        assert!(!chunks(b"zz\r\n").complete);
    }
}
