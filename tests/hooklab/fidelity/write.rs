//! Writes requests, hostile ones among them, that are still HTTP.

use crate::harness::random::Random;

/// Where all of them go.
pub(super) const BIN: &str = "odd-ones";

/// What hyper takes, `Host` and the framing included.
const FIELDS_MAX: usize = 100;

const METHODS: [&str; 10] =
    ["POST", "GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND", "M-SEARCH", "b!r~e|w"];

const PATHS: [&str; 17] = [
    "",
    "/",
    "//",
    "/a%20b",
    "/%00",
    "/../..",
    "/./x//y/",
    "/a|b",
    "/\"{}\"",
    "/caf\u{e9}/\u{2603}",
    "/%ff%FE",
    "/a;b=c,d",
    "/~!$&'()*+:@",
    "/[x]^\\y",
    "/<a>`\u{1}",
    "/odd-ones/404/500",
    "/%2e%2e%2fetc",
];

const QUERIES: [&str; 9] = [
    "",
    "?",
    "?q=\"<x>\"",
    "?x=1&x=2",
    "?a=b?c&d",
    "?%00=%ff",
    "?q=\u{e9}|`",
    "?a+b=%20&&=",
    "?u=http://h/?z#f",
];

const NAMES: [&str; 8] =
    ["X-Twice", "x-twice", "X-TWICE", "x_under_score", "X.Dot", "!#$%&'*+-.^_`|~", "0", "X-Long"];

/// The space around a value, before and after it.
const SPACES: [(&str, &str); 6] =
    [("", ""), (" ", ""), ("  ", " "), ("\t", "\t"), (" \t ", " \t"), ("", "   ")];

/// A request as it goes on the wire, and what has to be told of it.
pub(super) struct Request {
    pub(super) wire: Vec<u8>,
    pub(super) method: String,
    pub(super) content: Vec<u8>,
    pub(super) fields: usize,
    pub(super) trailers: usize,
    /// HTTP/1.0: the connection ends after it.
    pub(super) is_old: bool,
    /// It holds bytes that HTTP forbids: they come through, but not behind another request.
    pub(super) is_forbidden: bool,
}

/// A body on the wire.
struct Framed {
    field: Option<String>,
    wire: Vec<u8>,
    trailers: usize,
}

pub(super) struct Writer<'a> {
    host: String,
    random: &'a mut Random,
}

