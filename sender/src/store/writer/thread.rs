//! The thread itself: which transaction is open, and what of the turns is in it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{Company, Done, Failure, Job, Level, Message, Turn};
use crate::store::StoreError;
use crate::store::attempts::Place;
use crate::store::recover::Log;
use crate::store::sync::Syncer;
use crate::store::turn::{Ahead, Turned};

/// Changes in one transaction: more would keep the first one waiting for the last.
const BATCH_MAX: usize = 256;

/// Attempts that turns may have begun or ended in a transaction that stays open, and the bytes of
/// the log that tell of them: what is told again after a crash.
const AHEAD_MAX: usize = 1_024;
const AHEAD_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// How long it stays open, and after what time what was lost is tried again.
const AHEAD_FOR: Duration = Duration::from_millis(100);
const AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Thread {
    connection: Connection,
    log: Log,
    failure: Failure,
    /// None where nothing is on a disk.
    syncer: Option<Syncer>,
    is_ahead: Arc<AtomicBool>,
    open: Option<Open>,
    /// A transaction with turns in it was lost.
    is_behind: bool,
    ahead: Ahead,
    /// For waiting a limited time.
    waiting: Runtime,
}

/// The transaction that is open.
struct Open {
    since: Instant,
    /// Where the log ended then.
    from: Place,
    /// How many attempts its turns began or ended.
    attempts: usize,
}

impl Open {
    fn is_large(&self, end: Place) -> bool {
        let is_long = end.segment != self.from.segment
            || end.offset.saturating_sub(self.from.offset) >= AHEAD_BYTES_MAX;
        self.attempts >= AHEAD_MAX || is_long || self.since.elapsed() >= AHEAD_FOR
    }
}

impl Thread {
    pub(super) fn new(
        connection: Connection,
        log: Log,
        syncer: Option<Syncer>,
        failure: Failure,
        is_ahead: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let waiting = Builder::new_current_thread().enable_time().build()?;
        let (open, is_behind, ahead) = (None, log.untold.is_some(), Ahead::default());
        log.untold.iter().for_each(|error| failure.set(error));
        is_ahead.store(is_behind, Ordering::Release);
        Ok(Self { connection, log, failure, syncer, is_ahead, open, is_behind, ahead, waiting })
    }

