//! Planned misbehaviour of deliveries: what is bent, and what a correct consumer does about it.
//! Pure: what is drawn comes in as a seeded [`Draw`].

mod pair;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use hooklab_shared::limits::Limits;
use hooklab_shared::send::ToldFault;
use hooklab_shared::span::Span;
use thiserror::Error;

use crate::catalogue::random::Draw;

/// One planned fault.
///
/// ```
/// use hooklab_sender::Fault;
/// assert_eq!("stale=1h".parse::<Fault>().unwrap().to_string(), "stale=1h");
/// assert!("stael".parse::<Fault>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Each delivery comes this many times more, with the same id.
    Duplicate(usize),
    /// Deliveries come in another order than their events happened.
    Reorder,
    /// Each delivery waits this long before it is sent.
    Delay(Duration),
    /// It is signed with a key that the consumer does not have.
    WrongSignature,
    /// It is not signed.
    MissingSignature,
    /// Its signed timestamp is this far in the past.
    Stale(Duration),
    /// Its signed timestamp is this far in the future.
    Future(Duration),
    /// Half of its body is sent, and its length says so.
    Truncated,
    /// Half of its body is sent, its length promises all of it, and the connection ends.
    Cut,
    /// One bit of its body is another than what was signed.
    Altered,
    /// Another event comes after it under the same id.
    IdReused,
    /// Its body is this many bytes long.
    Huge(usize),
    /// Its body comes in chunks, without a length.
    Chunked,
    /// Its body drips over this long.
    Slow(Duration),
}

/// What a correct consumer does about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Must {
    /// Take it like any other.
    Accept,
    /// Answer it, whatever the status.
    Answer,
    /// Not take it.
    NotAccept,
    /// Answer 4xx.
    Refuse,
}

/// Why a text is not a fault.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadFault {
    /// There is no fault of this name.
    #[error("find the fault `{0}`: it is one of {NAMES}")]
    Unknown(String),
    /// Its value is not one that it takes.
    #[error("read the fault `{0}`: {1}")]
    Value(String, &'static str),
}

const NAMES: &str = "duplicate[=N], reorder, delay=TIME, wrong-signature, missing-signature, \
                     stale[=TIME], future[=TIME], truncated[=lying], altered, id-reused, \
                     huge[=SIZE], chunked, slow[=TIME]";

/// Copies of a delivery at most: real senders retry about as often.
const COPIES_MAX: usize = 100;

/// The longest time that a fault waits or drips: `send` runs in somebody's terminal.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// Twice what verifiers tolerate.
const OFF: Duration = Duration::from_secs(600);

const HUGE_BYTES: usize = 10 * 1024 * 1024;

/// Longer than impatient proxies wait between two pieces, shorter than any timeout of a sender.
const SLOW: Duration = Duration::from_secs(5);

/// Pieces of a body that drips.
const DRIPS: usize = 10;

impl Fault {
    /// What is bent, and what a correct consumer does.
    pub(crate) fn told(self) -> ToldFault {
        let (bent, must): (String, &str) = match self {
            Self::Duplicate(n) => (
                format!("each delivery comes {} times, with the same id", n + 1),
                "answer 2xx every time, and act on it once",
            ),
            Self::Reorder => (
                "deliveries come in another order than their events happened".into(),
                "answer 2xx, and not rely on the order",
            ),
            Self::Delay(by) => {
                (format!("each delivery comes {} late", Span::from(by)), "answer 2xx")
            }
            Self::WrongSignature => {
                ("it is signed with another key".into(), "answer 401 or 403, and not act on it")
            }
            Self::MissingSignature => {
                ("it is not signed".into(), "answer 401 or 403, and not act on it")
            }
            Self::Stale(by) => (
                format!("its signed timestamp is {} in the past", Span::from(by)),
                "answer 4xx: it may be a replay",
            ),
            Self::Future(by) => (
                format!("its signed timestamp is {} in the future", Span::from(by)),
                "answer 4xx: nobody signs ahead of time",
            ),
            Self::Truncated => (
                "half of its body is sent, and its length says so".into(),
                "answer 4xx: the signature is of the whole body",
            ),
            Self::Cut => (
                "half of its body is sent, its length promises all of it, then the connection \
                 ends"
                    .into(),
                "not act on it, and not answer 2xx",
            ),
            Self::Altered => (
                "one bit of its body is another than what was signed".into(),
                "answer 4xx, and not act on it",
            ),
            Self::IdReused => (
                "another event comes under the same id".into(),
                "answer 2xx, and act on the first alone",
            ),
            Self::Huge(bytes) => {
                (format!("its body has {bytes} bytes"), "answer 413, or take it whole")
            }
            Self::Chunked => {
                ("its body comes in chunks, without a length".into(), "answer 2xx, as to any other")
            }
            Self::Slow(over) => (
                format!("its body drips over {}", Span::from(over)),
                "wait for the whole body, or answer 408",
            ),
        };
        ToldFault { fault: self.to_string(), bent, must: must.to_owned() }
    }

