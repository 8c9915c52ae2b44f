//! Where captures are kept: one store, two engines, committed before acknowledged, then live.

mod bins;
mod change;
#[cfg(test)]
mod contract;
mod disk;
mod error;
mod hub;
mod index;
mod memory;
mod read;
mod record;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use hooklab_shared::bin::Config;
use hooklab_shared::capture::{Capture, Summary};
use hooklab_shared::id::{BinName, Seq, Timestamp};
use hooklab_shared::limits::Limits;
use serde::{Deserialize, Serialize};

use bins::{Bin, Bins};
use change::Request;
use disk::{Disk, Sizes};
use memory::Memory;

pub use error::{OpenError, StoreError};
pub use index::{At, Range};
pub use watch::Watch;

/// Where a store keeps its captures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// Nowhere: they end with the process.
    Memory,
    /// In this directory, which is made if need be.
    Disk(PathBuf),
}

/// What an acknowledged capture survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Nothing.
    Memory,
    /// The end of the process, kill -9 included: it is with the operating system.
    Process,
    /// A power cut: it is synced to the disk.
    Disk,
}

/// A bin as its store knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct BinState {
    /// Its name.
    pub name: BinName,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it was told.
    pub config: Arc<Config>,
    /// How many captures it holds now.
    pub captures: u64,
    /// What they take in the store, in bytes.
    pub bytes: u64,
    /// The oldest capture that is still there.
    pub oldest_seq: Option<Seq>,
    /// The newest that was ever given, 0 before the first.
    pub newest_seq: Seq,
    /// How many captures retention has dropped.
    pub dropped: u64,
}

/// Bins and their captures. Cheap to clone; all clones are one store.
///
/// ```
/// use hooklab_receiver::store::{Durability, Store, Where};
/// use hooklab_shared::{id::Timestamp, limits::Limits};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = Store::open(&Where::Memory, Durability::Memory, Limits::default()).unwrap();
/// let made = store.create_bin("orders".parse().unwrap(), Default::default(), Timestamp::default()).await;
/// assert_eq!(made.unwrap().newest_seq, 0);
/// assert_eq!(store.bins(None, 10).len(), 1);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bins: Arc<Bins>,
    engine: Engine,
    durability: Durability,
}

#[derive(Debug)]
enum Engine {
    Memory(Memory),
    Disk(Disk),
}

impl Durability {
    /// As it is told and given.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Process => "process",
            Self::Disk => "disk",
        }
    }
}

impl Store {
    /// Opens the store at this place, and reads what is there. Must be called inside a tokio
    /// runtime, which runs the writer.
    ///
    /// # Errors
    /// The place cannot keep that level; or its directory cannot be used, is locked, foreign, of
    /// another format, or damaged beyond what can be skipped.
    pub fn open(place: &Where, durability: Durability, limits: Limits) -> Result<Self, OpenError> {
        Self::open_sized(place, durability, limits, Sizes::default())
    }

    fn open_sized(
        place: &Where,
        durability: Durability,
        limits: Limits,
        sizes: Sizes,
    ) -> Result<Self, OpenError> {
        let bins = Arc::new(Bins::new(limits));
        let engine = match (place, durability) {
            (Where::Memory, Durability::Memory) => Engine::Memory(Memory::new(Arc::clone(&bins))),
            (Where::Disk(path), Durability::Process | Durability::Disk) => {
                Engine::Disk(Disk::open(path, durability, sizes, Arc::clone(&bins))?)
            }
            (Where::Memory, level) => {
                return Err(OpenError::Level { place: "in memory", level, instead: "`memory`" });
            }
            (Where::Disk(_), level) => {
                let instead = "`process` or `disk`";
                return Err(OpenError::Level { place: "on disk", level, instead });
            }
        };
        Ok(Self(Arc::new(Inner { bins, engine, durability })))
    }

