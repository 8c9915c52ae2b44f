//! Hundreds of connections by raw socket: each request is a capture or a stray, never both and
//! never neither.

mod ambiguous;
mod broken;
mod case;
mod kept;
mod octets;

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::harness::http::Wire;
use crate::harness::server::Server;
use crate::harness::until;
use case::{BIN, Becomes, Case, Then, chunked, head};

const CASES_MIN: usize = 300;
const CONNECTIONS: usize = 8;

/// More than a body may stall.
const PATIENCE: Duration = Duration::from_secs(50);

/// A case that was played: who it came from, and what was answered.
struct Played {
    case: Case,
    peer: String,
    statuses: Vec<Option<u16>>,
}

#[test]
fn every_request_of_the_corpus_is_one_record_with_its_outcome() {
    let mut cases = [kept::cases(), broken::cases(), ambiguous::cases(), octets::cases()].concat();
    cases.push(stalled("a head", b"POST /corpus HT".to_vec(), "head_timed_out"));
    cases.push(stalled("a head of lines", drop_end(head("GET", "X: y\r\n")), "head_timed_out"));
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    let server = Server::start();
    let played = play(&server, &cases);
    hold(&server, &played);
}

/// Bodies that stall, and bodies over the limit, each on a connection of its own at once: the
/// limits of the program as it ships.
#[test]
fn what_is_too_slow_or_too_long_is_kept_as_far_as_it_came() {
    let timed_out =
        |name: &str, wire: Vec<u8>| Case::new(name, wire, Becomes::Capture("timed_out", 408));
    let half = [head("POST", "Content-Length: 5\r\n"), b"ab".to_vec()].concat();
    let over = 33 * 1024 * 1024;
    let long = |mut wire: Vec<u8>| {
        wire.resize(wire.len() + over, b'x');
        wire
    };
    let length = long(head("POST", &format!("Content-Length: {over}\r\n")));
    let chunk = [long(chunked(format!("{over:x}\r\n"))), b"\r\n0\r\n\r\n".to_vec()].concat();
    let cases = vec![
        timed_out("half a body", half),
        timed_out("no body", head("POST", "Content-Length: 5\r\n")),
        timed_out("half a chunk", chunked("5\r\nab")),
        timed_out("no chunk", chunked("")),
        timed_out("chunks without an end", chunked("2\r\nab\r\n")),
        Case::new("a long body", length, Becomes::Capture("over_limit", 413)),
        Case::new("a long chunk", chunk, Becomes::Capture("over_limit", 413)),
    ];
    let server = Server::start();
    let played = play(&server, &cases);
    hold(&server, &played);
    let kept = server.summaries(BIN);
    let over = kept.iter().filter(|summary| summary["outcome"] == "over_limit");
    assert!(over.clone().all(|summary| summary["size"] == 32 * 1024 * 1024), "{kept:?}");
    assert_eq!(over.count(), 2);
}

