//! The one thread that changes the store: it commits whatever waits as one transaction.
//!
//! Who asked for no more than to survive the process is answered then; who asked for the disk is
//! answered by the syncer, which never holds the writer up.
//!
//! A turn of the worker is in the log of attempts when it is answered, and that survives the
//! process; so its transaction stays open for the next turns, and is committed before anybody
//! looks, with the next change, when it is large, or a moment later. A transaction that gets lost
//! is made again from the log.

mod thread;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hooklab_shared::directory::Directory;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::recover::Log;
use super::sync::Syncer;
use super::turn::{Ahead, Turned};
use thread::{Thread, apart, caught};

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
    Turn(Turn, oneshot::Sender<Result<Turned, StoreError>>),
    /// Commits what is open.
    Settle(oneshot::Sender<Result<(), StoreError>>),
    Close(oneshot::Sender<()>),
}

/// Runs in the transaction, or is told why there is none; then waits to be told of the commit.
type Job = Box<dyn FnOnce(Result<(&Connection, Company), &StoreError>) -> Done + Send>;

/// Runs in the transaction, and is in the log of attempts then.
type Turn = Box<dyn FnOnce(&Connection, &mut Ahead) -> Result<Turned, StoreError> + Send>;

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
        log: Log,
        directory: Option<Directory>,
        wal: Option<PathBuf>,
        queue_max: usize,
    ) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel(queue_max.max(1));
        let failure = Failure::default();
        let syncer = wal.map(|wal| Syncer::start(wal, failure.clone())).transpose()?;
        let is_ahead = Arc::<AtomicBool>::default();
        let thread = Thread::new(connection, log, syncer, failure.clone(), is_ahead.clone())?;
        std::thread::Builder::new().name("sender-store".into()).spawn(move || {
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
        let turn = Message::Turn(Box::new(turn), answer);
        self.jobs.send(turn).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Commits every turn that was answered, so that others see it.
    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        if !self.is_ahead.load(Ordering::Acquire) {
            return Ok(());
        }
        let (settled, wait) = oneshot::channel();
        self.jobs.send(Message::Settle(settled)).await.map_err(|_| StoreError::Closed)?;
        wait.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        level: Level,
        change: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = match transaction {
                Ok((connection, Company::Alone)) => caught(|| change(connection)),
                Ok((connection, Company::Others)) => apart(connection, change),
                Err(error) => Err(error.clone()),
            };
            let failed = result.is_err();
            let refused = result.as_ref().err().and_then(StoreError::passing);
            let answer: Answer = Box::new(move |commit: Result<(), &StoreError>| {
                // Whoever asked may have gone: the change stands all the same.
                let _ = answer
                    .send(result.and_then(|kept| commit.map_err(Clone::clone).map(|()| kept)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_that_panics_is_undone_and_the_next_one_goes_on() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER)").unwrap();
        let writer = Writer::start(connection, Log::in_memory(), None, None, 8).unwrap();
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
        let writer = Writer::start(connection, Log::in_memory(), None, None, 8).unwrap();
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
        assert!(why.contains("full") && why.contains("free some space"), "{why}");
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
        let writer = Writer::start(connection, Log::in_memory(), None, None, 8).unwrap();
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
