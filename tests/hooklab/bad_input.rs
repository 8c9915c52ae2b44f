//! Bad input: a clear error each, the right code, and nothing changed.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::harness::command::{finish, program, run};
use crate::harness::http::{Answer, Wire};
use crate::harness::server::Server;
use crate::harness::snapshot;
use crate::harness::websocket::Watcher;

/// Starts a server that must refuse; what it said, after checking that the store is as it was.
fn refused_on(store: &Path, more: &[&str], words: &[&str]) {
    let home = tempfile::tempdir().unwrap();
    let before = store.is_dir().then(|| snapshot(store));
    let mut command = program(home.path());
    command.args(["serve", "--port", "0", "--dashboard-port", "0", "--store"]).arg(store);
    finish(command.args(more), b"").assert_refused(2, words);
    let after = store.is_dir().then(|| snapshot(store));
    let names = |files: Option<BTreeMap<PathBuf, Vec<u8>>>| files.map(|files| files.into_keys());
    // Their bytes are too many to be shown.
    assert!(after == before, "changed: {:?}, were {:?}", names(after), names(before));
    assert_eq!(home.path().read_dir().unwrap().count(), 0, "something was left in the home");
}

#[test]
fn a_port_that_is_taken_is_named_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for flag in ["--port", "--dashboard-port"] {
        let other = if flag == "--port" { "--dashboard-port" } else { "--port" };
        let home = tempfile::tempdir().unwrap();
        let store = home.path().join("store");
        let mut command = program(home.path());
        command.args(["serve", flag, &port, other, "0", "--store"]).arg(&store);
        finish(&mut command, b"").assert_refused(2, &[&port, "taken", &format!("{flag} 0")]);
        assert!(!store.exists(), "a store was made for a server that never served");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "mine").unwrap();
    refused_on(&file, &[], &["file", "--store"]);
    refused_on(&file.join("below"), &[], &["file", "--store"]);
    refused_on(Path::new("/proc/hooklab"), &[], &["/proc/hooklab", "--store"]);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn a_foreign_directory_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    for part in ["captures", "sender"] {
        let store = home.path().join(format!("foreign-{part}"));
        fs::create_dir_all(store.join(part)).unwrap();
        fs::write(store.join(part).join("thesis.txt"), "x").unwrap();
        // The other half's part is fine, and must not be made either.
        refused_on(&store, &[], &[part, "not hooklab's", "--store"]);
    }
}

#[test]
fn a_newer_format_is_left_alone() {
    for part in ["captures", "sender"] {
        let mut server = Server::start();
        server.post("/orders", b"x");
        server.terminate();
        let format = server.store.join(part).join("FORMAT");
        fs::write(&format, format!("hooklab {part} 99\n")).unwrap();
        let words = [part, "99", "use the release that wrote it"];
        refused_on(&server.store, &[], &words);
    }
}

#[test]
fn a_second_server_on_one_directory_is_refused_and_the_first_goes_on() {
    let server = Server::start();
    server.post("/orders", b"x");
    // The first has settled once it answers for its sender too.
    assert_eq!(server.get("/webhooks").status, 200);
    refused_on(&server.store, &[], &["another hooklab has it open", "--store"]);
    for half in ["receiver", "sender"] {
        refused_on(&server.store, &["--only", half], &["another hooklab has it open"]);
    }
    assert_eq!(server.post("/orders", b"y").captured(), ("orders".into(), 2));
}

#[test]
fn a_store_of_an_unknown_kind_is_never_replaced_by_another() {
    for place in ["nats://127.0.0.1:4222", "redis://127.0.0.1/", "sqlite://x"] {
        let ran = run(&["serve", "--port", "0", "--dashboard-port", "0", "--store", place]);
        ran.assert_refused(2, &[place.split(':').next().unwrap(), "memory:"]);
    }
}

#[test]
fn the_api_says_what_is_wrong_with_a_bin() {
    let server = Server::start();
    let bins = |json| server.api("POST", "/bins", Some(&json));
    for name in ["Orders", "-x", "a.b", "a/b", "", &"x".repeat(64)] {
        let answer = bins(json!({ "name": name }));
        assert!([400, 422].contains(&answer.status), "{name:?}: {answer:?}");
        answer.assert_problem(answer.status, &["a-z, 0-9"]);
    }
    let typo = bins(json!({"nmae": "x"}));
    assert!([400, 422].contains(&typo.status), "{typo:?}");
    typo.assert_problem(typo.status, &["nmae"]);
    assert_eq!(bins(json!({"name": "orders"})).status, 201);
    bins(json!({"name": "orders"})).assert_problem(409, &["orders"]);
    let held = server.get("/bins").json();
    assert_eq!(held["items"].as_array().unwrap().len(), 1, "{held}");
}

