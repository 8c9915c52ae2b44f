//! A request's head as its exact bytes, parsed only when somebody looks.

use bytes::Bytes;
use memchr::{memchr, memchr_iter};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The bytes from the first of the request line to the empty line that ends the head, kept as
/// they came: order, case, repeats, odd spacing, bytes that are no UTF-8.
///
/// ```
/// use hooklab_shared::headers::Head;
/// let head = Head::from(&b"POST /orders?x=1 HTTP/1.1\r\nX-A:  b \r\n\r\n"[..]);
/// assert_eq!(head.target(), b"/orders?x=1");
/// assert_eq!(head.field("x-a"), Some(&b"b"[..]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head(Bytes);

impl From<Bytes> for Head {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<&'static [u8]> for Head {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Bytes::from_static(bytes))
    }
}

impl Head {
    /// The head as it came on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The method, any token.
    #[must_use]
    pub fn method(&self) -> &[u8] {
        self.request_line().0
    }

    /// The target as sent: path and query in origin form, or an authority, or a whole URL.
    #[must_use]
    pub fn target(&self) -> &[u8] {
        self.request_line().1
    }

    /// The version as sent, such as `HTTP/1.1`.
    #[must_use]
    pub fn version(&self) -> &[u8] {
        self.request_line().2
    }

    /// Every field in order: the name as sent, and the value without the space around it.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        fields(&self.0)
    }

    /// The first field of this name, without regard to case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v)
    }

    /// The length of this head in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no head at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn request_line(&self) -> (&[u8], &[u8], &[u8]) {
        let rest = self.0.get(self.line_start()..).unwrap_or_default();
        let line = memchr(b'\n', rest).map_or(rest, |end| &rest[..end]);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut parts = line.split(|&b| b == b' ').filter(|part| !part.is_empty());
        let mut next = || parts.next().unwrap_or_default();
        (next(), next(), next())
    }

    /// Empty lines before a request line are skipped (RFC 9112, section 2.2).
    fn line_start(&self) -> usize {
        leading_blank(&self.0)
    }
}

/// Every field of a head, in order: the name as sent, and the value without the space around it.
pub fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let rest = head.get(leading_blank(head)..).unwrap_or_default();
    let fields = memchr(b'\n', rest).map_or(&[][..], |end| &rest[end + 1..]);
    fields.split(|&b| b == b'\n').map_while(field)
}

/// Where a head ends in these bytes, its empty line included, if it does end.
///
/// ```
/// use hooklab_shared::headers::head_end;
/// assert_eq!(head_end(b"GET / HTTP/1.1\r\n\r\nbody"), Some(18));
/// assert_eq!(head_end(b"GET / HTTP/1.1\r\n"), None);
/// ```
#[must_use]
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    head_end_from(bytes, 0)
}

/// The same, where it is known that none ends before `from` came; its own end may begin there.
#[must_use]
pub fn head_end_from(bytes: &[u8], from: usize) -> Option<usize> {
    let start = leading_blank(bytes).max(from);
    let rest = bytes.get(start..)?;
    let mut at = 0;
    // Stopping at each line costs several times as much.
    while rest.get(at..at + BLOCK_BYTES + 2).is_some_and(|block| !holds_end(block)) {
        at += BLOCK_BYTES;
    }
    memchr_iter(b'\n', &rest[at..]).map(|lf| at + lf).find_map(|lf| match rest[lf + 1..] {
        [b'\n', ..] => Some(start + lf + 2),
        [b'\r', b'\n', ..] => Some(start + lf + 3),
        _ => None,
    })
}

/// What is searched at once.
const BLOCK_BYTES: usize = 64;

/// Whether an empty line begins in a block; the two bytes behind it are there to be looked at.
/// Without a way out in the middle, so that the compiler looks at many bytes at a time.
fn holds_end(block: &[u8]) -> bool {
    let threes = block.iter().zip(&block[1..]).zip(&block[2..]);
    threes.fold(false, |found, ((&a, &b), &c)| {
        found | ((a == b'\n') & ((b == b'\n') | ((b == b'\r') & (c == b'\n'))))
    })
}