    /// Returns whom to tell that the store is closed.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Message>) -> Option<oneshot::Sender<()>> {
        let mut closing = None;
        let mut batch: Vec<(Level, Job)> = Vec::new();
        while let Some(message) = self.next(&mut queue) {
            let mut next = Some(message);
            while let Some(message) = next.take() {
                match message {
                    Message::Change(level, job) => batch.push((level, job)),
                    Message::Turn(turn, answer) => {
                        // A turn that fails undoes its transaction, so it shares none with them.
                        self.commit(std::mem::take(&mut batch));
                        self.turn(turn, answer);
                    }
                    Message::Settle(settled) => {
                        self.commit(std::mem::take(&mut batch));
                        let _ = settled.send(self.settle());
                    }
                    Message::Close(closed) => {
                        // What was sent before this is still in the queue, and is still done.
                        queue.close();
                        closing = Some(closed);
                    }
                }
                if batch.len() < BATCH_MAX {
                    next = queue.try_recv().ok();
                }
            }
            self.commit(std::mem::take(&mut batch));
        }
        // Where that fails, it is told again when the store is opened.
        let _ = self.settle();
        // Whoever waits for the disk is answered before the end.
        self.syncer = None;
        let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        closing
    }

    /// The next message; none once the queue is closed and empty.
    fn next(&mut self, queue: &mut mpsc::Receiver<Message>) -> Option<Message> {
        while let Some(left) = self.left() {
            let next = async { timeout(left, queue.recv()).await };
            if let Ok(message) = self.waiting.block_on(next) {
                return message;
            }
            let _ = self.settle();
        }
        queue.blocking_recv()
    }

    /// For how long nothing has to be done about the transaction, if there is one.
    fn left(&self) -> Option<Duration> {
        if self.failure.fatal().is_some() {
            return None;
        }
        let left = |open: &Open| AHEAD_FOR.saturating_sub(open.since.elapsed());
        self.open.as_ref().map(left).or(self.is_behind.then_some(AGAIN))
    }

    fn commit(&mut self, batch: Vec<(Level, Job)>) {
        if batch.is_empty() {
            return;
        }
        let begun = self.begin().and_then(|()| self.ahead.settle(&self.connection));
        if begun.is_err() {
            self.undo();
        }
        let company =
            if batch.len() == 1 && self.attempts() == 0 { Company::Alone } else { Company::Others };
        let run = |(level, job): (Level, Job)| {
            let lost = self.lost();
            let transaction =
                begun.as_ref().copied().and_then(|()| lost.as_ref().map_or(Ok(()), Err));
            (level, job(transaction.map(|()| (&self.connection, company))))
        };
        let done: Vec<(Level, Done)> = batch.into_iter().map(run).collect();
        let is_undone = company == Company::Alone && done.iter().any(|(_, done)| done.failed);
        let committed = match begun {
            Ok(()) if is_undone => {
                self.undo();
                Ok(())
            }
            Ok(()) => self.end(),
            Err(error) => Err(error),
        };
        // A full disk fails every change; what it says of the end of their transaction is no help.
        let refused = done.iter().map(|(_, done)| done.refused.as_ref());
        let refused = refused.reduce(|all, one| all.and(one)).flatten();
        let ended = committed.as_ref().err();
        let fatal = ended.filter(|error| matches!(error, StoreError::Engine { fatal: true, .. }));
        self.failure.note(fatal.or(refused).or(ended));
        let mut synced = Vec::new();
        for (level, Done { answer, .. }) in done {
            match &self.syncer {
                Some(_) if level == Level::Disk && committed.is_ok() => synced.push(answer),
                _ => answer(committed.as_ref().copied()),
            }
        }
        if let Some(syncer) = &self.syncer
            && !synced.is_empty()
        {
            syncer.answer(synced);
        }
    }

    fn turn(&mut self, turn: Turn, answer: oneshot::Sender<Result<Turned, StoreError>>) {
        let begun = self.begin();
        // Whoever is answered and looks then is to see it.
        self.is_ahead.store(true, Ordering::Release);
        let made = begun.and_then(|()| caught(|| turn(&self.connection, &mut self.ahead)));
        let made = match made {
            Ok(turned) => {
                let attempts = turned.states.len() + turned.taken.len();
                self.open.iter_mut().for_each(|open| open.attempts += attempts);
                Ok(self.kept(turned))
            }
            Err(error) => {
                self.undo();
                self.failure.note(error.passing().as_ref());
                Err(error)
            }
        };
        // The worker may have gone: the turn stands all the same.
        let _ = answer.send(made);
        let end = self.log.attempts.end();
        if self.open.as_ref().is_some_and(|open| open.is_large(end)) {
            let _ = self.settle();
        }
    }

    /// What can be answered: what the log does not tell only once it is committed.
    fn kept(&mut self, mut turned: Turned) -> Turned {
        if turned.says_more() && self.settle().is_err() {
            turned.unsay();
        }
        turned
    }

    /// Commits what turns have left open, or what was lost of them. After what is fatal nothing is
    /// committed any more; the log tells it when the store is opened again.
    fn settle(&mut self) -> Result<(), StoreError> {
        let is_open = self.open.is_some() || self.is_behind;
        if !is_open || self.failure.fatal().is_some() {
            return Ok(());
        }
        let committed = self.begin().and_then(|()| self.end());
        if let Err(error) = &committed
            && self.failure.get().is_none()
        {
            tracing::warn!(%error, "the log of attempts is ahead; the store is told again");
        }
        self.failure.note(committed.as_ref().err());
        committed
    }

    /// Begins a transaction, if none is open. What was lost is told and committed first, so that no
    /// turn adds to it.
    fn begin(&mut self) -> Result<(), StoreError> {
        if let Some(error) = self.failure.fatal() {
            return Err(error);
        }
        if self.lost().is_some() {
            self.undo();
        }
        if self.open.is_some() {
            return Ok(());
        }
        if self.is_behind {
            self.start()?;
            let told = self.log.catch_up(&self.connection);
            told.inspect_err(|_| self.undo())?;
            // As long as it is not committed it may be lost again.
            self.open.iter_mut().for_each(|open| open.attempts = 1);
            self.end()?;
            self.is_behind = false;
            self.log.untold = None;
        }
        self.start()
    }

    fn start(&mut self) -> Result<(), StoreError> {
        sql(&self.connection, "BEGIN IMMEDIATE")?;
        let from = self.log.attempts.end();
        self.open = Some(Open { since: Instant::now(), from, attempts: 0 });
        Ok(())
    }

    /// How many attempts the turns in the transaction began or ended.
    fn attempts(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.attempts)
    }

    /// SQLite ends a transaction by itself where the disk fails.
    fn lost(&self) -> Option<StoreError> {
        (self.open.is_some() && self.connection.is_autocommit()).then(|| StoreError::Engine {
            detail: "the transaction was undone, as a change in it failed".to_owned(),
            fatal: false,
        })
    }

    fn end(&mut self) -> Result<(), StoreError> {
        // What is told outside of it would stand without it.
        if let Some(lost) = self.lost() {
            self.undo();
            return Err(lost);
        }
        let told = if self.attempts() > 0 {
            let told = self.ahead.tell(&self.connection);
            told.and_then(|()| self.log.told(&self.connection))
        } else {
            Ok(())
        };
        let committed = told.and_then(|()| sql(&self.connection, "COMMIT"));
        if committed.is_err() {
            self.undo();
            return committed;
        }
        self.open = None;
        self.is_ahead.store(false, Ordering::Release);
        Ok(())
    }

    /// Undoes the transaction; what turns did in it is told again from the log.
    fn undo(&mut self) {
        if !self.connection.is_autocommit() {
            let _ = sql(&self.connection, "ROLLBACK");
        }
        self.ahead.clear();
        self.is_behind |= self.attempts() > 0;
        self.open = None;
        self.is_ahead.store(self.is_behind, Ordering::Release);
    }
}

/// Runs a statement that is parsed once.
fn sql(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// One change of a batch in a savepoint, so that its failure undoes nobody else's.
pub(super) fn apart<T>(
    connection: &Connection,
    change: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    sql(connection, "SAVEPOINT change")?;
    let result = caught(|| change(connection));
    // Where SQLite has undone everything, the change says why.
    if result.is_err() && !connection.is_autocommit() {
        sql(connection, "ROLLBACK TO change")?;
    }
    if !connection.is_autocommit() {
        sql(connection, "RELEASE change")?;
    }
    result
}

/// The thread serves everybody: one change's bug must not end it.
pub(super) fn caught<T>(change: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(change)).unwrap_or(Err(StoreError::Bug))
}
