//! Every fault as the sender's socket sees it. The request is a capture all the same.

use std::io;
use std::time::{Duration, Instant};

use serde_json::json;

use super::replying;
use crate::harness::http::Wire;
use crate::harness::server::{Server, post};
use crate::harness::until;

/// Sends one request to a bin with this fault.
fn faulty(server: &Server, fault: &str, body: &str) -> Wire {
    replying(server, fault, &json!({"fault": fault, "status": 200, "body": body}));
    let mut wire = server.wire();
    wire.send(&post(&server.capture, &format!("/{fault}"), b"{\"a\":1}")).unwrap();
    wire
}

/// Whatever the sender was told, its request was kept whole.
fn is_kept(server: &Server, bin: &str) {
    let kept = until("the capture", || server.summaries(bin).pop());
    assert_eq!((&kept["outcome"], &kept["size"]), (&json!("complete"), &json!(7)), "{bin}");
    let status = if ["drip", "truncate", "endless"].contains(&bin) { 200 } else { 0 };
    assert_eq!(kept["reply"], json!({"status": status, "rule": 0, "fault": bin}), "{bin}");
}

#[test]
fn reset_is_a_tcp_reset_and_nothing_else() {
    let server = Server::start();
    let mut wire = faulty(&server, "reset", "");
    let error = wire.piece().expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    is_kept(&server, "reset");
}

#[test]
fn close_is_an_end_without_a_byte() {
    let server = Server::start();
    let mut wire = faulty(&server, "close", "");
    assert_eq!(wire.piece().unwrap(), b"");
    is_kept(&server, "close");
}

#[test]
fn stall_says_nothing_and_stays_open() {
    let server = Server::start();
    let mut wire = faulty(&server, "stall", "");
    wire.be_patient(Duration::from_secs(2));
    let error = wire.piece().expect_err("nothing");
    let silent = [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut];
    assert!(silent.contains(&error.kind()), "{error}");
    is_kept(&server, "stall");
    assert_eq!(server.post("/other", b"").status, 200, "nobody else waits");
}

/// A byte every 100 ms: the first at once or after one, and none early.
#[test]
fn drip_brings_the_body_byte_by_byte() {
    let server = Server::start();
    let mut wire = faulty(&server, "drip", "slowly!");
    assert_eq!(wire.begin().unwrap().status, 200);
    let begun = Instant::now();
    let (mut body, mut pieces) = (Vec::new(), 0);
    while body.len() < 7 {
        let piece = wire.piece().unwrap();
        assert!(!piece.is_empty(), "it ended after {body:?}");
        body.extend(piece);
        pieces += 1;
    }
    assert_eq!(body, b"slowly!");
    assert!(begun.elapsed() >= Duration::from_millis(550), "{:?}", begun.elapsed());
    assert!(pieces >= 4, "in {pieces} pieces");
    is_kept(&server, "drip");
}

#[test]
fn truncate_promises_more_than_it_brings() {
    let server = Server::start();
    let body = "0123456789".repeat(10);
    let mut wire = faulty(&server, "truncate", &body);
    let head = wire.begin().unwrap();
    assert_eq!(head.header("content-length"), Some("100"));
    let mut brought = Vec::new();
    loop {
        match wire.piece() {
            Ok(piece) if piece.is_empty() => break,
            Ok(piece) => brought.extend(piece),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                break;
            }
        }
    }
    assert!(!brought.is_empty() && brought.len() < 100, "{} bytes", brought.len());
    assert!(body.as_bytes().starts_with(&brought));
    is_kept(&server, "truncate");
}

#[test]
fn garbage_is_not_http() {
    let server = Server::start();
    let mut wire = faulty(&server, "garbage", "");
    let bytes = wire.piece().unwrap();
    assert!(!bytes.is_empty() && !bytes.starts_with(b"HTTP/"), "{}", bytes.escape_ascii());
    is_kept(&server, "garbage");
}

/// It goes on as long as somebody reads, costs no memory, and ends with the reader.
#[test]
fn endless_does_not_end() {
    const ENOUGH: usize = 64 * 1024 * 1024;
    let server = Server::start();
    let mut wire = faulty(&server, "endless", "x");
    let head = wire.begin().unwrap();
    assert_eq!((head.status, head.header("content-length")), (200, None));
    let mut bytes = 0;
    while bytes < ENOUGH {
        let piece = wire.piece().unwrap();
        assert!(!piece.is_empty(), "it ended after {bytes}");
        bytes += piece.len();
    }
    is_kept(&server, "endless");
    drop(wire);
    assert_eq!(server.post("/other", b"").status, 200);
    assert!(server.resident_kib() < 200 * 1024, "{} KiB", server.resident_kib());
}

/// Some requests fail and some do not, on one connection, as the rules say.
#[test]
fn a_fault_hits_the_rule_that_has_it_and_no_other() {
    let server = Server::start();
    replying(&server, "once", &json!([{"times": 1, "fault": "close"}, {"status": 201}]));
    let mut wire = server.wire();
    wire.send(&post(&server.capture, "/once", b"{}")).unwrap();
    assert!(wire.is_closed());
    let mut wire = server.wire();
    for _ in 0..3 {
        wire.send(&post(&server.capture, "/once", b"{}")).unwrap();
        assert_eq!(wire.answer().unwrap().status, 201);
    }
    assert_eq!(server.summaries("once").len(), 4);
}

/// A fault with a delay waits first; one with `chance` follows the seed.
#[test]
fn faults_go_with_delay_and_chance() {
    let server = Server::start();
    let rule = json!({"fault": "reset", "delay": "700ms"});
    replying(&server, "both", &rule);
    let begun = Instant::now();
    let mut wire = server.wire();
    wire.send(&post(&server.capture, "/both", b"{}")).unwrap();
    assert_eq!(wire.piece().expect_err("a reset").kind(), io::ErrorKind::ConnectionReset);
    assert!(begun.elapsed() >= Duration::from_millis(700), "{:?}", begun.elapsed());
    let reply = json!({"seed": 11, "rules": [{"chance": 0.5, "fault": "close"}]});
    let run = |bin: &str| -> Vec<bool> {
        replying(&server, bin, &reply);
        let answered = |_| {
            let mut wire = server.wire();
            wire.send(&post(&server.capture, &format!("/{bin}"), b"{}")).unwrap();
            wire.answer().is_ok()
        };
        (0..60).map(answered).collect()
    };
    let first = run("first");
    assert!(first.contains(&true) && first.contains(&false), "{first:?}");
    assert_eq!(first, run("second"));
}
