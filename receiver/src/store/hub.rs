//! A bin's live channel: each message encoded once, shared by all who watch.

use hooklab_shared::body::Body;
use hooklab_shared::capture::{Capture, Summary};
use hooklab_shared::event::GUESS_BYTES_MAX;
use hooklab_shared::id::Seq;
use hooklab_shared::live::Message;
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// A record above this length in bytes is summed up without its body: the guess at its event is
/// all that a summary wants of it, and that stops at [`GUESS_BYTES_MAX`].
pub(crate) const SUMMED_BYTES_MAX: u64 = GUESS_BYTES_MAX as u64 + 64 * 1024;

/// A live message, and what a watcher needs to know of it to drop repeats.
#[derive(Clone, Debug)]
pub(crate) enum Live {
    Capture(Seq, Utf8Bytes),
    Cleared(Seq, Utf8Bytes),
    Deleted(Utf8Bytes),
}

/// Whom to tell. The channel is there only while somebody watches: it takes a slot for each
/// message that it may have to remember.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    channel: Option<broadcast::Sender<Live>>,
    watchers: usize,
}

impl Hub {
    /// A new watcher's end of the channel.
    pub(crate) fn join(&mut self, live_messages_max: usize) -> broadcast::Receiver<Live> {
        self.watchers += 1;
        self.channel
            .get_or_insert_with(|| broadcast::Sender::new(live_messages_max.max(1)))
            .subscribe()
    }

    pub(crate) fn leave(&mut self) {
        self.watchers -= 1;
        if self.watchers == 0 {
            self.channel = None;
        }
    }

    /// Where to tell, if anybody listens.
    pub(crate) fn sender(&self) -> Option<broadcast::Sender<Live>> {
        self.channel.clone()
    }

    pub(crate) fn tell(&self, live: Option<Live>) {
        if let (Some(channel), Some(live)) = (&self.channel, live) {
            // An error says that nobody listens any more.
            let _ = channel.send(live);
        }
    }

    /// Ends every watch, once it has taken what is there.
    pub(crate) fn close(&mut self) {
        self.channel = None;
    }
}

impl Live {
    pub(crate) fn capture(capture: &Capture, record_bytes: u64) -> Option<Self> {
        let summary = match record_bytes <= SUMMED_BYTES_MAX {
            true => capture.summary(),
            false => Capture { body: Body::default(), ..capture.clone() }.summary(),
        };
        Some(Self::Capture(capture.seq, capture_frame(summary)?))
    }

    pub(crate) fn cleared(to: Seq) -> Option<Self> {
        Some(Self::Cleared(to, frame(&Message::Cleared { to })?))
    }

    pub(crate) fn deleted() -> Option<Self> {
        Some(Self::Deleted(frame(&Message::Deleted)?))
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
