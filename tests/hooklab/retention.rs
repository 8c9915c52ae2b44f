//! What a bin keeps slides: the newest stay, what goes is counted and shown everywhere.

use serde_json::{Value, json};

use crate::harness::http::Wire;
use crate::harness::server::{Server, post};
use crate::harness::until;
use crate::harness::websocket::Watcher;

/// Captures so many of this size, each on the same connection.
fn fill(server: &Server, bin: &str, count: usize, bytes: usize) {
    let mut wire = server.wire();
    let body = vec![b'x'; bytes];
    for n in 0..count {
        wire.send(&post(&server.capture, &format!("/{bin}/{n}"), &body)).unwrap();
        assert_eq!(wire.answer().unwrap().status, 200);
    }
}

fn bin(server: &Server, bin: &str) -> Value {
    server.get(&format!("/bins/{bin}")).json()
}

fn seqs(server: &Server, bin: &str) -> Vec<u64> {
    server.summaries(bin).iter().map(|summary| summary["seq"].as_u64().unwrap()).collect()
}

/// Retention may follow the capture, but not the next request by far.
fn settled(server: &Server, name: &str, captures: u64) -> Value {
    until("retention to settle", || {
        Some(bin(server, name)).filter(|told| told["captures"] == captures)
    })
}

#[test]
fn by_count_the_newest_stay_and_the_rest_is_counted_everywhere() {
    let mut server = Server::start();
    server.create(&json!({"name": "ten", "keep": {"captures": 10}}));
    fill(&server, "ten", 100, 20);
    let told = settled(&server, "ten", 10);
    assert_eq!((&told["oldest_seq"], &told["newest_seq"]), (&json!(91), &json!(100)));
    assert_eq!(told["dropped"], 90);
    assert_eq!(seqs(&server, "ten"), (91..=100).collect::<Vec<u64>>());
    server.get("/bins/ten/captures/90").assert_problem(404, &["90", "91"]);
    assert_eq!(server.get("/bins/ten/captures/latest").json()["seq"], 100);

    // A watcher that resumes behind it is told what it can no longer have.
    let mut watcher = Watcher::open(&server, "ten", Some(5));
    let hello = watcher.next();
    assert_eq!((&hello["oldest_seq"], &hello["dropped"]), (&json!(91), &json!(90)));
    let gap = watcher.next();
    assert_eq!(gap, json!({"type": "gap", "from": 6, "to": 90, "reason": "retention"}));
    assert_eq!(watcher.seq(), 91);
    let mut watcher = Watcher::open(&server, "ten", Some(93));
    assert_eq!(watcher.next()["type"], "hello");
    assert_eq!(watcher.seq(), 94, "nothing is missing behind it");

    server.kill9();
    let server = Server::on(&server.store.clone(), &[]);
    let again = bin(&server, "ten");
    for field in ["captures", "bytes", "oldest_seq", "newest_seq", "dropped"] {
        assert_eq!(again[field], told[field], "{field} after kill -9");
    }
    fill(&server, "ten", 3, 20);
    let told = settled(&server, "ten", 10);
    assert_eq!((&told["oldest_seq"], &told["dropped"]), (&json!(94), &json!(93)));
}

/// At every moment, not only at the end.
#[test]
fn a_bin_never_holds_more_than_it_keeps() {
    let server = Server::start();
    server.create(&json!({"name": "three", "keep": {"captures": 3}}));
    let mut wire = server.wire();
    let mut asking = Wire::connect(&server.dashboard).unwrap();
    for n in 1..=50u64 {
        wire.send(&post(&server.capture, "/three", b"x")).unwrap();
        assert_eq!(wire.answer().unwrap().captured().1, n);
        let ask = format!("GET /api/v1/bins/three HTTP/1.1\r\nHost: {}\r\n\r\n", server.dashboard);
        asking.send(ask.as_bytes()).unwrap();
        let told = asking.answer().unwrap().json();
        assert_eq!((&told["captures"], &told["newest_seq"]), (&json!(n.min(3)), &json!(n)));
        assert_eq!(told["dropped"], n.saturating_sub(3));
        assert_eq!(told["oldest_seq"], n.saturating_sub(2).max(1));
    }
}

