use memchr::memmem::Finder;

use super::media::Parameters;
use crate::headers::{Octets, head_end};

/// Bytes of a boundary (RFC 2046, section 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;
/// Header fields of one part that are told: `Content-Disposition`, a type and little else is usual.
const FIELDS_MAX: usize = 64;

/// What a multipart body falls into.
pub(super) struct Split<'a> {
    /// The first parts.
    pub(super) parts: Vec<RawPart<'a>>,
    /// How many there are in all.
    pub(super) total: u64,
    pub(super) error: Option<&'static str>,
}

/// One part: its header fields and its content.
pub(super) struct RawPart<'a> {
    pub(super) fields: Vec<(&'a [u8], &'a [u8])>,
    pub(super) content: &'a [u8],
}

impl<'a> RawPart<'a> {
    /// The first field of this name, without regard to case.
    pub(super) fn field(&self, name: &str) -> Option<&'a [u8]> {
        let is = |(n, _): &&(&[u8], &[u8])| n.eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().find(is).map(|&(_, value)| value)
    }
}

/// Splits a body at the lines that begin with `--` and this boundary.
pub(super) fn split<'a>(body: &'a [u8], boundary: &[u8], parts_max: usize) -> Split<'a> {
    let mut split = Split { parts: Vec::new(), total: 0, error: None };
    if !(1..=BOUNDARY_BYTES_MAX).contains(&boundary.len()) {
        split.error = Some("split into parts: its Content-Type has no boundary of 1 to 70 bytes");
        return split;
    }
    let dashed = [b"--", boundary].concat();
    let finder = Finder::new(&dashed);
    let mut next = delimiter(body, 0, &finder);
    if next.is_none() {
        split.error = Some("split into parts: the boundary of its Content-Type is not in the body");
    }
    while let Some(opening) = next
        && !opening.closes
    {
        next = delimiter(body, opening.after, &finder);
        let end = next.as_ref().map_or(body.len(), |delimiter| delimiter.before);
        if next.is_none() {
            split.error = Some("split into parts: the last part is cut off, no closing boundary");
        }
        split.total += 1;
        if split.parts.len() < parts_max {
            split.parts.push(part(body.get(opening.after..end).unwrap_or_default()));
        }
    }
    split
}

/// A file's name: `filename*` (RFC 8187) where it is given and can be read, else `filename`.
pub(super) fn filename(disposition: &Parameters) -> Option<Octets> {
    let extended = disposition.get("filename*").and_then(|value| {
        let charset = value.get(..5)?.eq_ignore_ascii_case(b"utf-8").then_some(&value[5..])?;
        let language = charset.strip_prefix(b"'")?;
        let quote = language.iter().position(|&b| b == b'\'')?;
        Some(percent_encoding::percent_decode(&language[quote + 1..]).collect::<Vec<u8>>())
    });
    extended.as_deref().or(disposition.get("filename")).map(Octets::from)
}

struct Delimiter {
    /// Where the part before it ends.
    before: usize,
    /// Where the part after it begins.
    after: usize,
    closes: bool,
}

/// The next line that is a delimiter; a longer boundary that begins alike is none.
fn delimiter(body: &[u8], from: usize, finder: &Finder<'_>) -> Option<Delimiter> {
    let mut at = from;
    loop {
        let found = at + finder.find(body.get(at..)?)?;
        at = found + finder.needle().len();
        let before = match body[from.saturating_sub(2)..found] {
            [.., b'\r', b'\n'] => found - 2,
            [.., b'\n'] => found - 1,
            [] => found,
            _ => continue,
        };
        let rest = &body[at..];
        let (rest, closes) = match rest.strip_prefix(b"--") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let space = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let line_end = match rest[space..] {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            [] => 0,
            _ => continue,
        };
        let after = body.len() - rest.len() + space + line_end;
        return Some(Delimiter { before: before.max(from), after, closes });
    }
}

fn part(bytes: &[u8]) -> RawPart<'_> {
    let end = match bytes {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => head_end(bytes).unwrap_or(bytes.len()),
    };
    let fields = bytes[..end].split(|&b| b == b'\n').filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    });
    RawPart { fields: fields.take(FIELDS_MAX).collect(), content: &bytes[end..] }
}
