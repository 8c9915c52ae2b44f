//! HTTP/2 frame by frame: what is refused below any handler is a stray as well, and nothing is
//! both a capture and a stray.

use std::collections::HashMap;

use serde_json::Value;

use crate::harness::http::Wire;
use crate::harness::server::{Server, request};
use crate::harness::until;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const WHOLE: u8 = END_STREAM | END_HEADERS;

type Field<'a> = (&'a str, &'a str);

const PLAIN: [Field<'_>; 4] =
    [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/h2")];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as literals without an index (RFC 7541, section 6.2.2).
fn block(fields: &[Field<'_>]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            // Each character is a byte.
            let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
            let mut length = bytes.len();
            if length < 127 {
                block.push(length as u8);
            } else {
                block.push(127);
                length -= 127;
                while length > 127 {
                    block.push((length % 128) as u8 | 128);
                    length /= 128;
                }
                block.push(length as u8);
            }
            block.extend(bytes);
        }
    }
    block
}

fn head(flags: u8, stream: u32, fields: &[Field<'_>]) -> Vec<u8> {
    frame(HEADERS, flags, stream, &block(fields))
}

/// The plain fields, and one more.
fn with(flags: u8, stream: u32, field: Field<'_>) -> Vec<u8> {
    head(flags, stream, &[&PLAIN[..], &[field]].concat())
}

/// The plain fields with another value, or without it.
fn but(name: &str, value: Option<&str>) -> Vec<u8> {
    let fields = PLAIN.iter().filter_map(|&(of, plain)| match of == name {
        true => value.map(|value| (of, value)),
        false => Some((of, plain)),
    });
    head(WHOLE, 1, &fields.collect::<Vec<_>>())
}

/// What is sent, and what each of its requests becomes.
type Case = (&'static str, Vec<u8>, &'static [&'static str]);

const MALFORMED: &[&str] = &["malformed_http2"];

/// h2 answers with RST_STREAM.
fn bad_streams() -> Vec<Case> {
    let late = [&[("x", "y")], &PLAIN[..]].concat();
    let body = frame(DATA, END_STREAM, 1, b"body");
    let ok = head(WHOLE, 3, &PLAIN);
    vec![
        ("te", with(WHOLE, 1, ("te", "gzip")), MALFORMED),
        ("transfer-encoding", with(WHOLE, 1, ("transfer-encoding", "chunked")), MALFORMED),
        ("connection", with(WHOLE, 1, ("connection", "close")), MALFORMED),
        ("no method", but(":method", None), MALFORMED),
        ("no scheme", but(":scheme", None), MALFORMED),
        ("empty path", but(":path", Some("")), MALFORMED),
        ("a space in the path", but(":path", Some("/Bad Name")), MALFORMED),
        ("a late pseudo field", head(WHOLE, 1, &late), MALFORMED),
        ("a control in a value", with(WHOLE, 1, ("x", "y\u{1}")), MALFORMED),
        (
            "a body behind a bad head, and a good request behind that",
            [with(END_HEADERS, 1, ("te", "gzip")), body, ok].concat(),
            &["complete", "malformed_http2"],
        ),
        (
            "a good and a bad one in turn",
            [
                head(WHOLE, 1, &PLAIN),
                with(WHOLE, 3, ("te", "gzip")),
                head(WHOLE, 5, &PLAIN),
                with(WHOLE, 7, ("te", "gzip")),
            ]
            .concat(),
            &["complete", "complete", "malformed_http2", "malformed_http2"],
        ),
        ("two hosts", with(WHOLE, 1, ("host", "b")), &["many_hosts"]),
        ("one host twice", with(WHOLE, 1, ("host", "A")), &["complete"]),
    ]
}

/// h2 answers with GOAWAY, or it ends without.
fn bad_connections() -> Vec<Case> {
    let begun = head(0, 1, &PLAIN);
    let more = frame(CONTINUATION, 0, 1, &block(&[("x", "y")]));
    let long = "y".repeat(9_000);
    let large: Vec<u8> =
        (0..9).flat_map(|_| frame(CONTINUATION, 0, 1, &block(&[("x", &long)]))).collect();
    let end = frame(CONTINUATION, END_HEADERS, 1, b"");
    let idle = frame(DATA, END_STREAM, 1, b"first");
    let ok = head(WHOLE, 1, &PLAIN);
    vec![
        ("upper case", with(WHOLE, 1, ("X-Up", "b")), MALFORMED),
        ("a space in a name", with(WHOLE, 1, ("a b", "c")), MALFORMED),
        ("broken HPACK", frame(HEADERS, WHOLE, 1, &[0xff; 6]), MALFORMED),
        ("DATA on an idle stream", idle, MALFORMED),
        ("no frames", b"hello, what is this?".to_vec(), MALFORMED),
        ("a flood", [begun.clone(), more.repeat(2_000)].concat(), &["head_too_long"]),
        ("a large head", [begun, large, end].concat(), &["head_too_long"]),
        ("an orderly end", ok, &["complete"]),
        ("nothing at all", Vec::new(), &[]),
    ]
}

/// What is in a body that breaks off.
fn broken_bodies() -> Vec<Case> {
    let half = |length: &str, end: u8| {
        let body = frame(DATA, end, 1, b"half");
        [with(END_HEADERS, 1, ("content-length", length)), body].concat()
    };
    let reset = frame(3, 0, 1, &[0, 0, 0, 8]);
    vec![
        ("short", half("10", END_STREAM), &["aborted"]),
        ("long", half("2", END_STREAM), &["aborted"]),
        ("reset", [half("10", 0), reset].concat(), &["aborted"]),
        (
            "trailers that do not end",
            [half("10", 0), head(END_HEADERS, 1, &[("x", "y")])].concat(),
            &["aborted"],
        ),
        ("bad trailers", [half("10", 0), head(WHOLE, 1, &[("te", "gzip")])].concat(), &["aborted"]),
    ]
}

fn play(server: &Server, cases: &[Case]) -> Vec<Wire> {
    let send = |(name, frames, _): &Case| {
        let mut wire = server.wire();
        wire.send(&[PREFACE, &frame(4, 0, 0, b""), frames].concat()).expect(name);
        wire
    };
    cases.iter().map(send).collect()
}

/// What each peer's requests became, in the order of the alphabet.
fn told(server: &Server) -> HashMap<String, Vec<String>> {
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    let strays = server.get("/strays?limit=500").json()["items"].as_array().unwrap().clone();
    let captures = match server.get("/bins/h2").status {
        200 => server.summaries("h2"),
        _ => Vec::new(),
    };
    let mut tell = |record: &Value, what: &str| {
        let of = told.entry(record["peer"].as_str().unwrap().to_owned()).or_default();
        of.push(record[what].as_str().unwrap().to_owned());
        of.sort_unstable();
    };
    captures.iter().for_each(|capture| tell(capture, "outcome"));
    strays.iter().for_each(|stray| tell(stray, "reason"));
    told
}

fn assert_told(server: &Server, cases: &[Case], wires: &[Wire]) {
    let sent: usize = cases.iter().map(|(.., becomes)| becomes.len()).sum();
    let told = until("every request", || {
        let told = told(server);
        (told.values().map(Vec::len).sum::<usize>() >= sent).then_some(told)
    });
    for ((name, _, becomes), wire) in cases.iter().zip(wires) {
        let found = told.get(&wire.local()).cloned().unwrap_or_default();
        assert_eq!(found, *becomes, "{name}");
    }
    assert_eq!(told.values().map(Vec::len).sum::<usize>(), sent);
}

#[test]
fn what_h2_refuses_is_one_stray_each() {
    let server = Server::start();
    let cases = [bad_streams(), bad_connections(), broken_bodies()].concat();
    let mut wires = play(&server, &cases);
    assert_told(&server, &cases, &wires);
    // Who goes away between requests leaves nothing behind.
    wires.iter().for_each(Wire::finish);
    wires.iter_mut().for_each(|wire| while wire.piece().is_ok_and(|piece| !piece.is_empty()) {});
    assert_told(&server, &cases, &wires);

    // Whose came first is for the machine to say.
    let strays = server.get("/strays?limit=500").json()["items"].as_array().unwrap().clone();
    let stray = strays.iter().find(|stray| stray["peer"] == wires[0].local()).unwrap();
    assert_eq!(stray["status"], 0);
    assert!(stray["bytes"].as_u64().unwrap() > 9, "{stray}");
    assert!(stray["head"].to_string().contains("POST"), "{stray}");
    let mut wire = Wire::connect(&server.dashboard).unwrap();
    wire.send(&request(&server.dashboard, "GET", "/metrics", None)).unwrap();
    let metrics = wire.answer().unwrap().text();
    let malformed = |line: &&str| line.contains("strays_total{reason=\"malformed_http2\"}");
    let counted = metrics.lines().find(malformed).unwrap();
    assert!(!counted.ends_with(" 0"), "{counted}");
}

#[test]
fn a_head_that_does_not_end_is_a_stray() {
    let server = Server::start();
    let begun = head(0, 1, &PLAIN);
    let cases: Vec<Case> = vec![
        ("inside a frame", begun[..20].to_vec(), &["head_timed_out"]),
        ("between two", begun.clone(), &["head_timed_out"]),
        ("nothing at all", Vec::new(), &[]),
        ("gone", begun, &["head_cut_off"]),
    ];
    let wires = play(&server, &cases);
    wires[3].finish();
    assert_told(&server, &cases, &wires);
}

#[test]
fn thousands_of_bad_streams_are_thousands_of_strays_and_no_more_memory() {
    let server = Server::start();
    let bad: Vec<u8> =
        (0..900).flat_map(|n| with(WHOLE, 2 * n + 1, ("te", &"x".repeat(8_000)))).collect();
    let before = server.resident_kib();
    let _wires: Vec<Wire> = play(&server, &vec![("bad", bad, MALFORMED); 5]);
    let newest = until("the strays", || {
        let page = server.get("/strays?limit=1").json();
        page["items"][0]["seq"].as_u64().filter(|seq| *seq == 5 * 900)
    });
    assert_eq!(newest, 4_500);
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB");
}
