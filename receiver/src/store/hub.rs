//! A live channel: each message encoded once, shared by all who watch.

use std::collections::VecDeque;
use std::sync::Arc;

use hooklab_shared::body::Body;
use hooklab_shared::capture::{Capture, Summary};
use hooklab_shared::event::GUESS_BYTES_MAX;
use hooklab_shared::id::{BinName, Seq};
use hooklab_shared::live::Message;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::bin::Bin;

/// A record above this length in bytes is summed up without its body: the guess at its event is
/// all that a summary wants of it, and that stops at [`GUESS_BYTES_MAX`].
pub(crate) const SUMMED_BYTES_MAX: u64 = GUESS_BYTES_MAX as u64 + 64 * 1024;

/// A record up to this length in bytes is remembered whole for watchers with a filter; a longer one
/// they read from the store.
const FILTERED_BYTES_MAX: u64 = 16 * 1024;

/// A live message, and what a watcher needs to know of it to drop repeats.
#[derive(Clone, Debug)]
pub(crate) enum Live {
    Capture(News),
    Cleared(Seq, Utf8Bytes),
    Deleted(Utf8Bytes),
    Other(Utf8Bytes),
}

/// A capture, committed.
#[derive(Clone, Debug)]
pub(crate) struct News {
    pub(crate) bin: Arc<Bin>,
    pub(crate) seq: Seq,
    /// The message; none where nobody watched when the capture came in.
    pub(crate) frame: Option<Utf8Bytes>,
    /// For filters, if it is small.
    pub(crate) capture: Option<Arc<Capture>>,
}

/// Whom to tell. Messages are remembered only until every watcher has taken them, so that an idle
/// channel takes no room for them.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    recent: VecDeque<Remembered>,
    /// The number of the first that is remembered.
    first: u64,
    watchers: usize,
    filters: usize,
    closed: bool,
    wake: Option<Arc<Notify>>,
}

#[derive(Debug)]
struct Remembered {
    live: Live,
    /// How many watchers have yet to take it.
    awaited: usize,
}

/// A watcher's place in a channel.
#[derive(Debug)]
pub(crate) struct Seat {
    next: u64,
    filters: bool,
    pub(crate) wake: Arc<Notify>,
}

/// What a watcher is to know beside the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) messages: usize,
    /// How many it came too late for.
    pub(crate) missed: u64,
    pub(crate) closed: bool,
}

impl Hub {
    pub(crate) fn join(&mut self, filters: bool) -> Seat {
        self.watchers += 1;
        self.filters += usize::from(filters);
        let wake = Arc::clone(self.wake.get_or_insert_default());
        Seat { next: self.end(), filters, wake }
    }

    pub(crate) fn leave(&mut self, seat: &Seat) {
        self.watchers -= 1;
        self.filters -= usize::from(seat.filters);
        let place = self.place(seat);
        for remembered in self.recent.range_mut(place..) {
            remembered.awaited -= 1;
        }
        self.forget();
        if self.watchers == 0 {
            *self = Self { first: self.end(), closed: self.closed, ..Self::default() };
        }
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watchers > 0
    }

    pub(crate) fn tell(&mut self, live: Option<Live>, messages_max: usize) {
        let Some(mut live) = live.filter(|_| self.is_watched()) else { return };
        if let Live::Capture(news) = &mut live
            && self.filters == 0
        {
            news.capture = None;
        }
        self.recent.push_back(Remembered { live, awaited: self.watchers });
        if self.recent.len() > messages_max.max(1) {
            self.recent.pop_front();
            self.first += 1;
        }
        self.wake();
    }

    /// Hands out the next messages, at most so many; none where some were missed, which is to be
    /// told first.
    pub(crate) fn take(&mut self, seat: &mut Seat, into: &mut Vec<Live>, most: usize) -> Taken {
        let missed = self.first.saturating_sub(seat.next);
        if missed > 0 {
            seat.next = self.first;
            return Taken { missed, ..Taken::default() };
        }
        let (mut messages, place) = (0, self.place(seat));
        for remembered in self.recent.range_mut(place..).take(most) {
            remembered.awaited -= 1;
            into.push(remembered.live.clone());
            messages += 1;
        }
        seat.next += messages as u64;
        self.forget();
        Taken { messages, missed: 0, closed: self.closed && seat.next == self.end() }
    }

