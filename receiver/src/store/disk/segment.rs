//! One file of the log.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::log::Log;
use super::records::Records;
use super::sidecar::Sidecar;
use crate::store::record::HEADER_BYTES;

/// The length of a segment's own header in bytes.
pub(super) const PREFACE_BYTES: usize = 24;

const MAGIC: &[u8; 8] = b"hooklab\x01";

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) number: u32,
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

/// A segment's own header: which directory's it is, and which of its segments.
pub(super) fn preface(marker: u64, number: u32) -> [u8; PREFACE_BYTES] {
    let mut bytes = [0; PREFACE_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&marker.to_le_bytes());
    bytes[16..20].copy_from_slice(&number.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..20]);
    bytes[20..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The marker of a segment's header, if it is sound.
pub(super) fn marker(bytes: &[u8]) -> Option<u64> {
    let bytes: &[u8; PREFACE_BYTES] = bytes.first_chunk()?;
    let (covered, crc) = bytes.split_at(20);
    let marker = u64::from_le_bytes(*covered.get(8..)?.first_chunk()?);
    (covered.starts_with(MAGIC) && crc == crc32c::crc32c(covered).to_le_bytes()).then_some(marker)
}

impl Active {
    /// Makes a segment; what an earlier attempt left of it goes.
    pub(super) fn create(directory: &Path, number: u32, marker: u64) -> io::Result<Self> {
        let path = path(directory, number);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        // The directory keeps others out already; a copy of the file should too.
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        file.write_all_at(&preface(marker, number), 0)?;
        Ok(Self {
            number,
            file: Arc::new(file),
            len: PREFACE_BYTES as u64,
            sidecar: Sidecar::default(),
        })
    }

    /// Whether a batch still belongs into it.
    pub(super) fn takes(&self, bytes: usize, segment_bytes: u64) -> bool {
        self.len == PREFACE_BYTES as u64 || self.len + bytes as u64 <= segment_bytes
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
