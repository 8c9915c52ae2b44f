//! Following what comes: the event stream, filters, all bins at once, ten thousand watchers.

mod stream;

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::harness::http::Wire;
use crate::harness::server::{Server, post};
use crate::harness::websocket::Watcher;
use crate::websocket::frames::upgrade;
use stream::Stream;

const WATCHERS: usize = 10_000;

fn capture(server: &Server, bin: &str, count: usize) -> Vec<u64> {
    let mut wire = server.wire();
    let one = |n| {
        wire.send(&post(&server.capture, &format!("/{bin}/{n}"), b"{}")).unwrap();
        wire.answer().unwrap().captured().1
    };
    (0..count).map(one).collect()
}

#[test]
fn the_event_stream_tells_what_the_websocket_tells() {
    let server = Server::start_with(&["--bin", "both"]);
    let mut watcher = Watcher::open(&server, "both", Some(0));
    let mut stream = Stream::open(&server, "/bins/both/live?after=0", None);
    capture(&server, "both", 20);
    for _ in 0..21 {
        let event = stream.next();
        let frame = watcher.frame();
        assert_eq!(event.data, frame);
        let told: Value = serde_json::from_str(&frame).unwrap();
        if told["type"] == "capture" {
            assert_eq!(event.id, Some(told["seq"].to_string()));
        }
    }
    server.api("DELETE", "/bins/both/captures", None);
    assert_eq!(stream.next().data, watcher.frame());
    server.api("DELETE", "/bins/both", None);
    assert_eq!(stream.next().data, watcher.frame());
    assert!(stream.ends(), "a deleted bin's stream ends");
}

/// What a browser does when its connection breaks: it names the last id it saw.
#[test]
fn the_event_stream_resumes_after_the_last_event_id() {
    let server = Server::start_with(&["--bin", "resumed"]);
    capture(&server, "resumed", 50);
    let mut seen: Vec<u64> = Vec::new();
    for take in [7, 1, 20, 22] {
        let last = seen.last().map_or("0".to_owned(), u64::to_string);
        let mut stream = Stream::open(&server, "/bins/resumed/live", Some(&last));
        assert_eq!(stream.message()["type"], "hello");
        seen.extend((0..take).map(|_| stream.seq()));
    }
    assert_eq!(seen, (1..=50).collect::<Vec<u64>>());
    let mut live = Stream::open(&server, "/bins/resumed/live", None);
    assert_eq!(live.message()["newest_seq"], 50);
    capture(&server, "resumed", 1);
    assert_eq!(live.seq(), 51, "without an id only what is new");
    // The id of the browser is newer than the one in the page's address.
    let mut both = Stream::open(&server, "/bins/resumed/live?after=3", Some("49"));
    assert_eq!(both.message()["type"], "hello");
    assert_eq!((both.seq(), both.seq()), (50, 51));
}

#[test]
fn a_filter_lets_through_what_it_names_and_every_control_message() {
    let server = Server::start_with(&["--bin", "sieved"]);
    let path = "/bins/sieved/live?after=0&q=method%3APOST%20-path%3A%2Fno*";
    let mut watcher = Watcher::upgrade(&server, path, &[]).unwrap();
    let mut stream = Stream::open(&server, path, None);
    assert_eq!(watcher.next()["type"], "hello");
    assert_eq!(stream.message()["type"], "hello");
    for n in 0..30 {
        let way = ["yes", "no", "nobody"][n % 3];
        server.post(&format!("/sieved/{way}"), b"x");
    }
    for n in 0..10 {
        assert_eq!(watcher.seq(), 1 + 3 * n);
        assert_eq!(stream.seq(), 1 + 3 * n);
    }
    server.api("DELETE", "/bins/sieved/captures", None);
    assert_eq!(watcher.next(), json!({"type": "cleared", "to": 30}));
    assert_eq!(stream.message()["type"], "cleared");
    let bad = Watcher::upgrade(&server, "/bins/sieved/live?q=methd%3AGET", &[]);
    assert!(matches!(bad.err(), Some(400 | 422)));
}

