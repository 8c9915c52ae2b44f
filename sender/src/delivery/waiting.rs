//! Who waits for the end of a delivery's attempt.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;
use uuid::Uuid;

/// Waiters by delivery. It holds no more than there are deliveries pending with somebody waiting,
/// and each is taken out when its attempt ends.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<HashMap<Uuid, Vec<oneshot::Sender<()>>>>);

impl Waiting {
    /// What resolves when the delivery's attempt is over. Ask the store after this and before
    /// waiting: it may be over already.
    pub(crate) fn wait(&self, delivery: Uuid) -> oneshot::Receiver<()> {
        let (ended, wait) = oneshot::channel();
        let mut waiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiters = waiters.entry(delivery).or_default();
        waiters.retain(|waiter| !waiter.is_closed());
        waiters.push(ended);
        wait
    }

    /// Tells whoever waits that the attempt is over and logged.
    pub(crate) fn ended(&self, delivery: Uuid) {
        let waiters = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&delivery);
        for waiter in waiters.into_iter().flatten() {
            // It may have gone.
            let _ = waiter.send(());
        }
    }
}
