//! The sender's store: SQLite, and a log of attempts beside it; one writer thread that commits
//! whatever waits at once, readers beside it.

mod attempts;
mod backlog;
mod bulk;
mod cancel;
mod deliveries;
mod event_types;
mod listing;
mod moved;
mod readers;
mod recover;
mod resend;
mod retain;
mod schema;
mod sync;
#[cfg(test)]
mod tests;
mod turn;
mod webhooks;
mod writer;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hooklab_shared::directory::{Directory, DirectoryError};
use rusqlite::Connection;
use thiserror::Error;

use crate::catalogue::OwnParts;
use crate::clock::Clock;
use crate::schedule::SILENCE_MAX;
use attempts::Attempts;
pub(crate) use bulk::{Done, Picked};
pub(crate) use cancel::CalledOff;
pub(crate) use deliveries::{DeliveryFilter, Recipients};
pub(crate) use event_types::DeletedType;
pub(crate) use listing::{Listing, Place as ListPlace, Sort, WebhookFilter};
use readers::Readers;
use recover::Log;
pub(crate) use resend::{Again, SentAgain};
pub(crate) use turn::{Asked, Cancelled, Due, Ended, Patience, Taken, Turned};
pub(crate) use webhooks::{NewRow, Registered};
use writer::{Level, Writer};

/// Where webhooks, events and deliveries are kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// In memory, gone with the process.
    Memory,
    /// In this directory, which is made if it is not there, and locked while it is open.
    Disk(PathBuf),
}

/// Why something could not be kept or read.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// SQLite said no; what it said.
    #[error("use the sender's store: {detail}; check the disk's space and health")]
    Engine {
        /// What it said.
        detail: String,
        /// Whether what is on the disk is in doubt, so that nothing more may be accepted.
        fatal: bool,
    },
    /// There is no room for it on the disk; what said so.
    #[error("use the sender's store: {0}; free some space: check the disk's space and quota")]
    Full(String),
    /// It was written by a newer release.
    #[error(
        "open the sender's store: its schema is version {found}, this release reads {wanted}; use \
         the release that wrote it, or give another place with --store"
    )]
    Newer {
        /// The version found.
        found: i64,
        /// The version this release reads.
        wanted: i64,
    },
    /// The program has a bug; the change was undone.
    #[error(
        "finish this: the server has a bug, of which its log tells; nothing was changed, so try \
         it another way, and report it"
    )]
    Bug,
    /// It is being closed.
    #[error("use the sender's store: it is closed; the server is stopping")]
    Closed,
}

impl StoreError {
    /// The same as what may pass, where it is what SQLite said.
    fn passing(&self) -> Option<Self> {
        match self {
            Self::Engine { detail, .. } => {
                Some(Self::Engine { detail: detail.clone(), fatal: false })
            }
            Self::Full(detail) => Some(Self::Full(detail.clone())),
            _ => None,
        }
    }

    /// The same with the file that it is about.
    fn of(self, file: &Path) -> Self {
        let of = |detail: String| format!("{}: {detail}", file.display());
        match self {
            Self::Engine { detail, fatal } => Self::Engine { detail: of(detail), fatal },
            Self::Full(detail) => Self::Full(of(detail)),
            other => other,
        }
    }

    /// What the system said of doing this with a file.
    fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        let detail = format!("{doing} {}: {error}", path.display());
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(detail),
            _ => Self::Engine { detail, fatal: false },
        }
    }
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub(crate) enum OpenStoreError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("start the store's writer: {0}")]
    Thread(io::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase, SystemIoFailure};
        if error.sqlite_error_code() == Some(DiskFull) {
            return Self::Full(error.to_string());
        }
        // The file that is shared with readers is made at the start, and must find its room.
        if let rusqlite::Error::SqliteFailure(failure, _) = &error
            && failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
        {
            return Self::Full(format!("{error} (no room for {SHARED})"));
        }
        let fatal = matches!(
            error.sqlite_error_code(),
            Some(SystemIoFailure | DatabaseCorrupt | NotADatabase)
        );
        Self::Engine { detail: error.to_string(), fatal }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Engine { detail: format!("a stored document does not parse: {error}"), fatal: false }
    }
}

/// A handle to the store. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    writer: Writer,
    readers: Arc<Readers>,
    attempts: Arc<Attempts>,
}

const FILE: &str = "sender.sqlite";

/// Its write-ahead log, as SQLite names it.
const WAL: &str = "sender.sqlite-wal";

/// What its connections share, as SQLite names it.
const SHARED: &str = "sender.sqlite-shm";

impl Store {
    /// Opens it, and starts its writer; at most `queue_max` changes wait. The own event types that
    /// it keeps come with it.
    pub(crate) fn open(
        place: &Place,
        queue_max: usize,
        clock: Clock,
    ) -> Result<(Self, Vec<OwnParts>), OpenStoreError> {
        let of = |error: StoreError| match place {
            Place::Memory => error,
            Place::Disk(path) => error.of(&path.join(FILE)),
        };
        let (connection, directory, readers, wal, attempts) = match place {
            Place::Memory => {
                let connection = Connection::open_in_memory().map_err(StoreError::from)?;
                (connection, None, Readers::Writer, None, Attempts::in_memory())
            }
            Place::Disk(path) => {
                let directory = Directory::open(path, "sender 1")?;
                let file = directory.path().join(FILE);
                private(&file)?;
                let connection = Connection::open(&file).map_err(|error| of(error.into()))?;
                let wal = directory.path().join(WAL);
                let attempts = Attempts::open(directory.path())?;
                (connection, Some(directory), Readers::pool(file), Some(wal), attempts)
            }
        };
        schema::prepare(&connection, &attempts).map_err(of)?;
        let attempts = Arc::new(attempts);
        let silence_max = clock.wait(SILENCE_MAX);
        let mut log = Log { attempts: attempts.clone(), silence_max, untold: None };
        log.open(&connection).map_err(of)?;
        let own_types = event_types::all(&connection).map_err(of)?;
        let writer = Writer::start(connection, log, directory, wal, queue_max)
            .map_err(OpenStoreError::Thread)?;
        Ok((Self { writer, readers: Arc::new(readers), attempts }, own_types))
    }

    /// Why it does not accept anything, if it does not.
    pub(crate) fn failure(&self) -> Option<String> {
        self.writer.failure()
    }

    /// Finishes what waits, flushes, and lets go of the directory.
    pub(crate) async fn close(&self) {
        self.writer.close().await;
        self.readers.close();
    }

    /// Runs a change; what it returns has been committed, and synced on disk.
    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(Level::Disk, change).await
    }

    /// Runs a change; what it returns has been committed, and survives the end of the process, but
    /// perhaps not a power cut.
    async fn write_soon<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(Level::Process, change).await
    }

    /// Runs a query; it sees every change that was answered.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &*self.readers {
            // A database in memory has one connection, and the writer has it.
            Readers::Writer => self.writer.write(Level::Process, query).await,
            Readers::Pool(_) => {
                self.writer.settle().await?;
                let readers = self.readers.clone();
                let run = tokio::task::spawn_blocking(move || readers.run(query));
                run.await.unwrap_or(Err(StoreError::Bug))
            }
        }
    }
}

/// It holds signing secrets, so nobody else on the machine may read it; SQLite's own files beside
/// it take over its mode.
fn private(file: &Path) -> Result<(), StoreError> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop).map_err(|error| StoreError::io("open", file, &error))
}