impl<'a> Writer<'a> {
    pub(super) fn new(host: &str, random: &'a mut Random) -> Writer<'a> {
        // The caller goes on with numbers of its own: the requests depend on the seed alone.
        Writer { host: host.to_owned(), random }
    }

    /// The n-th request; between them all byte values, methods, paths and framings come up.
    pub(super) fn request(&mut self, n: usize) -> Request {
        let method = METHODS[n % METHODS.len()];
        let is_old = n % 7 == 6;
        let content = self.content(n);
        let framed = match n % 3 {
            _ if content.is_empty() && n.is_multiple_of(2) => Framed::none(),
            0 if !is_old => self.chunked(&content),
            _ => self.by_length(&content),
        };
        let version = if is_old { "HTTP/1.0" } else { "HTTP/1.1" };
        let target = self.target(n);
        let head = self.head(n, &format!("{method} {target} {version}"), framed.field);
        finish(method, &head, framed.wire, content, framed.trailers)
    }

    /// A POST with a body of this many bytes.
    pub(super) fn large(&mut self, bytes: usize, chunked: bool) -> Request {
        let content = self.random.bytes(bytes);
        let framed = if chunked { self.chunked(&content) } else { self.by_length(&content) };
        let head = self.head(1, &format!("POST /{BIN}/large HTTP/1.1"), framed.field);
        finish("POST", &head, framed.wire, content, framed.trailers)
    }

    fn content(&mut self, n: usize) -> Vec<u8> {
        match n % 5 {
            0 => Vec::new(),
            1 => (0..=255).collect(),
            2 => vec![n as u8],
            3 => format!("{{\"n\":{n},\"text\":\"\\u00e9\\/\"}}").into_bytes(),
            _ => {
                let count = self.random.below(20_000);
                self.random.bytes(count)
            }
        }
    }

    fn target(&mut self, n: usize) -> String {
        let path = PATHS[n % PATHS.len()];
        let query = QUERIES[(n / 3) % QUERIES.len()];
        match n % 11 {
            10 => format!("http://{}/{BIN}{path}{query}", self.host),
            _ => format!("/{BIN}{path}{query}"),
        }
    }

    fn head(&mut self, n: usize, request_line: &str, framing: Option<String>) -> Vec<Vec<u8>> {
        let host = self.field("Host", self.host.clone().as_bytes());
        let mut fields = vec![host, self.field("X-Octet", &octet(n))];
        let framing = framing.map(String::into_bytes);
        let count = if n % 16 == 15 { FIELDS_MAX } else { 4 + self.random.below(12) };
        while fields.len() + usize::from(framing.is_some()) < count {
            let name = self.random.pick(&NAMES);
            let length = self.random.below(60);
            let mut value = self.random.bytes(length);
            value.retain(|&byte| is_value(byte));
            fields.push(self.field(name, &trimmed(&value)));
        }
        // Anywhere but never twice: the framing is what a smuggler would repeat.
        if let Some(framing) = framing {
            fields.insert(self.random.below(fields.len() + 1), framing);
        }
        fields.insert(0, request_line.as_bytes().to_vec());
        fields
    }

    fn field(&mut self, name: &str, value: &[u8]) -> Vec<u8> {
        let (before, after) = SPACES[self.random.below(SPACES.len())];
        let name = self.recased(name);
        [name.as_bytes(), b":", before.as_bytes(), value, after.as_bytes()].concat()
    }

    fn recased(&mut self, name: &str) -> String {
        let recase = |c: char| match self.random.below(4) {
            0 => c.to_ascii_uppercase(),
            1 => c.to_ascii_lowercase(),
            _ => c,
        };
        name.chars().map(recase).collect()
    }

    fn by_length(&mut self, content: &[u8]) -> Framed {
        let field = self.field("Content-Length", content.len().to_string().as_bytes());
        let field = Some(String::from_utf8(field).unwrap());
        Framed { field, wire: content.to_vec(), trailers: 0 }
    }

    fn chunked(&mut self, content: &[u8]) -> Framed {
        let largest = if content.len() > 100_000 { 300_000 } else { 700 };
        let (mut wire, mut left) = (Vec::new(), content);
        while !left.is_empty() {
            let count = (1 + self.random.below(largest)).min(left.len());
            let zeros = self.random.pick(&["", "0", "000"]);
            let extension = self.random.pick(&["", ";a", ";a=b", ";q=\"x;y\"", ";\u{e9}=1"]);
            let size =
                if self.random.once_in(2) { format!("{count:x}") } else { format!("{count:X}") };
            wire.extend(format!("{zeros}{size}{extension}\r\n").into_bytes());
            wire.extend_from_slice(&left[..count]);
            wire.extend_from_slice(b"\r\n");
            left = &left[count..];
        }
        wire.extend_from_slice(self.random.pick(&["0\r\n", "000\r\n", "0;last\r\n"]).as_bytes());
        let trailers = self.random.below(3);
        for n in 0..trailers {
            let trailer = self.field("X-Trailer", format!("t{n}").as_bytes());
            wire.extend([&trailer[..], b"\r\n"].concat());
        }
        wire.extend_from_slice(b"\r\n");
        let field = self.field("Transfer-Encoding", b"chunked");
        Framed { field: Some(String::from_utf8(field).unwrap()), wire, trailers }
    }
}

impl Framed {
    fn none() -> Self {
        Self { field: None, wire: Vec::new(), trailers: 0 }
    }
}

fn finish(
    method: &str,
    head: &[Vec<u8>],
    body: Vec<u8>,
    content: Vec<u8>,
    trailers: usize,
) -> Request {
    let fields = head.len() - 1;
    let mut wire = head.join(&b"\r\n"[..]);
    wire.extend_from_slice(b"\r\n\r\n");
    wire.extend(body);
    let is_old = head[0].ends_with(b" HTTP/1.0");
    let is_odd = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    let is_forbidden =
        head.concat().iter().any(is_odd) || head[0].iter().any(|byte| b"<>\"`".contains(byte));
    Request { wire, method: method.to_owned(), content, fields, trailers, is_old, is_forbidden }
}

/// The n-th byte value between two letters, but for those that end a line, else all of them.
fn octet(n: usize) -> Vec<u8> {
    match n as u8 {
        byte if is_value(byte) => vec![b'<', byte, b'>'],
        _ => trimmed(&(0..=255).filter(|&byte| is_value(byte)).collect::<Vec<u8>>()),
    }
}

/// Whatever does not end the line; controls are forbidden, and sent all the same.
fn is_value(byte: u8) -> bool {
    !matches!(byte, b'\r' | b'\n')
}

/// The space around a value belongs to the field line, and the test chooses it.
fn trimmed(value: &[u8]) -> Vec<u8> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let begin = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(begin, |last| last + 1);
    value[begin..end].to_vec()
}
