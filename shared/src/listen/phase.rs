//! What a connection is doing, so that the right timeout holds.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};

/// What a connection is doing, so that the right timeout holds. Shared between the socket's
/// wrapper and whoever answers on it.
#[derive(Clone, Debug, Default)]
pub struct Phase(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: AtomicU32,
    /// Whether the connection takes many requests side by side.
    is_http2: AtomicBool,
}

pub(super) const IDLE: u32 = 0;
pub(super) const HEAD: u32 = 1;
/// One request is being served; each number above is one more, as HTTP/2 serves many at once.
const SERVING: u32 = 2;
const UPGRADED: u32 = u32::MAX;

impl Phase {
    /// A request is being served until the guard is dropped: its own reading has its own limit.
    #[must_use]
    pub fn serving(&self) -> Serving {
        let more = |phase: u32| match phase {
            UPGRADED => None,
            serving @ SERVING.. => Some(serving + 1),
            _ => Some(SERVING),
        };
        let _ = self.0.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        Serving(self.clone())
    }

    /// The connection is no longer HTTP: from now on only stalled writing ends it.
    pub fn upgraded(&self) {
        self.0.state.store(UPGRADED, Ordering::Relaxed);
    }

    /// The connection is HTTP/2: a frame between two requests begins none.
    pub fn http2(&self) {
        self.0.is_http2.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_http2(&self) -> bool {
        self.0.is_http2.load(Ordering::Relaxed)
    }

    pub(super) fn get(&self) -> u32 {
        self.0.state.load(Ordering::Relaxed)
    }

    pub(super) fn change(&self, from: u32, to: u32) {
        let _ = self.0.state.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Holds a connection in its serving phase; belongs into the answer's body.
#[derive(Debug)]
pub struct Serving(Phase);

impl Drop for Serving {
    fn drop(&mut self) {
        let less = |phase: u32| match phase {
            UPGRADED | IDLE | HEAD => None,
            SERVING => Some(IDLE),
            serving => Some(serving - 1),
        };
        let _ = self.0.0.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
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
