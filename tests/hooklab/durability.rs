//! kill -9 in the middle of captures: nothing that was acknowledged is lost, nothing is doubled.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use crate::harness::http::Wire;
use crate::harness::random::{Random, seed};
use crate::harness::server::{Server, post, request};

const CAPTURES: usize = 10_000;
const CONNECTIONS: usize = 32;
const BINS: usize = 4;
const SEEDS: u64 = if cfg!(feature = "broken-ack-before-write") { 3 } else { 20 };
const READY_AGAIN: Duration = Duration::from_secs(2);

/// An answer of 200, read to its end.
struct Acknowledged {
    bin: String,
    seq: u64,
    token: String,
}

#[cfg(not(feature = "broken-ack-before-write"))]
#[test]
fn no_acknowledged_capture_is_lost_doubled_or_renumbered_by_kill_9() {
    let first = seed("durability");
    for seed in (0..SEEDS).map(|n| first.wrapping_add(n)) {
        let wrong = kill_and_look(seed);
        let some = &wrong[..wrong.len().min(20)];
        assert!(wrong.is_empty(), "HOOKLAB_SEED={seed}: {} wrong: {some:#?}", wrong.len());
    }
}

/// The harness itself: against a build that acknowledges before it writes it must cry.
#[cfg(feature = "broken-ack-before-write")]
#[test]
fn a_build_that_acknowledges_before_it_writes_is_caught() {
    let first = seed("durability");
    let lost = |seed: u64| {
        let wrong = kill_and_look(seed);
        let lost = wrong.iter().filter(|told| told.ends_with("is lost")).count();
        println!("HOOKLAB_SEED={seed}: {lost} lost, {} wrong", wrong.len());
        lost
    };
    let all: usize = (0..SEEDS).map(|n| lost(first.wrapping_add(n))).sum();
    assert!(all > 0, "not caught");
}

/// One run: capture, kill, start again, compare; what is wrong.
fn kill_and_look(seed: u64) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    let mut random = Random::new(seed);
    let kill_at = CAPTURES / 10 + random.below(CAPTURES * 8 / 10);
    let acknowledged = capture_until_killed(Server::on(&store, &[]), seed, kill_at);
    assert!(acknowledged.len() >= kill_at, "killed too early");
    let server = Server::on(&store, &[]);
    let mut wrong = compare(&server, &acknowledged);
    if server.started_in > READY_AGAIN {
        wrong.push(format!("ready again only after {:?}", server.started_in));
    }
    wrong
}

/// Captures on every connection at once, and kills the server at the given acknowledgement.
fn capture_until_killed(mut server: Server, seed: u64, kill_at: usize) -> Vec<Acknowledged> {
    let acknowledged = Mutex::new(Vec::with_capacity(CAPTURES));
    let next = AtomicUsize::new(0);
    let address = server.capture.clone();
    let (enough, is_enough) = channel();
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            let (acknowledged, next, address) = (&acknowledged, &next, &address);
            let enough = enough.clone();
            scope.spawn(move || {
                let mut wire = Wire::connect(address).unwrap();
                while let Some(done) = capture_next(&mut wire, address, seed, next) {
                    keep(acknowledged, done, kill_at, &enough);
                }
            });
        }
        drop(enough);
        is_enough.recv().expect("enough are acknowledged to kill it");
        server.kill9();
    });
    acknowledged.into_inner().unwrap()
}

fn capture_next(
    wire: &mut Wire,
    address: &str,
    seed: u64,
    next: &AtomicUsize,
) -> Option<Acknowledged> {
    let n = next.fetch_add(1, Ordering::Relaxed);
    if n >= CAPTURES {
        return None;
    }
    let token = format!("{seed:016x}-{n:05}");
    // Mostly small, some larger than a page or a pipe, so that a write can be torn.
    let padding = "x".repeat(match n % 50 {
        0 => 100_000,
        1..10 => 5_000,
        _ => 200,
    });
    let body = format!("{token} {padding}");
    let bin = format!("bin-{}", n % BINS);
    wire.send(&post(address, &format!("/{bin}/{token}"), body.as_bytes())).ok()?;
    let answer = wire.answer().ok()?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (told, seq) = answer.captured();
    assert_eq!(told, bin);
    Some(Acknowledged { bin, seq, token })
}

fn keep(
    acknowledged: &Mutex<Vec<Acknowledged>>,
    done: Acknowledged,
    kill_at: usize,
    enough: &Sender<()>,
) {
    let mut acknowledged = acknowledged.lock().unwrap();
    acknowledged.push(done);
    if acknowledged.len() == kill_at {
        let _ = enough.send(());
    }
}

/// What the restarted server holds against what it had acknowledged.
fn compare(server: &Server, acknowledged: &[Acknowledged]) -> Vec<String> {
    let mut wrong = Vec::new();
    for bin in (0..BINS).map(|n| format!("bin-{n}")) {
        let before = acknowledged.iter().filter(|done| done.bin == bin);
        let seqs = compare_bin(server, &bin, before, &mut wrong);
        let highest = seqs.values().copied().max().unwrap_or(0);
        let given = acknowledged.iter().filter(|done| done.bin == bin).map(|done| done.seq).max();
        let (_, new) = server.post(&format!("/{bin}/after"), b"after").captured();
        if new <= highest.max(given.unwrap_or(0)) {
            wrong.push(format!("{bin}: seq {new} is given again"));
        }
    }
    wrong
}

/// The seq of each token that the bin now holds.
fn compare_bin<'a>(
    server: &Server,
    bin: &str,
    acknowledged: impl Iterator<Item = &'a Acknowledged>,
    wrong: &mut Vec<String>,
) -> HashMap<String, u64> {
    let mut held = HashMap::new();
    let mut seqs = HashSet::new();
    let mut bodies = Wire::connect(&server.dashboard).unwrap();
    for summary in server.summaries(bin) {
        let seq = summary["seq"].as_u64().unwrap();
        let path = format!("/api/v1/bins/{bin}/captures/{seq}/body");
        bodies.send(&request(&server.dashboard, "GET", &path, None)).unwrap();
        let body = bodies.answer().unwrap().text();
        let token = body.split(' ').next().unwrap_or_default().to_owned();
        if summary["target"] != format!("/{bin}/{token}") {
            wrong.push(format!("{bin}/{seq}: head and body are not of one request"));
        }
        if summary["size"] != body.len() as u64 || summary["outcome"] != "complete" {
            wrong.push(format!("{bin}/{seq}: {summary} but {} bytes", body.len()));
        }
        if !seqs.insert(seq) {
            wrong.push(format!("{bin}/{seq}: the seq is used twice"));
        }
        if held.insert(token.clone(), seq).is_some() {
            wrong.push(format!("{bin}/{seq}: {token} is doubled"));
        }
    }
    for done in acknowledged {
        match held.get(&done.token) {
            None => wrong.push(format!("{bin}/{}: {} is lost", done.seq, done.token)),
            Some(&seq) if seq != done.seq => {
                wrong.push(format!("{bin}/{}: {} is now {seq}", done.seq, done.token));
            }
            Some(_) => {}
        }
    }
    held
}
