//! Where captures are kept: one store, two engines, committed before acknowledged, then live.

mod aging;
mod bin;
mod bins;
mod change;
mod clock;
#[cfg(test)]
mod contract;
mod disk;
mod error;
mod hub;
mod index;
mod memory;
mod place;
mod read;
mod record;
mod retention;
mod state;
mod strays;
mod watch;
mod whole;

use std::sync::Arc;

use hooklab_shared::bin::{Config, Keep};
use hooklab_shared::capture::{Capture, Summary};
use hooklab_shared::id::{BinName, Seq, Timestamp};
use hooklab_shared::limits::Limits;
use hooklab_shared::stray::Stray;
use tokio::runtime::Handle;

use bin::Bin;
use bins::Bins;
use change::{Request, runs};
use disk::{Disk, Sizes};
use memory::Memory;

pub use error::{OpenError, StoreError};
pub use index::{At, Range};
pub use place::{Durability, Where};
pub use state::{BinState, Configured};
pub use watch::{Filter, Watch};
pub(crate) use whole::{Standing, Whole};

/// Bins and their captures. Cheap to clone; all clones are one store.
///
/// ```
/// use hooklab_receiver::store::{Durability, Store, Where};
/// use hooklab_shared::{bin::Keep, id::Timestamp, limits::Limits};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (keep, url) = (Keep::default(), "http://127.0.0.1:4665");
/// let (place, level) = (Where::Memory, Durability::Memory);
/// let store = Store::open(&place, level, Limits::default(), keep, url).unwrap();
/// let name = "orders".parse().unwrap();
/// let made = store.create_bin(name, Default::default(), Timestamp::default()).await;
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

impl Store {
    /// Opens the store at this place, and reads what is there. `keep` is the retention of all bins
    /// together; `capture_url`, without a slash at its end, is what bins' URLs begin with. Must be
    /// called inside a tokio runtime, which runs the writer.
    ///
    /// # Errors
    /// The place cannot keep that level; or its directory cannot be used, is locked, foreign, of
    /// another format, or damaged beyond what can be skipped.
    pub fn open(
        place: &Where,
        durability: Durability,
        limits: Limits,
        keep: Keep,
        capture_url: &str,
    ) -> Result<Self, OpenError> {
        let sizes = Sizes::default();
        Self::open_sized(place, durability, limits, keep, capture_url, sizes)
    }

    fn open_sized(
        place: &Where,
        durability: Durability,
        limits: Limits,
        keep: Keep,
        capture_url: &str,
        sizes: Sizes,
    ) -> Result<Self, OpenError> {
        let runtime =
            Handle::try_current().map_err(|error| OpenError::Runtime(error.to_string()))?;
        let logs = matches!(place, Where::Disk(_));
        let bins = Arc::new(Bins::new(limits, keep, capture_url, logs));
        let engine = match (place, durability) {
            (Where::Memory, Durability::Memory) => {
                bins.resume();
                Engine::Memory(Memory::new(Arc::clone(&bins)))
            }
            (Where::Disk(path), Durability::Process | Durability::Disk) => {
                Engine::Disk(Disk::open(path, durability, sizes, Arc::clone(&bins), &runtime)?)
            }
            (Where::Memory, level) => {
                return Err(OpenError::Level { place: "in memory", level, instead: "`memory`" });
            }
            (Where::Disk(_), level) => {
                let instead = "`process` or `disk`";
                return Err(OpenError::Level { place: "on disk", level, instead });
            }
        };
        let inner = Arc::new(Inner { bins: Arc::clone(&bins), engine, durability });
        runtime.spawn(aging::run(bins, Arc::downgrade(&inner)));
        Ok(Self(inner))
    }

