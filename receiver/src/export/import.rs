//! Lines that come back, and why one is refused.

use std::io::{self, BufRead, Read as _};

use hooklab_shared::limits::Limits;
use thiserror::Error;

/// Why an import was refused, and where.
#[derive(Debug, Error)]
#[error("import line {line}: {why}")]
pub struct ImportError {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: Refusal,
}

/// What is wrong with a line.
#[derive(Debug, Error)]
pub enum Refusal {
    /// It could not be read.
    #[error("it cannot be read ({0})")]
    Read(#[source] io::Error),
    /// It is longer than any capture within the limits.
    #[error(
        "it is longer than {max} bytes, which is more than any capture within the limits takes"
    )]
    TooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// It is no JSON, or not of a capture's shape.
    #[error("it is not a capture ({0}): import what `hooklab export --format ndjson` wrote")]
    NotACapture(String),
    /// A part of the wire is no base64.
    #[error("its `wire.{part}` is not base64 ({why})")]
    NotBase64 {
        /// `head` or `body`.
        part: &'static str,
        /// What is wrong with it.
        why: base64::DecodeError,
    },
    /// A part of the capture is over the limit.
    #[error(
        "its {part} takes {bytes} bytes and the limit is {max}: raise the limit or leave it out"
    )]
    OverLimit {
        /// `head` or `body`.
        part: &'static str,
        /// How many bytes it takes.
        bytes: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// What is told and what came on the wire differ: somebody edited one of them.
    #[error("its `{field}` is not what `wire` holds: it was edited or damaged, export it again")]
    Disagrees {
        /// The field that was told.
        field: &'static str,
    },
    /// The first line is not a bundle's.
    #[error("it does not begin a bundle: import it as NDJSON, if that is what it is")]
    NotABundle,
    /// What the bundle tells of its bin cannot be read.
    #[error("the bundle's bin cannot be read ({0}): a newer release may have written it")]
    BadBundle(String),
    /// The bundle is of another release.
    #[error("the bundle's version is {v} and this release reads 1: use the release that wrote it")]
    OtherVersion {
        /// The version it tells.
        v: u64,
    },
    /// The bundle breaks off.
    #[error("the bundle ends after {held} of its {told} captures: it is torn, export it again")]
    Torn {
        /// How many are in it.
        held: u64,
        /// How many its first line tells of.
        told: u64,
    },
    /// The bundle goes on where it should have ended.
    #[error("the bundle goes on after its end: it is damaged, export it again")]
    Overlong,
    /// The bundle's counts are not those of its lines.
    #[error("the bundle holds {held} captures and tells of {told}: it is damaged, export it again")]
    Miscounted {
        /// How many are in it.
        held: u64,
        /// How many it tells of.
        told: u64,
    },
    /// The bundle's digest is not that of its lines.
    #[error("the bundle's SHA-256 is not that of its lines: it is damaged, export it again")]
    Damaged,
}

impl Refusal {
    pub(crate) fn at(self, line: u64) -> ImportError {
        ImportError { line, why: self }
    }
}

/// The longest line in bytes: in JSON text takes up to six bytes for one and in chunks of one byte
/// as much, then a third more in base64; heads are small and told several times.
#[must_use]
pub fn line_bytes_max(limits: &Limits) -> usize {
    let told = limits.body_bytes_max.saturating_mul(6 + 8);
    told.saturating_add(limits.head_bytes_max.saturating_mul(32)).saturating_add(64 * 1024)
}

/// Lines of bounded length, numbered from 1.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    bytes_max: usize,
    number: u64,
    line: Vec<u8>,
    failed: bool,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R, limits: &Limits) -> Self {
        let bytes_max = line_bytes_max(limits);
        Self { reader, bytes_max, number: 0, line: Vec::new(), failed: false }
    }

    /// The number of the line read last.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line with its newline, if it has one; none at the end and after a failure.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, ImportError> {
        if self.failed {
            return Ok(None);
        }
        self.line.clear();
        self.number += 1;
        let most = u64::try_from(self.bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        let read = (&mut self.reader).take(most).read_until(b'\n', &mut self.line);
        let refusal = match read {
            Ok(0) => return Ok(None),
            Ok(bytes) if bytes <= self.bytes_max => return Ok(Some(&self.line)),
            Ok(_) => Refusal::TooLong { max: self.bytes_max },
            Err(error) => Refusal::Read(error),
        };
        self.failed = true;
        Err(refusal.at(self.number))
    }

    pub(crate) fn into_inner(self) -> R {
        self.reader
    }
}
