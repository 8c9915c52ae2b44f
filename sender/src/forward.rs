//! Forwarding: captures of a bin to one target or several, each in order; new ones as they come,
//! or old ones again.

mod follow;
mod form;
mod hops;
mod lane;
mod places;
mod retry;
mod told;

use std::sync::Arc;

use hooklab_shared::bin::Bin;
use hooklab_shared::id::Seq;
use hooklab_shared::limits::Limits;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use url::Url;

use crate::replay::{self, Replay};
use crate::send::Poster;
use crate::source::{Source, SourceError};
use hops::Mark;
use lane::Lane;
use places::Places;

pub use form::{BadHeader, Form, Header, Outside, Reshape, Signing, Unfit};
pub use hops::Loop;
pub(crate) use lane::Waiting;
pub use retry::Retry;
pub use told::{Because, Handed, Tally, Told};

/// Where captures are read, and how they go out.
#[derive(Debug)]
pub struct Plan {
    /// The bin.
    pub source: Source,
    /// Where to; at least one.
    pub targets: Vec<Url>,
    /// What they go out as.
    pub form: Form,
    /// When a delivery is tried again.
    pub retry: Retry,
    /// What delivers them.
    pub poster: Poster,
}

/// Deliveries on their way.
#[derive(Debug)]
pub struct Running {
    told: mpsc::Receiver<Told>,
    stop: watch::Sender<bool>,
    places: Places,
    task: JoinHandle<Result<(), SourceError>>,
}

/// What chooses the captures is given this.
pub(crate) struct Run {
    pub(crate) source: Source,
    stop: watch::Receiver<bool>,
    told: mpsc::Sender<Told>,
    lanes: Vec<Opening>,
}

/// The near end of a lane: what waits goes in, and how it ended comes out.
struct Opening {
    waiting: mpsc::Sender<Waiting>,
    ended: JoinHandle<Result<(), SourceError>>,
}

impl Plan {
    /// Delivers what came after `after` (from now on, where there is none) and what comes, until it
    /// is told to stop or the bin is deleted; only what `query` asks for, if there is one.
    ///
    /// # Errors
    /// The bin cannot be read.
    pub async fn forward(
        self,
        after: Option<Seq>,
        query: Option<String>,
    ) -> Result<Running, SourceError> {
        let bin = self.source.bin().await?;
        let from = after.unwrap_or(bin.newest_seq);
        let (running, run) = self.open(Some(&bin), from);
        Ok(running.driven(async move {
            let mut run = run;
            let fed = follow::feed(&mut run, from, query).await;
            run.close().await.and(fed)
        }))
    }

    /// Delivers captures that are there already.
    ///
    /// # Errors
    /// The bin cannot be read.
    pub async fn replay(self, replay: Replay) -> Result<Running, SourceError> {
        self.source.bin().await?;
        // What somebody chose by hand goes round no loop, and is to look as it did.
        let (running, run) = self.open(None, 0);
        Ok(running.driven(async move {
            let mut run = run;
            let fed = replay::feed(&mut run, &replay).await;
            run.close().await.and(fed)
        }))
    }

    /// Opens a lane to every target; with the loop guard of a bin.
    fn open(self, guarded: Option<&Bin>, from: Seq) -> (Opened, Run) {
        let (tell, told) = mpsc::channel(Limits::FORWARD_TOLD_MAX);
        let (stop, stopping) = watch::channel(false);
        let places = Places::new(self.targets.len(), from);
        let caller = self.poster.caller();
        let (form, mark) = (Arc::new(self.form), guarded.map(Mark::of));
        let lanes = self.targets.into_iter().enumerate().map(|(number, target)| {
            let (waiting, next) = mpsc::channel(Limits::FORWARD_WAITING_MAX);
            let lane = Lane {
                source: self.source.clone(),
                target,
                form: form.clone(),
                retry: self.retry.clone(),
                caller: caller.clone(),
                mark: mark.clone(),
                place: places.of(number),
                told: tell.clone(),
                stop: stopping.clone(),
            };
            Opening { waiting, ended: tokio::spawn(lane.run(next)) }
        });
        let lanes = lanes.collect();
        let run = Run { source: self.source, stop: stopping, told: tell, lanes };
        (Opened { told, stop, places }, run)
    }
}

/// A run that nobody drives yet.
struct Opened {
    told: mpsc::Receiver<Told>,
    stop: watch::Sender<bool>,
    places: Places,
}

impl Opened {
    fn driven(
        self,
        drive: impl Future<Output = Result<(), SourceError>> + Send + 'static,
    ) -> Running {
        let Self { told, stop, places } = self;
        Running { told, stop, places, task: tokio::spawn(drive) }
    }
}

impl Running {
    /// What happens next; none once all is over.
    pub async fn next(&mut self) -> Option<Told> {
        self.told.recv().await
    }

    /// Lets what is in flight end, and nothing else begin.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// The capture up to which every target has had its deliveries, whatever came of them: where to
    /// go on from.
    #[must_use]
    pub fn place(&self) -> Seq {
        self.places.lowest()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// The captures could not be read any more.
    pub async fn end(mut self) -> Result<(), SourceError> {
        self.told.close();
        (&mut self.task).await.unwrap_or(Ok(()))
    }
}

impl Drop for Running {
    /// What nobody follows any more does not go on by itself.
    fn drop(&mut self) {
        self.stop();
        self.task.abort();
    }
}

impl Run {
    /// Gives a capture to every target; `false` once nothing is to be given any more.
    pub(crate) async fn give(&mut self, waiting: Waiting) -> bool {
        for lane in &self.lanes {
            let given = tokio::select! {
                biased;
                _ = self.stop.wait_for(|&stop| stop) => return false,
                given = lane.waiting.send(waiting) => given,
            };
            // A lane ends by itself only when the captures cannot be read any more.
            if given.is_err() {
                return false;
            }
        }
        true
    }

    /// Tells; who no longer listens need not be told.
    pub(crate) async fn tell(&self, told: Told) {
        let _ = self.told.send(told).await;
    }

    /// Returns once it is to stop.
    pub(crate) async fn stopped(&mut self) {
        let _ = self.stop.wait_for(|&stop| stop).await;
    }

    /// Waits until every target has had what it was given.
    async fn close(self) -> Result<(), SourceError> {
        let mut ended = Ok(());
        // All at once: each ends when it has had what waits for it.
        let lanes: Vec<_> = self.lanes.into_iter().map(|lane| lane.ended).collect();
        for lane in lanes {
            if let Ok(Err(error)) = lane.await {
                ended = Err(error);
            }
        }
        ended
    }
}