    /// The level that an acknowledged capture is kept at.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.0.durability
    }

    /// Why the store has stopped acknowledging for good; none while it works.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        match &self.0.engine {
            Engine::Memory(_) => None,
            Engine::Disk(disk) => disk.failure(),
        }
    }

    /// Makes a bin, committed when this returns.
    ///
    /// # Errors
    /// The name is taken, there are too many bins, or the store failed or is closed.
    pub async fn create_bin(
        &self,
        name: BinName,
        config: Config,
        created_at: Timestamp,
    ) -> Result<BinState, StoreError> {
        let bin = Bin::new(name, created_at, config);
        self.0.submit(Request::Create(Arc::clone(&bin))).await?;
        Ok(bin.told())
    }

    /// A bin, if it is there.
    #[must_use]
    pub fn bin(&self, name: &str) -> Option<BinState> {
        self.0.bins.get(name).map(|bin| bin.told())
    }

    /// Bins in order of name, from the one after `after` on.
    #[must_use]
    pub fn bins(&self, after: Option<&str>, limit: usize) -> Vec<BinState> {
        self.0.bins.page(after, limit).iter().map(|bin| bin.told()).collect()
    }

    /// Deletes a bin and all in it; its watchers are told. Says whether it was there.
    ///
    /// # Errors
    /// The store failed or is closed.
    pub async fn delete_bin(&self, name: &str) -> Result<bool, StoreError> {
        self.0.submit(Request::Drop(name)).await.map(|done| done.is_some())
    }

    /// Gives the capture its seq, commits it at the level in force, tells the watchers, then
    /// returns. A bin that is not there is made first, if `auto_create` says so.
    ///
    /// # Errors
    /// The bin is unknown, there are too many bins, or the store failed or is closed: the capture
    /// is not acknowledged.
    pub async fn append(&self, capture: Capture, auto_create: bool) -> Result<Seq, StoreError> {
        let seq = self.0.submit(Request::Append { capture, auto_create }).await?;
        seq.ok_or(StoreError::UnknownBin)
    }

    /// Deletes one capture. Says whether it was there.
    ///
    /// # Errors
    /// The store failed or is closed.
    pub async fn delete(&self, bin: &str, seq: Seq) -> Result<bool, StoreError> {
        self.0.submit(Request::Delete(bin, seq)).await.map(|gone| gone.is_some_and(|gone| gone > 0))
    }

    /// Deletes every capture of a bin; its watchers are told. Says how many went; none where
    /// there is no such bin.
    ///
    /// # Errors
    /// The store failed or is closed.
    pub async fn clear(&self, bin: &str) -> Result<Option<u64>, StoreError> {
        self.0.submit(Request::Clear(bin)).await
    }

    /// A capture, whole, checked against its checksums; none where bin or capture is not there.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn read(&self, bin: &str, at: At) -> Result<Option<Capture>, StoreError> {
        match self.0.bins.get(bin) {
            Some(bin) => self.0.read(&bin, at),
            None => Ok(None),
        }
    }

    /// The summaries of a part of a bin; none where there is no such bin. Large bodies are not
    /// read, and the event of such a capture is guessed from its headers alone. A damaged capture
    /// is left out, with a warning.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn summaries(&self, bin: &str, range: Range) -> Result<Option<Vec<Summary>>, StoreError> {
        let Some(bin) = self.0.bins.get(bin) else { return Ok(None) };
        self.0.summaries(&bin, range).map(Some)
    }

    /// Watches a bin, from after this capture on, or from now on; none where there is no such bin.
    ///
    /// # Errors
    /// There are too many watchers, or the store is closed.
    pub fn watch(&self, bin: &str, after: Option<Seq>) -> Result<Option<Watch>, StoreError> {
        match self.0.bins.get(bin) {
            Some(bin) => Watch::begin(self, bin, after),
            None => Ok(None),
        }
    }

    /// How many watch now.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.0.bins.watchers()
    }

    /// Writes and syncs what is still waiting, refuses what comes after, ends every watch, and
    /// gives the directory free. What is there can still be read.
    pub async fn close(&self) {
        match &self.0.engine {
            Engine::Memory(memory) => memory.close(),
            Engine::Disk(disk) => disk.close().await,
        }
        self.0.bins.close();
    }
}

impl Inner {
    async fn submit(&self, request: Request<'_>) -> Result<Option<u64>, StoreError> {
        match &self.engine {
            Engine::Memory(memory) => memory.submit(request),
            Engine::Disk(disk) => disk.submit(request).await,
        }
    }
}
