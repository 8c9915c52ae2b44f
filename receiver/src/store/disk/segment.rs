//! One file of the log.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::log::Log;
use super::records::Records;
use super::sidecar::Sidecar;
use super::spare::Spare;
use crate::store::record::HEADER_BYTES;

/// The length of a segment's own header in bytes.
pub(super) const PREFACE_BYTES: usize = 24;

/// The second of its kind: in the first, the directory's number marked every record.
const MAGIC: &[u8; 8] = b"hooklab\x02";
const FIRST_MAGIC: &[u8; 8] = b"hooklab\x01";

/// What the markers of two neighbouring segments differ by: 2^64 divided by the golden ratio.
const MARKER_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A segment's own header: which directory's it is, and which of its segments.
///
/// Each segment marks its records in its own way, since a file that becomes another segment still
/// holds records of the one that it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Preface {
    /// The directory's own random number.
    pub(super) directory: u64,
    pub(super) number: u32,
    is_first: bool,
}

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) number: u32,
    /// What stands before each of its records.
    pub(super) marker: u64,
    pub(super) file: Arc<File>,
    /// Up to where it is good, in bytes.
    pub(super) len: u64,
    pub(super) sidecar: Sidecar,
}

/// A segment's file name: zero-padded, so that names sort as the log does.
pub(super) fn path(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{number:010}.seg"))
}

/// The number in a segment's file name.
pub(super) fn number(name: &str) -> Option<u32> {
    name.strip_suffix(".seg")?.parse().ok()
}

/// Opens a segment for reading, with its own header; where that is damaged, as it should be.
pub(super) fn open(directory: &Path, number: u32, marker: u64) -> io::Result<(File, Preface)> {
    let file = File::open(path(directory, number))?;
    let mut bytes = [0; PREFACE_BYTES];
    match file.read_exact_at(&mut bytes, 0) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok((file, Preface::of(&bytes, marker, number))),
    }
}

impl Preface {
    pub(super) fn new(directory: u64, number: u32) -> Self {
        Self { directory, number, is_first: false }
    }

    /// The one at the beginning of a segment, if it is sound.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; PREFACE_BYTES] = bytes.first_chunk()?;
        let (covered, crc) = bytes.split_at(20);
        let (magic, rest) = covered.split_first_chunk::<8>()?;
        let (directory, number) = rest.split_first_chunk::<8>()?;
        let is_known = magic == MAGIC || magic == FIRST_MAGIC;
        (is_known && crc == crc32c::crc32c(covered).to_le_bytes()).then_some(Self {
            directory: u64::from_le_bytes(*directory),
            number: u32::from_le_bytes(*number.first_chunk()?),
            is_first: magic == FIRST_MAGIC,
        })
    }

    /// The one at the beginning of this segment; where it is damaged, as it should be.
    pub(super) fn of(bytes: &[u8], directory: u64, number: u32) -> Self {
        Self::read(bytes).unwrap_or_else(|| Self::new(directory, number))
    }

    pub(super) fn bytes(&self) -> [u8; PREFACE_BYTES] {
        let mut bytes = [0; PREFACE_BYTES];
        bytes[..8].copy_from_slice(if self.is_first { FIRST_MAGIC } else { MAGIC });
        bytes[8..16].copy_from_slice(&self.directory.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.number.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..20]);
        bytes[20..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// What stands before each record of the segment.
    pub(super) fn marker(&self) -> u64 {
        let step = if self.is_first { 0 } else { MARKER_STEP };
        self.directory.wrapping_add(u64::from(self.number).wrapping_mul(step))
    }
}

impl Active {
    /// Makes a segment; what an earlier attempt left of it goes.
    pub(super) fn create(directory: &Path, number: u32, marker: u64) -> io::Result<Self> {
        Self::begin(directory, Preface::new(marker, number), true)
    }

    /// Makes a segment out of a dead one, if there is one to spare.
    pub(super) fn next(directory: &Path, preface: Preface, spare: &Spare) -> io::Result<Self> {
        let is_spared = spare.take(&path(directory, preface.number));
        Self::begin(directory, preface, !is_spared)
    }

    fn begin(directory: &Path, preface: Preface, truncate: bool) -> io::Result<Self> {
        let path = path(directory, preface.number);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(truncate);
        // The directory keeps others out already; a copy of the file should too.
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        // One without its header would ask the next start for room.
        file.write_all_at(&preface.bytes(), 0).inspect_err(|_| drop(fs::remove_file(&path)))?;
        Ok(Self {
            number: preface.number,
            marker: preface.marker(),
            file: Arc::new(file),
            len: PREFACE_BYTES as u64,
            sidecar: Sidecar::default(),
        })
    }

    /// Whether a batch still belongs into it.
    pub(super) fn takes(&self, bytes: usize, segment_bytes: u64) -> bool {
        self.is_empty() || self.len + bytes as u64 <= segment_bytes
    }

    /// Whether nothing has been written to it.
    pub(super) fn is_empty(&self) -> bool {
        self.len == PREFACE_BYTES as u64
    }

    /// Writes a batch behind what is good, by one call; says where it begins.
    #[cfg_attr(not(test), expect(unused_variables, reason = "only tests inject faults"))]
    pub(super) fn write(&mut self, records: &Records, log: &Log) -> io::Result<u64> {
        #[cfg(test)]
        log.faults.write(&self.file, records.copies(), self.len)?;
        records.write(&self.file, self.len)?;
        let offset = self.len;
        self.len += records.len() as u64;
        Ok(offset)
    }

    /// Cuts off what is left of the segment that the file was before.
    pub(super) fn trim(&self) {
        if let Err(error) = self.file.set_len(self.len) {
            tracing::warn!(number = self.number, %error, "a segment keeps more room than it needs");
        }
    }

    /// Cuts off what a failed write left.
    #[cfg_attr(not(test), expect(unused_variables, reason = "only tests inject faults"))]
    pub(super) fn cut(&self, log: &Log) -> io::Result<()> {
        #[cfg(test)]
        super::faults::Faults::fail_if(&log.faults.no_cut)?;
        self.file.set_len(self.len)
    }

    /// Notes a record that has been written; a large body may be left out.
    pub(super) fn note(&mut self, offset: u64, record: &[u8]) {
        debug_assert!(record.len() >= HEADER_BYTES, "a record has a header");
        self.sidecar.add(offset as u32, record);
    }
}
