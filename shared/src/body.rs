//! A request's body as its exact bytes, the chunked framing included (RFC 9112, section 7.1).

use bytes::Bytes;
use memchr::memchr;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use crate::headers::trimmed;

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

/// What a chunked body came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunked<'a> {
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
            Framing::Chunked => {
                let mut content = Vec::new();
                chunks(&self.wire, |_, chunk| content.extend_from_slice(chunk));
                Cow::Owned(content)
            }
        }
    }

    /// The content's length in bytes, without joining it.
    #[must_use]
    pub fn size(&self) -> usize {
        match self.framing {
            Framing::Length => self.wire.len(),
            Framing::Chunked => {
                let mut size = 0;
                chunks(&self.wire, |_, chunk| size += chunk.len());
                size
            }
        }
    }

    /// Cuts off what lies beyond this much content, in bytes.
    pub fn truncate(&mut self, content_bytes_max: usize) {
        let mut left = content_bytes_max;
        let end = match self.framing {
            Framing::Length => content_bytes_max,
            Framing::Chunked => {
                let mut end = self.wire.len();
                chunks(&self.wire, |at, chunk| {
                    if chunk.len() > left {
                        end = end.min(at + left);
                    }
                    left = left.saturating_sub(chunk.len());
                });
                end
            }
        };
        self.wire.truncate(end);
    }

    /// The trailer fields of a chunked body, as they came.
    pub fn trailers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let section = match self.framing {
            Framing::Length => &[],
            Framing::Chunked => chunks(&self.wire, |_, _| {}).trailers,
        };
        section.split(|&b| b == b'\n').filter_map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = memchr(b':', line)?;
            Some((&line[..colon], trimmed(&line[colon + 1..])))
        })
    }
}

/// Reads a chunked body from its first size line on, as far as it goes, and nothing beyond; each
/// chunk is shown with its place on the wire.
///
/// A body cut off in the middle yields the chunks so far, the last one short.
pub fn chunks<'a>(wire: &'a [u8], mut chunk: impl FnMut(usize, &'a [u8])) -> Chunked<'a> {
    let mut read = Chunked::default();
    let mut at = 0;
    while let Some((size, data)) = size_line(wire, at) {
        if size == 0 {
            return trailers(wire, data);
        }
        let end = data.saturating_add(size).min(wire.len());
        chunk(data, &wire[data..end]);
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

fn trailers(wire: &[u8], start: usize) -> Chunked<'_> {
    let mut at = start;
    while let Some(lf) = memchr(b'\n', &wire[at..]) {
        let line = &wire[at..at + lf];
        let section = &wire[start..at];
        at += lf + 1;
        if matches!(line, b"" | b"\r") {
            return Chunked { trailers: section, wire_bytes: at, complete: true };
        }
    }
    Chunked { trailers: &wire[start..at], wire_bytes: at, complete: false }
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

    fn body(wire: &'static [u8]) -> Body {
        Body { wire: Bytes::from_static(wire), framing: Framing::Chunked }
    }

    #[test]
    fn chunks_with_extensions_and_trailers() {
        let wire = b"5;a=b\r\nhello\r\n01\r\n!\r\n0\r\nX-T: 1\r\nY:2\r\n\r\nGET / HTTP/1.1";
        let mut parts = Vec::new();
        let read = chunks(wire, |at, chunk| parts.push((at, chunk)));
        assert_eq!(parts, [(7, &b"hello"[..]), (18, b"!")]);
        assert!(read.complete);
        assert_eq!(&wire[read.wire_bytes..], b"GET / HTTP/1.1");
        assert_eq!(&*body(wire).decoded(), b"hello!");
        assert_eq!(body(wire).size(), 6);
        let body = body(wire);
        let trailers: Vec<_> = body.trailers().collect();
        assert_eq!(trailers, [(&b"X-T"[..], &b"1"[..]), (b"Y", b"2")]);
    }

    #[test]
    fn a_body_is_cut_where_its_content_is_enough() {
        let wire = b"5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n";
        for max in 0..=8 {
            let mut body = body(wire);
            body.truncate(max);
            assert_eq!(&*body.decoded(), &b"helloabc"[..max], "{max}");
        }
        let mut whole = body(wire);
        whole.truncate(8);
        assert_eq!(&whole.wire[..], wire);
    }

    #[test]
    fn a_body_cut_anywhere_neither_panics_nor_claims_to_be_whole() {
        let wire = b"a\r\n0123456789\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n";
        for cut in 0..wire.len() {
            let read = chunks(&wire[..cut], |_, _| {});
            assert!(!read.complete, "{cut}");
            assert!(read.wire_bytes <= cut);
        }
        assert!(chunks(wire, |_, _| {}).complete);
        assert!(!chunks(b"ffffffffffffffff\r\nab", |_, _| {}).complete);
        assert!(!chunks(b"zz\r\n", |_, _| {}).complete);
    }
}
