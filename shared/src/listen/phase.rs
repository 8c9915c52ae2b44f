//! What a connection is doing, so that the right timeout holds.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};

/// What a connection is doing, so that the right timeout holds. Shared between the socket's
/// wrapper and whoever answers on it.
#[derive(Clone, Debug, Default)]
pub struct Phase(Arc<AtomicU8>);

pub(super) const IDLE: u8 = 0;
pub(super) const HEAD: u8 = 1;
const SERVING: u8 = 2;
const UPGRADED: u8 = 3;

impl Phase {
    /// A request is being served until the guard is dropped: its own reading has its own limit.
    #[must_use]
    pub fn serving(&self) -> Serving {
        self.0.store(SERVING, Ordering::Relaxed);
        Serving(self.clone())
    }

    /// The connection is no longer HTTP: from now on only stalled writing ends it.
    pub fn upgraded(&self) {
        self.0.store(UPGRADED, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn change(&self, from: u8, to: u8) {
        let _ = self.0.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Holds a connection in its serving phase; belongs into the answer's body.
#[derive(Debug)]
pub struct Serving(Phase);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.change(SERVING, IDLE);
    }
}

/// An answer's body that keeps its connection in the serving phase until it has been sent.
#[derive(Debug)]
pub struct Held<B> {
    body: B,
    _serving: Serving,
}

impl<B> Held<B> {
    /// Ties a body to the phase that ends with it.
    pub fn new(body: B, serving: Serving) -> Self {
        Self { body, _serving: serving }
    }
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
