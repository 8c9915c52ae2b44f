//! The structural difference of two captures: what a sender changed between them.

mod fields;
mod json;
mod lines;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::capture::Capture;
use crate::headers::Octets;
use crate::json::parse;
use crate::limits::ViewLimits;
use crate::view;

pub use fields::{FieldChange, FieldChangeKind, FieldsDiff, OrderChange};
pub use json::{JsonChange, JsonChangeKind};
pub use lines::{Hunk, Lines};

/// How many bytes around the first difference of two bodies are told.
const CONTEXT_BYTES: usize = 16;

/// What differs from one capture to another. When and whence they came is not compared.
///
/// ```
/// assert!(hooklab_shared::diff::Diff::default().is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diff {
    /// The methods, if they differ.
    pub method: Option<Change>,
    /// The paths below the bins, if they differ.
    pub path: Option<Change>,
    /// The protocols, if they differ.
    pub protocol: Option<Change>,
    /// The query's pairs; their names are compared with regard to case.
    pub query: FieldsDiff,
    /// The header fields, but for those of `volatile`.
    pub headers: FieldsDiff,
    /// Header fields that differ every time by what they are: dates, ids, signatures.
    pub volatile: Vec<FieldChange>,
    /// The trailer fields.
    pub trailers: FieldsDiff,
    /// The contents, codings taken off.
    pub body: BodyDiff,
    /// Whether there are more than 10,000 entries; the others are not told.
    pub truncated: bool,
}

/// Two values that differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// What it was.
    pub from: Octets,
    /// What it is.
    pub to: Octets,
}

/// How two contents differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BodyDiff {
    /// Not at all, byte for byte.
    #[default]
    Same,
    /// As JSON.
    Json {
        /// What differs, in order; nothing where only spacing or escapes do.
        changes: Vec<JsonChange>,
    },
    /// As forms.
    Form {
        /// Their fields.
        fields: FieldsDiff,
    },
    /// As text.
    Text {
        /// Their lines.
        lines: Lines,
    },
    /// As bytes.
    Bytes {
        /// Where they begin to differ, in bytes from 0.
        offset: u64,
        /// The length in bytes of the first.
        from_size: u64,
        /// The length in bytes of the second.
        to_size: u64,
        /// Up to 16 bytes of the first from there on, in lowercase hex.
        from_hex: String,
        /// Up to 16 bytes of the second from there on, in lowercase hex.
        to_hex: String,
    },
}

impl Diff {
    /// Whether nothing differs, volatile fields included.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What differs from the first capture to the second. A body whose content codings cannot be taken
/// off is compared as far as it could be read.
#[must_use]
pub fn between(from: &Capture, to: &Capture) -> Diff {
    within(from, to, &ViewLimits::default())
}

fn within(from: &Capture, to: &Capture, limits: &ViewLimits) -> Diff {
    let mut room = Room { left: limits.diff_entries_max, truncated: false };
    let ((from_path, from_query), (to_path, to_query)) =
        (from.path_and_query(), to.path_and_query());
    let max = limits.fields_max;
    let [a, b] = [from_query, to_query].map(|query| room.bounded(view::pairs(query), max));
    let query = fields::exact(&a, &b, &mut room);
    let [a, b] = [from, to].map(|capture| room.bounded(capture.head.fields().map(told), max));
    let mut headers = fields::caseless(&a, &b, &mut room);
    let volatile = fields::take_volatile(&mut headers);
    let [a, b] = [from, to].map(|capture| room.bounded(capture.body.trailers().map(told), max));
    let trailers = fields::caseless(&a, &b, &mut room);
    let body = body(from, to, limits, &mut room);
    Diff {
        method: change(from.head.method(), to.head.method()),
        path: change(from_path, to_path),
        protocol: change(from.protocol.as_str().as_bytes(), to.protocol.as_str().as_bytes()),
        query,
        headers,
        volatile,
        trailers,
        body,
        truncated: room.truncated,
    }
}

/// How many entries may still be told.
pub(crate) struct Room {
    left: usize,
    truncated: bool,
}

impl Room {
    /// Whether one more may be told.
    fn take(&mut self) -> bool {
        let left = self.left.checked_sub(1);
        self.truncated |= left.is_none();
        self.left = left.unwrap_or_default();
        left.is_some()
    }

    /// So many of these as can be compared.
    fn bounded<T>(&mut self, mut all: impl Iterator<Item = T>, max: usize) -> Vec<T> {
        let some = all.by_ref().take(max).collect();
        self.truncated |= all.next().is_some();
        some
    }
}

fn told<'a>((name, value): (&'a [u8], &'a [u8])) -> (Octets, Octets) {
    (name.into(), value.into())
}

fn change(from: &[u8], to: &[u8]) -> Option<Change> {
    (from != to).then(|| Change { from: from.into(), to: to.into() })
}

fn body(from: &Capture, to: &Capture, limits: &ViewLimits, room: &mut Room) -> BodyDiff {
    let (a, b) = (view::content(from, limits).bytes, view::content(to, limits).bytes);
    if a == b {
        return BodyDiff::Same;
    }
    if let (Ok(a), Ok(b)) = (parse(&a, limits), parse(&b, limits)) {
        return BodyDiff::Json { changes: json::changes(&a, &b, room) };
    }
    let is_form =
        |capture: &Capture| view::kind(capture.head.field("content-type")) == view::Kind::Form;
    if is_form(from) && is_form(to) {
        let [a, b] = [&a, &b].map(|bytes| room.bounded(view::pairs(bytes), limits.fields_max));
        return BodyDiff::Form { fields: fields::exact(&a, &b, room) };
    }
    match (lines::text(&a, limits), lines::text(&b, limits)) {
        (Some(a), Some(b)) => BodyDiff::Text { lines: lines::between(a, b, limits, room) },
        _ => bytes(&a, &b),
    }
}

fn bytes(a: &[u8], b: &[u8]) -> BodyDiff {
    let offset = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let hex = |bytes: &[u8]| view::hex(&bytes[offset..bytes.len().min(offset + CONTEXT_BYTES)]);
    BodyDiff::Bytes {
        offset: offset as u64,
        from_size: a.len() as u64,
        to_size: b.len() as u64,
        from_hex: hex(a),
        to_hex: hex(b),
    }
}

#[cfg(test)]
mod tests;
