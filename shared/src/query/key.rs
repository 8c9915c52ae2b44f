//! What a term asks: its key, its value, and whether a capture satisfies it.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use super::Seen;
use super::error::{Why, closest};
use super::glob::Glob;
use super::lex::{Char, Lexeme, TERM_CHARS_MAX, shown};
use super::text::Needle;
use super::value::{self, Moment, Sign};
use crate::capture::{Outcome, Protocol, query_pairs};
use crate::id::{Seq, Timestamp};
use crate::reply::Fault;

/// One question about a capture.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Method(Glob),
    Path(Glob),
    Header { name: String, value: Glob },
    Pair { name: String, value: Glob },
    Event(Glob),
    Status(RangeInclusive<u64>),
    Fault(Fault),
    Outcome(Outcome),
    Signature(&'static str),
    Size(RangeInclusive<u64>),
    After(Seq),
    Before(Seq),
    Later(Timestamp),
    Earlier(Timestamp),
    Peer(Glob),
    Protocol(Glob),
    Text(Box<Needle>),
}

/// What a term can ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Method,
    Path,
    Header,
    Query,
    Event,
    Status,
    Fault,
    Outcome,
    Signature,
    Size,
    After,
    Before,
    Peer,
    Protocol,
}

const KEYS: [Key; 14] = [
    Key::Method,
    Key::Path,
    Key::Header,
    Key::Query,
    Key::Event,
    Key::Status,
    Key::Fault,
    Key::Outcome,
    Key::Signature,
    Key::Size,
    Key::After,
    Key::Before,
    Key::Peer,
    Key::Protocol,
];

const OUTCOMES: [Outcome; 4] =
    [Outcome::Complete, Outcome::Aborted, Outcome::TimedOut, Outcome::OverLimit];

const VERDICTS: [&str; 3] = ["valid", "invalid", "missing"];

const PROTOCOLS: [Protocol; 3] = [Protocol::Http10, Protocol::Http11, Protocol::Http2];

const STATUS: &str = "a status such as 200, or a class such as 2xx";

const FAULTS: &str = "`reset`, `close`, `stall`, `drip`, `truncate`, `garbage` or `endless`";

const SIZE: &str = "whole bytes such as 1024, or 10k, 2m, 1g";

const MOMENT: &str = "a seq such as 118, a time such as 2026-11-24T10:31:02Z, or how long ago, \
                      such as 10m";

impl Test {
    /// A key and a value, or words where there is no sign outside quotes.
    pub(super) fn parse(lexeme: &Lexeme, now: Timestamp) -> Result<Self, Why> {
        let chars = &lexeme.chars;
        let sign = (0..chars.len()).find_map(|at| Some((at, Sign::at(&chars[at..])?)));
        match sign {
            None => Ok(Self::Text(Needle::new(&text(chars)).into())),
            Some((at, (sign, length))) => {
                let (key, name) = Key::of(&text(&chars[..at]))?;
                let value = &chars[at + length..];
                if value.is_empty() && !lexeme.ends_in_quote() {
                    return Err(Why::NoValue(key.as_str()));
                }
                key.test(name, sign, value, now)
            }
        }
    }

    fn after(moment: Moment) -> Self {
        match moment {
            Moment::Seq(seq) => Self::After(seq),
            Moment::Time(at) => Self::Later(at),
        }
    }

    fn before(moment: Moment) -> Self {
        match moment {
            Moment::Seq(seq) => Self::Before(seq),
            Moment::Time(at) => Self::Earlier(at),
        }
    }

    /// Whether the answer depends on the content.
    pub(super) fn needs_body(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Event(_))
    }

    pub(super) fn holds(&self, seen: &Seen<'_>) -> bool {
        let capture = seen.capture();
        match self {
            Self::Method(glob) => glob.matches(capture.head.method()),
            Self::Path(glob) => glob.matches(capture.path_and_query().0),
            Self::Header { name, value } => capture
                .head
                .fields()
                .any(|(n, v)| n.eq_ignore_ascii_case(name.as_bytes()) && value.matches(v)),
            Self::Pair { name, value } => query_pairs(capture.path_and_query().1)
                .iter()
                .any(|(n, v)| n.as_bytes() == name.as_bytes() && value.matches(v.as_bytes())),
            Self::Event(glob) => seen.event().is_some_and(|kind| glob.matches(kind.as_bytes())),
            Self::Status(range) => range.contains(&u64::from(capture.reply.status)),
            Self::Fault(fault) => capture.reply.fault == Some(*fault),
            Self::Outcome(outcome) => capture.outcome == *outcome,
            Self::Signature(verdict) => {
                seen.subject.signature.is_some_and(|s| s.verdict == *verdict)
            }
            Self::Size(range) => range.contains(&capture.content_bytes),
            Self::After(seq) => capture.seq > *seq,
            Self::Before(seq) => capture.seq < *seq,
            Self::Later(at) => capture.received_at > *at,
            Self::Earlier(at) => capture.received_at < *at,
            Self::Peer(glob) => is_peer(glob, capture.peer),
            Self::Protocol(glob) => glob.matches(capture.protocol.as_str().as_bytes()),
            Self::Text(needle) => {
                needle.is_in(capture.head.target()) || needle.is_in(seen.content())
            }
        }
    }
}

