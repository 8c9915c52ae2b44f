//! An answer's body: most often whole; in faults paced, cut short, or without an end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// Between two bytes of a dripping answer.
const DRIP: Duration = Duration::from_millis(100);

/// What an endless answer sends at most: above any client's limit, below a disk's.
const ENDLESS_BYTES_MAX: usize = 1 << 30;

const ENDLESS_PIECE: &[u8] = &[b'x'; 16 * 1024];

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    /// All at once; empty once it has been sent.
    Whole(Bytes),
    /// A byte at a time.
    Drip { rest: Bytes, timer: Pin<Box<Sleep>> },
    /// The first half of what was announced, then the connection ends: a moment later, so that the
    /// half is on its way.
    Truncated { half: Bytes, announced: u64, timer: Pin<Box<Sleep>> },
    /// More and more, until this many bytes were sent.
    Endless { sent: usize },
}

impl Default for ReplyBody {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl ReplyBody {
    /// Sends this a byte at a time.
    pub(crate) fn dripping(whole: Bytes) -> Self {
        Self::Drip { rest: whole, timer: Box::pin(sleep(DRIP)) }
    }

    /// Announces all of this and sends its first half.
    pub(crate) fn truncated(mut whole: Bytes) -> Self {
        let announced = whole.len() as u64;
        whole.truncate(whole.len() / 2);
        Self::Truncated { half: whole, announced, timer: Box::pin(sleep(DRIP)) }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match &mut *self {
            Self::Whole(whole) => std::mem::take(whole),
            Self::Drip { rest, timer } => {
                ready!(timer.as_mut().poll(cx));
                timer.set(sleep(DRIP));
                rest.split_to(rest.len().min(1))
            }
            Self::Truncated { half, timer, .. } if half.is_empty() => {
                ready!(timer.as_mut().poll(cx));
                return Poll::Ready(Some(Err(io::Error::other("cut short on purpose"))));
            }
            Self::Truncated { half, .. } => std::mem::take(half),
            Self::Endless { sent } if *sent >= ENDLESS_BYTES_MAX => {
                return Poll::Ready(Some(Err(io::Error::other("endless long enough"))));
            }
            Self::Endless { sent } => {
                *sent += ENDLESS_PIECE.len();
                Bytes::from_static(ENDLESS_PIECE)
            }
        };
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(rest) | Self::Drip { rest, .. } => rest.is_empty(),
            Self::Truncated { .. } | Self::Endless { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(rest) | Self::Drip { rest, .. } => SizeHint::with_exact(rest.len() as u64),
            Self::Truncated { announced, .. } => SizeHint::with_exact(*announced),
            Self::Endless { .. } => SizeHint::default(),
        }
    }
}