/// Nothing was begun, so there is nothing to record.
#[test]
fn a_connection_that_says_nothing_is_no_record() {
    let server = Server::start();
    for finishes in [true, false] {
        let mut wire = server.wire();
        if finishes {
            wire.finish();
            assert!(wire.is_closed());
        }
    }
    let mut wire = server.wire();
    wire.send(b"\r\n\r\n").unwrap();
    wire.finish();
    assert!(wire.is_closed());
    server.post("/after", b"");
    assert_eq!(strays(&server).len(), 0);
    assert_eq!(server.get("/bins").json()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_server_that_makes_no_bins_keeps_what_comes_for_them_as_strays() {
    let server = Server::start_with(&["--no-auto-create", "--bin", BIN]);
    let unknown = Becomes::Stray("unknown_bin", 404);
    let to = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
    let cases = vec![
        Case::kept("a bin", to("/corpus/x")),
        Case::new("another", to("/other/x"), unknown),
        Case::new("a longer name", to("/corpus-x"), unknown),
    ];
    let played = play(&server, &cases);
    hold(&server, &played);
    assert_eq!(server.get("/bins/other").status, 404);
}

/// A stray tells who, when and what, and is still there after kill -9.
#[test]
fn a_stray_tells_what_came_and_survives() {
    let mut server = Server::start();
    let long = format!("GET /{BIN} HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(2_000));
    let mut wire = server.wire();
    wire.send(long.as_bytes()).unwrap();
    let answer = wire.answer().unwrap();
    assert_eq!(answer.status, 431);
    let before = until("the stray", || strays(&server).pop());
    let told = before["head"].as_str().unwrap();
    assert!(told.len() <= 4_096 && long.starts_with(told), "{before}");
    assert!(before["bytes"].as_u64().unwrap() >= told.len() as u64, "{before}");
    assert_eq!(before["peer"], wire.local());
    server.kill9();
    let server = Server::on(&server.store.clone(), &[]);
    assert_eq!(strays(&server), std::slice::from_ref(&before));
    let mut wire = server.wire();
    wire.send(b"hello\r\n\r\n").unwrap();
    assert_eq!(wire.answer().unwrap().status, 400);
    let both = until("the next", || Some(strays(&server)).filter(|strays| strays.len() == 2));
    assert!(both[1]["seq"].as_u64() > before["seq"].as_u64(), "{both:?}");
}

#[test]
fn the_oldest_strays_go_when_there_are_too_many() {
    let server = Server::start();
    for n in 0..1_100 {
        let mut wire = server.wire();
        wire.send(format!("nonsense {n}\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(wire.answer().unwrap().status, 400);
    }
    let number = |stray: &Value| -> u32 {
        let head = stray["head"].as_str().unwrap();
        head.trim_start_matches("nonsense ").trim_end().parse().unwrap()
    };
    until("the last", || strays(&server).iter().any(|stray| number(stray) == 1_099).then_some(()));
    // Page by page, so only a list that nothing is added to meanwhile is of one moment.
    let held = strays(&server);
    assert_eq!(held.len(), 1_000);
    // A stray is kept when its connection ends, which is after its answer: neighbours may swap.
    let oldest = held.iter().map(number).min().unwrap();
    assert!((95..=100).contains(&oldest), "{oldest}");
}

fn stalled(name: &str, wire: Vec<u8>, reason: &'static str) -> Case {
    Case::new(format!("{name} that stalls"), wire, Becomes::Stray(reason, 0))
}

fn drop_end(mut wire: Vec<u8>) -> Vec<u8> {
    wire.truncate(wire.len() - 2);
    wire
}

/// Plays every case on a connection of its own; those that stall wait beside the others.
fn play(server: &Server, cases: &[Case]) -> Vec<Played> {
    let next = AtomicUsize::new(0);
    let played = Mutex::new(Vec::new());
    // Backwards: the slow ones stand at the end.
    let order: Vec<&Case> = cases.iter().rev().collect();
    let address = server.capture.as_str();
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&case) = order.get(n) else { break };
                    let local = Ipv4Addr::new(127, 1, (n / 250) as u8, (n % 250) as u8 + 1);
                    let one = play_one(local, address, case);
                    let one = one.unwrap_or_else(|why| panic!("{why}: {case:?}"));
                    played.lock().unwrap().push(one);
                }
            });
        }
    });
    played.into_inner().unwrap()
}

fn play_one(local: Ipv4Addr, address: &str, case: &Case) -> io::Result<Played> {
    let mut wire = Wire::connect_from(local, address)?;
    wire.be_patient(PATIENCE);
    let peer = wire.local();
    // A server that refuses early may close before it has read everything.
    let _ = wire.send(&case.wire);
    let mut statuses = Vec::new();
    if case.then != Then::Leaves {
        if case.then == Then::Finishes {
            wire.finish();
        }
        let method = if case.is_head() { "HEAD" } else { "GET" };
        statuses = case.becomes.iter().map(|_| status(&mut wire, method)).collect();
    }
    Ok(Played { case: case.clone(), peer, statuses })
}

/// The next answer's status; none where the connection ends.
fn status(wire: &mut Wire, method: &str) -> Option<u16> {
    wire.answer_to(method).ok().map(|answer| answer.status)
}

/// A capture or a stray as it is told, in the form of what a case must become.
type Record = (String, String, u64);

