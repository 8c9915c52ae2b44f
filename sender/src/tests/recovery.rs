//! What survives: accepted events, webhooks, and the refusal of what is not ours.

use std::path::Path;
use std::time::Duration;

use hooklab_shared::limits::Limits;
use serde_json::{Value, json};

use super::target::{Answer, OK, Target};
use super::{call, get, register};
use crate::{OpenError, Place, Sender, Settings, StoreError};

fn open(path: &Path, limits: Limits) -> Result<Sender, OpenError> {
    let place = Place::Disk(path.to_owned());
    Sender::open(Settings { place, limits, ..Settings::default() })
}

/// Opens as soon as the sender before has let go of the directory.
async fn reopen(path: &Path) -> Sender {
    for _ in 0..100 {
        match open(path, Limits::default()) {
            Err(OpenError::Directory(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            other => return other.unwrap(),
        }
    }
    panic!("the directory stayed locked");
}

#[tokio::test]
async fn what_was_accepted_is_delivered_after_a_crash_with_the_same_id_and_body() {
    let (home, target) = (tempfile::tempdir().unwrap(), Target::new(OK).await);
    // No attempt may be in flight, so what is accepted stays pending.
    let idle = Limits { attempts_max: 0, ..Limits::default() };
    let sender = open(home.path(), idle).unwrap();
    let api = sender.api();
    let (id, secret) = register(&api, &target.url(), "standard-webhooks").await;
    let told = call(&api, "POST", "/events", &json!({"type": "payment_received"})).await;
    assert_eq!(told.status, 202);
    drop((api, sender));
    assert!(target.requests().is_empty());

    let sender = reopen(home.path()).await;
    let api = sender.api();
    let delivery = told.body["deliveries"][0]["id"].as_str().unwrap();
    let path = format!("/deliveries/{delivery}");
    let mut stands = Value::Null;
    for _ in 0..100 {
        stands = get(&api, &path).await.body;
        if stands["state"] != "pending" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stands["state"], "delivered", "{stands}");
    let sent = &target.requests()[0];
    assert!(sent.contains(&format!("webhook-id: {}", told.body["id"].as_str().unwrap())));
    let data = format!("\"data\":{}}}", told.body["payload"]);
    assert!(sent.ends_with(&data), "{sent}");
    let webhook = get(&api, &format!("/webhooks/{id}")).await.body;
    assert_eq!(webhook["count"], 1);
    assert!(!webhook.to_string().contains(&secret.unwrap()));
    sender.close().await;
    assert_eq!(target.requests().len(), 1);
}

#[tokio::test]
async fn numbers_of_webhooks_are_never_used_twice() {
    let home = tempfile::tempdir().unwrap();
    let sender = open(home.path(), Limits::default()).unwrap();
    let (id, _) = register(&sender.api(), "http://127.0.0.1:1/", "standard-webhooks").await;
    let told = call(&sender.api(), "DELETE", &format!("/webhooks/{id}"), &Value::Null).await;
    assert_eq!(told.status, 204);
    sender.close().await;
    let sender = open(home.path(), Limits::default()).unwrap();
    let (next, _) = register(&sender.api(), "http://127.0.0.1:1/", "standard-webhooks").await;
    assert!(next > id);
    sender.close().await;
}

#[tokio::test]
async fn a_deleted_webhooks_pending_deliveries_end_and_stay_in_the_log() {
    let idle = Limits { attempts_max: 0, ..Limits::default() };
    let sender = super::sender(idle);
    let api = sender.api();
    let (id, _) = register(&api, "http://127.0.0.1:1/", "standard-webhooks").await;
    call(&api, "POST", "/events", &json!({"type": "payment_received"})).await;
    call(&api, "DELETE", &format!("/webhooks/{id}"), &Value::Null).await;
    let log = get(&api, "/deliveries").await.body;
    assert_eq!(log["items"][0]["state"], "cancelled");
    assert_eq!(log["items"][0]["because"], "webhook 1 was deleted");
}

#[tokio::test]
async fn a_locked_a_newer_and_a_foreign_store_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("sender");
    let sender = open(&path, Limits::default()).unwrap();
    assert_eq!(sender.failure(), None);
    assert!(matches!(open(&path, Limits::default()), Err(OpenError::Directory(_))));
    let api = sender.api();
    sender.close().await;
    assert!(sender.failure().is_some());
    assert_eq!(get(&api, "/webhooks").await.status, 503);
    let told = call(&api, "POST", "/events", &json!({"type": "payment_received"})).await;
    assert_eq!(told.status, 503);
    assert_eq!(told.headers["retry-after"], "1");

    let file = path.join("sender.sqlite");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = open(&path, Limits::default()).unwrap_err();
    assert!(matches!(error, OpenError::Store(StoreError::Newer { found: 99, .. })), "{error}");
    std::fs::write(&file, "not a database, and long enough to be looked at as one").unwrap();
    assert!(matches!(open(&path, Limits::default()), Err(OpenError::Store(_))));
    let foreign = home.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("thesis.txt"), "x").unwrap();
    assert!(matches!(open(&foreign, Limits::default()), Err(OpenError::Directory(_))));
}

#[tokio::test]
async fn a_hold_stands_through_a_restart() {
    let busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n";
    let (home, target) = (tempfile::tempdir().unwrap(), Target::new(Answer::Bytes(busy)).await);
    let other = Target::new(OK).await;
    let sender = open(home.path(), Limits::default()).unwrap();
    register(&sender.api(), &target.url(), "standard-webhooks").await;
    let event = json!({"type": "payment_received"});
    for path in ["/events?wait=true", "/events"] {
        call(&sender.api(), "POST", path, &event).await;
    }
    sender.close().await;
    drop(sender);

    let sender = reopen(home.path()).await;
    let api = sender.api();
    register(&api, &other.url(), "standard-webhooks").await;
    // What comes after shows that the worker has looked at what was due before.
    for count in 1..=3 {
        call(&api, "POST", "/events", &event).await;
        other.until_requests(count).await;
    }
    assert_eq!(target.requests().len(), 1, "it is held");
    let log = get(&api, "/deliveries?webhook=1").await.body;
    assert!(log["items"].as_array().unwrap().iter().all(|it| it["state"] == "pending"), "{log}");
    sender.close().await;
}
