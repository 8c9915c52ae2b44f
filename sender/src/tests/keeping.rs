//! Retention, files of the first version, and attempts that a crash cut off.

use std::path::Path;
use std::time::Duration;

use hooklab_shared::limits::Limits;
use rusqlite::Connection;
use serde_json::json;

use super::moved::Moved;
use super::target::{OK, Target};
use super::{call, get};
use crate::sender::Keep;
use crate::{Place, Sender, Settings};

/// The tables as the first release made them, with one webhook and a delivery in each state.
const VERSION_1: &str = include_str!("version_1.sql");

#[tokio::test]
async fn the_log_keeps_the_newest_and_the_young_and_counts_what_it_dropped() {
    let age = Duration::from_secs(3_600);
    let (mut sender, target) = (Moved::keeping(Keep { deliveries: 5, age }), Target::new(OK).await);
    sender.webhook(&target.url(), &json!({})).await;
    for _ in 0..200 {
        sender.fire().await;
    }
    for _ in 0..200 {
        assert_eq!(sender.attempted().await, None);
    }
    tokio::time::advance(Duration::from_secs(61)).await;
    let log = sender.until_log(|log| log["dropped"] == 195).await;
    assert_eq!(log["items"].as_array().unwrap().len(), 5);
    tokio::time::advance(Duration::from_secs(3_600)).await;
    let log = sender.until_log(|log| log["dropped"] == 200).await;
    assert_eq!(log["items"], json!([]));
}

#[tokio::test]
async fn what_is_pending_outlives_retention() {
    let keep = Keep { deliveries: 1, age: Duration::from_secs(1) };
    let sender = Moved::keeping(keep);
    sender.webhook("http://127.0.0.1:1/", &json!({"schedule": ["1day"]})).await;
    for _ in 0..3 {
        sender.fire().await;
    }
    tokio::time::advance(Duration::from_secs(600)).await;
    sender.settle().await;
    let log = sender.get("/deliveries?status=pending").await;
    assert_eq!((log["items"].as_array().unwrap().len(), &log["dropped"]), (3, &json!(0)));
}

fn open(path: &Path, limits: Limits) -> Sender {
    let place = Place::Disk(path.to_owned());
    // What these tests find in the store is older than a log is by itself.
    let keep = Keep { age: Duration::from_secs(1_000 * 24 * 3_600), ..Keep::default() };
    Sender::open(Settings { place, limits, keep, ..Settings::default() }).unwrap()
}

fn idle() -> Limits {
    Limits { attempts_max: 0, ..Limits::default() }
}

#[tokio::test]
async fn a_store_of_the_first_version_opens_with_everything_in_it() {
    let (home, target) = (tempfile::tempdir().unwrap(), Target::new(OK).await);
    let path = home.path().join("sender");
    open(&path, idle()).close().await;
    let file = path.join("sender.sqlite");
    std::fs::remove_file(&file).unwrap();
    let old = Connection::open(&file).unwrap();
    old.execute_batch(&VERSION_1.replace("PORT", &target.port.to_string())).unwrap();
    drop(old);

    let sender = open(&path, Limits::default());
    let api = sender.api();
    target.until_requests(1).await;
    let states = ["delivered", "delivered", "exhausted"];
    for (at, state) in states.into_iter().enumerate() {
        let wait = |log: &serde_json::Value| log["items"][at]["state"] == state;
        super::moved::until_log(&api, wait).await;
    }
    let webhook = get(&api, "/webhooks/1").await.body;
    assert_eq!((&webhook["name"], &webhook["count"]), (&"Orders".into(), &3.into()));
    assert_eq!((&webhook["headers"], &webhook["schedule"]), (&json!([]), &json!(null)));
    let log = get(&api, "/deliveries").await.body;
    let told = |item: usize| log["items"][item]["attempts"][0]["outcome"].clone();
    assert_eq!(told(2)["cause"], "connection refused");
    assert_eq!((&told(1)["kind"], &told(0)["kind"]), (&json!("lost"), &json!("delivered")));
    assert!(target.requests()[0].contains("webhook-id: evt_3"));
    assert!(target.requests()[0].contains("webhook-signature: v1,"));
    sender.close().await;
    let again = open(&path, Limits::default());
    assert_eq!(get(&again.api(), "/deliveries").await.body["items"].as_array().unwrap().len(), 3);
    again.close().await;
}

#[tokio::test]
async fn an_attempt_that_a_crash_cut_off_is_logged_as_interrupted_and_made_again() {
    let (home, target) = (tempfile::tempdir().unwrap(), Target::new(OK).await);
    let path = home.path().join("sender");
    let sender = open(&path, idle());
    super::register(&sender.api(), &target.url(), "standard-webhooks").await;
    call(&sender.api(), "POST", "/events", &json!({"type": "payment_received"})).await;
    sender.close().await;
    let file = Connection::open(path.join("sender.sqlite")).unwrap();
    file.execute("UPDATE delivery SET began_at = 1790000000000000", []).unwrap();
    drop(file);
    // Cut off in the middle of a line.
    std::fs::write(path.join("attempts-000001.ndjson"), "{\"delivery\":\"019b").unwrap();

    let sender = open(&path, Limits::default());
    let is_over = |log: &serde_json::Value| log["items"][0]["state"] == "delivered";
    let log = super::moved::until_log(&sender.api(), is_over).await;
    let attempts = log["items"][0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0]["outcome"], json!({"kind": "interrupted"}));
    assert_eq!(attempts[0]["at"], "2026-09-21T14:13:20.000000Z");
    assert_eq!((&attempts[1]["n"], target.requests().len()), (&2.into(), 1));
    sender.close().await;
    let file = std::fs::read_to_string(path.join("attempts-000001.ndjson")).unwrap();
    let lines = file.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<serde_json::Value> = lines.collect();
    let begun = &lines[1]["attempts"];
    assert_eq!((begun, &lines[1]["target"]), (&json!([[1, 2]]), &log["items"][0]["target"]));
    let lines: Vec<_> = lines.iter().filter(|line| line["attempt"].is_object()).collect();
    assert_eq!(
        lines.iter().map(|line| &line["attempt"]).collect::<Vec<_>>(),
        [&attempts[0], &attempts[1]]
    );
    assert_eq!(lines[1]["delivery"], log["items"][0]["id"]);

    std::fs::write(path.join("attempts-000001.ndjson"), "").unwrap();
    let sender = open(&path, Limits::default());
    call(&sender.api(), "POST", "/events?wait=true", &json!({"type": "payment_received"})).await;
    let log = get(&sender.api(), "/deliveries").await.body;
    let kinds = |item: usize| {
        let attempts = log["items"][item]["attempts"].as_array().unwrap();
        attempts.iter().map(|one| one["outcome"]["kind"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((kinds(0), kinds(1)), (vec![json!("delivered")], vec![json!("lost"); 2]));
    sender.close().await;
}
