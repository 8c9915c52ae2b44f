//! Reading captures, whichever engine keeps them.

use std::ops::ControlFlow;

use hooklab_shared::body::Body;
use hooklab_shared::capture::{Capture, Summary};

use super::bin::Bin;
use super::disk::Reader;
use super::error::StoreError;
use super::hub::SUMMED_BYTES_MAX;
use super::index::{At, Entry, Place, Range};
use super::record::Part;
use super::{Engine, Inner};

/// A list of whole captures in bytes of their records: as large as the largest of them.
const CAPTURES_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Entries that are copied out of an index at once.
const ENTRIES_AT_ONCE: usize = 512;

/// How much of each capture is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// All of it.
    Whole,
    /// What a summary needs: of a large one all but the body.
    Summed,
}

impl Inner {
    pub(super) fn read(&self, bin: &Bin, at: At) -> Result<Option<Capture>, StoreError> {
        let Some(entry) = bin.find(at) else { return Ok(None) };
        self.fetch(bin, &entry, Part::Whole, &mut Reader::default())
    }

    pub(super) fn summaries(&self, bin: &Bin, range: Range) -> Result<Vec<Summary>, StoreError> {
        let mut summaries = Vec::new();
        self.each(bin, range, Parts::Summed, |capture, _| {
            summaries.push(capture.summary());
            ControlFlow::Continue(())
        })?;
        Ok(summaries)
    }

    pub(super) fn captures(&self, bin: &Bin, range: Range) -> Result<Vec<Capture>, StoreError> {
        let (mut captures, mut read) = (Vec::new(), 0);
        self.each(bin, range, Parts::Whole, |capture, bytes| {
            captures.push(capture);
            read += bytes;
            if read < CAPTURES_BYTES_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(captures)
    }

    /// Hands over the captures of a range with their records' lengths in bytes, until told to
    /// stop. Reads on behind what is damaged or was deleted meanwhile, so that a short list is the
    /// last.
    pub(super) fn each(
        &self,
        bin: &Bin,
        mut range: Range,
        parts: Parts,
        mut on: impl FnMut(Capture, u64) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut left = range.limit;
        let mut reader = Reader::default();
        loop {
            range.limit = left.min(ENTRIES_AT_ONCE);
            let entries = bin.range(&range);
            for entry in &entries {
                let bytes = entry.place.bytes();
                let Some(capture) = self.readable(bin, entry, parts, &mut reader)? else {
                    continue;
                };
                left -= 1;
                if on(capture, bytes).is_break() {
                    return Ok(());
                }
            }
            let Some(last) = entries.last() else { return Ok(()) };
            if entries.len() < range.limit || left == 0 {
                return Ok(());
            }
            match range.newest_first {
                true => range.before = Some(last.seq),
                false => range.after = Some(last.seq),
            }
        }
    }

    /// `None` where it is damaged or gone.
    fn readable(
        &self,
        bin: &Bin,
        entry: &Entry,
        parts: Parts,
        reader: &mut Reader,
    ) -> Result<Option<Capture>, StoreError> {
        let part = match parts {
            Parts::Summed if entry.place.bytes() > SUMMED_BYTES_MAX => Part::Front,
            Parts::Summed | Parts::Whole => Part::Whole,
        };
        match self.fetch(bin, entry, part, reader) {
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::warn!(bin = %bin.name, "a capture is left out: failed to {error}");
                Ok(None)
            }
            read => read,
        }
    }

    /// `None` where it was deleted meanwhile.
    fn fetch(
        &self,
        bin: &Bin,
        entry: &Entry,
        part: Part,
        reader: &mut Reader,
    ) -> Result<Option<Capture>, StoreError> {
        match (&entry.place, &self.engine) {
            (Place::Memory(capture), _) if part == Part::Whole => Ok(Some(Capture::clone(capture))),
            (Place::Memory(capture), _) => {
                Ok(Some(Capture { body: Body::default(), ..Capture::clone(capture) }))
            }
            (Place::Disk(location), Engine::Disk(disk)) => {
                let read = reader.read(disk, *location, part, &bin.name, entry.seq);
                match read {
                    Ok(capture) => Ok(Some(capture)),
                    Err(_) => self.fetch_again(disk, bin, entry, part, reader),
                }
            }
            (Place::Disk(_), Engine::Memory(_)) => Err(StoreError::failed("it has no disk")),
        }
    }

    /// Once more, while nothing is moved: a record that could not be read may lie elsewhere by now,
    /// or have been deleted and its segment with it.
    fn fetch_again(
        &self,
        disk: &super::disk::Disk,
        bin: &Bin,
        entry: &Entry,
        part: Part,
        reader: &mut Reader,
    ) -> Result<Option<Capture>, StoreError> {
        let _still = disk.hold_still();
        reader.forget();
        let Some(Entry { place: Place::Disk(location), .. }) = bin.find(At::Seq(entry.seq)) else {
            return Ok(None);
        };
        reader.read(disk, location, part, &bin.name, entry.seq).map(Some)
    }
}
