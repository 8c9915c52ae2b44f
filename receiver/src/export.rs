//! Taking captures away: as commands for curl, as HAR, as NDJSON that can be imported again, as a
//! bundle of one bin.
//!
//! Everything is written as the captures come, one at a time, so that a bin of a million takes no
//! more memory than its largest capture.

pub mod bundle;
pub mod curl;
pub mod har;
pub mod import;
pub mod ndjson;

use std::io::{self, Write};

use hooklab_shared::capture::{Capture, SignatureVerdict};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::store::StoreError;

/// What captures can be exported as, one by one.
///
/// ```
/// use hooklab_receiver::export::Format;
/// assert_eq!(Format::Har.as_str(), "har");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A curl command a capture, for a POSIX shell.
    Curl,
    /// An HTTP Archive, version 1.2.
    Har,
    /// A JSON object a line, which can be imported again.
    Ndjson,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Curl, Self::Har, Self::Ndjson];

    /// As it is named in the API and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::Har => "har",
            Self::Ndjson => "ndjson",
        }
    }

    /// The end of a file's name, without its dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Curl => "sh",
            Self::Har => "har",
            Self::Ndjson => "ndjson",
        }
    }
}

/// A capture on its way out, with what is told beside what was kept.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The capture.
    pub capture: Capture,
    /// What came of checking its signature; nothing where its bin checks none.
    pub signature: Option<SignatureVerdict>,
}

impl From<Capture> for Exported {
    fn from(capture: Capture) -> Self {
        Self { capture, signature: None }
    }
}

/// Why an export is not whole.
#[derive(Debug, Error)]
pub enum ExportError {
    /// What it is written to did not take it.
    #[error("write the export: {0}")]
    Write(#[from] io::Error),
    /// Not all of the bin could be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The bin lost captures while its bundle was written.
    #[error(
        "bundle the bin: it held {told} captures when that began and gave {given}; some were \
         dropped or deleted meanwhile, so export it again"
    )]
    Shrank {
        /// How many the bundle's first line tells of.
        told: u64,
        /// How many there were.
        given: u64,
    },
}

/// Writes these captures in this format. `base` is the capture listener's origin, such as
/// `http://127.0.0.1:4665`; NDJSON needs none.
///
/// # Errors
/// [`ExportError::Write`] when `out` does; what was written until then is not a whole export.
pub fn write(
    format: Format,
    base: &str,
    captures: impl Iterator<Item = impl Into<Exported>>,
    out: &mut impl Write,
) -> Result<(), ExportError> {
    let mut captures = captures.map(Into::into);
    match format {
        Format::Curl => captures.try_for_each(|told| curl::write(&told.capture, base, out))?,
        Format::Har => har::write(captures.map(|told| told.capture), base, out)?,
        Format::Ndjson => captures.try_for_each(|told| ndjson::write(&told, out))?,
    }
    Ok(())
}
