//! Load: deliveries at a rate, or as fast as so many connections go, with what became of each.
//!
//! At a rate (an open loop) every delivery has the moment at which it should begin, and its latency
//! counts from there: a target that stalls is charged with what it kept waiting. In a closed loop
//! the next delivery waits for the answer to the one before, and such a stall is counted once.

mod account;
mod arrivals;
mod content;
mod pace;
mod record;
mod report;
mod run;

use std::sync::Arc;
use std::time::Duration;

use hooklab_shared::limits::Limits;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use crate::egress::AllowTarget;
use crate::sender::{now, random};
use crate::source::{Source, SourceError};
use arrivals::Standing;
use content::Maker;
use record::Recorder;

pub use account::Accounted;
pub use content::{BadContent, Content, Payload};
pub use report::{Latency, LoadReport, Progress};

/// What a run is to do.
#[derive(Debug)]
pub struct Load {
    /// Where to.
    pub target: Url,
    /// What goes there.
    pub content: Content,
    /// When deliveries begin.
    pub mode: Mode,
    /// Connections at most; in a closed loop all of them, all the time.
    pub connections: usize,
    /// How long deliveries begin.
    pub duration: Duration,
    /// How many deliveries at most.
    pub count: Option<u64>,
    /// How often one is tried again, at once, that was not answered with 2xx.
    pub retries: u32,
    /// What an attempt may take.
    pub timeout: Duration,
    /// What may be dialled besides loopback.
    pub allow_targets: Vec<AllowTarget>,
    /// The bin that the target is, if what arrived there is to be accounted for.
    pub bin: Option<Source>,
    /// After what time an arrival is late.
    pub late: Duration,
}

/// When deliveries begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// So many a second, whatever the target does.
    Open(f64),
    /// One on every connection as soon as the one before it has ended.
    Closed,
}

/// Why a run does not begin.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The bin that is to be accounted for cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is nothing that could be sent.
    #[error(transparent)]
    Content(#[from] BadContent),
    /// Latencies cannot be recorded: a bug.
    #[error("record latencies: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
    /// The operating system gave no random bytes.
    #[error("name the run: {0}")]
    Randomness(String),
}

/// A run on its way.
#[derive(Debug)]
pub struct Running {
    recorder: Arc<Recorder>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<LoadReport, SourceError>>,
}

impl Load {
    /// Starts it. Needs a tokio runtime.
    ///
    /// # Errors
    /// The bin cannot be read, or the content cannot be made or signed.
    pub async fn start(self) -> Result<Running, LoadError> {
        let seed = random::<8>().map_err(|problem| LoadError::Randomness(problem.detail))?;
        let before = match &self.bin {
            Some(bin) => Standing::of(bin).await?,
            None => Standing::default(),
        };
        let maker = Maker::new(&self, u64::from_le_bytes(seed), now())?;
        let recorder = Arc::new(Recorder::new(self.bin.is_some())?);
        let (stop, stopping) = watch::channel(false);
        let task = tokio::spawn(run::run(self, maker, before, recorder.clone(), stopping));
        Ok(Running { recorder, stop, task })
    }

    /// How many deliveries there are to begin.
    fn total(&self) -> u64 {
        let most = self.count.unwrap_or(u64::MAX).min(Limits::LOAD_DELIVERIES_MAX);
        match self.mode {
            Mode::Closed => most,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "neither a rate nor a duration is negative, and `as` ends at the largest"
            )]
            Mode::Open(rate) => most.min((rate * self.duration.as_secs_f64()).ceil() as u64),
        }
    }
}

impl Running {
    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.recorder.progress()
    }

    /// Lets what is in flight end, and nothing else begin.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for the end; it is safe to drop this while it waits.
    ///
    /// # Errors
    /// What arrived in the bin cannot be read.
    pub async fn end(&mut self) -> Result<LoadReport, SourceError> {
        (&mut self.task).await.unwrap_or_else(|_| Ok(LoadReport::default()))
    }
}
