//! What a replay needs of a closed segment, in a small file beside it, so that opening reads no
//! bodies. It can always be made again: a missing or damaged one costs a scan, nothing else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::replay::Found;
use crate::store::record::{HEADER_BYTES, Header, Kind, RECEIVED_BYTES};

/// The second of its kind: the first told no times.
const MAGIC: &[u8; 8] = b"hooksid2";
/// Magic, the directory's marker, and number and length of the segment it was made from.
const PREFACE_BYTES: usize = 28;

/// The records of a segment without what replay does not need: of a capture all but its name and
/// time, of a stray all but its header.
#[derive(Debug, Default)]
pub(super) struct Sidecar {
    items: Vec<u8>,
    /// Whether the segment holds damage, which is to be named again at the next start.
    damaged: bool,
}

/// Where a segment's sidecar is.
pub(super) fn path(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{number:010}.side"))
}

impl Sidecar {
    /// Adds a record.
    pub(super) fn add(&mut self, offset: u32, record: &[u8]) {
        let kept = match record {
            [_, _, _, _, _, _, _, _, kind, name_bytes, ..] => {
                let front = kept_of_front(*kind, *name_bytes, record.len() - HEADER_BYTES);
                HEADER_BYTES + front
            }
            _ => return,
        };
        self.items.extend_from_slice(&offset.to_le_bytes());
        self.items.extend_from_slice(&record[..kept.min(record.len())]);
    }

    /// What it holds, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.items.len()
    }

    pub(super) fn damaged(&mut self) {
        self.damaged = true;
    }

    /// Writes it beside its segment, which is `segment_bytes` long; a failure costs a scan later.
    pub(super) fn write(&self, directory: &Path, number: u32, marker: u64, segment_bytes: u64) {
        if self.damaged {
            return;
        }
        if let Err(error) = self.try_write(directory, number, marker, segment_bytes) {
            tracing::warn!(number, %error, "a segment's sidecar could not be written");
        }
    }

    fn try_write(
        &self,
        directory: &Path,
        number: u32,
        marker: u64,
        segment_bytes: u64,
    ) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(PREFACE_BYTES + self.items.len() + 4);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&marker.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&segment_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.items);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        let new = directory.join(format!("{number:010}.side.new"));
        fs::write(&new, bytes)?;
        fs::rename(new, path(directory, number))
    }
}

/// Calls `on` with every record that the sidecar tells of; `None` where it is not to be trusted,
/// and then `on` has not been called.
pub(super) fn read<E>(
    directory: &Path,
    number: u32,
    marker: u64,
    segment_bytes: u64,
    mut on: impl FnMut(&Found<'_>) -> Result<(), E>,
) -> Option<Result<(), E>> {
    let bytes = fs::read(path(directory, number)).ok()?;
    let (covered, crc) = bytes.split_last_chunk::<4>()?;
    let mut items = covered
        .strip_prefix(MAGIC)?
        .strip_prefix(&marker.to_le_bytes())?
        .strip_prefix(&number.to_le_bytes())?
        .strip_prefix(&segment_bytes.to_le_bytes())?;
    if crc32c::crc32c(covered).to_le_bytes() != *crc {
        return None;
    }
    while let Some((found, rest)) = item(items, marker) {
        items = rest;
        if let Err(error) = on(&found) {
            return Some(Err(error));
        }
    }
    Some(Ok(()))
}

fn item(items: &[u8], marker: u64) -> Option<(Found<'_>, &[u8])> {
    let (offset, rest) = items.split_first_chunk::<4>()?;
    let header = Header::read(rest, marker)?;
    let kept = kept_of_front(header.kind, header.name_bytes, header.front_bytes as usize);
    let (front, rest) = rest.get(HEADER_BYTES..)?.split_at_checked(kept)?;
    Some((Found { offset: u32::from_le_bytes(*offset), header, front }, rest))
}

/// How much of a front is kept, in bytes.
fn kept_of_front(kind: u8, name_bytes: u8, front_bytes: usize) -> usize {
    match Kind::of(kind) {
        Some(Kind::Capture) => front_bytes.min(usize::from(name_bytes) + RECEIVED_BYTES),
        Some(Kind::Stray) => 0,
        _ => front_bytes,
    }
}
