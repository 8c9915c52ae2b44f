//! One target's trouble is nobody else's. Counted, not timed: the clock stands still.

use hooklab_shared::delivery::Message;
use serde_json::json;

use super::moved::Moved;
use super::target::{Answer, OK, Target};

#[tokio::test]
async fn twenty_fast_targets_are_not_delayed_by_one_that_hangs() {
    let (mut sender, hangs) = (Moved::new(), Target::new(Answer::Hang(b"")).await);
    let dead = sender.webhook(&hangs.url(), &json!({})).await;
    for _ in 0..100 {
        sender.fire().await;
    }
    hangs.until_requests(16).await;
    let mut fast = Vec::new();
    for _ in 0..20 {
        let target = Target::new(OK).await;
        sender.webhook(&target.url(), &json!({})).await;
        fast.push(target);
    }
    for _ in 0..10 {
        sender.fire().await;
    }
    // No attempt at the one that hangs can end while the clock stands.
    for _ in 0..200 {
        let webhook = sender.told(|message| match message {
            Message::Delivered { delivery, .. } => Some(delivery.webhook),
            Message::Attempt { delivery, .. } | Message::Exhausted { delivery, .. } => {
                panic!("{delivery:?}")
            }
            _ => None,
        });
        assert_ne!(webhook.await, dead);
    }
    assert!(fast.iter().all(|target| target.requests().len() == 10));
    assert_eq!(hangs.requests().len(), 16);
}

#[tokio::test]
async fn a_rate_is_kept() {
    let (mut sender, target) = (Moved::new(), Target::new(OK).await);
    sender.webhook(&target.url(), &json!({"rate": 2})).await;
    for _ in 0..10 {
        sender.fire().await;
    }
    for sent in 1..=10 {
        assert_eq!(sender.attempted().await, None);
        sender.settle().await;
        assert_eq!(target.requests().len(), sent, "one at once, then one each half second");
        tokio::time::advance(std::time::Duration::from_millis(502)).await;
    }
}

#[tokio::test]
async fn who_waits_for_a_webhook_that_is_held_back_is_told_how_it_stands() {
    let sender = Moved::new();
    sender.webhook("http://127.0.0.1:1/", &json!({"schedule": ["1h"]})).await;
    let api = sender.api.clone();
    let event = json!({"type": "payment_received"});
    let waits =
        tokio::spawn(async move { super::call(&api, "POST", "/events?wait=true", &event).await });
    // It may begin to wait only after the clock was moved.
    while !waits.is_finished() {
        sender.settle().await;
        tokio::time::advance(std::time::Duration::from_secs(101)).await;
    }
    let told = waits.await.unwrap();
    assert_eq!((told.status, &told.body["deliveries"][0]["state"]), (202, &"pending".into()));
}
