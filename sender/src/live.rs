//! The sender's live channel: what happens, told to whoever watches.
//!
//! Each message is encoded once for all, and only where somebody watches. A watcher that falls
//! behind by more than is remembered is told how many it missed; nobody waits for it.

use std::sync::{Arc, Mutex, PoisonError};

use hooklab_shared::delivery::{
    Attempt, AttemptSummary, Delivery, DeliveryState, Message, Watched,
};
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::listen::websocket::Telling;
use hooklab_shared::webhook::Webhook;
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::store::{Cancelled, Ended};

/// The channel. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    frames: Arc<Mutex<Option<broadcast::Sender<Frame>>>>,
    watchers_max: usize,
}

/// A message, ready to go out.
#[derive(Clone, Debug)]
struct Frame {
    webhook: i64,
    text: Utf8Bytes,
}

/// One watcher's end of it.
#[derive(Debug)]
pub(crate) struct Watch {
    frames: broadcast::Receiver<Frame>,
    webhook: Option<i64>,
    hello: Option<Utf8Bytes>,
}

impl Live {
    /// A channel that remembers so many messages for watchers that fall behind.
    pub(crate) fn new(limits: &Limits) -> Self {
        let (sender, _) = broadcast::channel(limits.live_messages_max.max(1));
        let frames = Arc::new(Mutex::new(Some(sender)));
        Self { frames, watchers_max: limits.watchers_max }
    }

    /// Watches from now on, all webhooks or one; none where the sender is closing, or where there
    /// are too many watchers.
    pub(crate) fn watch(&self, webhook: Option<i64>, now: Timestamp) -> Option<Watch> {
        let channel = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let room = |channel: &&broadcast::Sender<_>| channel.receiver_count() < self.watchers_max;
        let frames = channel.as_ref().filter(room)?.subscribe();
        let hello = encoded(&Message::Hello { webhook, at: now });
        Some(Watch { frames, webhook, hello: Some(hello) })
    }

    /// Ends every watch.
    pub(crate) fn close(&self) {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// A delivery was accepted, or is sent again.
    pub(crate) fn fired(&self, delivery: &Delivery) {
        self.tell(delivery.webhook, || Message::Fired {
            delivery: Watched { id: delivery.id, webhook: delivery.webhook },
            event: delivery.event.clone(),
            event_id: delivery.event_id.clone(),
            target: delivery.target.clone(),
            test: delivery.test,
        });
    }

    /// An attempt is over.
    pub(crate) fn attempted(&self, ended: &Ended, state: DeliveryState) {
        self.tell(ended.webhook, || {
            let delivery = Watched { id: ended.id, webhook: ended.webhook };
            Message::of_attempt(delivery, summary(&ended.attempt), state, ended.due_at)
        });
    }

    /// A delivery was called off.
    pub(crate) fn cancelled(&self, Cancelled { id, webhook, because }: &Cancelled) {
        let delivery = Watched { id: *id, webhook: *webhook };
        self.tell(*webhook, || Message::Cancelled { delivery, because: because.clone() });
    }

    /// A webhook was made or changed.
    pub(crate) fn webhook(&self, webhook: &Webhook) {
        self.tell(webhook.id, || Message::Webhook { webhook: Box::new(webhook.clone()) });
    }

    /// A webhook was deactivated by the worker.
    pub(crate) fn deactivated(&self, webhook: i64, because: &str) {
        self.tell(webhook, || Message::Deactivated { webhook, because: because.to_owned() });
    }

    /// A webhook was deleted.
    pub(crate) fn deleted(&self, webhook: i64) {
        self.tell(webhook, || Message::Deleted { webhook });
    }

    fn tell(&self, webhook: i64, message: impl FnOnce() -> Message) {
        let channel = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = &*channel
            && channel.receiver_count() > 0
        {
            let _ = channel.send(Frame { webhook, text: encoded(&message()) });
        }
    }
}

impl Telling for Watch {
    async fn next(&mut self) -> Option<Utf8Bytes> {
        if let Some(hello) = self.hello.take() {
            return Some(hello);
        }
        loop {
            match self.frames.recv().await {
                Ok(frame) if self.wants(&frame) => return Some(frame.text),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => return Some(encoded(&Message::Gap { missed })),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn try_next(&mut self) -> Option<Utf8Bytes> {
        loop {
            match self.frames.try_recv() {
                Ok(frame) if self.wants(&frame) => return Some(frame.text),
                Ok(_) => {}
                Err(TryRecvError::Lagged(missed)) => {
                    return Some(encoded(&Message::Gap { missed }));
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }

    fn gone(&self) -> Option<&'static str> {
        None
    }
}

impl Watch {
    fn wants(&self, frame: &Frame) -> bool {
        self.webhook.is_none_or(|webhook| webhook == frame.webhook)
    }
}

fn summary(attempt: &Attempt) -> AttemptSummary {
    AttemptSummary {
        n: attempt.n,
        at: attempt.at,
        manual: attempt.manual,
        status: attempt.response.as_ref().map(|response| response.status),
        total_us: attempt.phases.total_us,
        outcome: attempt.outcome.clone(),
    }
}

fn encoded(message: &Message) -> Utf8Bytes {
    serde_json::to_string(message).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_watcher_hears_its_webhook_and_a_slow_one_what_it_missed() {
        let limits = Limits { live_messages_max: 2, watchers_max: 2, ..Limits::default() };
        let live = Live::new(&limits);
        live.deleted(1);
        let mut all = live.watch(None, Timestamp::default()).unwrap();
        let mut second = live.watch(Some(2), Timestamp::default()).unwrap();
        assert!(live.watch(None, Timestamp::default()).is_none(), "there is no room for a third");
        assert!(all.next().await.unwrap().contains("hello"));
        assert!(second.next().await.unwrap().contains("\"webhook\":2"));
        for webhook in [1, 2, 1, 1] {
            live.deleted(webhook);
        }
        assert_eq!(all.next().await.unwrap(), r#"{"type":"gap","missed":2}"#);
        assert_eq!(all.next().await.unwrap(), r#"{"type":"deleted","webhook":1}"#);
        assert!(all.try_next().is_some() && all.try_next().is_none());
        live.deleted(2);
        assert_eq!(second.next().await.unwrap(), r#"{"type":"gap","missed":3}"#);
        assert_eq!(second.next().await.unwrap(), r#"{"type":"deleted","webhook":2}"#);
        live.close();
        assert!(second.next().await.is_none() && live.watch(None, Timestamp::default()).is_none());
    }
}
