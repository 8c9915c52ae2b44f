//! Rewrites a segment with what lives in it, and leaves out the rest.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, PoisonError};

use crate::store::bin::Bin;
use crate::store::disk::log::Log;
use crate::store::disk::replay::{Found, Scanned, scan};
use crate::store::disk::segment::{self, Preface};
use crate::store::disk::sidecar::Sidecar;
use crate::store::index::{At, Entry, Location, Place};
use crate::store::record::Kind;

/// What is left of a segment.
struct Left {
    bytes: Vec<u8>,
    marker: u64,
    sidecar: Sidecar,
    moved: Vec<Moved>,
}

/// A capture that lies elsewhere in its segment.
struct Moved {
    bin: Arc<Bin>,
    entry: Entry,
    offset: u32,
}

/// A crash leaves the segment as it was, or shrunk; the sidecar of the one does not fit the other.
pub(super) fn shrink(log: &Log, number: u32) -> io::Result<()> {
    let path = segment::path(&log.path, number);
    let Some(left) = left(log, number, &fs::read(&path)?)? else {
        // A damaged one stays as it is: what was in it is to be named again.
        log.segments.shrunk(number, 0);
        return Ok(());
    };
    if left.bytes.len() == segment::PREFACE_BYTES {
        return super::remove(log, number);
    }
    let new = path.with_extension("seg.new");
    if let Err(error) = written(&new, &left.bytes) {
        // Half of one would take the room that is missing.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    super::remove_sidecar(log, number)?;
    let held_bytes = left.moved.iter().map(|moved| moved.entry.place.bytes()).sum();
    {
        let _moving = log.layout.write().unwrap_or_else(PoisonError::into_inner);
        fs::rename(&new, &path)?;
        for moved in &left.moved {
            moved.settle();
        }
    }
    log.segments.shrunk(number, held_bytes);
    left.sidecar.write(&log.path, number, left.marker, left.bytes.len() as u64);
    Ok(())
}

fn written(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    // As the segment was: nobody else is to read a copy of it.
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// `None` where the segment is damaged.
fn left(log: &Log, number: u32, bytes: &[u8]) -> io::Result<Option<Left>> {
    let preface = Preface::of(bytes, log.marker, number);
    let mut left = Left {
        bytes: preface.bytes().to_vec(),
        marker: preface.marker(),
        sidecar: Sidecar::default(),
        moved: Vec::new(),
    };
    let mut damaged = false;
    let end = scan(bytes, preface.marker(), |scanned| {
        match scanned {
            Scanned::Record(found, record) => left.keep(log, number, &found, record),
            Scanned::Damaged { .. } => damaged = true,
        }
        Ok(())
    });
    let end = end.map_err(io::Error::other)?;
    Ok((!damaged && end == bytes.len()).then_some(left))
}

impl Left {
    fn keep(&mut self, log: &Log, number: u32, found: &Found<'_>, record: &[u8]) {
        let offset = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        match Kind::of(found.header.kind) {
            Some(Kind::Capture) => match living(log, number, found) {
                Some((bin, entry)) => self.moved.push(Moved { bin, entry, offset }),
                None => return,
            },
            Some(Kind::Dropped) if is_told_again(log, found) => return,
            Some(Kind::Stray) if !log.bins.strays().lives(found.header.seq, number) => return,
            _ => {}
        }
        self.bytes.extend_from_slice(record);
        self.sidecar.add(offset, record);
    }
}

/// Whether a later record tells of more that retention dropped, or the bin is gone altogether.
fn is_told_again(log: &Log, found: &Found<'_>) -> bool {
    let name = found.front.get(..found.header.name_bytes.into()).unwrap_or_default();
    let bin = std::str::from_utf8(name).ok().and_then(|name| log.bins.get(name));
    bin.is_none_or(|bin| found.header.seq < bin.state().index.logged_to)
}

fn living(log: &Log, number: u32, found: &Found<'_>) -> Option<(Arc<Bin>, Entry)> {
    let name = found.front.get(..found.header.name_bytes.into())?;
    let bin = log.bins.get(std::str::from_utf8(name).ok()?)?;
    let entry = bin.find(At::Seq(found.header.seq))?;
    let here = |location: Location| location.segment == number && location.offset == found.offset;
    matches!(entry.place, Place::Disk(location) if here(location)).then_some((bin, entry))
}

impl Moved {
    fn settle(&self) {
        if let Place::Disk(from) = self.entry.place {
            let to = Location { offset: self.offset, ..from };
            self.bin.state().index.relocate(self.entry.seq, from, to);
        }
    }
}
