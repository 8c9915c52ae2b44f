//! Reads the strays that are remembered: few enough to be held in memory whole.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use hooklab_shared::stray::Stray;

use crate::store::bins::Bins;
use crate::store::disk::segment;
use crate::store::index::Location;
use crate::store::record::{HEADER_BYTES, Header};

/// Puts them into the list; one that cannot be read is left out, with a warning.
pub(super) fn load(directory: &Path, marker: u64, strays: &BTreeMap<u64, Location>, bins: &Bins) {
    for (seq, location) in strays {
        match read(directory, marker, *location) {
            Some(stray) if stray.seq == *seq => {
                bins.strays().put(Arc::new(stray), location.segment);
            }
            _ => tracing::warn!(seq, "a stray cannot be read, and is left out"),
        }
    }
}

fn read(directory: &Path, marker: u64, location: Location) -> Option<Stray> {
    let (file, preface) = segment::open(directory, location.segment, marker).ok()?;
    let mut record = vec![0; location.bytes as usize];
    file.read_exact_at(&mut record, location.offset.into()).ok()?;
    let header = Header::read(&record, preface.marker())?;
    let front = record.get(HEADER_BYTES..header.head_bytes())?;
    serde_json::from_slice(front).ok()
}