    /// Ends every watch, once it has taken what is there.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.wake();
    }

    fn wake(&self) {
        if let Some(wake) = &self.wake {
            wake.notify_waiters();
        }
    }

    fn end(&self) -> u64 {
        self.first + self.recent.len() as u64
    }

    /// Where in the remembered messages the next one for this seat is.
    fn place(&self, seat: &Seat) -> usize {
        let behind = seat.next.saturating_sub(self.first);
        usize::try_from(behind).unwrap_or(usize::MAX).min(self.recent.len())
    }

    fn forget(&mut self) {
        while self.recent.front().is_some_and(|remembered| remembered.awaited == 0) {
            self.recent.pop_front();
            self.first += 1;
        }
        if self.recent.is_empty() {
            self.recent = VecDeque::new();
        }
    }
}

impl Live {
    /// The message of a capture that was at hand when it was written.
    pub(crate) fn capture(bin: &Arc<Bin>, capture: Arc<Capture>, record_bytes: u64) -> Self {
        let frame = capture_frame(summed(&capture, record_bytes));
        let (bin, seq) = (Arc::clone(bin), capture.seq);
        let capture = (record_bytes <= FILTERED_BYTES_MAX).then_some(capture);
        Self::Capture(News { bin, seq, frame, capture })
    }

    /// The same where it was not at hand, because nobody watched until then.
    pub(crate) fn stored(bin: &Arc<Bin>, seq: Seq) -> Self {
        Self::Capture(News { bin: Arc::clone(bin), seq, frame: None, capture: None })
    }

    pub(crate) fn cleared(to: Seq) -> Option<Self> {
        Some(Self::Cleared(to, frame(&Message::Cleared { to })?))
    }

    pub(crate) fn deleted() -> Option<Self> {
        Some(Self::Deleted(frame(&Message::Deleted)?))
    }

    pub(crate) fn bin_cleared(bin: &BinName, to: Seq) -> Option<Self> {
        Some(Self::Other(frame(&Message::BinCleared { bin: bin.clone(), to })?))
    }

    pub(crate) fn bin_deleted(bin: &BinName) -> Option<Self> {
        Some(Self::Other(frame(&Message::BinDeleted { bin: bin.clone() })?))
    }
}

/// A summary, of a large capture without its body.
pub(crate) fn summed(capture: &Capture, record_bytes: u64) -> Summary {
    match record_bytes <= SUMMED_BYTES_MAX {
        true => capture.summary(),
        false => Capture { body: Body::default(), ..capture.clone() }.summary(),
    }
}

pub(crate) fn capture_frame(summary: Summary) -> Option<Utf8Bytes> {
    frame(&Message::Capture { seq: summary.seq, summary: Box::new(summary) })
}

/// One message as JSON. Every message can be written; should one not, watchers miss it rather
/// than the server its life.
pub(crate) fn frame(message: &Message) -> Option<Utf8Bytes> {
    serde_json::to_string(message)
        .inspect_err(|error| tracing::error!(%error, "a live message could not be encoded"))
        .ok()
        .map(Utf8Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(text: &str) -> Option<Live> {
        Some(Live::Other(Utf8Bytes::from(text.to_owned())))
    }

    fn taken(hub: &mut Hub, seat: &mut Seat) -> (Vec<String>, u64) {
        let mut into = Vec::new();
        let taken = hub.take(seat, &mut into, 9);
        let text = |live: &Live| match live {
            Live::Other(frame) => frame.to_string(),
            other => format!("{other:?}"),
        };
        (into.iter().map(text).collect(), taken.missed)
    }

    #[test]
    fn messages_stay_until_all_have_taken_them() {
        let mut hub = Hub::default();
        hub.tell(live("nobody"), 3);
        let (mut a, mut b) = (hub.join(false), hub.join(false));
        for text in ["1", "2"] {
            hub.tell(live(text), 3);
        }
        assert_eq!(taken(&mut hub, &mut a), (vec!["1".into(), "2".into()], 0));
        assert_eq!(hub.recent.len(), 2);
        let mut late = hub.join(false);
        for text in ["3", "4"] {
            hub.tell(live(text), 3);
        }
        assert_eq!(taken(&mut hub, &mut b), (vec![], 1));
        assert_eq!(taken(&mut hub, &mut b), (vec!["2".into(), "3".into(), "4".into()], 0));
        assert_eq!(taken(&mut hub, &mut late).0, ["3", "4"]);
        hub.leave(&a);
        assert!(hub.recent.is_empty(), "the one who had not taken them has left");
        assert_eq!(taken(&mut hub, &mut b), (vec![], 0));
        hub.leave(&b);
        hub.close();
        assert!(hub.take(&mut late, &mut Vec::new(), 9).closed);
        hub.leave(&late);
        assert!(!hub.is_watched());
    }
}
