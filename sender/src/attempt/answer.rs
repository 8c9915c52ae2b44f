//! An answer as it comes: its head, then its content by the framing that the head tells
//! (RFC 9112, section 6). It is taken from bytes, so that no socket is needed to test it.

use bytes::{Buf as _, Bytes, BytesMut};
use hooklab_shared::delivery::GotResponse;
use hooklab_shared::headers::Octets;
use httparse::{EMPTY_HEADER, Header, Response, Status};

use super::cause::Cause;

/// Header fields of an answer at most: what hyper and curl take.
const FIELDS_MAX: usize = 100;

/// A chunk's line, or the trailers, in bytes at most: what is longer holds no content.
const CHUNK_LINE_BYTES_MAX: usize = 8 * 1024;

/// What has come of an answer so far.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The head's bytes, its status line included.
    head: Bytes,
    content: BytesMut,
    content_bytes_max: usize,
    framing: Framing,
    /// Whether the connection may serve another request once this answer is whole.
    persistent: bool,
}

/// Where the content ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Whole,
    Length(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    UntilClose,
    /// There was more than is kept.
    Cut,
}

impl Answer {
    /// Takes a head from what has come; nothing where it is not whole yet. Heads of interim answers
    /// (1xx) are passed over.
    pub(super) fn parse(
        inbox: &mut BytesMut,
        method: &str,
        bytes_max: usize,
    ) -> Result<Option<Self>, Cause> {
        loop {
            let mut fields = [EMPTY_HEADER; FIELDS_MAX];
            let mut response = Response::new(&mut fields);
            let parsed = response.parse(inbox);
            let length = match parsed {
                Ok(Status::Complete(length)) => length,
                Ok(Status::Partial) if inbox.len() > bytes_max => return Err(Cause::HeadTooLarge),
                Ok(Status::Partial) => return Ok(None),
                Err(httparse::Error::TooManyHeaders) => return Err(Cause::HeadTooLarge),
                Err(why) => return Err(Cause::NotHttp(why.to_string())),
            };
            let status = response.code.unwrap_or_default();
            if (100..200).contains(&status) && status != 101 {
                inbox.advance(length);
                continue;
            }
            let framing = framing(method, status, response.headers)?;
            let persistent = response.version == Some(1)
                && framing != Framing::UntilClose
                && !has_token(response.headers, "connection", "close");
            let head = inbox.split_to(length).freeze();
            let content = BytesMut::new();
            let content_bytes_max = bytes_max;
            let answer = Self { status, head, content, content_bytes_max, framing, persistent };
            return Ok(Some(answer));
        }
    }

    /// Takes content from what has come; whether that was the end of what is read.
    pub(super) fn feed(&mut self, inbox: &mut BytesMut) -> Result<bool, Cause> {
        loop {
            let before = (self.framing, inbox.len());
            match self.framing {
                Framing::Whole | Framing::Cut => return Ok(true),
                Framing::UntilClose => {
                    self.keep(inbox, u64::MAX);
                }
                Framing::Length(left) => {
                    let left = left - self.keep(inbox, left);
                    self.advance(if left == 0 { Framing::Whole } else { Framing::Length(left) });
                }
                Framing::ChunkData(left) => {
                    let left = left - self.keep(inbox, left);
                    let next = if left == 0 { Framing::ChunkEnd } else { Framing::ChunkData(left) };
                    self.advance(next);
                }
                Framing::ChunkSize | Framing::ChunkEnd | Framing::Trailers => self.line(inbox)?,
            }
            if before == (self.framing, inbox.len()) {
                return Ok(false);
            }
        }
    }

    /// The end of the connection: whether it is the answer's end too.
    pub(super) fn close(&mut self) -> bool {
        if self.framing == Framing::UntilClose {
            self.framing = Framing::Whole;
        }
        self.is_whole()
    }

    /// The connection broke: whether that is the answer's end too. Where only the connection's end
    /// marks it, nobody can say whether there was more, so it counts as cut (RFC 9112, section 8).
    pub(super) fn cut(&mut self) -> bool {
        if self.framing == Framing::UntilClose {
            self.framing = Framing::Cut;
        }
        self.framing == Framing::Cut
    }

