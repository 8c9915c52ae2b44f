//! Who waits for the end of a delivery's attempt.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::store::StoreError;

/// Waiters by delivery; none once the worker has ended. It holds no more than there are deliveries
/// pending with somebody waiting, and each is taken out when its attempt ends.
#[derive(Debug)]
pub(crate) struct Waiting(Mutex<Option<Waiters>>);

type Waiters = HashMap<Uuid, Vec<oneshot::Sender<StoreError>>>;

impl Default for Waiting {
    fn default() -> Self {
        Self(Mutex::new(Some(Waiters::new())))
    }
}

impl Waiting {
    /// What resolves when the delivery's attempt is over, or will not be: the worker has ended, or
    /// the attempt cannot be logged; where that is so for a while, with the reason. Ask the store
    /// after this and before waiting: it may be over already.
    pub(crate) fn wait(&self, delivery: Uuid) -> oneshot::Receiver<StoreError> {
        let (ended, wait) = oneshot::channel();
        if let Some(waiters) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let waiters = waiters.entry(delivery).or_default();
            waiters.retain(|waiter| !waiter.is_closed());
            waiters.push(ended);
        }
        wait
    }

    /// Forgets those who gave up waiting for this delivery.
    pub(crate) fn tidy(&self, delivery: Uuid) {
        if let Some(waiters) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)
            && let Some(waiting) = waiters.get_mut(&delivery)
        {
            waiting.retain(|waiter| !waiter.is_closed());
            if waiting.is_empty() {
                waiters.remove(&delivery);
            }
        }
    }

    /// Lets go whoever waits for this delivery.
    pub(crate) fn ended(&self, delivery: Uuid) {
        if let Some(waiters) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            waiters.remove(&delivery);
        }
    }

    /// Lets go whoever waits now, and says why: no attempt can be logged.
    pub(crate) fn failed(&self, why: &StoreError) {
        let mut waiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for waiter in waiters.iter_mut().flat_map(HashMap::drain).flat_map(|(_, waiting)| waiting) {
            // An error says that nobody waits any more.
            let _ = waiter.send(why.clone());
        }
    }

    /// Lets go whoever waits, now and from now on.
    pub(crate) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_up_leaves_the_others_waiting() {
        let (waiting, id) = (Waiting::default(), Uuid::nil());
        let (mut one, other) = (waiting.wait(id), waiting.wait(id));
        drop(other);
        waiting.tidy(id);
        assert!(matches!(one.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
        drop(one);
        waiting.tidy(id);
        assert!(waiting.0.lock().unwrap().as_ref().unwrap().is_empty());
    }

    #[test]
    fn who_waits_while_nothing_can_be_logged_is_told_why() {
        let (waiting, id) = (Waiting::default(), Uuid::nil());
        let (mut one, mut other) = (waiting.wait(id), waiting.wait(Uuid::max()));
        waiting.failed(&StoreError::Full("no room".into()));
        for waiter in [&mut one, &mut other] {
            assert!(matches!(waiter.try_recv(), Ok(StoreError::Full(why)) if why == "no room"));
        }
        assert!(waiting.wait(id).try_recv().is_err());
    }
}
