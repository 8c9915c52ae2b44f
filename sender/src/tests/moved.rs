//! A sender whose time the test moves, and what it tells as it goes.

use std::time::Duration;

use hooklab_shared::delivery::Message;
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::listen::websocket::Telling as _;
use serde_json::{Value, json};

use super::{Told, call, get};
use crate::clock::Clock;
use crate::live::Watch;
use crate::sender::Keep;
use crate::{Place, Sender, Settings};

/// A sender in memory; its clock stands still until the test moves it.
pub(super) struct Moved {
    pub(super) sender: Sender,
    pub(super) api: axum::Router,
    watch: Watch,
    /// A task that blocks keeps tokio from moving the clock by itself while a thread works.
    _still: std::sync::mpsc::Sender<()>,
}

impl Moved {
    pub(super) fn new() -> Self {
        Self::keeping(Keep::default())
    }

    pub(super) fn keeping(keep: Keep) -> Self {
        tokio::time::pause();
        let (still, ended) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || ended.recv().ok());
        let limits = Limits::default();
        let settings = Settings { place: Place::Memory, limits, keep, ..Settings::default() };
        let sender = Sender::open_by(settings, Clock::new(1).moved_by_tokio()).unwrap();
        let watch = sender.live().watch(None, sender.clock().now()).unwrap();
        Self { api: sender.api(), sender, watch, _still: still }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.sender.clock().now()
    }

    pub(super) async fn webhook(&self, url: &str, terms: &Value) -> i64 {
        let mut new = json!({"name": "Orders", "url": url, "event": "payment_received"});
        for (key, value) in terms.as_object().unwrap() {
            new[key] = value.clone();
        }
        let told = call(&self.api, "POST", "/webhooks", &new).await;
        assert_eq!(told.status, 201, "{told:?}");
        told.body["id"].as_i64().unwrap()
    }

    /// Fires an event and gives its first delivery.
    pub(super) async fn fire(&self) -> Value {
        let event = json!({"type": "payment_received"});
        let told = call(&self.api, "POST", "/events", &event).await;
        assert_eq!(told.status, 202, "{told:?}");
        told.body["deliveries"][0].clone()
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Told {
        call(&self.api, "POST", path, body).await
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        get(&self.api, path).await.body
    }

    /// What the delivery of this id is now.
    pub(super) async fn delivery(&self, delivery: &Value) -> Value {
        self.get(&format!("/deliveries/{}", delivery["id"].as_str().unwrap())).await
    }

    /// The next message that this picks something of.
    pub(super) async fn told<T>(&mut self, pick: impl Fn(Message) -> Option<T>) -> T {
        loop {
            let text = self.watch.next().await.expect("the channel goes on");
            if let Some(picked) = pick(serde_json::from_str(&text).unwrap()) {
                return picked;
            }
        }
    }

    /// Waits until an attempt is over, and tells when the next one is due, if there will be one.
    pub(super) async fn attempted(&mut self) -> Option<Timestamp> {
        self.told(|message| match message {
            Message::Attempt { due_at, .. } => Some(Some(due_at)),
            Message::Delivered { .. } | Message::Exhausted { .. } => Some(None),
            _ => None,
        })
        .await
    }

    /// The same where the delivery may be called off meanwhile.
    pub(super) async fn attempted_or_cancelled(&mut self) -> Option<Timestamp> {
        self.told(|message| match message {
            Message::Attempt { due_at, .. } => Some(Some(due_at)),
            Message::Delivered { .. } | Message::Exhausted { .. } | Message::Cancelled { .. } => {
                Some(None)
            }
            _ => None,
        })
        .await
    }

    /// Moves the clock to this instant.
    pub(super) async fn until(&self, at: Timestamp) {
        let wait = at.as_micros() - self.now().as_micros();
        // Timers of tokio fall on whole milliseconds.
        let wait = Duration::from_micros(u64::try_from(wait).unwrap_or(0)).as_millis() + 2;
        tokio::time::advance(Duration::from_millis(u64::try_from(wait).unwrap())).await;
    }

    /// Gives the worker every chance to do something, while the clock stands still.
    pub(super) async fn settle(&self) {
        for _ in 0..20 {
            self.get("/webhooks").await;
        }
    }

    /// The log, once it is so.
    pub(super) async fn until_log(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        until_log(&self.api, is_so).await
    }
}

/// The log, once it is so.
pub(super) async fn until_log(api: &axum::Router, is_so: impl Fn(&Value) -> bool) -> Value {
    let began = std::time::Instant::now();
    loop {
        let log = get(api, "/deliveries").await.body;
        if is_so(&log) {
            return log;
        }
        // A machine that is busy is slow, not wrong.
        assert!(began.elapsed() < Duration::from_secs(60), "{log:#}");
        tokio::task::yield_now().await;
    }
}
