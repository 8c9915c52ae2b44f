//! Replaying: captures that are there already, once more.

mod pace;

use std::time::Duration;

use hooklab_shared::bin::Page;
use hooklab_shared::capture::Summary;
use hooklab_shared::id::{Seq, Timestamp};
use tokio::time::{Instant, sleep, sleep_until};

use crate::forward::{Run, Told, Waiting};
use crate::source::{Selection, SourceError};
use pace::Clock;

pub use pace::{BadRate, BadSpeed, Pace, Rate, Speed};

/// The pause before a receiver that is away is asked again.
const SOURCE_PAUSE: Duration = Duration::from_millis(500);

/// Which captures, and when.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Which.
    pub which: Which,
    /// How fast.
    pub pace: Pace,
    /// How many at most.
    pub captures_max: u64,
}

/// Which captures of a bin.
#[derive(Clone, Debug)]
pub enum Which {
    /// These, in this order.
    Seqs(Vec<Seq>),
    /// Those of a list, the oldest first, as they stand when the replay begins.
    Listed(Selection),
}

/// Gives captures to the targets, at the pace that was asked for.
pub(crate) async fn feed(run: &mut Run, replay: &Replay) -> Result<(), SourceError> {
    let mut given = Given {
        clock: Clock::new(replay.pace),
        began: Instant::now(),
        left: replay.captures_max,
        last: 0,
    };
    match &replay.which {
        Which::Seqs(seqs) => {
            for &seq in seqs {
                // Only the original pace asks when a capture came.
                let at = match replay.pace {
                    Pace::Original(_) => {
                        run.source.document(seq).await?.map(|told| told.received_at)
                    }
                    Pace::Fast | Pace::Rate(_) => None,
                };
                if !given.give(run, seq, at).await {
                    break;
                }
            }
            Ok(())
        }
        Which::Listed(selection) => listed(run, selection, &mut given).await,
    }
}

/// What was given so far.
struct Given {
    clock: Clock,
    began: Instant,
    left: u64,
    last: Seq,
}

impl Given {
    /// Gives a capture when it is due; `false` once nothing more is to be given.
    async fn give(&mut self, run: &mut Run, seq: Seq, at: Option<Timestamp>) -> bool {
        if self.left == 0 {
            run.tell(Told::Cut { after: self.last }).await;
            return false;
        }
        self.left -= 1;
        self.last = seq;
        let due = self.began + self.clock.due(at);
        if due > Instant::now() {
            tokio::select! {
                biased;
                () = run.stopped() => return false,
                () = sleep_until(due) => {}
            }
        }
        run.give(Waiting::Capture(seq)).await
    }
}

async fn listed(
    run: &mut Run,
    selection: &Selection,
    given: &mut Given,
) -> Result<(), SourceError> {
    // What is captured while it runs is not old: a target that is the bin itself would never end.
    let newest = run.source.bin().await?.newest_seq;
    let mut after = "0".to_owned();
    loop {
        let page = page(run, &after, selection).await?;
        for summary in &page.items {
            if summary.seq > newest
                || !given.give(run, summary.seq, Some(summary.received_at)).await
            {
                return Ok(());
            }
        }
        match page.next {
            Some(next) if next != after => after = next,
            _ => return Ok(()),
        }
    }
}

async fn page(
    run: &mut Run,
    after: &str,
    selection: &Selection,
) -> Result<Page<Summary>, SourceError> {
    loop {
        match run.source.page(after, selection).await {
            Err(error) if error.is_passing() => tokio::select! {
                biased;
                () = run.stopped() => return Ok(Page { items: Vec::new(), next: None }),
                () = sleep(SOURCE_PAUSE) => {}
            },
            read => return read,
        }
    }
}
