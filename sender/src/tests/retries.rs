//! What follows an attempt that failed, in virtual time.

use std::time::Duration;

use hooklab_shared::delivery::Message;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::moved::Moved;
use super::target::{Answer, FAIL, OK, Target, WELL};

const DAY: i64 = 24 * 3_600 * 1_000_000;

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    request.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap()
}

#[tokio::test]
async fn the_whole_schedule_is_kept_entry_by_entry() {
    let waits = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400_i64];
    let (mut sender, target) = (Moved::new(), Target::new(Answer::Bytes(FAIL)).await);
    sender.webhook(&target.url(), &json!({})).await;
    let delivery = sender.fire().await;
    let began = sender.now();
    for (n, wait) in (1..).zip(waits) {
        let due_at = sender.attempted().await.expect("another attempt follows");
        target.until_requests(n).await;
        let micros = due_at.as_micros() - sender.now().as_micros();
        assert!((wait * 1_000_000..=wait * 1_200_000).contains(&micros), "{n}: {micros}");
        tokio::time::advance(Duration::from_micros(micros.unsigned_abs() - 500_000)).await;
        sender.settle().await;
        assert_eq!(target.requests().len(), n, "nothing comes too early");
        sender.until(due_at).await;
    }
    assert_eq!(sender.attempted().await, None);
    assert!(sender.now().as_micros() - began.as_micros() > 3 * DAY);
    let stands = sender.delivery(&delivery).await;
    assert_eq!((&stands["state"], &stands["due_at"]), (&"exhausted".into(), &Value::Null));
    assert_eq!(stands["because"], "none of its 10 attempts succeeded");
    let attempts = stands["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 10);
    let requests = target.requests();
    let body = |request: &str| request.split_once("\r\n\r\n").unwrap().1.to_owned();
    let mut before = 0;
    for request in &requests {
        assert_eq!(header(request, "webhook-id"), delivery["event_id"].as_str().unwrap());
        assert_eq!(body(request), body(&requests[0]));
        let seconds: i64 = header(request, "webhook-timestamp").parse().unwrap();
        assert!(seconds > before);
        before = seconds;
    }
}

#[tokio::test]
async fn a_schedule_of_ones_own_begins_when_it_says_and_ends_with_success() {
    let (mut sender, target) = (Moved::new(), Target::new(Answer::Turns(&[FAIL, WELL])).await);
    sender.webhook(&target.url(), &json!({"schedule": ["1m", "2m", "3m"]})).await;
    let delivery = sender.fire().await;
    sender.settle().await;
    assert_eq!(target.requests().len(), 0);
    sender.until(delivery["due_at"].as_str().unwrap().parse().unwrap()).await;
    let due_at = sender.attempted().await.unwrap();
    sender.until(due_at).await;
    assert_eq!(sender.attempted().await, None);
    let stands = sender.delivery(&delivery).await;
    assert_eq!((&stands["state"], &stands["because"]), (&"delivered".into(), &Value::Null));
    tokio::time::advance(Duration::from_secs(9 * 24 * 3_600)).await;
    sender.settle().await;
    assert_eq!(target.requests().len(), 2, "success ends it");
}

#[tokio::test]
async fn the_plugins_profile_and_a_test_are_tried_once() {
    let (mut sender, target) = (Moved::new(), Target::new(Answer::Bytes(FAIL)).await);
    let id = sender.webhook(&target.url(), &json!({"profile": "ultimate-multisite"})).await;
    sender.fire().await;
    assert_eq!(sender.attempted().await, None);
    let other = sender.webhook(&target.url(), &json!({"event": "invoice_sent"})).await;
    let told = sender.post(&format!("/webhooks/{other}/test"), &Value::Null).await;
    assert_eq!(told.body["state"], "exhausted");
    assert_eq!(told.body["because"], "a test is tried once");
    assert!(sender.get(&format!("/webhooks/{id}")).await["failing_since"].is_string());
    assert!(sender.get(&format!("/webhooks/{other}")).await["failing_since"].is_null());
}

