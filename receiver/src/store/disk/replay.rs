//! Opening a log: its records, in order, make the state.

mod apply;
mod scan;
mod strays;

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use memchr::memmem;
use uuid::Uuid;

use super::segment::{self, Active, PREFACE_BYTES, Preface};
use super::segments::Segments;
use super::sidecar::{self, Sidecar};
use crate::store::bins::Bins;
use crate::store::error::OpenError;
use apply::Replay;

pub(super) use scan::{Found, Scanned, scan};

/// What opening found, beside the bins.
pub(super) struct Replayed {
    pub(super) marker: u64,
    pub(super) segments: Segments,
    /// The newest segment, to be written on; none in a new directory.
    pub(super) active: Option<Active>,
}

/// Reads the log of a directory into `bins`.
///
/// Of the newest segment a torn tail is cut off. Damage elsewhere is skipped, and named.
pub(super) fn replay(directory: &Path, bins: &Bins) -> Result<Replayed, OpenError> {
    let numbers = numbers(directory)?;
    let Some(marker) = marker(directory, &numbers)? else {
        let marker = Uuid::new_v4().as_u64_pair().0;
        bins.resume();
        return Ok(Replayed { marker, segments: Segments::default(), active: None });
    };
    let mut replay = Replay::new(bins);
    let mut active = None;
    for (place, &number) in numbers.iter().enumerate() {
        replay.begin(number);
        if place + 1 < numbers.len() {
            closed(directory, number, marker, &mut replay)?;
        } else {
            active = Some(newest(directory, number, marker, &mut replay)?);
        }
    }
    let finished = replay.finish();
    strays::load(directory, marker, &finished.strays, bins);
    Ok(Replayed { marker, segments: finished.segments, active })
}

/// The numbers of the segments, rising; what an interrupted rename left is removed.
fn numbers(directory: &Path) -> Result<Vec<u32>, OpenError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory).map_err(OpenError::io(directory))? {
        let name = entry.map_err(OpenError::io(directory))?.file_name();
        let Some(name) = name.to_str() else { continue };
        numbers.extend(segment::number(name));
        if name.ends_with(".seg.new") || name.ends_with(".side.new") {
            let leftover = directory.join(name);
            fs::remove_file(&leftover).map_err(OpenError::io(&leftover))?;
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The number that the directory's segments bear; `None` where nothing has been written yet.
fn marker(directory: &Path, numbers: &[u32]) -> Result<Option<u64>, OpenError> {
    let mut found = None;
    let mut unsound = None;
    for &number in numbers {
        let path = segment::path(directory, number);
        let file = File::open(&path).map_err(OpenError::io(&path))?;
        let mut preface = [0; PREFACE_BYTES];
        let whole = file.read_exact_at(&mut preface, 0).is_ok();
        match Preface::read(&preface).map(|preface| preface.directory) {
            Some(marker) if found.is_some_and(|found| found != marker) => {
                let why = "it belongs to another directory".to_owned();
                return Err(OpenError::Segment { path, why });
            }
            Some(marker) => found = Some(marker),
            // A crash while the first of all was made.
            None if !whole && numbers.len() == 1 => return Ok(None),
            None => unsound = Some(path),
        }
    }
    match (found, unsound) {
        (None, Some(path)) => {
            Err(OpenError::Segment { path, why: "its header is damaged".to_owned() })
        }
        (found, _) => Ok(found),
    }
}

/// By its sidecar; by a scan where that is missing or damaged.
fn closed(
    directory: &Path,
    number: u32,
    marker: u64,
    replay: &mut Replay<'_>,
) -> Result<(), OpenError> {
    let path = segment::path(directory, number);
    let error = |why| OpenError::Segment { path: path.clone(), why };
    let (file, preface) = segment::open(directory, number, marker).map_err(OpenError::io(&path))?;
    if preface.number != number {
        let was = preface.number;
        tracing::warn!(path = %path.display(), was, "a power cut left a segment that was reused");
        return Ok(());
    }
    let own = preface.marker();
    let segment_bytes = file.metadata().map_err(OpenError::io(&path))?.len();
    let read =
        sidecar::read(directory, number, own, segment_bytes, |found| replay.record(number, found));
    if let Some(read) = read {
        return read.map_err(error);
    }
    let bytes = fs::read(&path).map_err(OpenError::io(&path))?;
    let (sidecar, end) = scanned(&bytes, &path, number, own, replay)?;
    if is_torn(&bytes[end..], own) {
        let lost = bytes.len() - end;
        tracing::warn!(path = %path.display(), end, lost, "the end of a segment is damaged");
        return Ok(());
    }
    let file = File::options().write(true).open(&path).map_err(OpenError::io(&path))?;
    file.set_len(end as u64).map_err(OpenError::io(&path))?;
    sidecar.write(directory, number, own, end as u64);
    Ok(())
}

/// By a scan, since it has no sidecar yet; ready to be written on.
fn newest(
    directory: &Path,
    number: u32,
    marker: u64,
    replay: &mut Replay<'_>,
) -> Result<Active, OpenError> {
    let path = segment::path(directory, number);
    let bytes = fs::read(&path).map_err(OpenError::io(&path))?;
    let preface = Preface::of(&bytes, marker, number);
    // Where it was made, or made of an old one, in the moment of a crash, nothing is in it yet.
    if bytes.len() < PREFACE_BYTES || preface.number != number {
        return Active::create(directory, number, marker).map_err(OpenError::io(&path));
    }
    let own = preface.marker();
    let (sidecar, end) = scanned(&bytes, &path, number, own, replay)?;
    let file = File::options().read(true).write(true).open(&path).map_err(OpenError::io(&path))?;
    if end < bytes.len() {
        let lost = bytes.len() - end;
        if is_torn(&bytes[end..], own) {
            tracing::warn!(path = %path.display(), end, lost, "cut off a torn tail, in bytes");
        }
        file.set_len(end as u64).and_then(|()| file.sync_all()).map_err(OpenError::io(&path))?;
    }
    Ok(Active { number, marker: own, file: Arc::new(file), len: end as u64, sidecar })
}

/// Whether what follows the last sound record was to be one: it is marked so, or empty as a power
/// cut leaves it. Else it is of the segment which the file was before.
fn is_torn(tail: &[u8], marker: u64) -> bool {
    tail.starts_with(&[0; 8]) || memmem::find(tail, &marker.to_le_bytes()).is_some()
}

/// Replays every sound record, and says where the last of them ends.
fn scanned(
    bytes: &[u8],
    path: &Path,
    number: u32,
    marker: u64,
    replay: &mut Replay<'_>,
) -> Result<(Sidecar, usize), OpenError> {
    let mut sidecar = Sidecar::default();
    let end = scan(bytes, marker, |scanned| match scanned {
        Scanned::Record(found, record) => {
            sidecar.add(found.offset, record);
            replay.record(number, &found)
        }
        Scanned::Damaged { offset, bytes, why, front } => {
            let path = path.display();
            tracing::warn!(%path, offset, bytes, why, "skipped a damaged record");
            sidecar.damaged();
            if let Some(found) = front {
                replay.damaged(&found);
            }
            Ok(())
        }
    });
    end.map(|end| (sidecar, end)).map_err(|why| OpenError::Segment { path: path.to_owned(), why })
}
