//! Reads records back. Files are opened as they are needed: descriptors are for connections.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use hooklab_shared::capture::Capture;
use hooklab_shared::id::{BinName, Seq};

use super::Disk;
use super::segment;
use crate::store::error::StoreError;
use crate::store::index::Location;
use crate::store::record::{self, HEADER_BYTES, Header, Part};

/// What is read first of a record whose body is not wanted, in bytes: most heads are in it.
const FIRST_BYTES: usize = 4 * 1024;

/// Reads of one list: neighbours are mostly in one file.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    open: Option<Open>,
}

/// A segment's file, and what stands before its records.
#[derive(Debug)]
struct Open {
    number: u32,
    file: File,
    marker: u64,
}

impl Reader {
    /// Opens files anew: one that is open may have been replaced.
    pub(crate) fn forget(&mut self) {
        self.open = None;
    }

    pub(crate) fn read(
        &mut self,
        disk: &Disk,
        location: Location,
        part: Part,
        bin: &BinName,
        seq: Seq,
    ) -> Result<Capture, StoreError> {
        let path = segment::path(&disk.log.path, location.segment);
        let damaged = |why: &str| StoreError::Damaged {
            seq,
            why: format!("{why}, in {} at {}", path.display(), location.offset).into(),
        };
        let (record, marker) =
            self.fetch(disk, location, part).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => damaged("the segment ends before it"),
                _ => StoreError::failed(format!("{}: {error}", path.display())),
            })?;
        record::decode(&record, marker, part, bin, seq).map_err(damaged)
    }

    fn fetch(&mut self, disk: &Disk, location: Location, part: Part) -> io::Result<(Bytes, u64)> {
        let Open { file, marker, .. } = match &mut self.open {
            Some(open) if open.number == location.segment => open,
            open => {
                let number = location.segment;
                let (file, preface) = segment::open(&disk.log.path, number, disk.log.marker)?;
                open.insert(Open { number, file, marker: preface.marker() })
            }
        };
        let whole = location.bytes as usize;
        let first = match part {
            Part::Whole => whole,
            Part::Front => whole.min(FIRST_BYTES),
        };
        let record = read_at(file, location.offset, first)?;
        let wanted = match Header::read(&record, *marker) {
            Some(header) if part == Part::Front => header.head_bytes().min(whole),
            _ => first,
        };
        if wanted <= first {
            return Ok((record.into(), *marker));
        }
        Ok((read_at(file, location.offset, wanted)?.into(), *marker))
    }
}

fn read_at(file: &File, offset: u32, bytes: usize) -> io::Result<Vec<u8>> {
    let mut record = vec![0; bytes.max(HEADER_BYTES)];
    file.read_exact_at(&mut record, offset.into())?;
    Ok(record)
}
