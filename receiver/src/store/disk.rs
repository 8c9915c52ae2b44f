//! The embedded engine: an append-only log of records in segments, and an index in memory.
//!
//! State is the replay of the log, so that deletes and what follows them keep their order. A
//! segment in which nothing lives is dropped, or becomes the next one; where too much is dead,
//! mostly dead ones are shrunk to what lives in them, in place.

#[cfg(test)]
mod faults;
mod keeper;
mod log;
mod queue;
mod reader;
mod records;
mod replay;
mod reserve;
mod segment;
mod segments;
mod sidecar;
mod spare;
mod sync;
mod ticket;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLockReadGuard};

use hooklab_shared::capture::Capture;
use hooklab_shared::directory::Directory;
use hooklab_shared::id::Seq;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use super::Durability;
use super::bins::Bins;
use super::change::Request;
use super::error::{OpenError, StoreError};

#[cfg(test)]
pub(super) use faults::Faults;
use log::Log;
pub(crate) use reader::Reader;
use writer::Writer;

/// What the directory is called in its format file.
const KIND: &str = "captures 1";

/// The engine's own bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// A segment in bytes: small enough that dead ones soon go, large enough that they are few. A
    /// batch that is larger gets a segment of its own size.
    pub(crate) segment_bytes: u64,
    /// What may wait to be written, in bytes: two of the largest captures. Who comes then waits.
    pub(crate) batch_bytes: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { segment_bytes: 64 * 1024 * 1024, batch_bytes: 64 * 1024 * 1024 }
    }
}

#[derive(Debug)]
pub(crate) struct Disk {
    pub(super) log: Arc<Log>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    closed: OnceCell<()>,
}

impl Disk {
    /// Opens or makes the log in this directory, replays it into `bins`, and starts writing.
    pub(crate) fn open(
        path: &Path,
        durability: Durability,
        sizes: Sizes,
        bins: Arc<Bins>,
        runtime: &Handle,
    ) -> Result<Self, OpenError> {
        let directory = Directory::open(path, KIND)?;
        let replayed = replay::replay(path, &bins)?;
        let log = Arc::new(Log::new(
            directory,
            durability,
            sizes,
            bins,
            replayed.marker,
            replayed.segments,
        ));
        writer::probe(&log);
        let writer = Writer::start(&log, replayed.active)?;
        let tasks = vec![runtime.spawn(writer.run()), runtime.spawn(keeper::run(Arc::clone(&log)))];
        Ok(Self { log, tasks: Mutex::new(tasks), closed: OnceCell::new() })
    }

    #[cfg(test)]
    pub(super) fn faults(&self) -> &Faults {
        &self.log.faults
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.log.failure()
    }

    pub(crate) fn trouble(&self) -> Option<String> {
        self.log.trouble()
    }

    pub(crate) async fn append(
        &self,
        capture: Capture,
        auto_create: bool,
    ) -> Result<Seq, StoreError> {
        self.log.append(capture, auto_create).await
    }

    /// While it is held, records stay where they are.
    pub(crate) fn hold_still(&self) -> RwLockReadGuard<'_, ()> {
        self.log.layout.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn submit(&self, request: Request<'_>) -> Result<Option<u64>, StoreError> {
        self.log.submit(request).await
    }

    /// Everybody who closes waits for the end.
    pub(crate) async fn close(&self) {
        let end = async {
            self.log.close();
            let tasks =
                std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
            for task in tasks {
                if let Err(error) = task.await {
                    tracing::error!(%error, "a task of the store did not end well");
                }
            }
            self.log.write_sidecars();
            self.log.spare.give_up();
            self.log.unlock();
        };
        self.closed.get_or_init(|| end).await;
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.log.close();
    }
}
