//! The thread that syncs, and then commits, at the level `disk`.
//!
//! While it syncs, the writer goes on; what was written meanwhile shares the next sync.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tokio::sync::oneshot;

use super::log::{Log, Written};
use super::queue;
use crate::store::error::StoreError;

/// The writer's end. The channel needs no bound: each batch in it holds somebody who waits, and
/// connections are bounded.
#[derive(Debug)]
pub(super) struct Syncer(Sender<Work>);

#[derive(Debug)]
enum Work {
    Written(Arc<File>, Written),
    /// Answered when everything before it has been committed.
    Barrier(oneshot::Sender<()>),
}

impl Syncer {
    pub(super) fn start(log: Arc<Log>) -> io::Result<Self> {
        let (sender, receiver) = channel();
        thread::Builder::new()
            .name("hooklab-sync".to_owned())
            .spawn(move || run(&log, &receiver))?;
        Ok(Self(sender))
    }

    pub(super) fn hand_over(&self, log: &Log, file: Arc<File>, written: Written) {
        if let Err(unsent) = self.0.send(Work::Written(file, written))
            && let Work::Written(_, written) = unsent.0
        {
            let error = log.stop("the sync thread has ended; restart".to_owned());
            queue::refuse(&log.bins, written.waiting, written.stub, &error);
        }
    }

    /// Waits until everything that was handed over is committed or refused.
    pub(super) async fn drained(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.send(Work::Barrier(done)).is_ok() {
            // An error says that the thread has ended, and everything with it.
            let _ = wait.await;
        }
    }
}

fn run(log: &Log, work: &Receiver<Work>) {
    let mut known: Option<Arc<File>> = None;
    while let Ok(first) = work.recv() {
        let all: Vec<Work> = std::iter::once(first).chain(work.try_iter()).collect();
        let synced = match log.failure() {
            None => sync(log, &all, &mut known).map_err(|error| stop(log, &error)),
            Some(why) => Err(StoreError::failed(why)),
        };
        for work in all {
            match (work, &synced) {
                (Work::Written(_, mut written), Ok(())) => log.commit(&mut written),
                (Work::Written(_, written), Err(error)) => {
                    queue::refuse(&log.bins, written.waiting, written.stub, error);
                }
                (Work::Barrier(done), _) => {
                    let _ = done.send(());
                }
            }
        }
    }
}

/// After a failed sync nobody knows what the disk holds: the kernel may have dropped the pages.
fn stop(log: &Log, error: &io::Error) -> StoreError {
    log.stop(format!("a sync failed: {error}; look at the disk, then restart"))
}

/// Each file once; the directory too where a file is new in it.
fn sync(log: &Log, all: &[Work], known: &mut Option<Arc<File>>) -> io::Result<()> {
    #[cfg(test)]
    super::faults::Faults::fail_if(&log.faults.no_sync)?;
    let mut synced: Option<&Arc<File>> = None;
    for work in all {
        let Work::Written(file, _) = work else { continue };
        if synced.is_some_and(|synced| Arc::ptr_eq(synced, file)) {
            continue;
        }
        file.sync_data()?;
        synced = Some(file);
        if known.as_ref().is_none_or(|known| !Arc::ptr_eq(known, file)) {
            sync_directory(&log.path)?;
            *known = Some(Arc::clone(file));
        }
    }
    Ok(())
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
