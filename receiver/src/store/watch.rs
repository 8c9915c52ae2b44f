//! One watcher: hello, what it missed, then live, without loss or repeat.

mod source;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;

use hooklab_shared::capture::Capture;
use hooklab_shared::id::Seq;
use hooklab_shared::listen::websocket::Telling;
use hooklab_shared::live::Message;
use tokio::task::yield_now;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::bin::Bin;
use super::error::StoreError;
use super::hub::{Live, News, Seat, capture_frame, frame, summed};
use super::index::{At, Range};
use super::read::Parts;
use super::record::capture_bytes;
use super::{Inner, Store};
use source::{Source, Standing};

/// Captures that are read at once for a watcher that is behind: what a socket feeds before it
/// flushes.
const PAGE_CAPTURES: usize = 64;

/// The same in bytes, so that a watcher of large captures gives others their turn.
const PAGE_BYTES: u64 = 4 * 1024 * 1024;

/// Which captures a watcher wants to be told of.
pub type Filter = Box<dyn Fn(&Capture) -> bool + Send + Sync>;

/// A watch over a bin, or over all of them; ends with its bin or its store. Dropping it counts it
/// out.
///
/// It is in the channel before it reads what it missed, so that nothing falls in between, and
/// drops what both tell by its seq.
pub struct Watch {
    store: Arc<Inner>,
    source: Source,
    seat: Seat,
    filter: Option<Arc<Filter>>,
    /// Messages, and what to resume after once they are told.
    ready: VecDeque<(Option<Seq>, Utf8Bytes)>,
    resume_after: Option<Seq>,
    over: bool,
}

impl Telling for Watch {
    async fn next(&mut self) -> Option<Utf8Bytes> {
        Self::next(self).await
    }

    fn try_next(&mut self) -> Option<Utf8Bytes> {
        Self::try_next(self)
    }

    fn gone(&self) -> Option<&'static str> {
        self.deleted().then_some("the bin was deleted")
    }
}

impl Watch {
    pub(super) fn of_bin(
        store: &Store,
        bin: Arc<Bin>,
        after: Option<Seq>,
        filter: Option<Arc<Filter>>,
    ) -> Result<Option<Self>, StoreError> {
        let store = Arc::clone(&store.0);
        store.bins.enter()?;
        let Some((standing, hello, seat)) = Standing::join(bin, after, filter.is_some()) else {
            store.bins.leave();
            return Ok(None);
        };
        let source = Source::Bin(standing);
        Ok(Some(Self::new(store, source, seat, filter, &hello)))
    }

    pub(super) fn of_all(store: &Store, filter: Option<Arc<Filter>>) -> Result<Self, StoreError> {
        let store = Arc::clone(&store.0);
        store.bins.enter()?;
        let dropped = store.bins.dropped();
        let hello = Message::Hello { bin: None, oldest_seq: None, newest_seq: 0, dropped };
        let mut all = store.bins.all();
        let seat = all.join(filter.is_some());
        store.bins.note_all(&all);
        drop(all);
        Ok(Self::new(store, Source::All, seat, filter, &hello))
    }

    fn new(
        store: Arc<Inner>,
        source: Source,
        seat: Seat,
        filter: Option<Arc<Filter>>,
        hello: &Message,
    ) -> Self {
        let ready = frame(hello).map(|hello| (None, hello)).into_iter().collect();
        Self { store, source, seat, filter, ready, resume_after: None, over: false }
    }

    /// The next live message, one JSON object; `None` once bin or store has ended.
    ///
    /// Cancel-safe: a message is handed out or kept.
    pub async fn next(&mut self) -> Option<Utf8Bytes> {
        loop {
            if let Some(frame) = self.at_hand() {
                return Some(frame);
            }
            if self.over {
                return None;
            }
            if self.source.is_behind() {
                // A page of which the filter let nothing pass: others get their turn.
                yield_now().await;
                continue;
            }
            let wake = Arc::clone(&self.seat.wake);
            let mut woken = pin!(wake.notified());
            woken.as_mut().enable();
            if !self.pull() {
                woken.await;
            }
        }
    }

    /// The next live message if there is one already, so that many can be fed before one flush.
    pub fn try_next(&mut self) -> Option<Utf8Bytes> {
        loop {
            if let Some(frame) = self.at_hand() {
                return Some(frame);
            }
            if self.over || self.source.is_behind() || !self.pull() {
                return None;
            }
        }
    }

    /// What to resume after by those who have got what was handed out so far, if that told of a
    /// capture's place; never on the channel of all bins.
    #[must_use]
    pub fn resume_after(&self) -> Option<Seq> {
        self.resume_after
    }

