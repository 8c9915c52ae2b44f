//! The one task that writes: swap the batch, one call, and on.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::yield_now;

use super::log::{Log, Taken, Written};
use super::queue::Batch;
use super::segment::{self, Active, Preface};
use super::sync::Syncer;
use crate::store::Durability;
use crate::store::error::{OpenError, StoreError};

#[derive(Debug)]
pub(super) struct Writer {
    log: Arc<Log>,
    active: Active,
    /// Commits in the writer's stead, where a commit needs a sync.
    syncer: Option<Syncer>,
    batch: Batch,
}

impl Writer {
    pub(super) fn start(log: &Arc<Log>, active: Option<Active>) -> Result<Self, OpenError> {
        let active = match active {
            Some(active) => active,
            None => {
                let path = segment::path(&log.path, 1);
                Active::create(&log.path, 1, log.marker).map_err(OpenError::io(path))?
            }
        };
        log.segments.begin(active.number);
        let syncer = match log.durability {
            Durability::Disk => {
                Some(Syncer::start(Arc::clone(log)).map_err(OpenError::io(&log.path))?)
            }
            Durability::Memory | Durability::Process => None,
        };
        Ok(Self { log: Arc::clone(log), active, syncer, batch: Batch::default() })
    }

    pub(super) async fn run(mut self) {
        loop {
            if cfg!(feature = "broken-ack-before-write") {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            // Whoever is about to ask as well gets into this batch, not the next.
            yield_now().await;
            match self.log.take(&mut self.batch) {
                Taken::Batch => self.write().await,
                Taken::Nothing => self.log.work.notified().await,
                Taken::Closed => break,
            }
        }
        self.finish().await;
    }

    async fn write(&mut self) {
        if let Some(why) = self.log.failure() {
            self.batch.refuse(&self.log.bins, &StoreError::failed(why));
            return;
        }
        let mut appended = self.append();
        while appended.as_ref().is_err_and(is_full) && self.makes_room() {
            self.log.untidy.notify_one();
            appended = self.append();
        }
        match appended {
            Ok(offset) => self.written(offset),
            Err(error) => self.fail(&error).await,
        }
        self.batch.reuse();
    }

    /// What is kept for the next segment goes first; what is kept for deletes goes to them alone:
    /// what frees space must not need some. Each is there once.
    fn makes_room(&self) -> bool {
        self.log.spare.make_room(Instant::now()) || (self.batch.frees() && self.log.reserve.spend())
    }

    fn append(&mut self) -> io::Result<u64> {
        let bytes = self.batch.records.len();
        if !self.active.takes(bytes, self.log.sizes.segment_bytes) {
            self.roll()?;
        } else if self.batch.rolls && !self.active.is_empty() {
            self.roll_for_space();
        }
        for waiting in &self.batch.waiting {
            self.batch.records.stamp(&waiting.span, self.active.marker);
        }
        self.active.write(&self.batch.records, &self.log)
    }

    /// Begins the next segment if that can be done: what there is takes the batch as well, and
    /// nobody's capture fails for what only would save space.
    fn roll_for_space(&mut self) {
        let mut rolled = self.roll();
        while rolled.as_ref().is_err_and(is_full) && self.makes_room() {
            rolled = self.roll();
        }
        if let Err(error) = rolled {
            tracing::debug!(%error, "no other segment was begun");
        }
    }

    /// Begins the next segment.
    fn roll(&mut self) -> io::Result<()> {
        #[cfg(test)]
        super::faults::Faults::fail_if(&self.log.faults.no_create)?;
        let preface = Preface::new(self.log.marker, self.active.number + 1);
        let next = match self.batch.rolls {
            // It is for space, which an old one would take again.
            true => Active::create(&self.log.path, preface.number, self.log.marker),
            false => Active::next(&self.log.path, preface, &self.log.spare),
        }?;
        let full = std::mem::replace(&mut self.active, next);
        self.log.segments.add(self.active.number);
        // The keeper writes its sidecar: here everybody would wait for it.
        self.log.rolled(full);
        Ok(())
    }

    fn written(&mut self, offset: u64) {
        // What writes nothing does not say that there is room.
        if self.batch.records.len() > 0 {
            self.log.wrote(None);
        }
        for waiting in self.batch.waiting.iter().filter(|waiting| waiting.span.bytes > 0) {
            let record = self.batch.records.copied(&waiting.span);
            self.active.note(offset + waiting.span.offset as u64, record);
        }
        let mut written = Written {
            segment: self.active.number,
            offset,
            batch: self.batch.number,
            waiting: std::mem::take(&mut self.batch.waiting),
            stub: self.batch.stub.take(),
        };
        match &self.syncer {
            Some(syncer) => syncer.hand_over(&self.log, Arc::clone(&self.active.file), written),
            None => {
                self.log.commit(&mut written);
                self.batch.waiting = written.waiting;
            }
        }
    }

    /// Nothing of the batch may stay: the log would tell of captures that were refused, or break
    /// off in the middle of one.
    async fn fail(&mut self, error: &io::Error) {
        let failed = match self.active.cut(&self.log) {
            Ok(()) => {
                tracing::warn!(%error, "a write failed; the store tries again with what comes");
                StoreError::failed(format!("{}, then resend", failed(error)))
            }
            Err(cut) => self.log.stop(format!(
                "a write failed ({error}), and what it left could not be cut off ({cut}); look at \
                 the disk, then restart"
            )),
        };
        self.log.wrote(Some((&failed, is_full(error))));
        if let Some(syncer) = &self.syncer {
            syncer.drained().await;
        }
        self.log.fail(&mut self.batch, &failed);
        // All that is left before the newest is committed, and may go if it is dead.
        self.log.segments.begin(self.active.number);
    }

    async fn finish(&self) {
        self.active.trim();
        match &self.syncer {
            Some(syncer) => syncer.drained().await,
            None => {
                if let Err(error) = self.active.file.sync_data() {
                    tracing::warn!(%error, "the last segment could not be synced");
                }
            }
        }
    }
}

/// That a write failed with this.
fn failed(error: &io::Error) -> String {
    format!("a write failed: {error}; free some space or clear a bin")
}

/// Notes whether there is room, as nothing else is written that would tell. Blocks.
pub(super) fn probe(log: &Log) {
    match log.reserve.probe() {
        Ok(()) => log.wrote(None),
        Err(error) => log.wrote(Some((&StoreError::failed(failed(&error)), true))),
    }
}

/// Whether there is no room: on the disk, or in what one may use of it.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Drop for Writer {
    /// A writer that ends before its time must not leave anybody waiting.
    fn drop(&mut self) {
        self.log.abandon(&mut self.batch);
    }
}
