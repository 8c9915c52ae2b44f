//! Commits made safe from a power cut, beside the writer rather than in its way.
//!
//! The writer commits without waiting for the disk (`synchronous = NORMAL`): a commit is then in
//! the write-ahead log, which is a file like any other. Syncing that file makes every commit in it
//! durable; one sync answers for all that were written before it began. What a checkpoint moves
//! out of the log is synced by SQLite itself, log first.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use super::StoreError;
use super::writer::{Answer, Failure};

/// The thread that syncs; it ends when this is dropped, after everything was answered.
#[derive(Debug)]
pub(super) struct Syncer {
    waiting: Option<Sender<Vec<Answer>>>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// Starts it, for the write-ahead log at this path.
    pub(super) fn start(log: PathBuf, failure: Failure) -> io::Result<Self> {
        let (waiting, queue) = channel();
        let run = move || run(&log, &queue, &failure);
        let thread = thread::Builder::new().name("sender-sync".into()).spawn(run)?;
        Ok(Self { waiting: Some(waiting), thread: Some(thread) })
    }

    /// Answers these once what is committed now is on the disk.
    pub(super) fn answer(&self, answers: Vec<Answer>) {
        let unsent = match &self.waiting {
            Some(waiting) => waiting.send(answers).err().map(|error| error.0),
            None => Some(answers),
        };
        for answer in unsent.into_iter().flatten() {
            answer(Err(&StoreError::Closed));
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.waiting = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(log: &PathBuf, queue: &Receiver<Vec<Answer>>, failure: &Failure) {
    let mut file = None;
    while let Ok(mut answers) = queue.recv() {
        while let Ok(more) = queue.try_recv() {
            answers.extend(more);
        }
        let synced = sync(log, &mut file).map_err(|error| StoreError::Engine {
            detail: format!("syncing {}: {error}", log.display()),
            fatal: true,
        });
        if let Err(error) = &synced {
            failure.set(error);
        }
        for answer in answers {
            answer(synced.as_ref().copied());
        }
    }
}

/// SQLite keeps its log open as long as the database, so one handle is enough.
fn sync(log: &PathBuf, file: &mut Option<File>) -> io::Result<()> {
    let open = match file.take() {
        Some(open) => open,
        None => File::open(log)?,
    };
    open.sync_data()?;
    *file = Some(open);
    Ok(())
}
