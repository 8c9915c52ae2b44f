//! Taking captures away and bringing them back: curl, HAR, NDJSON, a bundle of one bin.

mod shell;

use serde_json::{Value, json};

use crate::harness::http::{Answer, Wire};
use crate::harness::random::{Random, seed};
use crate::harness::server::Server;
use shell::Shell;

const HOSTILE: usize = 200;

/// What shells, printf and curl itself would act on.
const HURTFUL: [&str; 28] = [
    "'",
    "''",
    "\"",
    "`>canary`",
    "$(>canary)",
    "${x:=y}",
    "';>canary;'",
    "'\\'';>canary;#",
    "\";>canary;\"",
    "|curl",
    "&curl",
    ";curl;",
    "\\",
    "\\'",
    "\\c",
    "%s%n",
    "!!",
    "^a^b",
    "@",
    "@/etc/passwd",
    "@-",
    "--output",
    "-o",
    "~",
    "*",
    "{a,b}[1-9]",
    "<(>canary)",
    "\u{e9}\u{202e}",
];

fn hurtful(random: &mut Random, pieces: usize) -> String {
    (0..=random.below(pieces)).map(|_| random.pick(&HURTFUL)).collect()
}

/// A request that is HTTP, and as hostile as it can be.
fn hostile(random: &mut Random, n: usize) -> Vec<u8> {
    let method = random.pick(&["POST", "PUT", "GET", "b!r~e|w", "-x", "'"]);
    let below = hurtful(random, 3);
    let fields: String = (0..random.below(4))
        .map(|at| format!("X-{at}-{n}: {}\r\n", hurtful(random, 4).trim()))
        .collect();
    let mut body = hurtful(random, 5).into_bytes();
    match n % 4 {
        0 => body.extend(random.bytes(40)),
        1 => body = Vec::new(),
        2 => body.extend(b"\nline\r\n\tline\0"),
        _ => {}
    }
    let length = body.len();
    let head = format!("{method} /hostile/{below} HTTP/1.1\r\nHost: h\r\n{fields}");
    [format!("{head}Content-Length: {length}\r\n\r\n").as_bytes(), &body].concat()
}

/// A server with a bin of hostile captures.
fn filled(name: &str, count: usize) -> Server {
    let mut random = Random::new(seed(name));
    let server = Server::start();
    let mut wire = server.wire();
    for n in 0..count {
        wire.send(&hostile(&mut random, n)).unwrap();
        assert_eq!(wire.answer().unwrap().status, 200);
    }
    server
}

fn export(server: &Server, bin: &str, rest: &str) -> Answer {
    let answer = server.get(&format!("/bins/{bin}/export?{rest}"));
    assert_eq!(answer.status, 200, "{rest}: {}", answer.text());
    let disposition = answer.header("content-disposition").unwrap_or_default();
    assert!(disposition.starts_with("attachment"), "{disposition}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    answer
}

fn import(server: &Server, bin: &str, file: &[u8]) -> Answer {
    let mut wire = Wire::connect(&server.dashboard).unwrap();
    let (host, length) = (&server.dashboard, file.len());
    let head = format!(
        "POST /api/v1/bins/{bin}/import HTTP/1.1\r\nHost: {host}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {length}\r\n\r\n"
    );
    wire.send(&[head.as_bytes(), file].concat()).unwrap();
    wire.answer().unwrap()
}

#[test]
fn hostile_captures_become_commands_that_do_nothing_else() {
    let server = filled("curl", HOSTILE);
    let script = export(&server, "hostile", "format=curl").body;
    let text = String::from_utf8(script.clone()).expect("fit for a terminal");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "fit for a terminal");
    let calls = Shell::new().run(&script);
    let mut summaries = server.summaries("hostile");
    summaries.sort_by_key(|summary| summary["seq"].as_u64());
    assert_eq!(calls.len(), HOSTILE, "a call for each, and no other");
    // An export goes one way or the other; the calls come in the same order.
    let first = calls[0].target.clone();
    if first != summaries[0]["target"].as_str().unwrap().as_bytes() {
        summaries.reverse();
    }
    for (call, summary) in calls.iter().zip(&summaries) {
        let seq = summary["seq"].as_u64().unwrap();
        let told = server.get(&format!("/bins/hostile/captures/{seq}")).json();
        assert_eq!(call.method, told["method"].as_str().unwrap().as_bytes(), "{seq}");
        assert_eq!(call.target, told["target"].as_str().unwrap().as_bytes(), "{seq}");
        for pair in told["headers"].as_array().unwrap() {
            let (name, value) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
            let is_own = name == "Content-Length";
            let given = (name.as_bytes().to_vec(), value.as_bytes().to_vec());
            assert!(is_own || call.fields.contains(&given), "{seq}: {name} in {call:?}");
        }
        let body = server.get(&format!("/bins/hostile/captures/{seq}/body")).body;
        assert_eq!(call.body, body, "{seq}");
    }
}

#[test]
fn ndjson_that_is_exported_imported_and_exported_is_the_same() {
    let server = filled("ndjson", 100);
    let first = export(&server, "hostile", "format=ndjson").body;
    assert_eq!(first.iter().filter(|&&byte| byte == b'\n').count(), 100);
    let other = Server::start_with(&["--bin", "back"]);
    let told = import(&other, "back", &first);
    assert_eq!((told.status, &told.json()["imported"]), (200, &json!(100)), "{}", told.text());
    let again = export(&other, "back", "format=ndjson").body;
    assert_eq!(without_place(&again), without_place(&first));
    let there = other.summaries("back");
    let here = server.summaries("hostile");
    for (there, here) in there.iter().zip(&here) {
        for field in ["id", "received_at", "peer", "target", "size", "outcome", "reply"] {
            assert_eq!(there[field], here[field], "{field}");
        }
        let seqs = (there["seq"].as_u64().unwrap(), here["seq"].as_u64().unwrap());
        assert_eq!(other.raw("back", seqs.0), server.raw("hostile", seqs.1));
    }
    let bare = again.split(|&byte| byte == b'\n').nth(3).unwrap().to_vec();
    assert_eq!(import(&other, "back", &bare).json()["imported"], 1, "a line is enough");
}

