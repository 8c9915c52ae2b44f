//! Captures from a seed, made of what hurts shells, parsers and terminals.

use hooklab_shared::body::{Body, Framing};
use hooklab_shared::capture::{Capture, Outcome, Protocol, Replied, Timing};
use hooklab_shared::headers::Head;
use hooklab_shared::id::Timestamp;
use hooklab_shared::reply::Fault;
use uuid::Uuid;

/// Each would leave a file `canary`, a second curl, a read file or a broken quote where a shell,
/// `printf` or curl acted on it.
const HURTFUL: [&str; 40] = [
    "'",
    "''",
    "\"",
    "`>canary`",
    "$(>canary)",
    "${x:=y}",
    "$((1+1))",
    "';>canary;'",
    "'\\'';>canary;#",
    "\";>canary;\"",
    "')\";>canary;(\"",
    "|curl canary",
    "&curl canary&",
    ";curl canary;",
    "\\",
    "\\'",
    "\\\\",
    "\\c",
    "\\0101",
    "\\x41",
    "%s",
    "%",
    "%n%d%%",
    "!",
    "!!",
    "!canary:p",
    "^a^b",
    "@",
    "@/etc/passwd",
    "@-",
    "-",
    "--output canary",
    "-o",
    "--",
    "~",
    "*",
    "{a,b}[1-9]",
    "<(>canary)",
    "\u{1b}]0;x\u{7}",
    "é\u{202e}あ",
];

/// splitmix64: the same captures for the same seed, for ever.
pub(crate) struct Seeded(u64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Hurtful pieces and raw bytes, of those that are allowed.
    fn bytes(&mut self, pieces: usize, allowed: fn(u8) -> bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..self.below(pieces + 1) {
            match self.below(6) {
                0 => bytes.extend((0..self.below(9)).map(|_| self.next() as u8)),
                1 => bytes.extend(b"abc 123"),
                _ => bytes.extend(self.pick(&HURTFUL).bytes()),
            }
        }
        bytes.retain(|&b| allowed(b));
        bytes
    }
}

/// This many captures of this seed, numbered from 1.
pub(crate) fn captures(seed: u64, count: u64) -> impl Iterator<Item = Capture> {
    let mut seeded = Seeded::new(seed);
    (1..=count).map(move |seq| capture(&mut seeded, seq))
}

pub(crate) fn capture(from: &mut Seeded, seq: u64) -> Capture {
    let body = body(from);
    let head = head(from, &body);
    Capture {
        bin: "orders".parse().unwrap(),
        seq,
        id: Uuid::from_u64_pair(from.next(), from.next()),
        received_at: Timestamp::from_micros(from.next() as i64),
        peer: from
            .pick(&["127.0.0.1:53122", "[::1]:1", "[fe80::1%3]:65535", "[::ffff:10.0.0.1]:80"])
            .parse()
            .unwrap(),
        client: from.pick(&[None, "203.0.113.7".parse().ok(), "2001:db8::1".parse().ok()]),
        protocol: from.pick(&[Protocol::Http10, Protocol::Http11, Protocol::Http2]),
        outcome: from.pick(&[
            Outcome::Complete,
            Outcome::Aborted,
            Outcome::TimedOut,
            Outcome::OverLimit,
        ]),
        timing: Timing { head_us: from.next() >> 40, body_us: from.next() >> 12 },
        reply: Replied {
            status: 100 + from.below(500) as u16,
            rule: from.one_in(2).then_some(from.next() as u32),
            fault: from.pick(&[None, Some(Fault::Reset), Some(Fault::Endless)]),
            held: from.one_in(2),
            template_failed: from.one_in(2),
        },
        head,
        content_bytes: body.size() as u64 + from.next() % 2,
        body,
    }
}

fn head(from: &mut Seeded, body: &Body) -> Head {
    let mut head = method(from);
    head.push(b' ');
    head.extend(target(from));
    head.extend(b" HTTP/1.1\r\n");
    for _ in 0..from.below(5) {
        head.extend(field_name(from));
        head.push(b':');
        if from.one_in(2) {
            head.push(b' ');
        }
        head.extend(from.bytes(4, |b| !matches!(b, 0 | b'\n')));
        head.extend(b"\r\n");
    }
    match body.framing {
        Framing::Chunked => head.extend(b"Transfer-Encoding: Chunked\r\n"),
        Framing::Length if !body.wire.is_empty() || from.one_in(2) => {
            head.extend(format!("content-length: {}\r\n", body.wire.len()).bytes());
        }
        Framing::Length => {}
    }
    head.extend(b"\r\n");
    bytes::Bytes::from(head).into()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn method(from: &mut Seeded) -> Vec<u8> {
    if from.one_in(3) {
        let mut method = from.bytes(3, is_token);
        method.push(b'X');
        return method;
    }
    from.pick(&["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "-x", "get"]).into()
}

fn target(from: &mut Seeded) -> Vec<u8> {
    let begin: &str =
        from.pick(&["/orders/", "/orders?", "/", "//", "/../", "*", "http://h/orders/", "-o"]);
    let mut target = begin.as_bytes().to_vec();
    target.extend(from.bytes(5, |b| !matches!(b, 0 | b'\n' | b'\r' | b' ')));
    target
}

fn field_name(from: &mut Seeded) -> Vec<u8> {
    if from.one_in(2) {
        let known = ["Host", "host", "Accept", "user-agent", "Expect", "Content-Type", "Cookie"];
        return from.pick(&known).into();
    }
    let mut name = b"X-".to_vec();
    name.extend(from.bytes(3, is_token));
    if from.one_in(2) {
        name.drain(..2);
        name.push(b'-');
    }
    name
}

fn body(from: &mut Seeded) -> Body {
    let content = match from.below(8) {
        0 | 1 => Vec::new(),
        2 => (0..=255).collect(),
        3 => format!("{{\"a\":\n\t\"it's {}%\"}}\n", from.pick(&HURTFUL)).into(),
        4 => format!("-é{}{}", from.pick(&HURTFUL), from.pick(&HURTFUL)).into(),
        5 if from.one_in(100) => from.pick(&HURTFUL).repeat(20_000).into(),
        _ => from.bytes(12, |_| true),
    };
    if !from.one_in(3) {
        return Body { wire: content.into(), framing: Framing::Length };
    }
    let mut wire = Vec::new();
    for chunk in content.chunks(7.max(content.len() / 3)) {
        wire.extend(format!("{:X};ext\r\n", chunk.len()).bytes());
        wire.extend(chunk);
        wire.extend(b"\r\n");
    }
    wire.extend(from.pick(&["0\r\n\r\n", "0\r\nX-T: 'a'\r\n\r\n", ""]).bytes());
    Body { wire: wire.into(), framing: Framing::Chunked }
}
