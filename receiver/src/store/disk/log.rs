//! What the writer, the sync thread, the keeper and everybody who asks share.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use hooklab_shared::capture::Capture;
use hooklab_shared::directory::Directory;
use hooklab_shared::id::Seq;
use tokio::sync::Notify;

use super::Sizes;
use super::queue::{self, Batch, Queue, Waiting};
use super::reserve::Reserve;
use super::segment::Active;
use super::segments::Segments;
use super::spare::Spare;
use super::ticket::Stub;
use crate::store::Durability;
use crate::store::bins::Bins;
use crate::store::change::{Change, Request};
use crate::store::error::StoreError;
use crate::store::index::{Location, Place};
use crate::store::record;

/// A record's length in bytes that no limit on bodies should come near: places are 32 bits.
const RECORD_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// What full segments may hold for sidecars that are not written yet, in bytes: without one the
/// next start reads the segment, nothing else.
const ROLLED_BYTES_MAX: usize = 32 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Log {
    pub(super) bins: Arc<Bins>,
    pub(super) path: PathBuf,
    /// Locked as long as anybody may still write to it.
    directory: Mutex<Option<Directory>>,
    pub(super) durability: Durability,
    pub(super) sizes: Sizes,
    /// The directory's own random number.
    pub(super) marker: u64,
    pub(super) segments: Segments,
    pub(super) reserve: Reserve,
    pub(super) spare: Spare,
    queue: Mutex<Queue>,
    pub(super) work: Notify,
    room: Notify,
    pub(super) untidy: Notify,
    /// Segments that are full and have no sidecar yet.
    rolled: Mutex<VecDeque<Active>>,
    /// Held for writing while records move within their segment.
    pub(super) layout: RwLock<()>,
    failure: OnceLock<String>,
    /// Why the last write failed, if it did.
    stumble: Mutex<Option<(String, bool)>>,
    #[cfg(test)]
    pub(in crate::store) faults: super::faults::Faults,
}

/// A batch that is in its segment.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) segment: u32,
    /// Where the batch begins in the segment, in bytes.
    pub(super) offset: u64,
    pub(super) batch: u64,
    pub(super) waiting: Vec<Waiting>,
    pub(super) stub: Option<Stub>,
}

/// What the writer finds.
pub(super) enum Taken {
    Batch,
    Nothing,
    Closed,
}

impl Log {
    pub(super) fn new(
        directory: Directory,
        durability: Durability,
        sizes: Sizes,
        bins: Arc<Bins>,
        marker: u64,
        segments: Segments,
    ) -> Self {
        Self {
            bins,
            reserve: Reserve::new(directory.path()),
            spare: Spare::new(directory.path()),
            path: directory.path().to_owned(),
            directory: Mutex::new(Some(directory)),
            durability,
            sizes,
            marker,
            segments,
            queue: Mutex::default(),
            work: Notify::new(),
            room: Notify::new(),
            untidy: Notify::new(),
            rolled: Mutex::default(),
            layout: RwLock::default(),
            failure: OnceLock::new(),
            stumble: Mutex::default(),
            #[cfg(test)]
            faults: super::faults::Faults::default(),
        }
    }

    /// Queues a capture, and waits until it is committed.
    pub(super) async fn append(
        &self,
        capture: Capture,
        auto_create: bool,
    ) -> Result<Seq, StoreError> {
        let bytes = record::capture_bytes(&capture);
        if bytes > RECORD_BYTES_MAX {
            return Err(StoreError::failed("a capture of over 1 GiB does not fit: limit bodies"));
        }
        let body_crc = crc32c::crc32c(&capture.body.wire);
        let (seq, ticket) = loop {
            let room = self.room.notified();
            if let Some(mut queue) = self.queue_with_room(bytes)? {
                break queue.append(capture, auto_create, &self.bins, body_crc)?;
            }
            room.await;
        };
        self.work.notify_one();
        ticket.wait().await.map(|()| seq)
    }

    /// Queues a request, and waits until it is committed; `None` where there is nothing to do.
    pub(super) async fn submit(&self, request: Request<'_>) -> Result<Option<u64>, StoreError> {
        let answer = loop {
            let room = self.room.notified();
            if let Some(mut queue) = self.queue_with_room(0)? {
                match queue.push(request, &self.bins)? {
                    Some(answer) => break answer,
                    None => return Ok(None),
                }
            }
            room.await;
        };
        self.work.notify_one();
        // A writer that is gone took the question with it.
        answer.await.unwrap_or(Err(StoreError::Closed)).map(Some)
    }

