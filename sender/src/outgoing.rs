//! A request as it goes out: every byte of it is decided here, before anything is dialled. Pure.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use hooklab_shared::delivery::SentRequest;
use hooklab_shared::headers::Octets;
use thiserror::Error;
use url::{Position, Url};

/// A request, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// The method, a token.
    pub(crate) method: Cow<'static, str>,
    /// Where it goes.
    pub(crate) target: Url,
    /// Every header field, `Host` and the framing included: nothing is added on the way.
    pub(crate) fields: Fields,
    /// The content.
    pub(crate) body: Bytes,
    /// From the first step to the answer's last byte.
    pub(crate) timeout: Duration,
    /// How it is written.
    pub(crate) manner: Manner,
}

/// How a request is written: whole and at once, unless something is planned otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    /// The body in chunks of this many bytes; the fields must say so.
    pub(crate) chunk_bytes: Option<usize>,
    /// Up to this many bytes after the head, then the end of the connection's sending side.
    pub(crate) cut_bytes: Option<usize>,
    /// The body in this many bytes at a time, with a pause before each.
    pub(crate) drip: Option<(usize, Duration)>,
}

/// Header fields in the order and the spelling they go out in, repeats kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(Cow<'static, str>, Cow<'static, [u8]>)>);

/// Why a request cannot be put on the wire as it is.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum Unsendable {
    /// Its method is no token (RFC 9110, section 5.6.2).
    #[error("the method {0:?} is not a token")]
    Method(String),
    /// A field's name is no token.
    #[error("the header name {0:?} is not a token")]
    Name(String),
    /// A field's value would end its line.
    #[error("the value of the header {0} holds a line break or a NUL")]
    Value(String),
}

impl Outgoing {
    /// The request line and the fields, with the empty line that ends them.
    pub(crate) fn head(&self) -> Vec<u8> {
        let path = &self.target[Position::BeforePath..Position::AfterQuery];
        let fields: usize = self.fields.iter().map(|(n, v)| n.len() + v.len() + 4).sum();
        let mut head = Vec::with_capacity(self.method.len() + path.len() + fields + 14);
        for piece in [self.method.as_bytes(), b" ", path.as_bytes(), b" HTTP/1.1\r\n"] {
            head.extend_from_slice(piece);
        }
        for (name, value) in self.fields.iter() {
            for piece in [name.as_bytes(), b": ", value, b"\r\n"] {
                head.extend_from_slice(piece);
            }
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    /// What comes after the head: the body, in chunks where it is to be, up to where it is cut.
    pub(crate) fn content(&self) -> Bytes {
        let content = match self.manner.chunk_bytes {
            Some(chunk_bytes) => chunked(&self.body, chunk_bytes),
            None => self.body.clone(),
        };
        let end = self.manner.cut_bytes.unwrap_or(usize::MAX).min(content.len());
        content.slice(..end)
    }

    /// Whether the fields say how long the content is: else the target may take what is left of it
    /// for the next request, and that one's answer for ours.
    pub(crate) fn is_framed(&self) -> bool {
        let values = |wanted: &'static str| {
            let is_it = move |name: &str| name.eq_ignore_ascii_case(wanted);
            self.fields.iter().filter(move |(name, _)| is_it(name)).map(|(_, value)| value)
        };
        let mut lengths = values("content-length");
        let length = |value: &[u8]| std::str::from_utf8(value).ok()?.trim().parse::<usize>().ok();
        match (lengths.next(), lengths.next(), values("transfer-encoding").next()) {
            (None, None, None) => self.body.is_empty(),
            (Some(value), None, None) => length(value) == Some(self.body.len()),
            (None, None, Some(_)) => self.manner.chunk_bytes.is_some(),
            _ => false,
        }
    }

    /// # Errors
    /// The method, a name or a value would say something else on the wire.
    pub(crate) fn check(&self) -> Result<(), Unsendable> {
        if !is_token(&self.method) {
            return Err(Unsendable::Method(self.method.chars().take(40).collect()));
        }
        for (name, value) in self.fields.iter() {
            if !is_token(name) {
                return Err(Unsendable::Name(name.chars().take(80).collect()));
            }
            // Without a way out in the middle, so that many bytes are looked at at a time.
            let breaks = |found, &b: &u8| found | (b == b'\r') | (b == b'\n') | (b == 0);
            if value.iter().fold(false, breaks) {
                return Err(Unsendable::Value(name.to_string()));
            }
        }
        Ok(())
    }

    /// As the log tells it.
    pub(crate) fn told(&self) -> SentRequest {
        self.clone().into_told()
    }

    /// The same of one that has gone out: what it is made of is not copied.
    pub(crate) fn into_told(self) -> SentRequest {
        let told = |(name, value): (Cow<'_, str>, Cow<'_, [u8]>)| {
            (name.into_owned(), Octets::from(value.into_owned()))
        };
        SentRequest {
            method: self.method.into_owned(),
            url: self.target.into(),
            headers: self.fields.0.into_iter().map(told).collect(),
            body: Vec::from(self.body).into(),
        }
    }
}

impl Fields {
    /// Adds a field after the others.
    pub(crate) fn push(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) {
        let value = match value.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        self.0.push((name.into(), value));
    }

