//! The one thread that changes the store: it commits whatever waits as one transaction.
//!
//! Who asked for no more than to survive the process is answered then; who asked for the disk is
//! answered by the syncer, which never holds the writer up.
//!
//! A turn of the worker is in the log of attempts when it is answered, and that survives the
//! process; so its transaction stays open for the next turns, and is committed before anybody looks,
//! with the next change, when it is large, or soon after the last turn. A transaction that gets lost
//! is made again from the log.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use hooklab_shared::directory::Directory;
use rusqlite::Connection;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::attempts::Attempts;
use super::sync::Syncer;
use super::turn::{Ahead, Turned};
use super::{StoreError, recover};

/// Changes in one transaction: more would keep the first one waiting for the last.
const BATCH_MAX: usize = 256;

/// Attempts begun or ended in a transaction that stays open: what is made again after a crash, and
/// how long a change may have to wait for the commit.
const AHEAD_MAX: usize = 1_024;

/// How long it stays open where no turn follows.
const AHEAD_FOR: Duration = Duration::from_millis(20);

/// A handle to the thread. Cheap to clone; the thread ends with the last one.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Message>,
    failure: Failure,
    /// Whether turns were answered that are not committed.
    is_ahead: Arc<AtomicBool>,
}

/// Why the store does not work, if it does not.
#[derive(Clone, Debug, Default)]
pub(super) struct Failure(Arc<Mutex<Option<StoreError>>>);

impl Failure {
    /// After a failed sync nobody knows what the disk holds, so nothing more is accepted.
    fn fatal(&self) -> Option<StoreError> {
        self.get().filter(|error| matches!(error, StoreError::Engine { fatal: true, .. }))
    }

    fn get(&self) -> Option<StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// This went wrong.
    pub(super) fn set(&self, error: &StoreError) {
        self.note(Some(error));
    }

    fn note(&self, error: Option<&StoreError>) {
        let mut failure = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*failure, error) {
            (Some(StoreError::Engine { fatal: true, .. }), _) => {}
            _ => *failure = error.cloned(),
        }
    }
}

/// How far a change is written before its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// It survives the end of the process, `kill -9` included.
    Process,
    /// It survives a power cut too.
    Disk,
}

