//! Cancelling, resending, and what a watcher is told.

use hooklab_shared::delivery::Message;
use serde_json::{Value, json};

use super::moved::Moved;
use super::target::{Answer, FAIL, Target, WELL};

fn path(delivery: &Value, what: &str) -> String {
    format!("/deliveries/{}/{what}", delivery["id"].as_str().unwrap())
}

#[tokio::test]
async fn what_is_cancelled_is_not_tried_again() {
    let (mut sender, target) = (Moved::new(), Target::new(Answer::Bytes(FAIL)).await);
    sender.webhook(&target.url(), &json!({})).await;
    let delivery = sender.fire().await;
    let due_at = sender.attempted().await.unwrap();
    let told = sender.post(&path(&delivery, "cancel"), &Value::Null).await;
    assert_eq!((told.status, &told.body["state"]), (200, &"cancelled".into()));
    assert_eq!(told.body["because"], "it was cancelled by hand");
    let told = sender.post(&path(&delivery, "cancel"), &Value::Null).await;
    assert_eq!(told.status, 409);
    sender.until(due_at).await;
    sender.settle().await;
    assert_eq!(target.requests().len(), 1);
    let unknown = json!({"id": uuid::Uuid::nil()});
    for what in ["cancel", "resend"] {
        assert_eq!(sender.post(&path(&unknown, what), &Value::Null).await.status, 404);
        assert_eq!(sender.post(&path(&json!({"id": "x"}), what), &Value::Null).await.status, 404);
    }
}

#[tokio::test]
async fn deleting_and_deactivating_a_webhook_call_its_deliveries_off() {
    let (mut sender, target) = (Moved::new(), Target::new(Answer::Bytes(FAIL)).await);
    let mut deliveries = Vec::new();
    for _ in 0..2 {
        sender.webhook(&target.url(), &json!({})).await;
    }
    let event = json!({"type": "payment_received"});
    let told = sender.post("/events", &event).await;
    deliveries.extend(told.body["deliveries"].as_array().unwrap().iter().cloned());
    sender.attempted().await.unwrap();
    let due_at = sender.attempted().await.unwrap();
    super::call(&sender.api, "PATCH", "/webhooks/1", &json!({"active": false})).await;
    super::call(&sender.api, "DELETE", "/webhooks/2", &Value::Null).await;
    sender.until(due_at + std::time::Duration::from_secs(9)).await;
    sender.settle().await;
    assert_eq!(target.requests().len(), 2);
    for (delivery, why) in deliveries.iter().zip(["deactivated", "deleted"]) {
        let stands = sender.delivery(delivery).await;
        assert_eq!(stands["state"], "cancelled");
        assert!(stands["because"].as_str().unwrap().ends_with(why), "{stands}");
        let told = sender.post(&path(delivery, "resend"), &Value::Null).await;
        assert_eq!(told.status, 409, "{told:?}");
    }
}

#[tokio::test]
async fn a_resend_is_the_same_event_marked_manual_and_told_when_it_is_over() {
    let turns: &[&[u8]] = [FAIL, WELL].to_vec().leak();
    let (mut sender, target) = (Moved::new(), Target::new(Answer::Turns(turns)).await);
    sender.webhook(&target.url(), &json!({"schedule": ["0s"]})).await;
    let delivery = sender.fire().await;
    assert_eq!(sender.attempted().await, None);
    let again = format!("{}?wait=true", path(&delivery, "resend"));
    let told = sender.post(&again, &Value::Null).await;
    assert_eq!((told.status, &told.body["state"]), (200, &"delivered".into()));
    let attempts = told.body["attempts"].as_array().unwrap();
    let marks: Vec<_> =
        attempts.iter().map(|attempt| (&attempt["n"], &attempt["manual"])).collect();
    assert_eq!(marks, [(&1.into(), &false.into()), (&2.into(), &true.into())]);
    assert_eq!(told.body["id"], delivery["id"]);
    let id = |at: usize| {
        let request = &target.requests()[at];
        request.lines().find(|line| line.starts_with("webhook-id")).unwrap().to_owned()
    };
    assert_eq!(id(0), id(1));
    let told = sender.post(&path(&delivery, "resend"), &Value::Null).await;
    assert_eq!((told.status, &told.body["state"]), (202, &"pending".into()));
}

#[tokio::test]
async fn many_are_sent_again_since_a_time() {
    let turns: &[&[u8]] = [FAIL, FAIL, FAIL, WELL].to_vec().leak();
    let (mut sender, target) = (Moved::new(), Target::new(Answer::Turns(turns)).await);
    sender.webhook(&target.url(), &json!({"schedule": ["0s"]})).await;
    let mut since = sender.now();
    for n in 0..4 {
        if n == 1 {
            tokio::time::advance(std::time::Duration::from_secs(60)).await;
            since = sender.now();
        }
        sender.fire().await;
        assert_eq!(sender.attempted().await, None);
    }
    let which = json!({"since": since, "webhook": 1});
    let told = sender.post("/deliveries/resend", &which).await;
    assert_eq!((told.status, &told.body), (202, &json!({"resent": 2})));
    for _ in 0..2 {
        sender.told(|message| matches!(message, Message::Delivered { .. }).then_some(())).await;
    }
    let log = sender.get("/deliveries?status=exhausted").await;
    assert_eq!(log["items"].as_array().unwrap().len(), 1, "the one before that time");
    let all = json!({"since": "2020-01-01T00:00:00Z", "status": "delivered"});
    assert_eq!(sender.post("/deliveries/resend", &all).await.body["resent"], 3);
    for bad in [json!({"since": "yesterday"}), json!({"since": since, "status": "pending"})] {
        assert_eq!(sender.post("/deliveries/resend", &bad).await.status, 422);
    }
}

#[tokio::test]
async fn a_webhook_that_never_was_is_unknown_and_one_that_is_gone_is_not() {
    let (mut sender, target) = (Moved::new(), Target::new(Answer::Bytes(WELL)).await);
    sender.webhook(&target.url(), &json!({})).await;
    sender.fire().await;
    assert_eq!(sender.attempted().await, None);
    super::call(&sender.api, "DELETE", "/webhooks/1", &Value::Null).await;
    for (webhook, list, resend) in [(1, 200, 202), (99, 404, 404)] {
        let told = super::get(&sender.api, &format!("/deliveries?webhook={webhook}")).await;
        assert_eq!(told.status, list, "{told:?}");
        let which = json!({"since": "2020-01-01T00:00:00Z", "webhook": webhook});
        let told = sender.post("/deliveries/resend", &which).await;
        assert_eq!(told.status, resend, "{told:?}");
    }
}

#[tokio::test]
async fn what_was_called_off_in_an_attempt_is_told_to_be_under_way() {
    let (sender, target) = (Moved::new(), Target::new(Answer::Hang(b"")).await);
    sender.webhook(&target.url(), &json!({})).await;
    let delivery = sender.fire().await;
    while target.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let told = sender.post(&path(&delivery, "resend"), &Value::Null).await;
    assert!(told.status == 409 && told.body["detail"].as_str().unwrap().contains("pending"));
    assert_eq!(sender.post(&path(&delivery, "cancel"), &Value::Null).await.status, 200);
    let told = sender.post(&path(&delivery, "resend"), &Value::Null).await;
    assert_eq!(told.status, 409, "{told:?}");
    assert!(told.body["detail"].as_str().unwrap().contains("under way"), "{told:?}");
}