    fn queue_with_room(&self, bytes: usize) -> Result<Option<MutexGuard<'_, Queue>>, StoreError> {
        let queue = self.queue();
        if let Some(end) = &queue.end {
            return Err(end.clone());
        }
        let filled = queue.batch.records.len();
        let fits = filled == 0 || filled + bytes <= self.sizes.batch_bytes;
        Ok(fits.then_some(queue))
    }

    /// Leaves a full segment's sidecar to the keeper. Where that lags, the oldest goes without.
    pub(super) fn rolled(&self, full: Active) {
        let mut rolled = self.rolled.lock().unwrap_or_else(PoisonError::into_inner);
        rolled.push_back(full);
        while rolled.iter().map(|full| full.sidecar.bytes()).sum::<usize>() > ROLLED_BYTES_MAX {
            let without = rolled.pop_front();
            without.iter().for_each(Active::trim);
        }
        drop(rolled);
        self.untidy.notify_one();
    }

    /// Lets go of a full segment that goes at once: as long as its file is open, its space stays.
    /// Where it does not go, the next start reads it, nothing else.
    pub(super) fn let_go(&self, number: u32) {
        let mut rolled = self.rolled.lock().unwrap_or_else(PoisonError::into_inner);
        rolled.iter().filter(|full| full.number == number).for_each(Active::trim);
        rolled.retain(|full| full.number != number);
    }

    pub(super) fn has_rolled(&self) -> bool {
        !self.rolled.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Writes the sidecars that are still missing. Blocks.
    pub(super) fn write_sidecars(&self) {
        let rolled =
            std::mem::take(&mut *self.rolled.lock().unwrap_or_else(PoisonError::into_inner));
        for full in rolled {
            full.trim();
            full.sidecar.write(&self.path, full.number, full.marker, full.len);
        }
    }

    /// Swaps the batch that was filled against an empty one.
    pub(super) fn take(&self, batch: &mut Batch) -> Taken {
        let mut queue = self.queue();
        if queue.batch.waiting.is_empty() {
            return match queue.end {
                Some(StoreError::Closed) => Taken::Closed,
                _ => Taken::Nothing,
            };
        }
        batch.number = queue.batch.number + 1;
        std::mem::swap(&mut queue.batch, batch);
        drop(queue);
        self.room.notify_waiters();
        Taken::Batch
    }

    /// The commit point: index, live, then answers, in the order of the log.
    pub(super) fn commit(&self, written: &mut Written) {
        let mut tally = self.segments.tally(written.segment);
        let moment = self.bins.clock.moment();
        for waiting in written.waiting.drain(..) {
            let span = waiting.span;
            let place = (span.bytes > 0).then(|| {
                Place::Disk(Location {
                    segment: written.segment,
                    offset: (written.offset + span.offset as u64) as u32,
                    bytes: span.bytes as u32,
                })
            });
            match &waiting.change {
                Change::Capture(_) => tally.came(span.bytes as u64),
                Change::Stray(_) => tally.stray(span.bytes as u64),
                _ => {}
            }
            let applied = self.bins.apply(&waiting.change, place, moment);
            tally.went(&applied.freed);
            if let Some(answer) = waiting.answer {
                // An error says that nobody waits any more.
                let _ = answer.send(Ok(applied.answer));
            }
        }
        if let Some(stub) = written.stub.take() {
            stub.settle(Ok(()));
        }
        if self.segments.settle(&tally, self.sizes.segment_bytes) {
            self.untidy.notify_one();
        }
        let mut queue = self.queue();
        if !queue.unwritten.is_empty() {
            queue.unwritten.retain(|_, unwritten| unwritten.batch > written.batch);
        }
    }

    /// Fails a batch, and with it all that has been planned upon it.
    ///
    /// Every earlier batch must have been committed.
    pub(super) fn fail(&self, batch: &mut Batch, error: &StoreError) {
        let mut queue = self.queue();
        queue.unwritten.clear();
        let planned = std::mem::take(&mut queue.batch.waiting);
        let stub = queue.batch.stub.take();
        queue.batch.records.clear();
        queue.batch.rolls = false;
        drop(queue);
        self.room.notify_waiters();
        batch.refuse(&self.bins, error);
        queue::refuse(&self.bins, planned, stub, error);
    }

    /// Stops acknowledging, for good.
    pub(super) fn stop(&self, why: String) -> StoreError {
        tracing::error!(why, "the store has stopped");
        let error = StoreError::failed(&why);
        let _ = self.failure.set(why);
        let mut queue = self.queue();
        queue.end.get_or_insert_with(|| error.clone());
        drop(queue);
        self.room.notify_waiters();
        error
    }

    /// Refuses what is left when the writer has gone.
    pub(super) fn abandon(&self, batch: &mut Batch) {
        let error = match self.is_closed() {
            true => StoreError::Closed,
            false => self.stop("its writer has ended; restart".to_owned()),
        };
        self.fail(batch, &error);
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.failure.get().cloned()
    }

    /// Remembers how the last write went: what was wrong, and whether it was for want of room.
    pub(super) fn wrote(&self, wrong: Option<(&StoreError, bool)>) {
        let mut stumble = self.stumble.lock().unwrap_or_else(PoisonError::into_inner);
        if stumble.is_none() && wrong.is_some() {
            // The keeper looks for room from now on.
            self.untidy.notify_one();
        }
        *stumble = wrong.map(|(error, is_full)| (error.to_string(), is_full));
    }

    /// Whether the last write failed for want of room.
    pub(super) fn lacks_room(&self) -> bool {
        let stumble = self.stumble.lock().unwrap_or_else(PoisonError::into_inner);
        stumble.as_ref().is_some_and(|(_, is_full)| *is_full)
    }

    /// Why nothing is acknowledged now: it has stopped, or the last write failed.
    pub(super) fn trouble(&self) -> Option<String> {
        let stumble = self.stumble.lock().unwrap_or_else(PoisonError::into_inner);
        self.failure().or_else(|| stumble.as_ref().map(|(why, _)| why.clone()))
    }

    /// Takes nothing more; what waits is still written.
    pub(super) fn close(&self) {
        let mut queue = self.queue();
        if queue.end.is_none() {
            queue.tell_dropped(&self.bins);
        }
        queue.end = Some(StoreError::Closed);
        drop(queue);
        self.room.notify_waiters();
        self.work.notify_one();
        self.untidy.notify_one();
    }

    /// Gives the directory free.
    pub(super) fn unlock(&self) {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.queue().end == Some(StoreError::Closed)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