    /// Adds a field whose value need not be text.
    pub(crate) fn push_bytes(&mut self, name: impl Into<Cow<'static, str>>, value: Vec<u8>) {
        self.0.push((name.into(), Cow::Owned(value)));
    }

    /// Adds fields after the others.
    pub(crate) fn extend(&mut self, fields: impl IntoIterator<Item = (&'static str, String)>) {
        for (name, value) in fields {
            self.push(name, value);
        }
    }

    /// The first field of this name, whatever its case.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Gives the first field of this name another value, and drops its repeats; adds it where there
    /// is none.
    pub(crate) fn set(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) {
        let name = name.into();
        let place = self.0.iter().position(|(n, _)| n.eq_ignore_ascii_case(&name));
        let Some(place) = place else { return self.push(name, value) };
        let spelled = self.0[place].0.clone();
        self.remove(&name);
        self.push(spelled, value);
        self.0[place..].rotate_right(1);
    }

    /// Drops every field of this name.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// The names that are the program's own.
    pub(crate) fn into_static_names(self) -> Vec<&'static str> {
        let own = |name| if let Cow::Borrowed(name) = name { Some(name) } else { None };
        self.0.into_iter().filter_map(|(name, _)| own(name)).collect()
    }

    /// The fields in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// A body in chunks of this many bytes (RFC 9112, section 7.1).
fn chunked(body: &[u8], chunk_bytes: usize) -> Bytes {
    let mut chunks = Vec::with_capacity(body.len() + 16);
    for chunk in body.chunks(chunk_bytes.max(1)) {
        chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    chunks.into()
}

/// The value of `Host`: the port only where it is not the scheme's own.
pub(crate) fn host(target: &Url) -> String {
    let host = target.host_str().unwrap_or_default();
    target.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A token of RFC 9110, section 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    let is_mark = |b| {
        matches!(
            b,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
        )
    };
    let is_char = |b: u8| b.is_ascii_alphanumeric() || is_mark(b);
    !text.is_empty() && text.bytes().all(is_char)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing() -> Outgoing {
        let mut fields = Fields::default();
        fields.push("Host", "h:1");
        fields.push("X-Twice", "a");
        fields.push_bytes("x-twice", b"\xff".to_vec());
        Outgoing {
            method: "PUT".into(),
            target: Url::parse("http://h:1/a%20b?x=1#part").unwrap(),
            fields,
            body: Bytes::from_static(b"{}"),
            timeout: Duration::from_secs(1),
            manner: Manner::default(),
        }
    }

    #[test]
    fn the_head_keeps_order_case_and_repeats() {
        let want = b"PUT /a%20b?x=1 HTTP/1.1\r\nHost: h:1\r\nX-Twice: a\r\nx-twice: \xff\r\n\r\n";
        assert_eq!(outgoing().head(), want);
        assert_eq!(outgoing().check(), Ok(()));
        let told = outgoing().told();
        assert_eq!(told.headers[2], ("x-twice".to_owned(), Octets::Binary(vec![255])));
    }

    #[test]
    fn the_content_is_whole_chunked_or_cut() {
        let mut outgoing = Outgoing { body: Bytes::from_static(b"abcdefghijkl"), ..outgoing() };
        assert_eq!(outgoing.content(), outgoing.body);
        outgoing.manner.chunk_bytes = Some(10);
        let chunks = &b"a\r\nabcdefghij\r\n2\r\nkl\r\n0\r\n\r\n"[..];
        assert_eq!(outgoing.content(), chunks);
        outgoing.manner.cut_bytes = Some(5);
        assert_eq!(outgoing.content(), &chunks[..5]);
    }

    #[test]
    fn nothing_smuggles_a_line() {
        let mut bad = outgoing();
        bad.fields.push("X-A", "1\r\nX-B: 2");
        assert_eq!(bad.check(), Err(Unsendable::Value("X-A".into())));
        let mut bad = outgoing();
        bad.fields.push("X A", "1");
        assert!(matches!(bad.check(), Err(Unsendable::Name(_))));
        let bad = Outgoing { method: "GET /x".into(), ..outgoing() };
        assert!(matches!(bad.check(), Err(Unsendable::Method(_))));
    }

    #[test]
    fn a_field_is_set_where_it_stands() {
        let mut fields = outgoing().fields;
        fields.set("X-TWICE", "b");
        fields.set("New", "c");
        let all: Vec<_> = fields.iter().collect();
        let want: [(&str, &[u8]); 3] = [("Host", b"h:1"), ("X-Twice", b"b"), ("New", b"c")];
        assert_eq!(all, want);
        assert_eq!(fields.get("new"), Some(&b"c"[..]));
    }
}