enum Message {
    Change(Level, Job),
    Turn(Turn),
    /// Commits what is open.
    Settle(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// Runs in the transaction, or is told why there is none; then waits to be told of the commit.
type Job = Box<dyn FnOnce(Result<(&Connection, Company), &StoreError>) -> Done + Send>;

/// Runs in the transaction, is in the log of attempts then, and answers whoever asked.
type Turn = Box<dyn FnOnce(Result<Turning<'_>, &StoreError>) -> Result<Made, StoreError> + Send>;

/// What a turn works with.
type Turning<'a> = (&'a Connection, &'a mut Ahead);

/// A turn that was made.
struct Made {
    /// Attempts that it began or that ended.
    attempts: usize,
    /// Whether the log does not tell all of it.
    says_more: bool,
}

/// Whether a change has its transaction for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Company {
    /// Its failure undoes the transaction.
    Alone,
    /// Its failure must undo nobody else's change.
    Others,
}

/// A change that ran.
struct Done {
    failed: bool,
    /// What SQLite said no with.
    refused: Option<StoreError>,
    answer: Answer,
}

pub(super) type Answer = Box<dyn FnOnce(Result<(), &StoreError>) + Send>;

impl Writer {
    pub(super) fn start(
        connection: Connection,
        attempts: Arc<Attempts>,
        directory: Option<Directory>,
        log: Option<PathBuf>,
        queue_max: usize,
    ) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel(queue_max.max(1));
        let failure = Failure::default();
        let syncer = log.map(|log| Syncer::start(log, failure.clone())).transpose()?;
        let is_ahead = Arc::<AtomicBool>::default();
        let thread = Thread {
            connection,
            attempts,
            failure: failure.clone(),
            syncer,
            is_ahead: is_ahead.clone(),
            open: None,
            is_behind: false,
            ahead: Ahead::default(),
            waiting: Builder::new_current_thread().enable_time().build()?,
        };
        thread::Builder::new().name("sender-store".into()).spawn(move || {
            let closing = thread.run(queue);
            // The lock goes last, and before whoever waits is told.
            drop(directory);
            if let Some(closed) = closing {
                let _ = closed.send(());
            }
        })?;
        Ok(Self { jobs, failure, is_ahead })
    }

    /// Makes a turn; what it returns is in the log of attempts.
    pub(super) async fn turn(
        &self,
        turn: impl FnOnce(&Connection, &mut Ahead) -> Result<Turned, StoreError> + Send + 'static,
    ) -> Result<Turned, StoreError> {
        let (answer, answered) = oneshot::channel();
        let turn: Turn = Box::new(move |transaction| {
            let result = match transaction {
                Ok((connection, ahead)) => caught(connection, |connection| turn(connection, ahead)),
                Err(error) => Err(error.clone()),
            };
            let made = result.as_ref().map_err(Clone::clone).map(|turned| Made {
                attempts: turned.states.len() + turned.taken.len(),
                says_more: !turned.cancelled.is_empty() || !turned.deactivated.is_empty(),
            });
            // The worker may have gone: the turn stands all the same.
            let _ = answer.send(result);
            made
        });
        self.jobs.send(Message::Turn(turn)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Commits every turn that was answered, so that others see it.
    pub(super) async fn settle(&self) {
        if self.is_ahead.load(Ordering::Acquire) {
            let (settled, wait) = oneshot::channel();
            // Where it is closed or cannot commit, there is nothing newer to be seen.
            if self.jobs.send(Message::Settle(settled)).await.is_ok() {
                let _ = wait.await;
            }
        }
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        level: Level,
        change: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = match transaction {
                Ok((connection, Company::Alone)) => caught(connection, change),
                Ok((connection, Company::Others)) => apart(connection, change),
                Err(error) => Err(error.clone()),
            };
            let failed = result.is_err();
            let refused = result.as_ref().err().and_then(StoreError::passing);
            let answer: Answer = Box::new(move |commit: Result<(), &StoreError>| {
                // Whoever asked may have gone: the change stands all the same.
                let _ = answer.send(commit.map_err(Clone::clone).and(result));
            });
            Done { failed, refused, answer }
        });
        self.jobs.send(Message::Change(level, job)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) fn failure(&self) -> Option<String> {
        if self.jobs.is_closed() {
            return Some(StoreError::Closed.to_string());
        }
        self.failure.get().map(|error| error.to_string())
    }

    pub(super) async fn close(&self) {
        let (closed, wait) = oneshot::channel();
        if self.jobs.send(Message::Close(closed)).await.is_ok() {
            let _ = wait.await;
        }
    }
}

struct Thread {
    connection: Connection,
    attempts: Arc<Attempts>,
    failure: Failure,
    /// None where nothing is on a disk.
    syncer: Option<Syncer>,
    is_ahead: Arc<AtomicBool>,
    /// The transaction that is open, if one is: how many attempts its turns began or logged.
    open: Option<usize>,
    /// A transaction with turns in it was lost.
    is_behind: bool,
    ahead: Ahead,
    /// For waiting a limited time.
    waiting: Runtime,
}

impl Thread {
    /// Returns whom to tell that the store is closed.
    fn run(mut self, mut queue: mpsc::Receiver<Message>) -> Option<oneshot::Sender<()>> {
        let mut closing = None;
        let mut batch: Vec<(Level, Job)> = Vec::new();
        while let Some(message) = self.next(&mut queue) {
            let mut next = Some(message);
            while let Some(message) = next.take() {
                match message {
                    Message::Change(level, job) => batch.push((level, job)),
                    Message::Turn(turn) => {
                        // A turn that fails undoes its transaction, so it shares none with them.
                        self.commit(std::mem::take(&mut batch));
                        self.turn(turn);
                    }
                    Message::Settle(settled) => {
                        self.commit(std::mem::take(&mut batch));
                        self.settle();
                        let _ = settled.send(());
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
        self.settle();
        // Whoever waits for the disk is answered before the end.
        self.syncer = None;
        let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        closing
    }

    /// The next message; none once the queue is closed and empty.
    fn next(&mut self, queue: &mut mpsc::Receiver<Message>) -> Option<Message> {
        if self.open.is_some() {
            let soon = async { timeout(AHEAD_FOR, queue.recv()).await };
            match self.waiting.block_on(soon) {
                Ok(message) => return message,
                Err(_) => self.settle(),
            }
        }
        queue.blocking_recv()
    }

    fn commit(&mut self, batch: Vec<(Level, Job)>) {
        if batch.is_empty() {
            return;
        }
        let begun = self.begin().and_then(|()| self.ahead.settle(&self.connection));
        if begun.is_err() {
            self.undo();
        }
        let company = match (batch.len(), self.open) {
            (1, Some(0)) => Company::Alone,
            _ => Company::Others,
        };
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

    fn turn(&mut self, turn: Turn) {
        let begun = self.begin();
        // Whoever is answered and looks then is to see it.
        self.is_ahead.store(true, Ordering::Release);
        match turn(begun.as_ref().map(|()| (&self.connection, &mut self.ahead))) {
            Ok(Made { attempts, says_more }) => {
                let ahead = self.open.map_or(attempts, |open| open + attempts);
                self.open = Some(ahead);
                if says_more || ahead >= AHEAD_MAX {
                    self.settle();
                }
            }
            Err(error) => {
                self.undo();
                self.failure.note(error.passing().as_ref());
            }
        }
    }

    /// Commits what turns have left open, or what was lost of them.
    fn settle(&mut self) {
        if self.open.is_some() || self.is_behind {
            let committed = self.begin().and_then(|()| self.end());
            if let Err(error) = &committed {
                tracing::warn!(%error, "the log is ahead of the store, which is told again");
            }
            self.failure.note(committed.as_ref().err());
        }
    }

    /// Begins a transaction, if none is open; what was lost is in it again.
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
        sql(&self.connection, "BEGIN IMMEDIATE")?;
        self.open = Some(0);
        if self.is_behind {
            let told = recover::tell(&self.connection, &self.attempts);
            self.open = Some(told.as_ref().copied().unwrap_or(0));
            told.inspect_err(|_| self.undo())?;
            self.is_behind = false;
        }
        Ok(())
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
        let told = if self.open > Some(0) {
            let told = self.ahead.tell(&self.connection);
            told.and_then(|()| recover::told_until(&self.connection, self.attempts.end()))
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
        self.is_behind |= self.open.take() > Some(0);
        self.is_ahead.store(self.is_behind, Ordering::Release);
    }
}

/// Runs a statement that is parsed once.
fn sql(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// One change of a batch in a savepoint, so that its failure undoes nobody else's.
fn apart<T>(
    connection: &Connection,
    change: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    sql(connection, "SAVEPOINT change")?;
    let result = caught(connection, change);
    if result.is_err() {
        sql(connection, "ROLLBACK TO change")?;
    }
    sql(connection, "RELEASE change")?;
    result
}

/// The thread serves everybody: one change's bug must not end it.
fn caught<T>(
    connection: &Connection,
    change: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(|| change(connection))).unwrap_or(Err(StoreError::Bug))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_that_panics_is_undone_and_the_next_one_goes_on() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER)").unwrap();
        let writer =
            Writer::start(connection, Arc::new(Attempts::in_memory()), None, None, 8).unwrap();
        let broken = writer.write(Level::Process, |connection| -> Result<(), StoreError> {
            connection.execute("INSERT INTO t VALUES (1)", [])?;
            panic!("a bug");
        });
        assert!(matches!(broken.await, Err(StoreError::Bug)));
        let next = writer.write(Level::Process, |connection| {
            connection.execute("INSERT INTO t VALUES (2)", [])?;
            Ok(connection.query_row("SELECT sum(n) FROM t", [], |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(next.await.unwrap(), 2);
        assert_eq!(writer.failure(), None);
    }

    #[tokio::test]
    async fn a_full_store_says_so_until_there_is_room_again() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x BLOB); PRAGMA max_page_count = 8").unwrap();
        let writer =
            Writer::start(connection, Arc::new(Attempts::in_memory()), None, None, 8).unwrap();
        let add = async |bytes: i64| {
            let add = move |connection: &Connection| {
                Ok(connection.execute("INSERT INTO t VALUES (zeroblob(?1))", [bytes])?)
            };
            writer.write(Level::Process, add).await
        };
        assert!(add(100).await.is_ok());
        assert_eq!(writer.failure(), None);
        assert!(add(100_000).await.is_err());
        let why = writer.failure().unwrap();
        assert!(why.contains("full") && why.contains("check the disk's space"), "{why}");
        assert!(add(100).await.is_ok());
        assert_eq!(writer.failure(), None);
    }

    #[tokio::test]
    async fn what_fails_is_undone_and_nothing_beside_it() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER)").unwrap();
        let add = |n: i64, bad: bool| {
            move |connection: &Connection| {
                connection.execute("INSERT INTO t VALUES (?1)", [n])?;
                if bad { Err(StoreError::Closed) } else { Ok(()) }
            }
        };
        let writer =
            Writer::start(connection, Arc::new(Attempts::in_memory()), None, None, 8).unwrap();
        assert!(writer.write(Level::Process, add(1, true)).await.is_err());
        // The thread is held until both wait, so that they share a transaction.
        let (go, wait) = std::sync::mpsc::channel();
        let held = writer.write(Level::Process, move |_| wait.recv().map_err(|_| StoreError::Bug));
        let bad = writer.write(Level::Process, add(2, true));
        let good = writer.write(Level::Process, add(4, false));
        let let_go = async { go.send(()).unwrap() };
        let (held, bad, good, ()) = tokio::join!(held, bad, good, let_go);
        assert!(held.is_ok() && bad.is_err() && good.is_ok());
        let sum = writer.write(Level::Process, |connection| {
            Ok(connection.query_row("SELECT sum(n) FROM t", [], |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(sum.await.unwrap(), 4);
        assert_eq!(writer.failure(), None);
    }
}