/// The lines, the oldest first, but for the bin and the place in it, which an import gives anew.
fn without_place(ndjson: &[u8]) -> Vec<Value> {
    let mut lines: Vec<Value> = std::str::from_utf8(ndjson)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    lines.sort_by_key(|line: &Value| line["seq"].as_u64());
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        line.remove("bin");
        line.remove("seq");
    }
    lines
}

#[test]
fn a_bundle_brings_a_bin_back_as_it_was() {
    let server = filled("bundle", 60);
    let patch = json!({"labels": {"team": "shop"}, "reply": "gone", "keep": {"captures": 1_000}});
    assert_eq!(server.api("PATCH", "/bins/hostile", Some(&patch)).status, 200);
    let bundle = export(&server, "hostile", "format=bundle").body;
    let other = Server::start_with(&["--bin", "hostile"]);
    let told = import(&other, "hostile", &bundle);
    assert_eq!((told.status, &told.json()["imported"]), (200, &json!(60)), "{}", told.text());
    let ndjson = |server: &Server| without_place(&export(server, "hostile", "format=ndjson").body);
    assert_eq!(ndjson(&other), ndjson(&server));
    // A file that is torn or changed brings nothing at all.
    let mut changed = bundle.clone();
    let at = bundle.len() / 2;
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    for file in [&bundle[..bundle.len() * 2 / 3], &changed] {
        let refused = import(&other, "hostile", file);
        refused.assert_bad_request(&["line"]);
    }
    assert_eq!(other.get("/bins/hostile").json()["captures"], 60);
}

#[test]
fn an_import_is_whole_or_nothing_and_says_which_line() {
    let server = filled("import", 10);
    let good = export(&server, "hostile", "format=ndjson").body;
    let other = Server::start_with(&["--bin", "back"]);
    let with = |more: &[u8]| [good.as_slice(), more].concat();
    for (file, words) in [
        (with(b"{}\n"), vec!["line 11"]),
        (with(b"nonsense\n"), vec!["line 11"]),
        (with(b"\xff\n"), vec!["line 11"]),
        (b"[]".to_vec(), vec!["line 1"]),
    ] {
        let refused = import(&other, "back", &file);
        refused.assert_bad_request(&words);
    }
    assert_eq!(other.get("/bins/back").json()["captures"], 0, "nothing of it came in");
    assert_eq!(import(&other, "made", &good).json()["imported"], 10, "an import makes its bin");
}

#[test]
fn a_har_keeps_what_is_doubled() {
    let server = Server::start();
    let mut wire = server.wire();
    wire.send(
        b"POST /har/a?x=1&x=2 HTTP/1.1\r\nHost: h\r\nX-Twice: a\r\nx-twice: b\r\n\
          Cookie: a=b; a=c\r\nContent-Length: 3\r\n\r\nabc",
    )
    .unwrap();
    assert_eq!(wire.answer().unwrap().status, 200);
    server.post("/har/b", &[0, 255]);
    let har: Value = serde_json::from_slice(&export(&server, "har", "format=har").body).unwrap();
    assert_eq!(har["log"]["version"], "1.2");
    let entries = har["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    let first = entries.iter().find(|e| e["request"]["url"].as_str().unwrap().contains("/har/a"));
    let request = &first.unwrap()["request"];
    let named = |list: &str, name: &str| {
        let list = request[list].as_array().unwrap().iter();
        let named = list.filter(|pair| pair["name"].as_str().unwrap().eq_ignore_ascii_case(name));
        named.map(|pair| pair["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(named("headers", "x-twice"), ["a", "b"]);
    assert_eq!(named("queryString", "x"), ["1", "2"]);
    assert_eq!(request["postData"]["text"], "abc");
    for entry in entries {
        for field in ["startedDateTime", "time", "request", "response", "cache", "timings"] {
            assert!(!entry[field].is_null(), "HAR 1.2 asks for {field}: {entry}");
        }
    }
}

#[test]
fn exports_take_a_query_and_are_commands_too() {
    let server = Server::start();
    for n in 0..6 {
        server.post(&format!("/some/{}", n % 2), format!("{{\"n\":{n}}}").as_bytes());
    }
    let some = export(&server, "some", "format=ndjson&q=path%3A%2F1").body;
    assert_eq!(without_place(&some).len(), 3);
    server.get("/bins/some/export?format=xml").assert_bad_request(&[]);
    server.get("/bins/some/export?format=har&q=methd%3Ax").assert_bad_request(&["method"]);
    server.get("/bins/nosuch/export?format=har").assert_problem(404, &["nosuch"]);
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("some.ndjson");
    let ran = server.run(&["export", "some", "--format", "ndjson"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 6), "{ran:?}");
    std::fs::write(&file, &ran.stdout).unwrap();
    server.create(&json!({"name": "again"}));
    let ran = server.run(&["import", "again", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(server.get("/bins/again").json()["captures"], 6);
    let shown = server.run(&["show", "some", "latest", "--curl"]);
    assert!(shown.stdout.contains("curl ") && shown.stdout.contains("/some/1"), "{shown:?}");
}
