//! Captures that go on: as captured, reshaped, signed anew; as they come and once more.

mod api;
mod forward;

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::command::{Ran, finish};
use crate::harness::server::Server;
use crate::walkthrough::on_path;
use forward::Forward;

fn url(server: &Server, place: &str) -> String {
    format!("http://{}/{place}", server.capture)
}

/// The lines of a stream.
fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn bodies(server: &Server, bin: &str) -> Vec<String> {
    let summaries = server.summaries(bin);
    let seqs = summaries.iter().map(|summary| summary["seq"].as_u64().unwrap());
    seqs.map(|seq| server.get(&format!("/bins/{bin}/captures/{seq}/body")).text()).collect()
}

#[test]
fn a_replay_is_what_was_captured_byte_for_byte() {
    let server = Server::start_with(&["--bin", "from"]);
    let all: Vec<u8> = (0..=255).collect();
    let head = format!(
        "PUT /from/a%20b?x=1&x=2 HTTP/1.1\r\nHost: {}\r\nX-Twice: a\r\nx-twice:  b\r\n\
         X-Odd: \u{e9}\r\nTE: trailers\r\nConnection: x-hop\r\nX-Hop: 1\r\n\
         Content-Length: 256\r\n\r\n",
        server.capture
    );
    let mut wire = server.wire();
    wire.send(&[head.as_bytes(), &all].concat()).unwrap();
    assert_eq!(wire.answer().unwrap().status, 200);
    let chunked = format!(
        "POST /from HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        server.capture
    );
    wire.send(chunked.as_bytes()).unwrap();
    assert_eq!(wire.answer().unwrap().status, 200);
    let ran = server.run(&["replay", "from", "--all", "--to", &url(&server, "to/below?k=v")]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let want = format!(
        "PUT /to/below/a%20b?k=v&x=1&x=2 HTTP/1.1\r\nHost: {}\r\nX-Twice: a\r\nx-twice: b\r\n\
         X-Odd: \u{e9}\r\nContent-Length: 256\r\n\r\n",
        server.capture
    );
    assert_eq!(server.raw("to", 1), [want.as_bytes(), &all].concat());
    let second = String::from_utf8(server.raw("to", 2)).unwrap();
    assert!(second.starts_with("POST /to/below?k=v HTTP/1.1\r\n"), "{second}");
    assert!(second.ends_with("Content-Length: 5\r\n\r\nabcde"), "{second}");
}

#[test]
fn what_is_signed_anew_verifies_and_what_is_not_does_not() {
    let server = Server::start();
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let verify = json!({"scheme": "standard-webhooks", "secrets": [secret]});
    server.create(&json!({"name": "strict", "verify": verify}));
    server.post("/from", b"{\"n\":1}");
    let to = url(&server, "strict");
    for signed in [false, true] {
        let plain = ["replay", "from", "1", "--to", &to];
        let signing = ["--scheme", "standard-webhooks", "--secret", secret];
        let args = if signed { [&plain[..], &signing].concat() } else { plain.to_vec() };
        assert_eq!(server.run(&args).code, Some(0));
    }
    let verdict = |seq: u64| server.until_captured("strict", seq)["signature"]["verdict"].clone();
    assert_eq!((verdict(1), verdict(2)), (json!("missing"), json!("valid")));
    let bad = ["replay", "from", "1", "--to", &to, "--scheme", "standard-webhooks"];
    server.run(&[&bad[..], &["--secret", "short"]].concat()).assert_refused(2, &["secret"]);
}

#[test]
fn a_filter_makes_deliveries_of_what_it_gives() {
    let server = Server::start();
    server.post("/from", br#"{"users":[{"e":"a@x"},{"e":"b@x"}]}"#);
    server.post("/from", b"no json");
    server.post("/from", br#"{"users":[{"e":"c@x"}]}"#);
    let to = url(&server, "list");
    let jq = ".body.json | select(.users) | .users[].e";
    let args = ["replay", "from", "--all", "--to", &to, "--jq", jq, "--raw", "--json"];
    let ran = server.run(&[&args[..], &["--header", "X-Key: k"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(bodies(&server, "list"), ["a@x", "b@x", "c@x"]);
    let told = lines(&ran);
    let delivered = told.iter().filter(|line| line["type"] == "delivered");
    let places: Vec<_> = delivered.map(|line| (&line["seq"], &line["part"])).collect();
    assert_eq!(places, [(&json!(1), &json!(1)), (&json!(1), &json!(2)), (&json!(3), &json!(1))]);
    let end = told.last().unwrap();
    assert_eq!((&end["delivered"], &end["skipped"]), (&json!(3), &json!(1)), "{end}");
    let head = server.until_captured("list", 1);
    assert!(head["headers"].as_array().unwrap().contains(&json!(["X-Key", "k"])), "{head}");

    let ran = server.run(&["replay", "from", "2", "--to", &to, "--jq", ".method.x"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("#2 cannot go"), "{ran:?}");
    let ran = server.run(&["replay", "from", "1", "--to", &to, "--jq", ".a |"]);
    ran.assert_refused(2, &["filter"]);
}

#[test]
fn a_replay_ends_with_the_code_of_what_it_came_to() {
    let server = Server::start_with(&["--bin", "empty"]);
    for n in 0..4 {
        server.post("/from", &[b'0' + n]);
    }
    let rules = json!([{"status": 500, "times": 2}, {"status": 201}]);
    server.create(&json!({"name": "half", "reply": rules}));
    server.create(&json!({"name": "gone", "reply": [{"status": 410}]}));
    let replay = |to: &str, more: &[&str]| {
        let fixed = ["replay", "from", "--all", "--to", to];
        server.run(&[&fixed, more].concat())
    };
    let half = replay(&url(&server, "half"), &["--retries", "0"]);
    assert_eq!(half.code, Some(5), "{half:?}");
    let gone = replay(&url(&server, "gone"), &["--json"]);
    assert_eq!(gone.code, Some(3), "{gone:?}");
    assert!(lines(&gone).iter().all(|line| line["attempts"].as_u64().unwrap_or(1) == 1));
    let nobody = replay("http://127.0.0.1:1/", &["--retries", "0"]);
    assert_eq!(nobody.code, Some(4), "{nobody:?}");
    let abroad = replay("http://192.0.2.1/", &["--retries", "0"]);
    assert_eq!(abroad.code, Some(4), "{abroad:?}");
    assert!(abroad.stderr.contains("--allow-target"), "{abroad:?}");
    let missing = server.run(&["replay", "from", "4", "5", "--to", &url(&server, "x")]);
    assert_eq!(missing.code, Some(5), "{missing:?}");
    assert!(missing.stderr.contains("#5 is gone"), "{missing:?}");
    let none = server.run(&["replay", "empty", "--all", "--to", &url(&server, "x")]);
    assert_eq!(none.code, Some(0), "{none:?}");
    let to = url(&server, "x");
    server.run(&["replay", "nosuch", "1", "--to", &to]).assert_refused(2, &["nosuch"]);
    server.run(&["replay", "from", "--to", &to]).assert_refused(2, &["SEQ"]);
}

#[test]
fn retries_bring_through_what_fails_at_first_and_keep_the_order() {
    let server = Server::start();
    let rules = json!([{"status": 500, "times": 2}, {"status": 200, "times": 3},
                       {"status": 503, "times": 1}]);
    server.create(&json!({"name": "shaky", "reply": rules}));
    for n in 0..5 {
        server.post("/from", &[b'0' + n]);
    }
    let to = url(&server, "shaky");
    let args = ["replay", "from", "--all", "--to", &to, "--schedule", "1ms,1ms", "--json"];
    let ran = server.run(&args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told = lines(&ran);
    let attempts: Vec<_> = told
        .iter()
        .filter(|line| line["type"] == "delivered")
        .map(|line| (line["seq"].as_u64().unwrap(), line["attempts"].as_u64().unwrap()))
        .collect();
    assert_eq!(attempts, [(1, 3), (2, 1), (3, 1), (4, 2), (5, 1)]);
    assert_eq!(bodies(&server, "shaky"), ["0", "0", "0", "1", "2", "3", "3", "4"]);
    assert_eq!(told.iter().filter(|line| line["type"] == "retry").count(), 3);
}

#[test]
fn a_bin_can_be_replayed_into_itself() {
    let server = Server::start();
    for _ in 0..3 {
        server.post("/self", b"x");
    }
    let to = url(&server, "self");
    let ran = server.run(&["replay", "self", "--all", "--to", &to, "--rate", "100000"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(server.summaries("self").len(), 6);
}

/// The pauses of a replay are told by the captures' own clock, not by how long the test took.
#[test]
fn the_original_pauses_are_kept_and_shrunk() {
    let server = Server::start();
    let exported = |bin: &str| server.get(&format!("/bins/{bin}/export?format=ndjson")).text();
    server.post("/now", b"x");
    let line: Value = serde_json::from_str(exported("now").lines().next().unwrap()).unwrap();
    let at = |second: u32| {
        let mut line = line.clone();
        line["received_at"] = format!("2026-01-01T00:00:{second:02}.000000Z").into();
        line["id"] = format!("01990000-0000-7000-8000-{second:012}").into();
        line.to_string() + "\n"
    };
    let text: String = [1, 21, 41].map(at).concat();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("old.ndjson");
    std::fs::write(&file, text).unwrap();
    let imported = server.run(&["import", "old", file.to_str().unwrap()]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let args = ["replay", "old", "--all", "--to", &url(&server, "to")];
    let ran = server.run(&[&args[..], &["--timing", "original", "--speed", "100"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let micros = |summary: &Value| {
        let text = summary["received_at"].as_str().unwrap();
        text.parse::<hooklab_shared::id::Timestamp>().unwrap().as_micros()
    };
    let came: Vec<i64> = server.summaries("to").iter().map(micros).collect();
    assert_eq!(came.len(), 3);
    // 40 s, a hundred times faster; a busy machine can only make it longer.
    assert!(came[2] - came[0] >= 390_000, "{came:?}");
}

#[test]
fn a_forward_delivers_once_and_in_order_through_restarts() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    let mut server = Server::on(&store, &["--bin", "from"]);
    let target = Server::start();
    let ports = (port(&server.capture), port(&server.dashboard));
    let cursor = home.path().join("cursor");
    let to = url(&target, "to");
    let args = ["forward", "from", "--to", &to, "--cursor", cursor.to_str().unwrap()];
    let mut forward = Forward::start(&server, &args);
    assert_eq!(forward.next()["type"], "following");
    let mut sent = 0;
    let mut post = |server: &Server, count: u64| {
        for _ in 0..count {
            sent += 1;
            server.post("/from", sent.to_string().as_bytes());
        }
        sent
    };
    for _ in 0..2 {
        post(&server, 40);
        server.kill9();
        drop(server);
        server = Server::again_on(&store, &ports.0, &ports.1);
    }
    let last = post(&server, 40);
    forward.wait_for(|line| line["seq"] == last && line["type"] == "delivered");
    assert_eq!(forward.interrupted().0, Some(0));
    // What comes while nobody forwards is there when the cursor is read again.
    let last = post(&server, 3);
    let mut forward = Forward::start(&server, &args);
    assert_eq!(forward.next(), json!({"type": "following", "after": last - 3}));
    forward.wait_for(|line| line["seq"] == last && line["type"] == "delivered");
    let (code, end) = forward.interrupted();
    assert_eq!((code, &end["after"], &end["failed"]), (Some(0), &json!(last), &json!(0)), "{end}");
    let want: Vec<String> = (1..=last).map(|n| n.to_string()).collect();
    assert_eq!(bodies(&target, "to"), want);
}

fn port(address: &str) -> String {
    address.rsplit(':').next().unwrap().to_owned()
}

#[test]
fn a_slow_target_holds_up_nobody_else() {
    let server = Server::start_with(&["--bin", "from"]);
    server.create(&json!({"name": "stuck", "reply": [{"hold": "60s"}]}));
    let (stuck, free) = (url(&server, "stuck"), url(&server, "free"));
    let args = ["forward", "from", "--to", &stuck, "--to", &free, "--timeout", "60s"];
    let mut forward = Forward::start(&server, &args);
    assert_eq!(forward.next()["type"], "following");
    for n in 0..20 {
        server.post("/from", &[b'a' + n]);
    }
    for seq in 1..=20 {
        let line = forward.next();
        assert_eq!((&line["seq"], &line["target"]), (&json!(seq), &json!(free)), "{line}");
    }
    assert_eq!(server.summaries("stuck").len(), 1, "the first one still waits for its answer");
}

#[test]
fn forwards_in_a_circle_end_and_are_told() {
    let server = Server::start_with(&["--bin", "a", "--bin", "b"]);
    let mut there = Forward::start(&server, &["forward", "a", "--to", &url(&server, "b")]);
    let mut back = Forward::start(&server, &["forward", "b", "--to", &url(&server, "a")]);
    assert_eq!(there.next()["type"], "following");
    assert_eq!(back.next()["type"], "following");
    server.post("/a", b"round");
    let looped = there.wait_for(|line| line["type"] == "skipped");
    assert_eq!((&looped["seq"], &looped["because"]), (&json!(2), &json!("loop")), "{looped}");
    assert_eq!(there.interrupted().0, Some(0));
    assert_eq!(back.interrupted().0, Some(0));
    assert_eq!((server.summaries("a").len(), server.summaries("b").len()), (2, 1));
}

#[test]
fn a_forward_tells_gaps_queries_and_the_end_of_its_bin() {
    let server = Server::start();
    server.create(&json!({"name": "from", "keep": {"captures": 3}}));
    for n in 0..8 {
        server.post(&format!("/from/{}", if n % 2 == 0 { "even" } else { "odd" }), b"x");
    }
    let to = url(&server, "to");
    let args = ["forward", "from", "--to", &to, "--from-start", "--query", "path:/odd"];
    let mut forward = Forward::start(&server, &args);
    let gap = forward.wait_for(|line| line["type"] == "gap");
    assert_eq!((&gap["from"], &gap["reason"]), (&json!(1), &json!("retention")), "{gap}");
    assert_eq!(forward.next()["seq"], 6);
    assert_eq!(forward.next()["seq"], 8);
    server.api("DELETE", "/bins/from", None);
    forward.wait_for(|line| line["type"] == "deleted");
    let (code, end) = forward.ended();
    let want = (Some(5), &json!(2));
    assert_eq!((code, &end["delivered"]), want, "what was gone is not delivered: {end}");
}

#[test]
fn ctrl_c_says_where_to_go_on() {
    let server = Server::start_with(&["--bin", "from"]);
    let to = url(&server, "to");
    let mut forward = Forward::start_told(&server, &["forward", "from", "--to", &to]);
    forward.wait_for_note("following after #0");
    server.post("/from", b"x");
    server.until_captured("to", 1);
    let ran = forward.interrupted_told();
    assert_eq!(ran.0, Some(0));
    let want = format!("hooklab forward from --to {to} --after 1");
    assert!(ran.1.contains(&want), "{}", ran.1);
}

#[test]
fn the_mailing_list_of_the_article_gets_each_new_user() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/mailing-list.sh");
    let mut bash = Command::new("bash");
    let ran = finish(on_path(&server, bash.arg(script).current_dir(home.path())), b"");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let members: Vec<Value> =
        ran.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(members.len(), 2, "{ran:?}");
    for member in members {
        let fields: Vec<_> = member.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["name", "email"]);
        assert!(member["email"].as_str().unwrap().contains('@'), "{member}");
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_sent() {
    let server = Server::start_with(&["--bin", "from"]);
    let to = url(&server, "to");
    let refused = |more: &[&str], words: &[&str]| {
        let args = [&["forward", "from", "--to", &to], more].concat();
        server.run(&args).assert_refused(2, words);
    };
    refused(&["--to", "ftp://h"], &["http"]);
    refused(&["--header", "Host: x"], &["Host"]);
    refused(&["--header", "X-A: env:HOOKLAB_NO_SUCH_VARIABLE"], &["not set"]);
    refused(&["--scheme", "stripe"], &["--secret"]);
    refused(&["--retries", "21"], &["20"]);
    refused(&["--query", "methd:GET"], &["methd"]);
    refused(&["--after", "1", "--from-start"], &["--from-start"]);
    assert_eq!(server.get("/bins/to").status, 404);
    let wrong = format!("http://{}", server.capture);
    let args = ["forward", "from", "--to", &to, "--server", &wrong];
    crate::harness::command::run(&args).assert_refused(2, &["capture listener"]);
    let nobody = ["forward", "from", "--to", &to, "--server", "http://127.0.0.1:1"];
    crate::harness::command::run(&nobody).assert_refused(4, &["hooklab serve"]);
}