#[tokio::test]
async fn who_says_too_many_requests_is_left_alone_as_a_whole() {
    let busy = b"HTTP/1.1 429 Busy\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n";
    let turns: &[&[u8]] = [&busy[..], WELL].to_vec().leak();
    let (mut sender, target) = (Moved::new(), Target::new(Answer::Turns(turns)).await);
    let other = Target::new(OK).await;
    sender.webhook(&target.url(), &json!({})).await;
    sender.webhook(&other.url(), &json!({"event": "invoice_sent"})).await;
    sender.fire().await;
    let due_at = sender.attempted().await.unwrap();
    assert_eq!((due_at.as_micros() - sender.now().as_micros()) / 1_000_000, 60);
    for _ in 0..3 {
        sender.fire().await;
    }
    let elsewhere = json!({"type": "invoice_sent"});
    assert_eq!(sender.post("/events?wait=true", &elsewhere).await.status, 200);
    sender.attempted().await;
    tokio::time::advance(Duration::from_secs(59)).await;
    sender.settle().await;
    assert_eq!((target.requests().len(), other.requests().len()), (1, 1));
    sender.until(due_at).await;
    for _ in 0..4 {
        assert_eq!(sender.attempted().await, None);
    }
    assert_eq!(target.requests().len(), 5);
}

#[tokio::test]
async fn who_is_gone_gets_nothing_more_until_activated_again() {
    let gone = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n";
    let turns: &[&[u8]] = [FAIL, &gone[..], WELL].to_vec().leak();
    let (mut sender, target) = (Moved::new(), Target::new(Answer::Turns(turns)).await);
    let id = sender.webhook(&target.url(), &json!({})).await;
    let first = sender.fire().await;
    sender.attempted().await.unwrap();
    let second = sender.fire().await;
    assert_eq!(sender.attempted().await, None);
    let why = sender.told(|message| match message {
        Message::Deactivated { because, .. } => Some(because),
        _ => None,
    });
    assert!(why.await.contains("410 Gone"));
    assert_eq!(sender.delivery(&second).await["because"], "its target answered 410 Gone");
    let first = sender.delivery(&first).await;
    assert_eq!(first["state"], "cancelled");
    assert!(first["because"].as_str().unwrap().contains("410 Gone"), "{first}");
    let webhook = sender.get(&format!("/webhooks/{id}")).await;
    assert_eq!(webhook["active"], false);
    assert!(webhook["deactivated_because"].as_str().unwrap().contains("410 Gone"));
    tokio::time::advance(Duration::from_secs(9 * 24 * 3_600)).await;
    let event = json!({"type": "payment_received"});
    assert_eq!(sender.post("/events", &event).await.body["deliveries"], json!([]));
    sender.settle().await;
    assert_eq!(target.requests().len(), 2);
    let on = json!({"active": true});
    let told = super::call(&sender.api, "PATCH", &format!("/webhooks/{id}"), &on).await;
    assert_eq!(told.body["deactivated_because"], Value::Null);
    sender.fire().await;
    assert_eq!(sender.attempted().await, None);
    assert_eq!(target.requests().len(), 3);
}

#[tokio::test]
async fn who_fails_for_five_days_is_deactivated_and_one_success_begins_anew() {
    let days: Vec<&str> = std::iter::once("0s").chain(["12h"; 19]).collect();
    let mut turns = vec![FAIL; 4];
    turns.push(WELL);
    turns.extend([FAIL; 20]);
    let (mut sender, target) = (Moved::new(), Target::new(Answer::Turns(turns.leak())).await);
    let id = sender.webhook(&target.url(), &json!({"schedule": days})).await;
    sender.fire().await;
    for _ in 0..4 {
        let due_at = sender.attempted().await.unwrap();
        sender.until(due_at).await;
    }
    assert_eq!(sender.attempted().await, None, "the fifth is well");
    assert!(sender.get(&format!("/webhooks/{id}")).await["failing_since"].is_null());
    let began = sender.now();
    let delivery = sender.fire().await;
    let (mut attempts, mut lasted) = (0, 0);
    while let Some(due_at) = sender.attempted_or_cancelled().await {
        attempts += 1;
        lasted = sender.now().as_micros() - began.as_micros();
        sender.until(due_at).await;
    }
    // The last of them is the one that calls it off: at most a wait and its jitter behind.
    assert!((5 * DAY..6 * DAY).contains(&lasted) && attempts >= 10, "{lasted} {attempts}");
    let stands = sender.delivery(&delivery).await;
    assert_eq!(stands["state"], "cancelled");
    let webhook = sender.get(&format!("/webhooks/{id}")).await;
    assert!(webhook["deactivated_because"].as_str().unwrap().contains("has failed since"));
    assert_eq!(webhook["active"], false);
}

