//! Requests that are kept waiting, and answered by hand.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::replying;
use crate::harness::http::Wire;
use crate::harness::server::{Server, post};
use crate::harness::until;

/// Sends a request that is held.
fn waiting(server: &Server, bin: &str, body: &str) -> Wire {
    let mut wire = server.wire();
    wire.send(&post(&server.capture, &format!("/{bin}"), body.as_bytes())).unwrap();
    wire
}

/// What is held, as soon as there are so many.
fn held(server: &Server, bin: &str, count: usize) -> Vec<Value> {
    until("requests to be held", || {
        let answer = server.get(&format!("/bins/{bin}/held"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let items = answer.json()["items"].as_array().unwrap().clone();
        (items.len() == count).then_some(items)
    })
}

fn answer(server: &Server, bin: &str, id: &Value, by_hand: &Value) -> u16 {
    let path = format!("/bins/{bin}/held/{}", id.as_str().map_or(id.to_string(), str::to_owned));
    server.api("POST", &path, Some(by_hand)).status
}

#[test]
fn a_held_request_is_kept_told_and_answered_by_hand() {
    let server = Server::start();
    replying(&server, "manual", &json!({"hold": "25s", "status": 504}));
    let mut one = waiting(&server, "manual", "one");
    held(&server, "manual", 1);
    let mut two = waiting(&server, "manual", "two");
    let items = held(&server, "manual", 2);
    assert_eq!(server.summaries("manual").len(), 2, "a held request is a capture already");
    let first = items.iter().find(|item| item["seq"] == 1).unwrap();
    let second = items.iter().find(|item| item["seq"] == 2).unwrap();
    assert_eq!(first["summary"]["seq"], 1, "{first}");
    assert!(first["since"].as_str() < first["until"].as_str(), "{first}");

    let by_hand = json!({"status": 201, "headers": {"X-By": "hand"}, "body": "there you are"});
    let told = answer(&server, "manual", &second["id"], &by_hand);
    assert!((200..300).contains(&told), "{told}");
    let got = two.answer().unwrap();
    assert_eq!((got.status, got.header("x-by")), (201, Some("hand")));
    assert_eq!(got.text(), "there you are");
    assert_eq!(got.captured(), ("manual".to_owned(), 2));
    assert_eq!(answer(&server, "manual", &second["id"], &by_hand), 404, "only once");
    assert_eq!(held(&server, "manual", 1)[0]["id"], first["id"]);

    let fault = json!({"fault": "close"});
    assert!((200..300).contains(&answer(&server, "manual", &first["id"], &fault)));
    assert!(one.is_closed());
    held(&server, "manual", 0);
}

#[test]
fn a_hold_ends_by_itself_with_its_rule() {
    let server = Server::start();
    replying(&server, "short", &json!({"hold": "800ms", "status": 504, "body": "nobody came"}));
    let begun = Instant::now();
    let got = waiting(&server, "short", "x").answer().unwrap();
    assert_eq!((got.status, got.text()), (504, "nobody came".to_owned()));
    assert!(begun.elapsed() >= Duration::from_millis(800), "{:?}", begun.elapsed());
    held(&server, "short", 0);
    // What a held request got in the end is not known when it is kept, so nothing is claimed.
    let told = server.get("/bins/short/captures/1").json();
    assert_eq!(told["reply"], json!({"status": 0, "rule": 0, "held": true}));
    let found = server.get("/bins/short/captures?q=status:504").json();
    assert_eq!(found["items"], json!([]));
}

/// A sender that has given up holds nothing, and an answer to it is an answer to nobody. One whose
/// own end has not taken all it was sent leaves by a reset, which is seen at once.
#[test]
fn a_sender_that_leaves_is_no_longer_held() {
    let server = Server::start();
    replying(&server, "left", &json!({"hold": "10m"}));
    let mut wire = server.wire();
    wire.send(&post(&server.capture, "/plain", b"")).unwrap();
    server.until_captured("plain", 1);
    wire.send(&post(&server.capture, "/left", b"x")).unwrap();
    let id = held(&server, "left", 1)[0]["id"].clone();
    drop(wire);
    held(&server, "left", 0);
    assert_eq!(answer(&server, "left", &id, &json!({"status": 200})), 404);
    server.get("/bins/nosuch/held").assert_problem(404, &["nosuch"]);
    assert_eq!(answer(&server, "left", &json!("99999999"), &json!({"status": 200})), 404);
    assert_eq!(answer(&server, "left", &json!("99999999"), &json!({"status": 7})) / 100, 4);
}

/// An end is no leave: whoever ends their side may still read. It is told.
#[test]
fn a_sender_that_has_ended_its_side_is_held_and_answered() {
    let server = Server::start();
    replying(&server, "half", &json!({"hold": "60s"}));
    let mut wire = waiting(&server, "half", "x");
    assert_eq!(held(&server, "half", 1)[0].get("sender_ended"), None);
    wire.finish();
    let item = until("the end to be told", || {
        held(&server, "half", 1).pop().filter(|item| item["sender_ended"] == true)
    });
    assert_eq!(answer(&server, "half", &item["id"], &json!({"status": 201})), 204);
    assert_eq!(wire.answer().unwrap().status, 201);
}

#[test]
fn what_is_held_goes_with_its_bin() {
    let server = Server::start();
    replying(&server, "brief", &json!({"hold": "60s", "status": 504}));
    let mut wire = waiting(&server, "brief", "x");
    held(&server, "brief", 1);
    assert_eq!(server.api("DELETE", "/bins/brief", None).status, 204);
    assert_eq!(wire.answer().unwrap().status, 504);
    replying(&server, "brief", &json!("ok"));
    held(&server, "brief", 0);
}

/// A hold is bounded, or whoever reaches the port could keep every connection.
#[test]
fn holds_are_bounded_and_end_with_the_server() {
    let mut server = Server::start();
    for wait in ["hold", "delay"] {
        let long = json!({"name": "long", "reply": {wait: "11m"}});
        server.api("POST", "/bins", Some(&long)).assert_problem(422, &[wait, "11m", "10m"]);
    }
    replying(&server, "stopped", &json!({"hold": "60s"}));
    let mut wire = waiting(&server, "stopped", "x");
    held(&server, "stopped", 1);
    let begun = Instant::now();
    thread::scope(|scope| {
        let ended = scope.spawn(|| wire.answer().map(|answer| answer.status));
        assert_eq!(server.terminate().0, Some(0));
        let _ = ended.join().unwrap();
    });
    assert!(begun.elapsed() < Duration::from_secs(15), "the stop waited {:?}", begun.elapsed());
}