    /// 2xx alone is success.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether what is read of it has come: all, or as much as is kept.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.framing, Framing::Whole | Framing::Cut)
    }

    /// Whether all of it has come.
    pub(super) fn is_whole(&self) -> bool {
        self.framing == Framing::Whole
    }

    pub(super) fn is_persistent(&self) -> bool {
        self.persistent && self.is_whole()
    }

    /// The first field of this name, whatever its case.
    pub(crate) fn field(&self, name: &str) -> Option<Vec<u8>> {
        let mut fields = [EMPTY_HEADER; FIELDS_MAX];
        let mut response = Response::new(&mut fields);
        response.parse(&self.head).ok()?;
        let found = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        found.map(|field| field.value.to_vec())
    }

    /// As the log tells it.
    pub(crate) fn into_told(self) -> GotResponse {
        let mut fields = [EMPTY_HEADER; FIELDS_MAX];
        let mut response = Response::new(&mut fields);
        // It has been parsed before, so it parses.
        let _ = response.parse(&self.head);
        let told = |field: &Header<'_>| (field.name.to_owned(), Octets::from(field.value));
        GotResponse {
            status: self.status,
            headers: response.headers.iter().map(told).collect(),
            truncated: !self.is_whole(),
            body: self.into_told_content().into(),
        }
    }

    /// The content, cut back to a whole character where its end was cut off.
    fn into_told_content(mut self) -> Vec<u8> {
        if !self.is_whole()
            && let Err(cut) = std::str::from_utf8(&self.content)
            && cut.error_len().is_none()
        {
            self.content.truncate(cut.valid_up_to());
        }
        self.content.into()
    }

    /// Keeps at most `limit` bytes of what has come; how many there were.
    fn keep(&mut self, inbox: &mut BytesMut, limit: u64) -> u64 {
        let count = usize::try_from(limit).unwrap_or(usize::MAX).min(inbox.len());
        let room = self.content_bytes_max - self.content.len();
        self.content.extend_from_slice(&inbox[..count.min(room)]);
        inbox.advance(count);
        if count > room {
            self.framing = Framing::Cut;
        }
        count as u64
    }

    fn advance(&mut self, to: Framing) {
        if self.framing != Framing::Cut {
            self.framing = to;
        }
    }

    /// What stands between chunks, and after the last.
    fn line(&mut self, inbox: &mut BytesMut) -> Result<(), Cause> {
        let bad = |what: &str| Cause::NotHttp(format!("{what} of a chunked body"));
        let taken = match self.framing {
            Framing::ChunkSize => match httparse::parse_chunk_size(inbox) {
                Ok(Status::Complete((length, size))) => {
                    self.framing =
                        if size == 0 { Framing::Trailers } else { Framing::ChunkData(size) };
                    length
                }
                Ok(Status::Partial) => 0,
                Err(_) => return Err(bad("a bad size")),
            },
            Framing::ChunkEnd => match inbox.as_ref() {
                [b'\r', b'\n', ..] => {
                    self.framing = Framing::ChunkSize;
                    2
                }
                [] | [b'\r'] => 0,
                _ => return Err(bad("a bad end of a chunk")),
            },
            _ => {
                let mut fields = [EMPTY_HEADER; FIELDS_MAX];
                match httparse::parse_headers(inbox, &mut fields) {
                    Ok(Status::Complete((length, _))) => {
                        self.framing = Framing::Whole;
                        length
                    }
                    Ok(Status::Partial) => 0,
                    Err(_) => return Err(bad("bad trailers")),
                }
            }
        };
        if taken == 0 && inbox.len() > CHUNK_LINE_BYTES_MAX {
            return Err(bad("an endless line"));
        }
        inbox.advance(taken);
        Ok(())
    }
}