    pub(crate) fn must(self) -> Must {
        match self {
            Self::Duplicate(_)
            | Self::Reorder
            | Self::Delay(_)
            | Self::IdReused
            | Self::Chunked => Must::Accept,
            Self::Huge(_) | Self::Slow(_) => Must::Answer,
            Self::Cut => Must::NotAccept,
            Self::WrongSignature
            | Self::MissingSignature
            | Self::Stale(_)
            | Self::Future(_)
            | Self::Truncated
            | Self::Altered => Must::Refuse,
        }
    }

    /// Whether nobody could notice it in what is not signed.
    pub(crate) fn needs_secret(self) -> bool {
        matches!(self, Self::Stale(_) | Self::Future(_) | Self::Truncated | Self::Altered)
    }

    /// Whether it bends a timestamp, which not every scheme has.
    pub(crate) fn needs_timestamp(self) -> bool {
        matches!(self, Self::Stale(_) | Self::Future(_))
    }
}

/// One delivery of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Which event it tells of, from 0.
    pub(crate) event: usize,
    /// Which event's id it has.
    pub(crate) id: usize,
    /// Whether it is another event under an id that was used.
    pub(crate) is_other: bool,
}

/// How many deliveries there are of this many events.
pub(crate) fn planned(events: usize, faults: &[Fault]) -> usize {
    let each = if faults.contains(&Fault::IdReused) { 2 } else { 1 };
    faults.iter().fold(events.saturating_mul(each), |count, fault| match fault {
        Fault::Duplicate(n) => count.saturating_mul(n.saturating_add(1)),
        _ => count,
    })
}

/// The deliveries of this many events, in the order in which they are sent.
pub(crate) fn plan(events: usize, faults: &[Fault], draw: &mut Draw) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::with_capacity(events);
    for event in 0..events {
        steps.push(Step { event, id: event, is_other: false });
        if faults.contains(&Fault::IdReused) {
            steps.push(Step { event, id: event, is_other: true });
        }
    }
    for fault in faults {
        match fault {
            Fault::Duplicate(n) => {
                steps = steps.into_iter().flat_map(|step| vec![step; n + 1]).collect();
            }
            Fault::Reorder => shuffle(&mut steps, draw),
            _ => {}
        }
    }
    steps
}

/// Another order than before, wherever there is one.
fn shuffle(steps: &mut [Step], draw: &mut Draw) {
    let before = steps.to_vec();
    for last in (1..steps.len()).rev() {
        let with = draw.number(0, u32::try_from(last).unwrap_or(u32::MAX)) as usize;
        steps.swap(last, with);
    }
    if steps == before.as_slice() {
        steps.reverse();
    }
}

/// The same body with one bit flipped.
pub(crate) fn altered(body: &[u8], draw: &mut Draw) -> Vec<u8> {
    let mut altered = body.to_vec();
    let last = u32::try_from(body.len().saturating_sub(1)).unwrap_or(u32::MAX);
    match altered.get_mut(draw.number(0, last) as usize) {
        Some(byte) => *byte ^= 1 << draw.number(0, 7),
        // An empty body has no bit; one byte is as little as can be added.
        None => altered.push(b'\n'),
    }
    altered
}

/// A body made this long: JSON objects by a field, so that they stay JSON, anything else by spaces.
pub(crate) fn huge(body: &[u8], bytes: usize) -> Vec<u8> {
    const FIELD: &[u8] = br#""hooklab_padding":""#;
    let mut huge = body.trim_ascii_end().to_vec();
    let is_object = huge.first() == Some(&b'{') && huge.last() == Some(&b'}');
    if !is_object {
        huge.resize(bytes.max(huge.len()), b' ');
        return huge;
    }
    huge.pop();
    if !huge.trim_ascii_end().ends_with(b"{") {
        huge.push(b',');
    }
    huge.extend_from_slice(FIELD);
    huge.resize(bytes.saturating_sub(2).max(huge.len()), b'x');
    huge.extend_from_slice(b"\"}");
    huge
}

