//! What can go wrong in a store, each text completing "failed to …".

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use hooklab_shared::directory::DirectoryError;
use hooklab_shared::id::Seq;
use thiserror::Error;

use super::Durability;

/// Why a store does not do what it is asked. Cheap to clone: a failed batch fails many at once.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// A bin of this name is there already.
    #[error("make the bin: there is one of this name; use it, or take another name")]
    Exists,
    /// There is no such bin, and it is not to be made.
    #[error("find the bin: nothing of this name is there; create it first")]
    UnknownBin,
    /// There are as many bins as the limit allows.
    #[error("make the bin: there are as many bins as the limit allows; delete some that are done")]
    TooManyBins,
    /// There are as many watchers as the limit allows.
    #[error("watch the bin: there are as many watchers as the limit allows; close some, try again")]
    TooManyWatchers,
    /// It could not be written or read; nothing has been acknowledged.
    #[error("reach the store: {0}")]
    Failed(Arc<str>),
    /// A capture's bytes are not those that were written.
    #[error("read capture {seq}: {why}; the others of its bin can still be read")]
    Damaged {
        /// The capture.
        seq: Seq,
        /// What is wrong, and where.
        why: Arc<str>,
    },
    /// Captures went while a bin was read from end to end.
    #[error(
        "read all of the bin: {lost} of its captures went meanwhile, dropped, deleted or damaged; \
         try again"
    )]
    Shrank {
        /// How many, at least.
        lost: u64,
    },
    /// The store has been closed.
    #[error("reach the store: it is closed, because hooklab is stopping; start it again")]
    Closed,
}

/// Why a store cannot be opened. Nothing of what is in it has been lost.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The place cannot keep the level that is asked for.
    #[error(
        "keep captures {place} at the level `{}`: take {instead}",
        level.as_str()
    )]
    Level {
        /// The place, in words.
        place: &'static str,
        /// The level asked for.
        level: Durability,
        /// What it can keep, in words.
        instead: &'static str,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A file in it cannot be read or made.
    #[error("use {path}: {error}; check its owner, its mode, and the space on the disk")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A segment cannot be understood at all.
    #[error(
        "read {path}: {why}; put back a copy of it, or move it out of the directory to go on \
         without its captures"
    )]
    Segment {
        /// The segment.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is no runtime to write in.
    #[error("start the store's writer: {0}")]
    Runtime(String),
}

impl OpenError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { path, error }
    }
}

impl StoreError {
    pub(crate) fn failed(why: impl AsRef<str>) -> Self {
        Self::Failed(why.as_ref().into())
    }
}
