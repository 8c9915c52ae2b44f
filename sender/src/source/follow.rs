//! Captures as they come: each once, in order, through lost connections and restarts.

use std::time::Duration;

use hooklab_shared::id::Seq;
use hooklab_shared::live::{GapReason, Message};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{sleep, timeout};

use super::events::Events;
use super::{Source, SourceError};

/// The first wait before a lost channel is opened again, and the longest.
const WAIT_MIN: Duration = Duration::from_millis(50);
const WAIT_MAX: Duration = Duration::from_secs(2);

/// A channel says something every 15 s; one that says nothing three times is dead.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// What a follower is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    /// The channel is open; captures after this one follow.
    Open(Seq),
    /// A capture.
    Capture(Seq),
    /// These are gone, and cannot be told.
    Gap { from: Seq, to: Seq, reason: GapReason },
    /// The connection is lost, and will be opened again after this capture.
    Lost(Seq),
    /// The bin was made anew: its captures are told from the first one on.
    Anew,
    /// The bin was deleted; nothing follows.
    Deleted,
}

/// A bin that is followed.
#[derive(Debug)]
pub(crate) struct Follow {
    source: Source,
    query: Option<String>,
    seen: Option<Seq>,
    channel: Option<Channel>,
    wait: Duration,
    began: bool,
}

#[derive(Debug)]
struct Channel {
    body: Incoming,
    events: Events,
}

impl Follow {
    pub(super) fn new(source: Source, after: Option<Seq>, query: Option<String>) -> Self {
        Self { source, query, seen: after, channel: None, wait: WAIT_MIN, began: false }
    }

    /// What comes next; it is safe to drop this while it waits.
    ///
    /// # Errors
    /// The first opening fails; or a later one does in a way that will not pass.
    pub(crate) async fn next(&mut self) -> Result<Followed, SourceError> {
        loop {
            let Some(channel) = &mut self.channel else {
                self.open().await?;
                continue;
            };
            let Some(message) = channel.next().await else {
                self.channel = None;
                return Ok(Followed::Lost(self.seen.unwrap_or_default()));
            };
            if let Some(told) = step(&message, &mut self.seen) {
                if told == Followed::Anew {
                    self.channel = None;
                }
                return Ok(told);
            }
        }
    }

    async fn open(&mut self) -> Result<(), SourceError> {
        match self.source.live(self.seen, self.query.as_deref()).await {
            Ok(body) => {
                self.channel = Some(Channel { body, events: Events::default() });
                (self.began, self.wait) = (true, WAIT_MIN);
                Ok(())
            }
            Err(error) if self.began && error.is_passing() => {
                sleep(self.wait).await;
                self.wait = (self.wait * 2).min(WAIT_MAX);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

impl Channel {
    /// The next message that this release knows; none when the channel is lost.
    async fn next(&mut self) -> Option<Message> {
        loop {
            while let Some(data) = self.events.next() {
                if let Ok(message) = serde_json::from_slice(data) {
                    return Some(message);
                }
            }
            let frame = timeout(SILENCE_MAX, self.body.frame()).await.ok()??.ok()?;
            if let Some(piece) = frame.data_ref() {
                self.events.take(piece).ok()?;
            }
        }
    }
}

/// What a message tells, and what is seen after it.
fn step(message: &Message, seen: &mut Option<Seq>) -> Option<Followed> {
    match *message {
        Message::Hello { newest_seq, .. } => match *seen {
            Some(after) if after > newest_seq => {
                *seen = Some(0);
                Some(Followed::Anew)
            }
            Some(after) => Some(Followed::Open(after)),
            None => {
                *seen = Some(newest_seq);
                Some(Followed::Open(newest_seq))
            }
        },
        Message::Capture { seq, .. } if Some(seq) > *seen => {
            *seen = Some(seq);
            Some(Followed::Capture(seq))
        }
        Message::Gap { from, to, reason } if Some(to) > *seen => {
            let from = from.max(seen.unwrap_or_default() + 1);
            *seen = Some(to);
            Some(Followed::Gap { from, to, reason })
        }
        Message::Cleared { to } if Some(to) > *seen => {
            let from = seen.unwrap_or_default() + 1;
            *seen = Some(to);
            Some(Followed::Gap { from, to, reason: GapReason::Deleted })
        }
        Message::Deleted => Some(Followed::Deleted),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(newest_seq: Seq) -> Message {
        Message::Hello { bin: "orders".parse().ok(), oldest_seq: None, newest_seq, dropped: 0 }
    }

    fn gap(from: Seq, to: Seq) -> Message {
        Message::Gap { from, to, reason: GapReason::Retention }
    }

    #[test]
    fn what_was_seen_is_never_told_again() {
        let mut seen = None;
        assert_eq!(step(&hello(7), &mut seen), Some(Followed::Open(7)));
        assert_eq!(step(&Message::Cleared { to: 5 }, &mut seen), None);
        let told = step(&gap(6, 9), &mut seen);
        let reason = GapReason::Retention;
        assert_eq!(told, Some(Followed::Gap { from: 8, to: 9, reason }));
        assert_eq!(step(&gap(8, 9), &mut seen), None);
        let told = step(&Message::Cleared { to: 12 }, &mut seen);
        let reason = GapReason::Deleted;
        assert_eq!(told, Some(Followed::Gap { from: 10, to: 12, reason }));
        assert_eq!(step(&hello(20), &mut seen), Some(Followed::Open(12)));
        assert_eq!(step(&Message::Deleted, &mut seen), Some(Followed::Deleted));
    }

    #[test]
    fn a_bin_that_began_anew_is_told_from_its_beginning() {
        let mut seen = Some(100);
        assert_eq!(step(&hello(3), &mut seen), Some(Followed::Anew));
        assert_eq!(step(&hello(3), &mut seen), Some(Followed::Open(0)));
    }
}