/// A body that tells something else under the same id, and is still of the same kind.
pub(crate) fn other(body: &[u8]) -> Vec<u8> {
    let text = body.trim_ascii_end();
    match text.strip_suffix(b"}") {
        Some(open) if text.starts_with(b"{") => {
            let comma: &[u8] = if open.trim_ascii_end().ends_with(b"{") { b"" } else { b"," };
            [open, comma, br#""hooklab_id_reused":true}"#].concat()
        }
        _ => [body, b"\n"].concat(),
    }
}

/// The pieces in which a content of this length drips: bytes of each, and the pause before it.
pub(crate) fn drips(content_bytes: usize, over: Duration) -> (usize, Duration) {
    let pieces = DRIPS.min(content_bytes.max(1));
    let pause = over / u32::try_from(pieces).unwrap_or(1);
    (content_bytes.div_ceil(pieces).max(1), pause)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = |by: Duration| Span::from(by).to_string().replace(' ', "");
        match *self {
            Self::Duplicate(n) => write!(f, "duplicate={n}"),
            Self::Reorder => f.write_str("reorder"),
            Self::Delay(by) => write!(f, "delay={}", span(by)),
            Self::WrongSignature => f.write_str("wrong-signature"),
            Self::MissingSignature => f.write_str("missing-signature"),
            Self::Stale(by) => write!(f, "stale={}", span(by)),
            Self::Future(by) => write!(f, "future={}", span(by)),
            Self::Truncated => f.write_str("truncated"),
            Self::Cut => f.write_str("truncated=lying"),
            Self::Altered => f.write_str("altered"),
            Self::IdReused => f.write_str("id-reused"),
            Self::Huge(bytes) => write!(f, "huge={bytes}"),
            Self::Chunked => f.write_str("chunked"),
            Self::Slow(over) => write!(f, "slow={}", span(over)),
        }
    }
}

impl FromStr for Fault {
    type Err = BadFault;

    fn from_str(text: &str) -> Result<Self, BadFault> {
        let short: String = text.chars().take(80).collect();
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let bad = |what| BadFault::Value(short.clone(), what);
        let span = |unless: Option<Duration>, max: Duration| {
            let given = value.map(|value| value.parse().map(Span::as_duration));
            let given = given.transpose().map_err(|_| bad("give a time, such as 10m"))?;
            let given = given.or(unless).ok_or_else(|| bad("give a time, such as 10m"))?;
            if given > max { Err(bad("give at most an hour")) } else { Ok(given) }
        };
        let alone = |fault| match value {
            None => Ok(fault),
            Some(_) => Err(bad("it takes no value")),
        };
        match name {
            "duplicate" => {
                let n =
                    value.map_or(Ok(1), str::parse).ok().filter(|n| (1..=COPIES_MAX).contains(n));
                n.map(Self::Duplicate).ok_or_else(|| bad("give how many times more, 1 to 100"))
            }
            "reorder" => alone(Self::Reorder),
            "delay" => span(None, WAIT_MAX).map(Self::Delay),
            "wrong-signature" => alone(Self::WrongSignature),
            "missing-signature" => alone(Self::MissingSignature),
            "stale" => span(Some(OFF), Duration::MAX).map(Self::Stale),
            "future" => span(Some(OFF), Duration::MAX).map(Self::Future),
            "truncated" => match value {
                None | Some("honest") => Ok(Self::Truncated),
                Some("lying") => Ok(Self::Cut),
                Some(_) => Err(bad("its length is honest, or lying")),
            },
            "altered" => alone(Self::Altered),
            "id-reused" => alone(Self::IdReused),
            "huge" => value
                .map_or(Some(HUGE_BYTES), size)
                .map(Self::Huge)
                .ok_or_else(|| bad("give a size in bytes, such as 20m, of at most 64m")),
            "chunked" => alone(Self::Chunked),
            "slow" => span(Some(SLOW), WAIT_MAX).map(Self::Slow),
            _ => Err(BadFault::Unknown(short)),
        }
    }
}

/// A size in bytes; `k` and `m` are powers of 1024.
fn size(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        _ => return None,
    };
    let bytes = number.parse::<usize>().ok()?.checked_mul(1 << shift)?;
    (1..=Limits::SEND_BODY_BYTES_MAX).contains(&bytes).then_some(bytes)
}

#[cfg(test)]
mod tests;