    /// The level that an acknowledged capture is kept at.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.0.durability
    }

    /// Why the store has stopped acknowledging for good; none while it works.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.0.failure()
    }

    /// Why it acknowledges nothing now: it has stopped for good, or its last write failed and the
    /// next one has not come; none while it works.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        match &self.0.engine {
            Engine::Memory(_) => None,
            Engine::Disk(disk) => disk.trouble(),
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

    /// Gives a bin another configuration, committed when this returns. Its reply counts begin
    /// anew, and its watchers are told. None where there is no such bin.
    ///
    /// # Errors
    /// The store failed or is closed.
    pub async fn update_bin(
        &self,
        name: &str,
        config: Config,
    ) -> Result<Option<BinState>, StoreError> {
        let done = self.0.submit(Request::Update(name, config)).await?;
        Ok(done.and_then(|_| self.bin(name)))
    }

    /// What a bin was told, and how far its reply program is; replaced whole by an update.
    #[must_use]
    pub fn configured(&self, name: &str) -> Option<Arc<Configured>> {
        self.0.bins.get(name).map(|bin| bin.configured())
    }

    /// A bin, if it is there.
    #[must_use]
    pub fn bin(&self, name: &str) -> Option<BinState> {
        self.0.bins.get(name).map(|bin| bin.told())
    }

    /// The bin that now has this name, to be read from end to end.
    pub(crate) fn standing(&self, name: &str) -> Option<Standing> {
        self.0.bins.get(name).map(|bin| Standing::of(self, bin))
    }

    /// Whether the bin has given this seq: one that was deleted and made again may not.
    #[must_use]
    pub fn has_given(&self, bin: &str, seq: Seq) -> bool {
        self.bin(bin).is_some_and(|bin| bin.newest_seq >= seq)
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
        match &self.0.engine {
            Engine::Memory(memory) => memory.append(&capture, auto_create),
            Engine::Disk(disk) => disk.append(capture, auto_create).await,
        }
    }

    /// Deletes one capture. Says whether it was there.
    ///
    /// # Errors
    /// The store failed or is closed.
    pub async fn delete(&self, bin: &str, seq: Seq) -> Result<bool, StoreError> {
        self.0.submit(Request::Delete(bin, seq)).await.map(|gone| gone.is_some_and(|gone| gone > 0))
    }

    /// Deletes these captures of a bin, in any order, as one change. Says how many of them were
    /// there; none where there is no such bin.
    ///
    /// # Errors
    /// The store failed or is closed.
    pub async fn delete_many(&self, bin: &str, seqs: &[Seq]) -> Result<Option<u64>, StoreError> {
        self.0.submit(Request::DeleteMany(bin, runs(seqs))).await
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

    /// The captures of a part of a bin, whole; none where there is no such bin. Beside the range's
    /// limit they are bounded in bytes: after 32 MiB the list ends, and who wants more asks again
    /// from behind the last one. A damaged capture is left out, with a warning.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn captures(&self, bin: &str, range: Range) -> Result<Option<Vec<Capture>>, StoreError> {
        let Some(bin) = self.0.bins.get(bin) else { return Ok(None) };
        self.0.captures(&bin, range).map(Some)
    }

    /// Watches a bin, from after this capture on, or from now on; none where there is no such bin.
    /// With a filter only the captures that pass it are told; everything else is told as ever.
    ///
    /// # Errors
    /// There are too many watchers, or the store is closed.
    pub fn watch(
        &self,
        bin: &str,
        after: Option<Seq>,
        filter: Option<Arc<Filter>>,
    ) -> Result<Option<Watch>, StoreError> {
        match self.0.bins.get(bin) {
            Some(bin) => Watch::of_bin(self, bin, after, filter),
            None => Ok(None),
        }
    }

    /// Watches all bins together, those that are made later included, from now on.
    ///
    /// # Errors
    /// There are too many watchers, or the store is closed.
    pub fn watch_all(&self, filter: Option<Arc<Filter>>) -> Result<Watch, StoreError> {
        Watch::of_all(self, filter)
    }

    /// Keeps a stray, committed at the level in force when this returns; the oldest go. Gives its
    /// seq in the list of strays.
    ///
    /// # Errors
    /// The store failed or is closed.
    pub async fn stray(&self, stray: Stray) -> Result<u64, StoreError> {
        let seq = self.0.submit(Request::Stray(strays::bounded(stray))).await?;
        seq.ok_or(StoreError::Closed)
    }

    /// Strays between two seqs, both exclusive.
    #[must_use]
    pub fn strays(
        &self,
        after: Option<u64>,
        before: Option<u64>,
        newest_first: bool,
        limit: usize,
    ) -> Vec<Stray> {
        self.0.bins.strays().page(after, before, newest_first, limit)
    }

    /// How many strays are no longer remembered.
    #[must_use]
    pub fn strays_dropped(&self) -> u64 {
        self.0.bins.strays().dropped()
    }

    /// How many captures retention has dropped, of bins that were deleted since the start too.
    #[must_use]
    pub fn captures_dropped(&self) -> u64 {
        self.0.bins.dropped_ever()
    }

    /// How many bins there are.
    #[must_use]
    pub fn bins_len(&self) -> usize {
        self.0.bins.len()
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
    fn failure(&self) -> Option<String> {
        match &self.engine {
            Engine::Memory(_) => None,
            Engine::Disk(disk) => disk.failure(),
        }
    }

    async fn submit(&self, request: Request<'_>) -> Result<Option<u64>, StoreError> {
        match &self.engine {
            Engine::Memory(memory) => memory.submit(request),
            Engine::Disk(disk) => disk.submit(request).await,
        }
    }
}

impl Drop for Inner {
    /// The timer would wait for ever.
    fn drop(&mut self) {
        self.bins.close();
    }
}
