//! The way to one target: its captures one after another, each delivered or given up before the
//! next begins.

use std::sync::Arc;
use std::time::Duration;

use hooklab_shared::capture::Document;
use hooklab_shared::delivery::AttemptOutcome;
use hooklab_shared::id::Seq;
use hooklab_shared::live::GapReason;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use url::Url;

use super::form::{Content, Form, Unfit, shown};
use super::hops::Mark;
use super::places::Place;
use super::retry::Retry;
use super::told::{Because, Handed, Told, span};
use crate::attempt::{Answer, Caller};
use crate::sender::now;
use crate::source::{Source, SourceError};

/// The pause before a receiver that is away is asked again.
const SOURCE_PAUSE: Duration = Duration::from_millis(500);

/// What waits for a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// A capture.
    Capture(Seq),
    /// Captures up to this one are gone.
    Gone(Seq),
}

/// A target, and what it takes to deliver to it.
pub(super) struct Lane {
    pub(super) source: Source,
    pub(super) target: Url,
    pub(super) form: Arc<Form>,
    pub(super) retry: Retry,
    pub(super) caller: Arc<Caller>,
    pub(super) mark: Option<Mark>,
    pub(super) place: Place,
    pub(super) told: mpsc::Sender<Told>,
    pub(super) stop: watch::Receiver<bool>,
}

/// Why a target gets no more.
enum Ended {
    /// It was told to stop.
    Stopped,
    /// Captures cannot be read any more.
    Unreadable(SourceError),
}

impl Lane {
    /// Delivers until nothing waits any more, or it is to stop.
    pub(super) async fn run(
        mut self,
        mut waiting: mpsc::Receiver<Waiting>,
    ) -> Result<(), SourceError> {
        while let Some(next) = waiting.recv().await {
            if *self.stop.borrow() {
                break;
            }
            let seq = match next {
                Waiting::Gone(to) => to,
                Waiting::Capture(seq) => match self.capture(seq).await {
                    Ok(()) => seq,
                    Err(Ended::Stopped) => break,
                    Err(Ended::Unreadable(error)) => return Err(error),
                },
            };
            self.place.reached(seq);
        }
        Ok(())
    }

    async fn capture(&mut self, seq: Seq) -> Result<(), Ended> {
        let Some(document) = self.read(seq).await? else {
            self.tell(Told::Gap { from: seq, to: seq, reason: GapReason::Deleted }).await;
            return Ok(());
        };
        match self.contents(document).await {
            Ok(contents) => {
                for content in &contents {
                    self.deliver(seq, content).await?;
                }
            }
            Err(unfit) => self.skip(seq, unfit.to_string(), unfit.because()).await,
        }
        Ok(())
    }

    /// The capture, however long the receiver is away; none where it is gone.
    async fn read(&mut self, seq: Seq) -> Result<Option<Document>, Ended> {
        loop {
            match self.source.document(seq).await {
                Err(error) if error.is_passing() => self.pause(SOURCE_PAUSE).await?,
                read => return read.map_err(Ended::Unreadable),
            }
        }
    }

    /// A filter may take a second of a processor, so it runs where nobody waits for it.
    async fn contents(&self, document: Document) -> Result<Vec<Content>, Unfit> {
        let forwarded = self.mark.as_ref().map(|mark| mark.after(&document)).transpose()?;
        let (form, target) = (self.form.clone(), self.target.clone());
        if form.reshape.is_none() {
            return form.contents(&document, &target, forwarded.as_deref());
        }
        let work = move || form.contents(&document, &target, forwarded.as_deref());
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(Unfit::Broken))
    }

    /// Attempts until one succeeds or none is left.
    async fn deliver(&mut self, seq: Seq, content: &Content) -> Result<(), Ended> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let outgoing = match self.form.outgoing(content, now()) {
                Ok(outgoing) => outgoing,
                Err(reason) => {
                    let why = format!("it cannot be signed: {reason}");
                    self.skip(seq, why, Because::Failure).await;
                    return Ok(());
                }
            };
            let called = self.caller.call(&outgoing).await;
            let response = called.answer.map(Answer::into_told);
            let wait = self.retry.after(attempts, &called.outcome, response.as_ref(), now());
            let handed = Handed {
                seq,
                part: content.part,
                target: shown(content.target()).to_owned(),
                attempts,
                status: response.map(|response| response.status),
                took_us: called.phases.total_us,
                outcome: called.outcome,
            };
            let Some(wait) = wait else {
                let told = match handed.outcome {
                    AttemptOutcome::Delivered => Told::Delivered(handed),
                    _ => Told::Exhausted(handed),
                };
                self.tell(told).await;
                return Ok(());
            };
            self.tell(Told::Retry { tried: handed, again_in: span(wait) }).await;
            self.pause(wait).await?;
        }
    }

    async fn pause(&mut self, wait: Duration) -> Result<(), Ended> {
        tokio::select! {
            biased;
            _ = self.stop.wait_for(|&stop| stop) => Err(Ended::Stopped),
            () = sleep(wait) => Ok(()),
        }
    }

    async fn skip(&self, seq: Seq, why: String, because: Because) {
        let target = shown(&self.target).to_owned();
        self.tell(Told::Skipped { seq, target, because, why }).await;
    }

    async fn tell(&self, told: Told) {
        let _ = self.told.send(told).await;
    }
}