#[test]
fn by_bytes_what_is_kept_fits() {
    let server = Server::start();
    server.create(&json!({"name": "small", "keep": {"bytes": 100_000}}));
    fill(&server, "small", 100, 5_000);
    let told = until("it to fit", || {
        Some(bin(&server, "small")).filter(|told| told["bytes"].as_u64().unwrap() <= 100_000)
    });
    let captures = told["captures"].as_u64().unwrap();
    assert!((10..=20).contains(&captures), "as many as fit: {told}");
    assert_eq!(told["dropped"], 100 - captures);
    assert_eq!(seqs(&server, "small"), (101 - captures..=100).collect::<Vec<u64>>());
    // One that is larger than all of it is the newest, and the newest is kept or counted.
    fill(&server, "small", 1, 200_000);
    let told = until("the large one", || {
        Some(bin(&server, "small"))
            .filter(|told| told["newest_seq"] == 101 && told["captures"].as_u64() < Some(2))
    });
    let kept = told["captures"].as_u64().unwrap();
    assert_eq!(kept + told["dropped"].as_u64().unwrap(), 101, "{told}");
}

#[test]
fn by_age_the_old_go_by_themselves() {
    let mut server = Server::start();
    server.create(&json!({"name": "brief", "keep": {"age": "1500ms"}}));
    server.create(&json!({"name": "hour", "keep": {"age": "1h"}}));
    fill(&server, "brief", 5, 10);
    fill(&server, "hour", 5, 10);
    assert_eq!(bin(&server, "brief")["captures"], 5, "nothing expires early");
    let told = settled(&server, "brief", 0);
    assert_eq!((&told["oldest_seq"], &told["dropped"]), (&Value::Null, &json!(5)));
    assert_eq!(bin(&server, "hour")["captures"], 5);
    let (_, seq) = server.post("/brief", b"x").captured();
    assert_eq!(seq, 6, "a seq is used again");
    server.kill9();
    // What became too old while nobody ran goes when somebody does.
    let server = Server::on(&server.store.clone(), &[]);
    assert_eq!(settled(&server, "brief", 0)["dropped"], 6);
    assert_eq!(bin(&server, "hour")["captures"], 5);
}

#[test]
fn what_is_kept_can_be_changed_while_it_runs() {
    let server = Server::start();
    fill(&server, "wide", 30, 10);
    let keep = |keep: Value| server.api("PATCH", "/bins/wide", Some(&json!({ "keep": keep })));
    assert_eq!(keep(json!({"captures": 4})).status, 200);
    let told = settled(&server, "wide", 4);
    assert_eq!((&told["oldest_seq"], &told["dropped"]), (&json!(27), &json!(26)));
    assert_eq!(keep(json!({"captures": null})).status, 200);
    fill(&server, "wide", 10, 10);
    assert_eq!(settled(&server, "wide", 14)["dropped"], 26);
    keep(json!({"captures": 0})).assert_problem(422, &["keep", "0"]);
    let answer = keep(json!({"age": "soon"}));
    assert!([400, 422].contains(&answer.status), "{}", answer.text());
    // Deleting by hand is not dropping.
    let cleared = server.api("DELETE", "/bins/wide/captures", None);
    assert_eq!(cleared.json()["deleted"], 14);
    assert_eq!(bin(&server, "wide")["dropped"], 26);
}

/// Over all bins: the oldest of all go, whichever bin they are in.
#[test]
fn in_all_bins_together_the_oldest_go() {
    let server = Server::start_with(&["--keep-captures", "20"]);
    fill(&server, "first", 15, 10);
    fill(&server, "second", 15, 10);
    let both = |first: u64, second: u64| {
        until("retention over all bins", || {
            let (one, two) = (bin(&server, "first"), bin(&server, "second"));
            (one["captures"] == first && two["captures"] == second).then_some((one, two))
        })
    };
    let (first, second) = both(5, 15);
    assert_eq!((&first["dropped"], &second["dropped"]), (&json!(10), &json!(0)));
    assert_eq!(seqs(&server, "first"), (11..=15).collect::<Vec<u64>>());
    fill(&server, "second", 10, 10);
    let (first, second) = both(0, 20);
    assert_eq!((&first["dropped"], &second["dropped"]), (&json!(15), &json!(5)));
    assert_eq!(server.summaries("second").len(), 20);
}

/// A restart in the middle of dropping agrees with what was told before.
#[test]
fn kill_9_while_it_drops_loses_nothing_that_should_stay() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    let mut server = Server::on(&store, &[]);
    server.create(&json!({"name": "busy", "keep": {"captures": 50}}));
    for round in 1..=5u64 {
        fill(&server, "busy", 237, 300);
        server.kill9();
        server = Server::on(&store, &[]);
        let told = settled(&server, "busy", 50);
        assert_eq!(told["newest_seq"], round * 237, "{told}");
        assert_eq!(told["dropped"], round * 237 - 50, "{told}");
        assert_eq!(seqs(&server, "busy"), (round * 237 - 49..=round * 237).collect::<Vec<u64>>());
    }
}
