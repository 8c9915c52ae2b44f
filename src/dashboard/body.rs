//! A request's body that may not stall.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// A request's body whose pieces must keep coming.
pub(super) struct Patient {
    body: Incoming,
    idle: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Patient {
    /// Waits this long between two pieces.
    pub(super) fn new(body: Incoming, idle: Duration) -> Self {
        Self { body, idle, timer: Box::pin(sleep(idle)) }
    }
}

impl Body for Patient {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let next = Instant::now() + self.idle;
            self.timer.as_mut().reset(next);
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        match self.timer.as_mut().poll(cx) {
            Poll::Ready(()) => {
                let told = "the request's body stalled for too long";
                Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, told))))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
