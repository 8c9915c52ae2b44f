//! HOT PATH. The records of one batch, as they are written by one call: what is small stands in one
//! buffer, a large body stays where it came in.

use std::fs::File;
use std::io::{self, IoSlice, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;

use crate::store::record;

/// A body from this length on, in bytes, is not copied: pointing at it costs less.
pub(super) const LARGE_BODY_BYTES: usize = 4 * 1024;

/// A buffer that grew beyond this for a large batch is given back, in bytes.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Records {
    bytes: Vec<u8>,
    /// Where in `bytes` each large body belongs.
    large: Vec<(usize, Bytes)>,
    large_bytes: usize,
}

/// Where a record is in its batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    /// Where it begins, from the beginning of the batch, in bytes.
    pub(super) offset: usize,
    /// The length of the record in bytes; 0 where there is none.
    pub(super) bytes: usize,
    /// The part of it that was copied, which is all but a large body.
    start: usize,
    copied: usize,
}

impl Records {
    /// What all of it takes, in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() + self.large_bytes
    }

    /// Adds what is encoded, and after it a body that was too large to be copied.
    pub(super) fn add(&mut self, encode: impl FnOnce(&mut Vec<u8>), body: Option<&Bytes>) -> Span {
        let (offset, start) = (self.len(), self.bytes.len());
        encode(&mut self.bytes);
        if let Some(body) = body {
            self.large.push((self.bytes.len(), body.clone()));
            self.large_bytes += body.len();
        }
        let copied = self.bytes.len() - start;
        Span { offset, bytes: self.len() - offset, start, copied }
    }

    /// A record without its large body.
    pub(super) fn copied(&self, span: &Span) -> &[u8] {
        &self.bytes[span.start..span.start + span.copied]
    }

    /// Marks a record as one of the segment that it is about to be written to.
    pub(super) fn stamp(&mut self, span: &Span, marker: u64) {
        record::stamp(&mut self.bytes[span.start..span.start + span.copied], marker);
    }

    /// Writes all of it from this offset of a file on, most often by one call.
    ///
    /// # Errors
    /// The disk is full, or fails; any part of it may then be written.
    pub(super) fn write(&self, mut file: &File, offset: u64) -> io::Result<()> {
        if self.large.is_empty() {
            return file.write_all_at(&self.bytes, offset);
        }
        let mut pieces = Vec::with_capacity(2 * self.large.len() + 1);
        let mut from = 0;
        for (at, body) in &self.large {
            pieces.push(IoSlice::new(&self.bytes[from..*at]));
            pieces.push(IoSlice::new(body));
            from = *at;
        }
        pieces.push(IoSlice::new(&self.bytes[from..]));
        // Only the writer moves the file's own position; everybody else says where.
        file.seek(SeekFrom::Start(offset))?;
        let mut left = &mut pieces[..];
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match file.write_vectored(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Empties it; keeps its buffers for the next, unless they are huge.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.large.clear();
        self.large_bytes = 0;
        if self.bytes.capacity() > KEPT_BYTES_MAX {
            self.bytes = Vec::new();
        }
    }

    /// What was copied of all records.
    #[cfg(test)]
    pub(super) fn copies(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn large_bodies_are_written_where_they_belong() {
        let mut records = Records::default();
        let body = |byte: u8| Bytes::from(vec![byte; LARGE_BODY_BYTES]);
        let mut expected = Vec::new();
        // More pieces than one call takes.
        for n in 0..2_000_u32 {
            let (head, body) = (n.to_le_bytes(), body(n.to_le_bytes()[0]));
            let large = (n % 3 > 0).then_some(&body);
            let span = records.add(|into| into.extend_from_slice(&head), large);
            assert_eq!(span.offset, expected.len());
            assert_eq!(records.copied(&span), head);
            expected.extend_from_slice(&head);
            expected.extend_from_slice(large.map_or(&[][..], |body| body));
            assert_eq!((records.len(), span.offset + span.bytes), (expected.len(), expected.len()));
        }
        let mut file = tempfile::tempfile().unwrap();
        records.write(&file, 3).unwrap();
        let mut found = Vec::new();
        file.seek(SeekFrom::Start(3)).unwrap();
        file.read_to_end(&mut found).unwrap();
        assert!(found == expected);
        records.clear();
        assert_eq!(records.len(), 0);
    }
}
