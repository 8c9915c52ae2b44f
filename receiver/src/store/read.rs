//! Reading captures, whichever engine keeps them.

use hooklab_shared::body::Body;
use hooklab_shared::capture::{Capture, Summary};

use super::bins::Bin;
use super::disk::Reader;
use super::error::StoreError;
use super::hub::SUMMED_BYTES_MAX;
use super::index::{At, Entry, Place, Range};
use super::record::Part;
use super::{Engine, Inner};

/// A list of whole captures in bytes of their records: as large as the largest of them.
const CAPTURES_BYTES_MAX: u64 = 32 * 1024 * 1024;

impl Inner {
    pub(super) fn read(&self, bin: &Bin, at: At) -> Result<Option<Capture>, StoreError> {
        let Some(entry) = bin.find(at) else { return Ok(None) };
        let read = self.fetch(bin, &entry, Part::Whole, &mut Reader::default());
        match read {
            Ok(capture) => Ok(Some(capture)),
            // Deleted meanwhile, and its segment with it.
            Err(_) if bin.find(At::Seq(entry.seq)).is_none() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads on behind what is damaged or was deleted meanwhile, so that a short page is the last.
    pub(super) fn summaries(
        &self,
        bin: &Bin,
        mut range: Range,
    ) -> Result<Vec<Summary>, StoreError> {
        let wanted = range.limit;
        let mut reader = Reader::default();
        let mut summaries = Vec::new();
        loop {
            let entries = bin.range(&range);
            for entry in &entries {
                summaries.extend(self.summary(bin, entry, &mut reader)?);
            }
            let rest = wanted.saturating_sub(summaries.len());
            let Some(last) = entries.last() else { break };
            if entries.len() < range.limit || rest == 0 {
                break;
            }
            range.limit = rest;
            match range.newest_first {
                true => range.before = Some(last.seq),
                false => range.after = Some(last.seq),
            }
        }
        Ok(summaries)
    }

    pub(super) fn captures(&self, bin: &Bin, range: Range) -> Result<Vec<Capture>, StoreError> {
        let mut reader = Reader::default();
        let mut bytes = 0;
        let mut captures = Vec::new();
        for entry in bin.range(&range) {
            bytes += entry.place.bytes();
            captures.push(self.fetch(bin, &entry, Part::Whole, &mut reader)?);
            if bytes >= CAPTURES_BYTES_MAX {
                break;
            }
        }
        Ok(captures)
    }

    /// `None` where it is damaged or gone.
    fn summary(
        &self,
        bin: &Bin,
        entry: &Entry,
        reader: &mut Reader,
    ) -> Result<Option<Summary>, StoreError> {
        let part = match entry.place.bytes() <= SUMMED_BYTES_MAX {
            true => Part::Whole,
            false => Part::Front,
        };
        match self.fetch(bin, entry, part, reader) {
            Ok(capture) => Ok(Some(capture.summary())),
            Err(_) if bin.find(At::Seq(entry.seq)).is_none() => Ok(None),
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::warn!(bin = %bin.name, "a capture is left out: failed to {error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn fetch(
        &self,
        bin: &Bin,
        entry: &Entry,
        part: Part,
        reader: &mut Reader,
    ) -> Result<Capture, StoreError> {
        match (&entry.place, &self.engine) {
            (Place::Memory(capture), _) if part == Part::Whole => Ok(Capture::clone(capture)),
            (Place::Memory(capture), _) => {
                Ok(Capture { body: Body::default(), ..Capture::clone(capture) })
            }
            (Place::Disk(location), Engine::Disk(disk)) => {
                reader.read(disk, *location, part, &bin.name, entry.seq)
            }
            (Place::Disk(_), Engine::Memory(_)) => Err(StoreError::failed("it has no disk")),
        }
    }
}
