//! The log read on from a place: what SQLite has not been told yet.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};

use super::{Attempts, Begun, Line, Place, Segment, Spot};
use crate::store::StoreError;

/// What a line tells.
#[derive(Debug)]
pub(in crate::store) enum Told {
    /// Attempts begin.
    Begun(Begun),
    /// One is over.
    Over(Box<Line>),
}

impl Attempts {
    /// Tells every line behind this place, in order. One that does not parse is left out: the disk
    /// lost it.
    pub(in crate::store) fn each_from(
        &self,
        from: Place,
        mut tell: impl FnMut(Spot, Told) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let end = self.end();
        for segment in from.segment..=end.segment {
            let begin = if segment == from.segment { from.offset } else { 0 };
            let until = if segment == end.segment { end.offset } else { u64::MAX };
            let mut lines = match self.reader(segment, begin, until) {
                Ok(Some(lines)) => lines,
                Ok(None) => continue,
                Err(error) => return Err(StoreError::io("read", &self.path(segment), &error)),
            };
            let (mut offset, mut line) = (begin, Vec::new());
            loop {
                line.clear();
                let read = lines.read_until(b'\n', &mut line);
                let read =
                    read.map_err(|error| StoreError::io("read", &self.path(segment), &error))?;
                if line.pop() != Some(b'\n') {
                    break;
                }
                match parsed(&line) {
                    Ok(told) => tell(Spot { segment, offset, bytes: line.len() as u64 }, told)?,
                    Err(error) => {
                        tracing::warn!(segment, offset, %error, "a line of the log does not parse");
                    }
                }
                offset += read as u64;
            }
        }
        Ok(())
    }

    /// A segment from one place to another; none where it is gone.
    fn reader(
        &self,
        segment: u32,
        begin: u64,
        until: u64,
    ) -> io::Result<Option<Box<dyn io::BufRead>>> {
        match self.lock().kept.get(&segment) {
            None => return Ok(None),
            Some(Segment::Memory(kept)) => {
                let begin = usize::try_from(begin).unwrap_or(usize::MAX);
                let rest = kept.get(begin..).unwrap_or_default().to_vec();
                return Ok(Some(Box::new(io::Cursor::new(rest))));
            }
            Some(Segment::Disk) => {}
        }
        let mut file = File::open(self.path(segment))?;
        file.seek(SeekFrom::Start(begin))?;
        Ok(Some(Box::new(BufReader::new(file.take(until.saturating_sub(begin))))))
    }
}

fn parsed(line: &[u8]) -> Result<Told, serde_json::Error> {
    if line.starts_with(b"{\"began_at\"") {
        return serde_json::from_slice(line).map(Told::Begun);
    }
    serde_json::from_slice(line).map(|line| Told::Over(Box::new(line)))
}