#[test]
fn all_bins_are_followed_at_once() {
    let server = Server::start_with(&["--bin", "one", "--bin", "two"]);
    let mut all = Watcher::upgrade(&server, "/captures/live", &[]).unwrap();
    let mut stream = Stream::open(&server, "/captures/live", None);
    let mut some = Watcher::upgrade(&server, "/captures/live?q=path%3A%2F1", &[]).unwrap();
    for message in [all.next(), stream.message(), some.next()] {
        assert_eq!(message["type"], "hello", "{message}");
    }
    let sent: Vec<(String, u64)> = (0..30)
        .map(|n| {
            server.post(&format!("/{}/{}", ["one", "two", "three"][n % 3], n % 2), b"").captured()
        })
        .collect();
    let place = |message: &Value| {
        let bin = message["summary"]["bin"].as_str()?.to_owned();
        Some((bin, message["seq"].as_u64()?))
    };
    let mut seen = Vec::new();
    while seen.len() < sent.len() {
        seen.extend(place(&all.next()));
    }
    assert_eq!(seen, sent, "in the order of their commits");
    let mut seen = Vec::new();
    while seen.len() < sent.len() {
        seen.extend(place(&stream.message()));
    }
    assert_eq!(seen, sent);
    let odd: Vec<_> = sent.into_iter().skip(1).step_by(2).collect();
    let mut seen = Vec::new();
    while seen.len() < odd.len() {
        seen.extend(place(&some.next()));
    }
    assert_eq!(seen, odd);
}

/// As many idle watchers as the descriptors allow, one of whom has stopped reading: captures are
/// no slower, and everybody who reads is told.
#[test]
fn ten_thousand_idle_watchers_cost_little_and_a_stalled_one_harms_nobody() {
    raise_descriptors();
    let server = Server::start_with(&["--bin", "idle", "--bin", "busy"]);
    let mut stalled = Watcher::open(&server, "busy", None);
    let mut awake = Watcher::open(&server, "busy", None);
    assert_eq!(stalled.next()["type"], "hello");
    assert_eq!(awake.next()["type"], "hello");
    let before = server.resident_kib();
    let mut idle: Vec<TcpStream> = Vec::new();
    while idle.len() < WATCHERS {
        match watch(&server, "idle") {
            Some(stream) => idle.push(stream),
            None => break,
        }
    }
    let cost = server.resident_kib().saturating_sub(before) / idle.len() as u64;
    println!("{} idle watchers, {cost} KiB each", idle.len());
    assert!(idle.len() >= 150, "{} watchers", idle.len());
    assert!(cost < 32, "{cost} KiB a watcher");
    idle.pop();
    let begun = Instant::now();
    let sent = capture(&server, "busy", 3_000);
    println!("3,000 captures beside them in {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(sent.iter().map(|_| awake.seq()).collect::<Vec<u64>>(), sent);
    assert_eq!(sent.iter().map(|_| stalled.seq()).collect::<Vec<u64>>(), sent);

    // Every idle one hears of the capture it waited for.
    server.post("/idle", b"x");
    for stream in &mut idle {
        let mut told = [0; 32];
        std::io::Read::read_exact(stream, &mut told).unwrap();
        assert!(told.escape_ascii().to_string().contains("capture"), "{}", told.escape_ascii());
    }
    let again = Wire::connect(&server.dashboard).unwrap();
    drop(again);
    assert_eq!(server.get("/bins/idle").json()["captures"], 1);
}

/// One watcher that has read its hello; none where the server takes no more.
fn watch(server: &Server, bin: &str) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(&server.dashboard).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    stream.write_all(upgrade(&server.dashboard, &format!("/bins/{bin}/live")).as_bytes()).ok()?;
    let mut read = Vec::new();
    while !read.windows(3).any(|three| three == b":0}") {
        let mut piece = [0; 1024];
        match std::io::Read::read(&mut stream, &mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&piece[..count]),
        }
        if read.starts_with(b"HTTP/1.1 503") {
            return None;
        }
    }
    Some(stream)
}

/// Both ends of every watcher are on this machine.
fn raise_descriptors() {
    let found = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: found.maximum, ..found });
}