/// That every case became exactly what it must, was answered so, and that nothing else is there.
fn hold(server: &Server, played: &[Played]) {
    let sent: usize = played.iter().map(|one| one.case.becomes.len()).sum();
    let mut told = until("every request to be a record", || {
        let told = records(server);
        (told.values().map(Vec::len).sum::<usize>() >= sent).then_some(told)
    });
    let all: usize = told.values().map(Vec::len).sum();
    let mut wrong = Vec::new();
    for one in played {
        let found = told.remove(&one.peer).unwrap_or_default();
        let name = &one.case.name;
        let want: Vec<Record> = one.case.becomes.iter().map(record).collect();
        if found != want {
            wrong.push(format!("{name}: {found:?} and not {want:?}"));
        }
        let answered = one.case.becomes.iter().map(answered);
        if one.case.then != Then::Leaves && !one.statuses.iter().copied().eq(answered) {
            wrong.push(format!("{name}: answered {:?}, {want:?}", one.statuses));
        }
    }
    wrong.extend(told.iter().map(|(peer, found)| format!("nobody sent {peer}: {found:?}")));
    wrong.extend(bytes_that_differ(server, played));
    assert!(wrong.is_empty(), "{} of {} are wrong: {wrong:#?}", wrong.len(), played.len());
    assert_eq!(sent, all, "sent = captures + strays");
}

fn record(becomes: &Becomes) -> Record {
    match becomes {
        Becomes::Capture(outcome, status) => {
            ("capture".into(), (*outcome).into(), (*status).into())
        }
        Becomes::Stray(reason, status) => ("stray".into(), (*reason).into(), (*status).into()),
    }
}

fn answered(becomes: &Becomes) -> Option<u16> {
    let (Becomes::Capture(_, status) | Becomes::Stray(_, status)) = becomes;
    (*status > 0).then_some(*status)
}

/// Every record by its peer: captures before the strays, as a connection ends with its first stray.
fn records(server: &Server) -> HashMap<String, Vec<Record>> {
    let mut told: HashMap<String, Vec<Record>> = HashMap::new();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for bin in server.get("/bins").json()["items"].as_array().unwrap() {
        for summary in server.summaries(bin["name"].as_str().unwrap()) {
            let status = summary["reply"]["status"].as_u64().unwrap();
            let record = ("capture".to_owned(), text(&summary["outcome"]), status);
            told.entry(text(&summary["peer"])).or_default().push(record);
        }
    }
    for stray in strays(server) {
        let status = stray["status"].as_u64().unwrap();
        let record = ("stray".to_owned(), text(&stray["reason"]), status);
        told.entry(text(&stray["peer"])).or_default().push(record);
    }
    told
}

/// Every stray that is remembered, the oldest first.
fn strays(server: &Server) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let after = all.last().map_or(0, |stray| stray["seq"].as_u64().unwrap());
        let answer = server.get(&format!("/strays?order=asc&limit=500&after={after}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        let items = page["items"].as_array().unwrap();
        if items.is_empty() {
            return all;
        }
        all.extend(items.iter().cloned());
    }
}

/// What was kept of a case is what was written, in its order, as far as it is kept.
fn bytes_that_differ(server: &Server, played: &[Played]) -> Vec<String> {
    let mut raw: HashMap<String, Vec<u8>> = HashMap::new();
    for summary in server.summaries(BIN) {
        let bytes = server.raw(BIN, summary["seq"].as_u64().unwrap());
        raw.entry(summary["peer"].as_str().unwrap().to_owned()).or_default().extend(bytes);
    }
    let blank = |wire: &[u8]| wire.iter().filter(|byte| !b"\r\n".contains(byte)).copied().collect();
    let differs = |one: &&Played| {
        let kept = raw.get(&one.peer).cloned().unwrap_or_default();
        let all_kept = one.case.becomes.iter().all(|b| *b == Becomes::Capture("complete", 200));
        // Empty lines between requests belong to none of them.
        let (kept, sent): (Vec<u8>, Vec<u8>) = (blank(&kept), blank(&one.case.wire));
        if all_kept { kept != sent } else { !sent.starts_with(&kept) }
    };
    let wrong = played.iter().filter(differs);
    wrong.map(|one| format!("{}: not what was written", one.case.name)).collect()
}