#[test]
fn what_does_not_exist_is_named() {
    let server = Server::start();
    server.post("/orders", b"x");
    for (method, path) in [
        ("GET", "/bins/nosuch"),
        ("DELETE", "/bins/nosuch"),
        ("GET", "/bins/nosuch/captures"),
        ("DELETE", "/bins/nosuch/captures"),
        ("GET", "/bins/nosuch/captures/1"),
        ("GET", "/bins/nosuch/captures/latest"),
        ("GET", "/bins/nosuch/captures/1/raw"),
    ] {
        server.api(method, path, None).assert_problem(404, &["nosuch"]);
    }
    assert_eq!(Watcher::upgrade(&server, "/bins/nosuch/live", &[]).err(), Some(404));
    for path in ["/bins/orders/captures/77", "/bins/orders/captures/77/body"] {
        server.get(path).assert_problem(404, &["77"]);
    }
    server.get("/webhooks/77").assert_problem(404, &["77"]);
    server.get("/event-types/payment_recieved").assert_problem(404, &["payment_received"]);
    server.get("/nothing").assert_problem(404, &[]);
    server.api("PUT", "/bins", None).assert_problem(405, &[]);
    let odd = server.get("/bins/orders/captures/minus-one");
    assert!([400, 404, 422].contains(&odd.status), "{odd:?}");
    let bins = server.get("/bins").json();
    assert_eq!(bins["items"].as_array().unwrap().len(), 1, "{bins}");
}

#[test]
fn bodies_that_are_not_json_are_refused() {
    let server = Server::start();
    let send = |kind: &str, body: &str| -> Answer {
        let mut wire = Wire::connect(&server.dashboard).unwrap();
        let (host, length) = (&server.dashboard, body.len());
        let head = format!("POST /api/v1/bins HTTP/1.1\r\nHost: {host}\r\n{kind}");
        let head = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        wire.send(head.as_bytes()).unwrap();
        wire.answer().unwrap()
    };
    let json = "Content-Type: application/json\r\n";
    for body in ["{", "", "[]", "\u{0}", "{\"name\":7}"] {
        let answer = send(json, body);
        assert!([400, 422].contains(&answer.status), "{body:?}: {answer:?}");
        answer.assert_problem(answer.status, &[]);
    }
    for kind in ["", "Content-Type: text/plain\r\n", "Content-Type: multipart/form-data\r\n"] {
        send(kind, "{\"name\":\"x\"}").assert_problem(415, &["application/json"]);
    }
    assert_eq!(server.get("/bins").json()["items"], json!([]));
}

#[test]
fn a_webhook_is_checked_field_by_field() {
    let server = Server::start();
    let add = |json| server.api("POST", "/webhooks", Some(&json));
    let bad = add(json!({"name":"x","url":"ftp://h/","event":"payment_recieved"}));
    bad.assert_problem(422, &["name", "url", "ftp", "event", "payment_received"]);
    let url = format!("http://{}/x", server.capture);
    let fields = [("name", json!("")), ("url", json!("x")), ("event", json!("nosuch"))];
    for (field, value) in fields {
        let mut webhook = json!({"name":"Good","url":url,"event":"payment_received"});
        webhook[field] = value;
        add(webhook).assert_problem(422, &[field]);
    }
    assert_eq!(server.get("/webhooks").json()["items"], json!([]));
    let unknown = server.api("POST", "/events", Some(&json!({"type":"nosuch"})));
    assert!([404, 422].contains(&unknown.status), "{unknown:?}");
    unknown.assert_problem(unknown.status, &["nosuch"]);
}