    /// Whether the bin is gone, and not only the store closed.
    #[must_use]
    pub fn deleted(&self) -> bool {
        match &self.source {
            Source::Bin(standing) => standing.bin.state().deleted,
            Source::All => false,
        }
    }

    /// What needs no waiting: frames that are ready, or that the store has.
    fn at_hand(&mut self) -> Option<Utf8Bytes> {
        if self.ready.is_empty() && !self.over && self.source.is_behind() {
            self.catch_up();
        }
        let (seq, frame) = self.ready.pop_front()?;
        self.resume_after = seq.or(self.resume_after);
        Some(frame)
    }

    /// Takes what the channel has; says whether that was anything.
    fn pull(&mut self) -> bool {
        let mut messages = Vec::new();
        let seat = &mut self.seat;
        let taken = match &self.source {
            Source::Bin(standing) => {
                standing.bin.state().hub.take(seat, &mut messages, PAGE_CAPTURES)
            }
            Source::All => self.store.bins.all().take(seat, &mut messages, PAGE_CAPTURES),
        };
        if taken.missed > 0 {
            match &mut self.source {
                Source::Bin(standing) => standing.behind = true,
                Source::All => {
                    let missed = frame(&Message::Missed { messages: taken.missed });
                    self.ready.extend(missed.map(|frame| (None, frame)));
                }
            }
        }
        for message in messages {
            self.take(message);
        }
        self.over |= taken.closed;
        taken.closed || taken.missed > 0 || taken.messages > 0
    }

    fn take(&mut self, live: Live) {
        match live {
            Live::Capture(news) => {
                if self.source.is_news(news.seq) {
                    let place = self.source.place(news.seq);
                    self.ready.extend(self.wanted(news).map(|frame| (place, frame)));
                }
            }
            Live::Cleared(to, frame) => {
                if self.source.is_cleared(to) {
                    self.ready.push_back((Some(to), frame));
                }
            }
            Live::Deleted(frame) => {
                self.over = true;
                self.ready.push_back((None, frame));
            }
            Live::Other(frame) => self.ready.push_back((None, frame)),
        }
    }

    /// The message of a capture, if it passes the filter.
    fn wanted(&self, news: News) -> Option<Utf8Bytes> {
        match (news.frame, &self.filter) {
            (Some(frame), None) => Some(frame),
            (frame, filter) => {
                let capture = match news.capture {
                    Some(capture) => capture,
                    None => Arc::new(self.read(&news.bin, news.seq)?),
                };
                let passes = filter.as_ref().is_none_or(|filter| filter(&capture));
                let told = || capture_frame(summed(&capture, capture_bytes(&capture) as u64));
                passes.then(|| frame.or_else(told)).flatten()
            }
        }
    }

    fn read(&self, bin: &Bin, seq: Seq) -> Option<Capture> {
        self.store.read(bin, At::Seq(seq)).unwrap_or_else(|error| {
            tracing::warn!(bin = %bin.name, "a watcher misses a capture: failed to {error}");
            None
        })
    }

    /// Reads one page of what was missed; an empty one says that the channel has the rest.
    fn catch_up(&mut self) {
        let Source::Bin(standing) = &mut self.source else { return };
        if self.store.bins.is_closed() {
            self.over = true;
            return;
        }
        self.over = standing.miss_what_is_gone(&mut self.ready);
        if self.over {
            return;
        }
        let range = Range {
            after: Some(standing.told),
            before: None,
            newest_first: false,
            limit: PAGE_CAPTURES,
        };
        let parts = if self.filter.is_some() { Parts::Whole } else { Parts::Summed };
        let (mut read, mut bytes) = (None, 0);
        let done = self.store.each(&standing.bin, range, parts, |capture, record_bytes| {
            read = Some(capture.seq);
            bytes += record_bytes;
            if self.filter.as_ref().is_none_or(|filter| filter(&capture)) {
                let frame = capture_frame(summed(&capture, record_bytes));
                self.ready.extend(frame.map(|frame| (read, frame)));
            }
            if bytes < PAGE_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        standing.behind = read.is_some();
        standing.told = read.unwrap_or(standing.told);
        if let Err(error) = done {
            tracing::warn!(bin = %standing.bin.name, %error, "a watch ended: failed to read on");
            self.over = true;
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("seat", &self.seat).finish_non_exhaustive()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        match &self.source {
            Source::Bin(standing) => standing.bin.state().hub.leave(&self.seat),
            Source::All => {
                let mut all = self.store.bins.all();
                all.leave(&self.seat);
                self.store.bins.note_all(&all);
            }
        }
        self.store.bins.leave();
    }
}
