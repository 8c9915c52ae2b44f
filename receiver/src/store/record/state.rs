//! Changes of bins as records: all front, no body.

use std::collections::BTreeMap;

use hooklab_shared::id::{BinName, Seq, Timestamp};

use super::{Fields, Header, Kind, begin, seal};

/// A bin as its record tells it: enough to go on without anything that came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Put {
    pub(crate) created_at: Timestamp,
    pub(crate) labels: BTreeMap<String, String>,
    /// The newest seq that was ever given.
    pub(crate) newest: Seq,
    /// Captures up to and with this one are gone.
    pub(crate) floor: Seq,
    /// The newest seq that went in a clear.
    pub(crate) cleared: Seq,
    pub(crate) dropped: u64,
}

/// Appends the record of a bin as it stands.
pub(crate) fn encode_put(into: &mut Vec<u8>, marker: u64, name: &BinName, put: &Put) {
    let start = begin(into);
    into.extend_from_slice(name.as_str().as_bytes());
    into.extend_from_slice(&put.created_at.as_micros().to_le_bytes());
    for number in [put.newest, put.floor, put.cleared, put.dropped] {
        into.extend_from_slice(&number.to_le_bytes());
    }
    for text in put.labels.iter().flat_map(|(key, value)| [key, value]) {
        into.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        into.extend_from_slice(text.as_bytes());
    }
    seal(into, start, marker, bare(Kind::Put, name, put.newest));
}

/// Appends the record of a change that needs no more than a seq.
pub(crate) fn encode_change(into: &mut Vec<u8>, marker: u64, kind: Kind, name: &BinName, seq: Seq) {
    let start = begin(into);
    into.extend_from_slice(name.as_str().as_bytes());
    seal(into, start, marker, bare(kind, name, seq));
}

fn bare(kind: Kind, name: &BinName, seq: Seq) -> Header {
    Header {
        kind: kind as u8,
        name_bytes: u8::try_from(name.as_str().len()).unwrap_or(u8::MAX),
        front_bytes: 0,
        body_bytes: 0,
        seq,
        front_crc: 0,
        body_crc: crc32c::crc32c(&[]),
    }
}

impl Put {
    /// Reads what follows the name in a front.
    pub(crate) fn decode(front: &[u8]) -> Option<Self> {
        let mut fields = Fields(front);
        let mut put = Self {
            created_at: Timestamp::from_micros(fields.i64()?),
            labels: BTreeMap::new(),
            newest: fields.u64()?,
            floor: fields.u64()?,
            cleared: fields.u64()?,
            dropped: fields.u64()?,
        };
        while !fields.0.is_empty() {
            let key = text(&mut fields)?;
            put.labels.insert(key, text(&mut fields)?);
        }
        Some(put)
    }
}

fn text(fields: &mut Fields<'_>) -> Option<String> {
    let len = fields.u32()?;
    String::from_utf8(fields.bytes(len as usize)?.to_vec()).ok()
}