#[test]
fn heads_that_are_too_much_are_answered_and_not_captured() {
    let server = Server::start();
    let send = |fields: &str| {
        let mut wire = server.wire();
        let head = format!("GET /big HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        // The server may answer and close before it has read all of it.
        let _ = wire.send(head.as_bytes());
        wire.answer().map(|answer| answer.status).unwrap_or(431)
    };
    assert_eq!(send(&format!("X: {}\r\n", "x".repeat(70 * 1024))), 431);
    assert_eq!(send(&"X: y\r\n".repeat(100)), 431, "101 fields");
    assert_eq!(server.get("/bins/big").status, 404);
    assert_eq!(send(&format!("X: {}\r\n", "x".repeat(60 * 1024))), 200);
}

#[test]
fn what_is_not_http_is_refused_and_the_connection_ends() {
    refused_and_closed(&[
        ("a folded field", "GET /smuggled HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"),
        ("space before the colon", "GET /smuggled HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n"),
        (
            "two lengths",
            "POST /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\
             Content-Length: 2\r\n\r\nab",
        ),
        ("no request", "hello\r\n\r\n"),
        ("a bare CR", "GET /smuggled HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
        ("an unknown version", "GET /smuggled HTTP/3.7\r\nHost: a\r\n\r\n"),
    ]);
}

#[test]
fn what_servers_read_in_two_ways_is_refused_and_the_connection_ends() {
    refused_and_closed(&[
        ("no Host", "GET /smuggled HTTP/1.1\r\n\r\n"),
        ("two Hosts", "GET /smuggled HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        ("bare LF", "GET /smuggled HTTP/1.1\nHost: a\n\n"),
        (
            "another coding",
            "POST /smuggled HTTP/1.1\r\nHost: a\r\n\
             Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "length and chunks",
            "POST /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\
             Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
    ]);
}

fn refused_and_closed(requests: &[(&str, &str)]) {
    let server = Server::start();
    for (what, request) in requests {
        let mut wire = server.wire();
        wire.send(request.as_bytes()).unwrap();
        let answer = wire.answer().unwrap_or_else(|why| panic!("{what}: {why}"));
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        assert!(wire.is_closed(), "{what}: the connection goes on");
    }
    assert_eq!(server.get("/bins/smuggled").status, 404);
}

#[test]
fn a_name_that_no_bin_can_have_makes_no_bin() {
    let server = Server::start();
    for target in ["/", "/Orders", "/a.b", "/%6frders", "//orders", "/?x", "*"] {
        let mut wire = server.wire();
        let method = if target == "*" { "OPTIONS" } else { "POST" };
        let head = format!("{method} {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        wire.send(head.as_bytes()).unwrap();
        let answer = wire.answer().unwrap();
        assert!((400..500).contains(&answer.status), "{target}: {answer:?}");
        assert!(!answer.body.is_empty(), "{target}: no word of why");
    }
    let strict = Server::start_with(&["--no-auto-create"]);
    assert_eq!(strict.post("/orders", b"x").status, 404);
    for server in [server, strict] {
        assert_eq!(server.get("/bins").json()["items"], json!([]));
    }
}

#[test]
fn a_chunk_size_without_an_end_is_cut_at_the_limit() {
    let server = Server::start();
    let mut wire = server.wire();
    let head = "POST /zeros HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    wire.send(head.as_bytes()).unwrap();
    let zeros = vec![b'0'; 1024 * 1024];
    // The server hangs up at its limit; what is sent after that fails.
    let sent = (0..200).take_while(|_| wire.send(&zeros).is_ok()).count();
    assert!(sent < 200, "all was taken");
    let capture = server.until_captured("zeros", 1);
    // On a machine so slow that half a minute brings no content, it has stalled before.
    let outcomes = [json!("over_limit"), json!("timed_out")];
    assert!(outcomes.contains(&capture["outcome"]), "{}", capture["outcome"]);
    assert_eq!(capture["body"]["size"], 3);
}

#[test]
fn of_a_body_over_the_limit_the_beginning_is_kept_in_both_framings() {
    let server = Server::start();
    let limit = 32 * 1024 * 1024;
    let content = vec![b'x'; limit + 1000];
    let chunked = [b"20003e8\r\n", &content[..], b"\r\n0\r\n\r\n"].concat();
    let length = format!("Content-Length: {}", content.len());
    let framings = [(length.as_str(), &content), ("Transfer-Encoding: chunked", &chunked)];
    for (n, (framing, body)) in framings.into_iter().enumerate() {
        let mut wire = server.wire();
        let head = format!("POST /large HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n");
        wire.send(head.as_bytes()).unwrap();
        wire.send(body).unwrap();
        let answer = wire.answer().unwrap();
        assert_eq!(answer.status, 413, "{framing}");
        assert!(answer.text().contains("over_limit"), "{}", answer.text());
        let seq = n as u64 + 1;
        let listed = server.get("/bins/large/captures?limit=1").json();
        assert_eq!(listed["items"][0]["size"], limit as u64, "{framing}");
        let kept = server.get(&format!("/bins/large/captures/{seq}/body")).body;
        assert_eq!(kept.len(), limit, "{framing}");
    }
}
