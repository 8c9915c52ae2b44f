//! Finds the records of a segment, and where it is damaged.

use memchr::memmem;

use crate::store::disk::segment::PREFACE_BYTES;
use crate::store::record::{Damage, HEADER_BYTES, Header};

/// A record as replay needs it.
#[derive(Debug)]
pub(in crate::store::disk) struct Found<'a> {
    /// Where it begins in its segment.
    pub(in crate::store::disk) offset: u32,
    pub(in crate::store::disk) header: Header,
    /// The front; of a capture at least the bin's name.
    pub(in crate::store::disk) front: &'a [u8],
}

/// What a scan comes upon.
pub(in crate::store::disk) enum Scanned<'a> {
    /// A sound record, and all its bytes.
    Record(Found<'a>, &'a [u8]),
    Damaged {
        offset: usize,
        bytes: usize,
        why: Damage,
        /// The record, if at least its header and front can be trusted.
        front: Option<Found<'a>>,
    },
}

/// Tells every record and every damaged stretch, in order; returns the end of the last record.
///
/// What follows that end is a torn tail: nothing in it is a record.
pub(in crate::store::disk) fn scan<'a>(
    bytes: &'a [u8],
    marker: u64,
    mut on: impl FnMut(Scanned<'a>) -> Result<(), String>,
) -> Result<usize, String> {
    let mut at = PREFACE_BYTES.min(bytes.len());
    let mut end = at;
    loop {
        let Some(start) = next_record(bytes, at, marker) else { return Ok(end) };
        if start > at {
            let why = "no record begins here";
            on(Scanned::Damaged { offset: at, bytes: start - at, why, front: None })?;
        }
        let Some(header) = Header::read(&bytes[start..], marker) else { return Ok(end) };
        let record = &bytes[start..start + header.record_bytes() as usize];
        on(checked(start, header, record))?;
        at = start + record.len();
        end = at;
    }
}

/// Where the next record begins: here, or where the directory's marker and a sound header are.
fn next_record(bytes: &[u8], at: usize, marker: u64) -> Option<usize> {
    let fits = |start: &usize| {
        let rest = &bytes[*start..];
        Header::read(rest, marker).is_some_and(|header| header.record_bytes() <= rest.len() as u64)
    };
    if fits(&at) {
        return Some(at);
    }
    let needle = marker.to_le_bytes();
    memmem::find_iter(&bytes[at..], &needle).map(|found| at + found).find(fits)
}

fn checked<'a>(start: usize, header: Header, record: &'a [u8]) -> Scanned<'a> {
    let (front, body) = record[HEADER_BYTES..].split_at(header.front_bytes as usize);
    let front_is_sound = crc32c::crc32c(front) == header.front_crc;
    let found = Found { offset: start as u32, header, front };
    if front_is_sound && crc32c::crc32c(body) == header.body_crc {
        return Scanned::Record(found, record);
    }
    Scanned::Damaged {
        offset: start,
        bytes: record.len(),
        why: if front_is_sound { "a body does not match its checksum" } else { "a front does not" },
        front: front_is_sound.then_some(found),
    }
}