fn is_peer(glob: &Glob, peer: SocketAddr) -> bool {
    let is = |text: String| glob.matches(text.as_bytes());
    is(peer.ip().to_string()) || is(peer.to_string())
}

impl Key {
    fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Path => "path",
            Self::Header => "header",
            Self::Query => "query",
            Self::Event => "event",
            Self::Status => "status",
            Self::Fault => "fault",
            Self::Outcome => "outcome",
            Self::Signature => "signature",
            Self::Size => "size",
            Self::After => "after",
            Self::Before => "before",
            Self::Peer => "peer",
            Self::Protocol => "protocol",
        }
    }

    /// The key that stands before a sign, and the name after its dot.
    fn of(given: &str) -> Result<(Self, String), Why> {
        let (word, name) = given.split_once('.').unwrap_or((given, ""));
        let Some(key) = KEYS.into_iter().find(|key| key.as_str().eq_ignore_ascii_case(word)) else {
            return Err(unknown(word));
        };
        match (matches!(key, Self::Header | Self::Query), given.contains('.')) {
            (true, _) if name.is_empty() => Err(Why::NoName(key.as_str())),
            (false, true) => Err(Why::ExtraName(key.as_str())),
            _ => Ok((key, name.to_owned())),
        }
    }

    fn test(self, name: String, sign: Sign, chars: &[Char], now: Timestamp) -> Result<Test, Why> {
        if sign != Sign::Equal && !matches!(self, Self::Status | Self::Size) {
            return Err(Why::NotCompared(self.as_str()));
        }
        let value = text(chars);
        let moment = || value::moment(&value, now);
        let (test, takes) = match self {
            Self::Method => return Ok(Test::Method(glob(chars).ignoring_case())),
            Self::Path => return Ok(Test::Path(glob(chars))),
            Self::Header => return Ok(Test::Header { name, value: glob(chars) }),
            Self::Query => return Ok(Test::Pair { name, value: glob(chars) }),
            Self::Event => return Ok(Test::Event(glob(chars))),
            Self::Peer => return Ok(Test::Peer(glob(chars).ignoring_case())),
            Self::Protocol => (protocol(chars), "HTTP/1.0, HTTP/1.1 or HTTP/2"),
            Self::Outcome => {
                (outcome(&value), "`complete`, `aborted`, `timed_out` or `over_limit`")
            }
            Self::Signature => (verdict(&value), "`valid`, `invalid` or `missing`"),
            Self::Status => (value::status(sign, &value).map(Test::Status), STATUS),
            Self::Fault => (fault(&value), FAULTS),
            Self::Size => (value::size(sign, &value).map(Test::Size), SIZE),
            Self::After => (moment().map(Test::after), MOMENT),
            Self::Before => (moment().map(Test::before), MOMENT),
        };
        test.ok_or_else(|| Why::BadValue {
            key: self.as_str(),
            value: shown(&value, TERM_CHARS_MAX),
            takes,
        })
    }
}

fn unknown(word: &str) -> Why {
    let names = KEYS.map(Key::as_str);
    let hint = match closest(&word.to_ascii_lowercase(), &names) {
        Some(near) => {
            format!("did you mean `{near}`? Put the term in quotes to search for it as text")
        }
        None => {
            format!("put the term in quotes to search for it as text, or use {}", names.join(", "))
        }
    };
    Why::UnknownKey { key: shown(word, TERM_CHARS_MAX), hint }
}

fn text(chars: &[Char]) -> String {
    chars.iter().map(|c| c.c).collect()
}

/// Only a `*` outside quotes is a star.
fn glob(chars: &[Char]) -> Glob {
    Glob::of_pieces(chars.split(|c| c.c == '*' && !c.quoted).map(text))
}

fn outcome(value: &str) -> Option<Test> {
    let value = value.replace('-', "_");
    let known = OUTCOMES.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(&value));
    known.map(Test::Outcome)
}

fn fault(value: &str) -> Option<Test> {
    let known = Fault::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(value));
    known.map(Test::Fault)
}

fn verdict(value: &str) -> Option<Test> {
    VERDICTS.into_iter().find(|known| known.eq_ignore_ascii_case(value)).map(Test::Signature)
}

/// Takes the version alone, too; a protocol that hooklab never speaks is refused as a slip.
fn protocol(chars: &[Char]) -> Option<Test> {
    let bare = chars.first().is_some_and(|c| c.c.is_ascii_digit());
    let prefix = if bare { "HTTP/" } else { "" };
    let quoted = prefix.chars().map(|c| Char { c, quoted: true });
    let chars: Vec<Char> = quoted.chain(chars.iter().copied()).collect();
    let glob = glob(&chars).ignoring_case();
    let spoken = PROTOCOLS.iter().any(|protocol| glob.matches(protocol.as_str().as_bytes()));
    spoken.then_some(Test::Protocol(glob))
}
