//! Changes of bins, and strays, as records: all front, no body.

use hooklab_shared::bin::Config;
use hooklab_shared::id::{BinName, Seq, Timestamp};
use hooklab_shared::stray::Stray;

use super::{Fields, Header, Kind, begin, seal};

/// A bin as its record tells it: enough to go on without anything that came before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Put {
    pub(crate) created_at: Timestamp,
    pub(crate) config: Config,
    /// The newest seq that was ever given.
    pub(crate) newest: Seq,
    /// Captures up to and with this one are gone.
    pub(crate) floor: Seq,
    /// The newest seq that went in a clear.
    pub(crate) cleared: Seq,
    pub(crate) dropped: u64,
}

/// Appends the record of a bin as it stands.
pub(crate) fn encode_put(into: &mut Vec<u8>, name: &BinName, put: &Put) {
    let start = begin(into);
    into.extend_from_slice(name.as_str().as_bytes());
    into.extend_from_slice(&put.created_at.as_micros().to_le_bytes());
    for number in [put.newest, put.floor, put.cleared, put.dropped] {
        into.extend_from_slice(&number.to_le_bytes());
    }
    // A configuration grows with the releases; JSON lets an older one be read.
    into.extend_from_slice(&serde_json::to_vec(&put.config).unwrap_or_default());
    seal(into, start, bare(Kind::Put, name.as_str(), put.newest));
}

/// Appends the record of a change that needs no more than a seq.
pub(crate) fn encode_change(into: &mut Vec<u8>, kind: Kind, name: &BinName, seq: Seq) {
    let start = begin(into);
    into.extend_from_slice(name.as_str().as_bytes());
    seal(into, start, bare(kind, name.as_str(), seq));
}

/// Appends the record of runs of seqs that are deleted, first and last included.
pub(crate) fn encode_delete_many(into: &mut Vec<u8>, name: &BinName, runs: &[(Seq, Seq)]) {
    let start = begin(into);
    into.extend_from_slice(name.as_str().as_bytes());
    for (first, last) in runs {
        into.extend_from_slice(&first.to_le_bytes());
        into.extend_from_slice(&last.to_le_bytes());
    }
    let newest = runs.last().map_or(0, |(_, last)| *last);
    seal(into, start, bare(Kind::DeleteMany, name.as_str(), newest));
}

/// Reads runs of seqs from what follows the name in a front.
pub(crate) fn decode_runs(front: &[u8]) -> Option<Vec<(Seq, Seq)>> {
    let mut fields = Fields(front);
    let mut runs = Vec::with_capacity(front.len() / 16);
    while !fields.0.is_empty() {
        runs.push((fields.u64()?, fields.u64()?));
    }
    Some(runs)
}

/// Appends the record of what retention has dropped: how many in all, up to and with which.
pub(crate) fn encode_dropped(into: &mut Vec<u8>, name: &BinName, to: Seq, dropped: u64) {
    let start = begin(into);
    into.extend_from_slice(name.as_str().as_bytes());
    into.extend_from_slice(&dropped.to_le_bytes());
    seal(into, start, bare(Kind::Dropped, name.as_str(), to));
}

/// Reads how many retention has dropped from what follows the name in a front.
pub(crate) fn decode_dropped(front: &[u8]) -> Option<u64> {
    Fields(front).u64()
}

/// Appends the record of a stray: JSON, which an older release's strays can be read from too.
pub(crate) fn encode_stray(into: &mut Vec<u8>, stray: &Stray) {
    let start = begin(into);
    into.extend_from_slice(&serde_json::to_vec(stray).unwrap_or_default());
    seal(into, start, bare(Kind::Stray, "", stray.seq));
}

fn bare(kind: Kind, name: &str, seq: Seq) -> Header {
    Header {
        kind: kind as u8,
        name_bytes: u8::try_from(name.len()).unwrap_or(u8::MAX),
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
        Some(Self {
            created_at: Timestamp::from_micros(fields.i64()?),
            newest: fields.u64()?,
            floor: fields.u64()?,
            cleared: fields.u64()?,
            dropped: fields.u64()?,
            config: serde_json::from_slice(fields.0).ok()?,
        })
    }
}
