//! The live channel: every seq once, in order, whatever happens to the watcher.

use std::thread;

use serde_json::json;

use crate::harness::http::Wire;
use crate::harness::random::{Random, seed};
use crate::harness::server::{Server, post};
use crate::harness::until;
use crate::harness::websocket::Watcher;

/// Captures into a bin on one connection; their seqs.
fn capture(address: &str, bin: &str, count: usize) -> Vec<u64> {
    let mut wire = Wire::connect(address).unwrap();
    let capture = |n| {
        wire.send(&post(address, &format!("/{bin}/{n}"), b"{}")).unwrap();
        wire.answer().unwrap().captured().1
    };
    (0..count).map(capture).collect()
}

fn create(server: &Server, bin: &str) {
    let answer = server.api("POST", "/bins", Some(&json!({ "name": bin })));
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[test]
fn a_watcher_that_disconnects_100_times_sees_every_seq_once_in_order() {
    let mut random = Random::new(seed("live"));
    let server = Server::start();
    create(&server, "busy");
    let mut seen: Vec<u64> = Vec::new();
    let sent = thread::scope(|scope| {
        let senders: Vec<_> =
            (0..4).map(|_| scope.spawn(|| capture(&server.capture, "busy", 1_250))).collect();
        for _ in 0..100 {
            let mut watcher = watch_on(&server, "busy", &seen);
            for _ in 0..random.below(80) {
                seen.push(watcher.seq());
            }
            if random.once_in(2) {
                watcher.leave();
            }
        }
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect::<Vec<u64>>()
    });
    let mut watcher = watch_on(&server, "busy", &seen);
    while seen.len() < sent.len() {
        seen.push(watcher.seq());
    }
    let mut sent = sent;
    sent.sort_unstable();
    assert_eq!(seen, sent);
}

/// Resumes after the last seq that was seen, and reads over the hello.
fn watch_on(server: &Server, bin: &str, seen: &[u64]) -> Watcher {
    let mut watcher = Watcher::open(server, bin, Some(seen.last().copied().unwrap_or(0)));
    let hello = watcher.next();
    assert_eq!((&hello["type"], &hello["bin"]), (&json!("hello"), &json!(bin)));
    watcher
}

#[test]
fn many_watchers_see_the_same_frames() {
    let server = Server::start();
    create(&server, "popular");
    let mut watchers: Vec<Watcher> =
        (0..50).map(|_| Watcher::open(&server, "popular", None)).collect();
    for watcher in &mut watchers {
        assert_eq!(watcher.next()["type"], "hello");
    }
    let sent = capture(&server.capture, "popular", 200);
    let frames: Vec<String> = sent.iter().map(|_| watchers[0].frame()).collect();
    for (frame, seq) in frames.iter().zip(&sent) {
        assert!(frame.contains(&format!("\"seq\":{seq},")), "{frame}");
    }
    for watcher in &mut watchers[1..] {
        for frame in &frames {
            assert_eq!(&watcher.frame(), frame);
        }
    }
}

#[test]
fn a_watcher_that_stops_reading_delays_nobody_and_is_caught_up() {
    let server = Server::start();
    create(&server, "uneven");
    let mut sleepy = Watcher::open(&server, "uneven", None);
    let mut awake = Watcher::open(&server, "uneven", None);
    assert_eq!(sleepy.next()["type"], "hello");
    assert_eq!(awake.next()["type"], "hello");
    let sent = capture(&server.capture, "uneven", 5_000);
    for watcher in [&mut awake, &mut sleepy] {
        let seen: Vec<u64> = sent.iter().map(|_| watcher.seq()).collect();
        assert_eq!(seen, sent);
    }
}

#[test]
fn a_live_summary_is_what_the_list_tells() {
    let server = Server::start();
    create(&server, "same");
    let mut watcher = Watcher::open(&server, "same", None);
    let hello = watcher.next();
    assert_eq!(
        hello,
        json!({"type":"hello","bin":"same","oldest_seq":null,"newest_seq":0,"dropped":0})
    );
    server.post("/same/a%20b?x=1", br#"{"payment_id":1,"membership_id":2}"#);
    let live = watcher.next();
    let listed = server.summaries("same");
    assert_eq!(live["summary"], listed[0]);
    assert_eq!(live["summary"]["event"], json!({"type":"payment_received","by":"keys"}));
    assert_eq!(live["summary"]["path"], "/a%20b");
}

#[test]
fn clearing_and_deleting_are_told_and_what_is_gone_is_a_gap() {
    let server = Server::start();
    let sent = capture(&server.capture, "brief", 3);
    let mut watcher = Watcher::open(&server, "brief", Some(0));
    assert_eq!(watcher.next()["type"], "hello");
    assert_eq!([watcher.seq(), watcher.seq(), watcher.seq()], sent[..]);

    let cleared = server.api("DELETE", "/bins/brief/captures", None);
    assert_eq!((cleared.status, cleared.json()["deleted"].as_u64()), (200, Some(3)));
    assert_eq!(watcher.next(), json!({"type":"cleared","to":sent[2]}));

    let (_, new) = server.post("/brief", b"x").captured();
    assert!(new > sent[2], "a seq is used again after a clear");
    assert_eq!(watcher.seq(), new);
    let mut late = Watcher::open(&server, "brief", Some(sent[0]));
    assert_eq!(late.next()["oldest_seq"], new);
    let gap = late.next();
    assert_eq!((&gap["type"], &gap["from"]), (&json!("gap"), &json!(sent[0] + 1)));
    assert_eq!((&gap["to"], &gap["reason"]), (&json!(new - 1), &json!("deleted")));
    assert_eq!(late.seq(), new);

    assert_eq!(server.api("DELETE", "/bins/brief", None).status, 204);
    assert_eq!(watcher.next(), json!({"type":"deleted"}));
    watcher.closed();
    until("the bin to be gone", || (server.get("/bins/brief").status == 404).then_some(()));
}

#[test]
fn a_seq_beyond_the_newest_counts_as_the_newest() {
    let server = Server::start();
    let sent = capture(&server.capture, "ahead", 2);
    let mut watcher = Watcher::open(&server, "ahead", Some(1_000_000));
    assert_eq!(watcher.next()["newest_seq"], sent[1]);
    let (_, next) = server.post("/ahead", b"").captured();
    assert_eq!(watcher.seq(), next);
}

#[test]
fn sigterm_closes_the_live_channel_with_1001_and_ends_with_0() {
    let mut server = Server::start();
    capture(&server.capture, "last", 1);
    let mut watcher = Watcher::open(&server, "last", None);
    assert_eq!(watcher.next()["type"], "hello");
    let (code, rest) = server.terminate();
    assert_eq!(watcher.closed(), Some(1001));
    assert_eq!((code, rest.as_str()), (Some(0), ""));
    let server = Server::on(&server.store.clone(), &[]);
    assert_eq!(server.summaries("last").len(), 1);
}