fn leading_blank(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count()
}

/// One line as a field; `None` at the empty line that ends the head.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return None;
    }
    let colon = memchr(b':', line).unwrap_or(line.len());
    let value = line.get(colon + 1..).unwrap_or_default();
    Some((&line[..colon], trimmed(value)))
}

/// Without the space and tabs around it, which are not part of a value (RFC 9110, section 5.5).
#[must_use]
pub fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Captured bytes as told in JSON: a string where they are UTF-8, else `{"base64":"…"}`.
///
/// ```
/// use hooklab_shared::headers::Octets;
/// assert_eq!(serde_json::to_string(&Octets::from(&b"\xff"[..])).unwrap(), r#"{"base64":"/w=="}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Octets {
    /// Bytes that are UTF-8.
    Text(String),
    /// Bytes that are not.
    Binary(Vec<u8>),
}

impl From<&[u8]> for Octets {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Binary(bytes.to_vec()),
        }
    }
}

impl From<Vec<u8>> for Octets {
    /// Without a copy.
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|not| Self::Binary(not.into_bytes()), Self::Text)
    }
}

impl Octets {
    /// The bytes, whichever way they are told.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Told<'a> {
    Text(std::borrow::Cow<'a, str>),
    Binary { base64: String },
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => Told::Text(text.into()).serialize(serializer),
            Self::Binary(bytes) => {
                Told::Binary { base64: BASE64.encode(bytes) }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Told::deserialize(deserializer)? {
            Told::Text(text) => Self::Text(text.into_owned()),
            Told::Binary { base64 } => {
                Self::Binary(BASE64.decode(base64).map_err(serde::de::Error::custom)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_order_case_and_repeats() {
        let head = Head::from(
            &b"\r\nPUT  /a%20b  HTTP/1.0\r\nHost: h\r\nX-Twice:a\r\nx-twice:\t b \nEmpty:\r\n\r\n"
                [..],
        );
        assert_eq!(head.method(), b"PUT");
        assert_eq!(head.target(), b"/a%20b");
        assert_eq!(head.version(), b"HTTP/1.0");
        let fields: Vec<_> = head.fields().collect();
        let want: [(&[u8], &[u8]); 4] =
            [(b"Host", b"h"), (b"X-Twice", b"a"), (b"x-twice", b"b"), (b"Empty", b"")];
        assert_eq!(fields, want);
    }

    #[test]
    fn a_head_ends_at_its_empty_line_and_nowhere_else() {
        assert_eq!(head_end(b""), None);
        assert_eq!(head_end(b"\r\n\r\n\r\n"), None);
        assert_eq!(head_end(b"\r\nGET / HTTP/1.1\r\nA: b\r\n\r\nGET"), Some(26));
        assert_eq!(head_end(b"GET / HTTP/1.1\nA: b\n\nGET"), Some(21));
        assert_eq!(head_end(b"GET / HTTP/1.1\r\nA: b\r"), None);
    }

    #[test]
    fn a_head_s_end_is_found_wherever_it_lies() {
        for end in [&b"\n\n"[..], b"\r\n\r\n", b"\n\r\n"] {
            for length in 1..300 {
                let line = "GET / HTTP/1.1\r\nA: b\nC: d\r\n".repeat(12);
                let line = line[..length].trim_end().as_bytes();
                let head = [line, end].concat();
                assert_eq!(head_end(&head), Some(head.len()), "{length}");
                assert_eq!(head_end(&head[..head.len() - 1]), None, "{length}");
                let more = [&head[..], &[b'\n'; 100]].concat();
                assert_eq!(head_end(&more), Some(head.len()), "{length}");
            }
        }
    }

    #[test]
    fn octets_survive_json() {
        for bytes in [&b""[..], b"text", b"\x00\xff", "é".as_bytes()] {
            let octets = Octets::from(bytes);
            let json = serde_json::to_string(&octets).unwrap();
            assert_eq!(serde_json::from_str::<Octets>(&json).unwrap(), octets);
        }
    }
}