#[tokio::test]
async fn a_few_failures_far_apart_do_not_deactivate() {
    let (mut sender, target) = (Moved::new(), Target::new(Answer::Bytes(FAIL)).await);
    let id = sender.webhook(&target.url(), &json!({"schedule": ["0s"]})).await;
    // A day on which it is tried often, then a week of silence, then once more.
    for _ in 0..12 {
        sender.fire().await;
        assert_eq!(sender.attempted().await, None);
        tokio::time::advance(Duration::from_secs(3_600)).await;
    }
    tokio::time::advance(Duration::from_secs(7 * 24 * 3_600)).await;
    sender.fire().await;
    assert_eq!(sender.attempted().await, None);
    let webhook = sender.get(&format!("/webhooks/{id}")).await;
    assert_eq!(webhook["active"], true, "{webhook}");
    // And one that is quiet: twice a week.
    for _ in 0..4 {
        tokio::time::advance(Duration::from_secs(3 * 24 * 3_600)).await;
        sender.fire().await;
        assert_eq!(sender.attempted().await, None);
    }
    assert_eq!(sender.get(&format!("/webhooks/{id}")).await["active"], true);
}

#[tokio::test]
async fn a_new_url_and_activating_again_lift_a_hold() {
    let busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n";
    let (mut sender, old) = (Moved::new(), Target::new(Answer::Bytes(busy)).await);
    let new = Target::new(OK).await;
    let id = sender.webhook(&old.url(), &json!({})).await;
    let path = format!("/webhooks/{id}");
    sender.fire().await;
    sender.attempted().await.unwrap();
    assert!(sender.get(&path).await["held_until"].is_string());
    sender.fire().await;
    sender.settle().await;
    assert_eq!(old.requests().len(), 1, "it is held");
    let told = super::call(&sender.api, "PATCH", &path, &json!({"url": new.url()})).await;
    assert_eq!(told.body["held_until"], Value::Null);
    new.until_requests(1).await;
    super::call(&sender.api, "PATCH", &path, &json!({"url": old.url()})).await;
    sender.fire().await;
    old.until_requests(2).await;
    sender.until_log(|log| log["items"][0]["attempts"][0].is_object()).await;
    sender.post("/webhooks/bulk", &json!({"action": "deactivate", "all": true})).await;
    sender.post("/webhooks/bulk", &json!({"action": "activate", "all": true})).await;
    sender.fire().await;
    old.until_requests(3).await;
}

#[tokio::test]
async fn retries_follow_a_new_url() {
    let (mut sender, old) = (Moved::new(), Target::new(Answer::Bytes(FAIL)).await);
    let new = Target::new(OK).await;
    let id = sender.webhook(&old.url(), &json!({})).await;
    let delivery = sender.fire().await;
    let due_at = sender.attempted().await.unwrap();
    let patch = json!({"url": new.url()});
    super::call(&sender.api, "PATCH", &format!("/webhooks/{id}"), &patch).await;
    assert_eq!(sender.delivery(&delivery).await["target"], new.url());
    sender.until(due_at).await;
    assert_eq!(sender.attempted().await, None);
    assert_eq!((old.requests().len(), new.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_late_answer_of_the_old_url_says_nothing_about_the_new_one() {
    let (mut sender, new) = (Moved::new(), Target::new(OK).await);
    for (event, answer) in [
        ("payment_received", &b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"[..]),
        ("invoice_sent", b"HTTP/1.1 503 Busy\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let old = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", old.local_addr().unwrap());
        let id = sender.webhook(&url, &json!({"event": event})).await;
        let fired = sender.post("/events", &json!({"type": event})).await.body;
        let delivery = fired["deliveries"][0].clone();
        let mut asked = old.accept().await.unwrap().0;
        let patch = json!({"url": new.url()});
        super::call(&sender.api, "PATCH", &format!("/webhooks/{id}"), &patch).await;
        asked.write_all(answer).await.unwrap();
        let due_at = sender.attempted().await.expect("it is tried at the new URL");
        let webhook = sender.get(&format!("/webhooks/{id}")).await;
        assert_eq!((&webhook["active"], &webhook["held_until"]), (&true.into(), &Value::Null));
        assert_eq!(webhook["failing_since"], Value::Null);
        sender.until(due_at).await;
        assert_eq!(sender.attempted().await, None);
        assert_eq!(sender.delivery(&delivery).await["state"], "delivered");
    }
}