fn framing(method: &str, status: u16, fields: &[Header<'_>]) -> Result<Framing, Cause> {
    if method == "HEAD" || matches!(status, 204 | 304) {
        return Ok(Framing::Whole);
    }
    let named = |name: &'static str| {
        fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name))
    };
    if let Some(last) = named("transfer-encoding").next_back() {
        let last = last.value.rsplit(|&b| b == b',').next().unwrap_or_default().trim_ascii();
        let chunked = last.eq_ignore_ascii_case(b"chunked");
        return Ok(if chunked { Framing::ChunkSize } else { Framing::UntilClose });
    }
    let mut framing = Framing::UntilClose;
    for field in named("content-length") {
        for text in field.value.split(|&b| b == b',') {
            let bad = || Cause::NotHttp("its lengths cannot be read, or differ".to_owned());
            let text = std::str::from_utf8(text.trim_ascii()).map_err(|_| bad())?;
            let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let length = text.parse().map_err(|_| bad())?;
            let one = if length == 0 { Framing::Whole } else { Framing::Length(length) };
            if !is_number || (framing != Framing::UntilClose && framing != one) {
                return Err(bad());
            }
            framing = one;
        }
    }
    Ok(framing)
}

fn has_token(fields: &[Header<'_>], name: &str, token: &str) -> bool {
    fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name)).any(|field| {
        let mut tokens = field.value.split(|&b| b == b',');
        tokens.any(|it| it.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer that these bytes make, given in pieces of this size; then the connection ends.
    fn read(bytes: &[u8], piece: usize) -> Result<Option<(Answer, Vec<u8>)>, Cause> {
        let mut inbox = BytesMut::new();
        let mut answer: Option<Answer> = None;
        for piece in bytes.chunks(piece) {
            inbox.extend_from_slice(piece);
            if answer.is_none() {
                answer = Answer::parse(&mut inbox, "POST", 64)?;
            }
            if let Some(answer) = &mut answer {
                answer.feed(&mut inbox)?;
            }
        }
        Ok(answer.map(|mut answer| {
            answer.close();
            (answer, inbox.to_vec())
        }))
    }

    #[test]
    fn content_ends_where_its_framing_says_however_it_comes() {
        for (text, content, whole, persistent) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", true, true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", "ok", false, false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", "ok", true, true),
            (
                "HTTP/1.1 200\r\nContent-Length: 2\r\nConnection: x, Close\r\n\r\nok",
                "ok",
                true,
                false,
            ),
            ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", true, false),
            ("HTTP/1.1 204 X\r\nContent-Length: 2\r\n\r\n", "", true, true),
            ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end", true, false),
            (
                "HTTP/1.1 100 X\r\n\r\nHTTP/1.1 103 Y\r\nA: b\r\n\r\nHTTP/1.1 201 Z\r\n\r\n",
                "",
                true,
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                 2;x=y\r\nok\r\n1\r\n!\r\n0\r\nT: t\r\n\r\n",
                "ok!",
                true,
                true,
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", "ok", false, false),
        ] {
            for piece in [1, 3, 1000] {
                let (answer, rest) = read(text.as_bytes(), piece).unwrap().unwrap();
                let got = std::str::from_utf8(&answer.content).unwrap();
                assert_eq!((got, answer.is_whole()), (content, whole), "{text}");
                assert_eq!(answer.is_persistent(), persistent, "{text}");
                assert!(rest.is_empty(), "{text}");
            }
        }
    }

    #[test]
    fn what_comes_after_the_end_stays() {
        let (_, rest) =
            read(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1", 1000).unwrap().unwrap();
        assert_eq!(rest, b"HTTP/1.1");
    }

    #[test]
    fn what_is_not_http_is_named() {
        for text in [
            "SSH-2.0-x\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        ] {
            assert!(matches!(read(text.as_bytes(), 1), Err(Cause::NotHttp(_))), "{text}");
        }
    }

    #[test]
    fn floods_are_cut() {
        let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", "x".repeat(99));
        let (answer, _) = read(long.as_bytes(), 10).unwrap().unwrap();
        assert_eq!((answer.content.len(), answer.is_whole()), (64, false));
        assert!(!answer.is_persistent());
        let head = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(99));
        assert_eq!(read(head.as_bytes(), 10).err(), Some(Cause::HeadTooLarge));
    }

    #[test]
    fn fields_are_told_as_they_came() {
        let text = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: \xff\r\nContent-Length: 0\r\n\r\n";
        let (answer, _) = read(text, 1000).unwrap().unwrap();
        assert_eq!(answer.field("X-A"), Some(b"1".to_vec()));
        assert_eq!(answer.into_told().headers[1], ("x-a".to_owned(), Octets::Binary(vec![255])));
    }
}
