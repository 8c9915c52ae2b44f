//! Connections that wait for their next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hooklab_shared::limits::Limits;
use tokio::time::{Instant, sleep};

use super::stream::Stream;

/// Idle connections by origin, bounded for each and in all.
#[derive(Debug)]
pub(super) struct Pool {
    shelf: Mutex<Shelf>,
    origin_max: usize,
    max: usize,
    idle_timeout: Duration,
}

#[derive(Debug, Default)]
struct Shelf {
    origins: HashMap<String, Vec<Idle>>,
    count: usize,
    /// Whether a task closes what has waited too long.
    is_swept: bool,
}

#[derive(Debug)]
struct Idle {
    stream: Stream,
    since: Instant,
}

impl Pool {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            shelf: Mutex::default(),
            origin_max: limits.idle_connections_of_target_max,
            max: limits.idle_connections_max,
            idle_timeout: limits.idle_connection_timeout,
        })
    }

    /// A connection to this origin that is still quiet, the one used last.
    pub(super) async fn take(&self, origin: &str) -> Option<Stream> {
        loop {
            let mut idle = self.pop(origin)?;
            if idle.since.elapsed() < self.idle_timeout && idle.stream.is_quiet().await {
                return Some(idle.stream);
            }
        }
    }

    /// Keeps a connection for the next request, if there is room.
    pub(super) fn put(self: &Arc<Self>, origin: &str, stream: Stream) {
        let mut shelf = self.shelf();
        if shelf.count >= self.max {
            return;
        }
        if !shelf.origins.contains_key(origin) {
            shelf.origins.insert(origin.to_owned(), Vec::new());
        }
        let Some(idle) = shelf.origins.get_mut(origin) else { return };
        if idle.len() >= self.origin_max {
            return;
        }
        idle.push(Idle { stream, since: Instant::now() });
        shelf.count += 1;
        if !std::mem::replace(&mut shelf.is_swept, true) {
            drop(tokio::spawn(sweep(Arc::downgrade(self), self.idle_timeout)));
        }
    }

    fn pop(&self, origin: &str) -> Option<Idle> {
        let mut shelf = self.shelf();
        let popped = shelf.origins.get_mut(origin)?.pop();
        shelf.count -= usize::from(popped.is_some());
        popped
    }

    /// Closes what has waited too long; whether anything is left.
    fn close_old(&self) -> bool {
        let mut shelf = self.shelf();
        for idle in shelf.origins.values_mut() {
            idle.retain(|idle| idle.since.elapsed() < self.idle_timeout);
        }
        shelf.origins.retain(|_, idle| !idle.is_empty());
        shelf.count = shelf.origins.values().map(Vec::len).sum();
        shelf.is_swept = shelf.count > 0;
        shelf.is_swept
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Goes on until nothing waits, or the pool is gone.
async fn sweep(pool: Weak<Pool>, pause: Duration) {
    loop {
        sleep(pause).await;
        if !pool.upgrade().is_some_and(|pool| pool.close_old()) {
            return;
        }
    }
}
