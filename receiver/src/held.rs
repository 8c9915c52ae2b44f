//! Requests that are kept waiting for an answer by hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hooklab_shared::capture::Summary;
use hooklab_shared::id::{Seq, Timestamp};
use hooklab_shared::reply::Rule;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::tap::Tapped;

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// Its capture's id: what it is answered by.
    pub id: Uuid,
    /// Its capture's place in the bin.
    #[schema(value_type = u64)]
    pub seq: Seq,
    /// Since when it waits.
    pub since: Timestamp,
    /// When its rule answers it.
    pub until: Timestamp,
    /// Its capture.
    pub summary: Summary,
    /// Whether its sender has ended its side: it may have gone, or still wait for the answer. One
    /// that has gone is found out when its system says so, within about a minute.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sender_ended: bool,
}

/// Every request that waits now: as many at most as there are capture connections. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Registry(Arc<Mutex<BTreeMap<Uuid, Entry>>>);

struct Entry {
    held: Held,
    answer: oneshot::Sender<Rule>,
    tapped: Tapped,
}

/// A place in the registry, given up when it is dropped.
pub(crate) struct Waiting {
    registry: Registry,
    id: Uuid,
    answer: oneshot::Receiver<Rule>,
}

impl Registry {
    /// Lists a request as waiting until what this returns is dropped.
    pub(crate) fn keep(&self, held: Held, tapped: Tapped) -> Waiting {
        let (sender, answer) = oneshot::channel();
        let id = held.id;
        self.entries().insert(id, Entry { held, answer: sender, tapped });
        Waiting { registry: self.clone(), id, answer }
    }

    /// The requests of a bin that wait, the oldest first: ids rise with time.
    pub(crate) fn list(&self, bin: &str) -> Vec<Held> {
        let entries = self.entries();
        let of_bin = entries.values().filter(|entry| entry.held.summary.bin.as_str() == bin);
        let told =
            |entry: &Entry| Held { sender_ended: entry.tapped.has_ended(), ..entry.held.clone() };
        of_bin.map(told).collect()
    }

    /// Lets those go whose bin is gone: their rule answers them now.
    pub(crate) fn release(&self, is_gone: impl Fn(&Held) -> bool) {
        self.entries().retain(|_, entry| !is_gone(&entry.held));
    }

    /// Gives a request its answer; says whether it still waited.
    pub(crate) fn answer(&self, id: Uuid, rule: Rule) -> bool {
        let entry = self.entries().remove(&id);
        entry.is_some_and(|entry| entry.answer.send(rule).is_ok())
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Uuid, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// The answer by hand; none where there will be none. Bounding the wait is the caller's.
    pub(crate) async fn answered(&mut self) -> Option<Rule> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.registry.entries().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::capture;

    #[tokio::test]
    async fn a_request_is_answered_once_and_while_it_waits() {
        let registry = Registry::default();
        let summary = capture("a", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "").summary();
        let id = summary.id;
        let now = Timestamp::from_micros(0);
        let held = Held { id, seq: 1, since: now, until: now, summary, sender_ended: false };
        let mut waiting = registry.keep(held.clone(), Tapped::default());
        assert_eq!(registry.list("a"), std::slice::from_ref(&held));
        assert!(registry.list("b").is_empty());
        assert!(registry.answer(id, Rule { status: 418, ..Rule::default() }));
        assert!(!registry.answer(id, Rule::default()));
        assert_eq!(waiting.answered().await.map(|rule| rule.status), Some(418));
        drop(registry.keep(held.clone(), Tapped::default()));
        assert!(registry.list("a").is_empty());
        let mut waiting = registry.keep(held, Tapped::default());
        registry.release(|held| held.summary.bin.as_str() == "a");
        assert!(registry.list("a").is_empty());
        assert_eq!(waiting.answered().await, None);
    }
}
