//! Attempts as they went: a log of lines beside SQLite, which only knows where a delivery's newest
//! line is. Each line says where the one before it of the same delivery is.
//!
//! Files in the store's directory, one JSON object a line. A turn's lines are written at once, and
//! before the commit that refers to them: whatever SQLite does not know yet is told to it again
//! from here. The log is never synced: what a power cut takes of it is told as lost.

mod line;
mod reading;
mod sweep;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::StoreError;
pub(super) use line::{Begun, Line, Lines, NewLine, Newest, Next, interrupted};
pub(crate) use line::{Place, Spot};
pub(super) use reading::Told;

/// A segment that is longer than this is followed by another: what retention gives back at once.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// How the files are called: `attempts-000001.ndjson`, and so on.
const NAME: (&str, &str) = ("attempts-", ".ndjson");

/// The log. The store's writer alone adds to it; whoever reads does so beside it.
#[derive(Debug)]
pub(super) struct Attempts {
    /// None where it is in memory.
    directory: Option<PathBuf>,
    segments: Mutex<Segments>,
    /// What is longer is followed by another.
    segment_bytes: u64,
}

#[derive(Debug, Default)]
struct Segments {
    kept: BTreeMap<u32, Segment>,
    /// The newest, where it is a file; the others are opened by whoever reads them, since there
    /// may be more of them than a process may have open.
    file: Option<File>,
    /// Where the newest ends.
    end: u64,
    /// A write failed, and half a line may stand behind the end.
    is_torn: bool,
    sweeping: sweep::Sweeping,
}

#[derive(Debug)]
enum Segment {
    Memory(Vec<u8>),
    Disk,
}

impl Segments {
    fn end(&self) -> Place {
        let segment = self.kept.last_key_value().map_or(0, |(&number, _)| number);
        Place { segment, offset: self.end }
    }
}

impl Attempts {
    /// One that is gone with the process.
    pub(super) fn in_memory() -> Self {
        Self { directory: None, segments: Mutex::default(), segment_bytes: SEGMENT_BYTES }
    }

