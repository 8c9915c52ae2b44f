//! The record: how captures, and the changes of bins, stand in the log.
//!
//! A header of fixed size, then the front (the bin's name and what is small), then a capture's
//! body. Header, front and body have checksums of their own, so that a length can be trusted
//! without reading what it measures, and a summary without reading the body. Integers are
//! little-endian.

mod capture;
mod state;

use bytes::Bytes;
use hooklab_shared::capture::Capture;
use hooklab_shared::id::Seq;

pub(crate) use capture::{RECEIVED_BYTES, capture_bytes, encode_capture, received_at};
pub(crate) use state::{
    Put, decode_dropped, decode_runs, encode_change, encode_delete_many, encode_dropped,
    encode_put, encode_stray,
};

/// The length of a record's header in bytes.
pub(crate) const HEADER_BYTES: usize = 40;

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Capture = 1,
    /// The bin as it stands: made, or written again before an old segment goes.
    Put = 2,
    /// The bin is gone, and all in it.
    Drop = 3,
    /// Every capture up to and with `seq` is gone.
    Clear = 4,
    /// The capture `seq` is gone.
    Delete = 5,
    /// The stray `seq`, of no bin.
    Stray = 6,
    /// Retention has dropped every capture up to and with `seq`.
    Dropped = 7,
    /// Captures in runs of seqs are gone.
    DeleteMany = 8,
}

impl Kind {
    pub(crate) fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Capture,
            2 => Self::Put,
            3 => Self::Drop,
            4 => Self::Clear,
            5 => Self::Delete,
            6 => Self::Stray,
            7 => Self::Dropped,
            8 => Self::DeleteMany,
            _ => return None,
        })
    }
}

/// A record's header. The marker before it is a number of its segment's own that nobody can guess:
/// a body cannot hold a forged record, since whoever sent it does not know the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: u8,
    pub(crate) name_bytes: u8,
    pub(crate) front_bytes: u32,
    pub(crate) body_bytes: u32,
    pub(crate) seq: Seq,
    pub(crate) front_crc: u32,
    pub(crate) body_crc: u32,
}

/// Why a record cannot be read.
pub(crate) type Damage = &'static str;

impl Header {
    /// The header at the beginning of these bytes, if there is a sound one.
    pub(crate) fn read(bytes: &[u8], marker: u64) -> Option<Self> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        let mut fields = Fields(bytes);
        let found = fields.u64()?;
        let header = Self {
            kind: fields.u8()?,
            name_bytes: fields.u8()?,
            front_bytes: {
                fields.u16()?;
                fields.u32()?
            },
            body_bytes: fields.u32()?,
            seq: fields.u64()?,
            front_crc: fields.u32()?,
            body_crc: fields.u32()?,
        };
        let sound = fields.u32()? == crc32c::crc32c(&bytes[..HEADER_BYTES - 4]);
        (sound && found == marker && u32::from(header.name_bytes) <= header.front_bytes)
            .then_some(header)
    }

    /// All but the marker and the checksum, which come with [`stamp`].
    fn write(&self, into: &mut [u8]) {
        let mut bytes = [0; HEADER_BYTES];
        bytes[8] = self.kind;
        bytes[9] = self.name_bytes;
        bytes[12..16].copy_from_slice(&self.front_bytes.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.seq.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.front_crc.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.body_crc.to_le_bytes());
        into.copy_from_slice(&bytes);
    }

    /// Header, front and body together, in bytes.
    pub(crate) fn record_bytes(&self) -> u64 {
        self.head_bytes() as u64 + u64::from(self.body_bytes)
    }

    /// Header and front together, in bytes.
    pub(crate) fn head_bytes(&self) -> usize {
        HEADER_BYTES + self.front_bytes as usize
    }
}

/// What of a record is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// Without the body, which is left empty.
    Front,
}

/// Reads a capture's record, which must be the one of this bin and seq.
pub(crate) fn decode(
    record: &Bytes,
    marker: u64,
    part: Part,
    bin: &hooklab_shared::id::BinName,
    seq: Seq,
) -> Result<Capture, Damage> {
    let header = Header::read(record, marker).ok_or("its header is damaged")?;
    if header.kind != Kind::Capture as u8 || header.seq != seq {
        return Err("another record is in its place");
    }
    let front = record.get(HEADER_BYTES..header.head_bytes()).ok_or("it is cut off")?;
    if crc32c::crc32c(front) != header.front_crc {
        return Err("its head does not match its checksum");
    }
    if front.get(..header.name_bytes.into()) != Some(bin.as_str().as_bytes()) {
        return Err("another bin's record is in its place");
    }
    let front = record.slice(HEADER_BYTES + usize::from(header.name_bytes)..header.head_bytes());
    let body = match part {
        Part::Front => Bytes::new(),
        Part::Whole => body(record, &header)?,
    };
    capture::decode_capture(&front, body, bin, seq).ok_or("its head cannot be understood")
}

fn body(record: &Bytes, header: &Header) -> Result<Bytes, Damage> {
    let end = header.head_bytes() + header.body_bytes as usize;
    if record.len() < end {
        return Err("it is cut off");
    }
    let body = record.slice(header.head_bytes()..end);
    if crc32c::crc32c(&body) != header.body_crc {
        return Err("its body does not match its checksum");
    }
    Ok(body)
}

/// Leaves room for a header, and says where.
fn begin(into: &mut Vec<u8>) -> usize {
    let start = into.len();
    into.resize(start + HEADER_BYTES, 0);
    start
}

/// Marks the record that begins here as one of its segment, which is known when it is written.
pub(crate) fn stamp(record: &mut [u8], marker: u64) {
    let Some(header) = record.first_chunk_mut::<HEADER_BYTES>() else { return };
    header[..8].copy_from_slice(&marker.to_le_bytes());
    let crc = crc32c::crc32c(&header[..HEADER_BYTES - 4]);
    header[HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
}

/// Fills in the header of the record that began at `start` and whose front ends here; it is still
/// to be stamped.
fn seal(into: &mut [u8], start: usize, mut header: Header) {
    let front = &into[start + HEADER_BYTES..];
    header.front_bytes = u32::try_from(front.len()).unwrap_or(u32::MAX);
    header.front_crc = crc32c::crc32c(front);
    header.write(&mut into[start..start + HEADER_BYTES]);
}

/// Reads fields one after the other; `None` past the end.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }
}