    /// Opens what is in this directory. A last line that is not whole is cut off.
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        let directory = Some(directory.to_owned());
        let attempts = Self { directory, ..Self::in_memory() };
        let mut segments = Segments::default();
        let path = attempts.directory.as_deref().unwrap_or(Path::new("."));
        for entry in
            std::fs::read_dir(path).map_err(|error| StoreError::io("read", path, &error))?
        {
            let entry = entry.map_err(|error| StoreError::io("read", path, &error))?;
            if let Some(number) = number(&entry.path()) {
                segments.kept.insert(number, Segment::Disk);
            }
        }
        if let Some((&newest, _)) = segments.kept.last_key_value() {
            let path = attempts.path(newest);
            let file = open(&path).map_err(|error| StoreError::io("open", &path, &error))?;
            segments.end = whole(&file).map_err(|error| StoreError::io("read", &path, &error))?;
            segments.file = Some(file);
        }
        *attempts.lock() = segments;
        Ok(attempts)
    }

    /// Empties it: what is in it belongs to a move that did not come to its end.
    pub(super) fn clear(&self) {
        self.remove_before(u32::MAX);
        *self.lock() = Segments::default();
    }

    /// SQLite knows of lines up to this place. Where that is behind the end, a power cut took them,
    /// and it is never used again: it would be told as something else.
    pub(super) fn go_past(&self, known: Place) -> Result<(), StoreError> {
        let mut segments = self.lock();
        if known > segments.end() {
            self.roll(&mut segments, known.segment + 1)?;
        }
        Ok(())
    }

    /// Where the next line will be, unless it is in the next segment.
    pub(super) fn end(&self) -> Place {
        self.lock().end()
    }

    /// Lines to be added next.
    pub(super) fn lines(&self) -> Lines {
        let segments = self.lock();
        let (segment, offset) = match segments.kept.last_key_value() {
            Some((&number, _)) if segments.end < self.segment_bytes => (number, segments.end),
            Some((&number, _)) => (number + 1, 0),
            None => (1, 0),
        };
        Lines::at(segment, offset)
    }

    /// Adds them, all or none.
    pub(super) fn append(&self, lines: &Lines) -> Result<(), StoreError> {
        if lines.text().is_empty() {
            return Ok(());
        }
        let mut segments = self.lock();
        let (number, begin) = lines.begin();
        if !segments.kept.contains_key(&number) {
            self.roll(&mut segments, number)?;
        }
        let Segments { kept, file, is_torn, end, .. } = &mut *segments;
        if let Some(Segment::Memory(kept)) = kept.get_mut(&number) {
            kept.extend_from_slice(lines.text());
        } else if let Some(file) = file {
            let written = write(file, begin, lines.text(), *is_torn);
            *is_torn = written.is_err();
            written.map_err(|error| StoreError::io("write", &self.path(number), &error))?;
        }
        *end = begin + lines.text().len() as u64;
        Ok(())
    }

    /// Makes what was added safe from a power cut.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        for (&number, segment) in &self.lock().kept {
            let path = self.path(number);
            if let Segment::Disk = segment {
                let synced = File::open(&path).and_then(|file| file.sync_data());
                synced.map_err(|error| StoreError::io("sync", &path, &error))?;
            }
        }
        if let Some(directory) = &self.directory {
            let synced = File::open(directory).and_then(|directory| directory.sync_all());
            synced.map_err(|error| StoreError::io("sync", directory, &error))?;
        }
        Ok(())
    }

    /// The line that is there, if it is one.
    fn line(&self, spot: Spot) -> Option<Line> {
        let length = usize::try_from(spot.bytes).ok()?;
        if let Segment::Memory(kept) = self.lock().kept.get(&spot.segment)? {
            let begin = usize::try_from(spot.offset).ok()?;
            return serde_json::from_slice(kept.get(begin..begin.checked_add(length)?)?).ok();
        }
        let file = File::open(self.path(spot.segment)).ok()?;
        // What a damaged place says is no reason to take any amount of memory.
        if spot.end().offset > file.metadata().ok()?.len() {
            return None;
        }
        let mut line = vec![0; length];
        file.read_exact_at(&mut line, spot.offset).ok()?;
        serde_json::from_slice(&line).ok()
    }

    /// Begins a segment.
    fn roll(&self, segments: &mut Segments, number: u32) -> Result<(), StoreError> {
        let segment = if self.directory.is_some() {
            let path = self.path(number);
            let file = open(&path).and_then(|file| file.set_len(0).map(|()| file));
            segments.file = Some(file.map_err(|error| StoreError::io("make", &path, &error))?);
            Segment::Disk
        } else {
            Segment::Memory(Vec::new())
        };
        segments.kept.insert(number, segment);
        segments.end = 0;
        segments.is_torn = false;
        segments.sweeping.rolled();
        Ok(())
    }

    fn path(&self, number: u32) -> PathBuf {
        let (before, after) = NAME;
        let directory = self.directory.clone().unwrap_or_default();
        directory.join(format!("{before}{number:06}{after}"))
    }

    fn lock(&self) -> MutexGuard<'_, Segments> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number in a segment's name; none where it is something else.
fn number(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix(NAME.0)?.strip_suffix(NAME.1)?.parse().ok()
}

/// What was sent may be secret, so nobody else on the machine may read it.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).read(true).append(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// One write; where it fails, what was written of it goes again, now or before the next one.
fn write(mut file: &File, begin: u64, text: &[u8], is_torn: bool) -> io::Result<()> {
    if is_torn {
        file.set_len(begin)?;
    }
    file.write_all(text).inspect_err(|_| drop(file.set_len(begin)))
}

/// Where the last whole line ends; what stands behind it is cut off.
fn whole(file: &File) -> io::Result<u64> {
    const CHUNK: u64 = 64 * 1024;
    let length = file.metadata()?.len();
    let mut end = length;
    let mut chunk = Vec::new();
    while end > 0 {
        let begin = end.saturating_sub(CHUNK);
        chunk.resize(usize::try_from(end - begin).unwrap_or(0), 0);
        file.read_exact_at(&mut chunk, begin)?;
        if let Some(at) = chunk.iter().rposition(|&byte| byte == b'\n') {
            end = begin + at as u64 + 1;
            break;
        }
        end = begin;
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(end)
}
