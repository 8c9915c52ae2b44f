//! What a bin answers, seen from a raw socket: presets, rules, faults, answers by hand.

mod bounds;
mod faults;
mod held;

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::command::finish;
use crate::harness::http::Answer;
use crate::harness::server::Server;
use crate::harness::until;
use crate::harness::websocket::Watcher;

/// Makes a bin that replies so.
fn replying(server: &Server, bin: &str, reply: &Value) {
    server.create(&json!({"name": bin, "reply": reply}));
}

fn statuses(server: &Server, bin: &str, count: usize) -> Vec<u16> {
    (0..count).map(|n| server.post(&format!("/{bin}/{n}"), b"{}").status).collect()
}

#[test]
fn every_preset_answers_as_its_name_says() {
    let server = Server::start();
    for preset in ["ok", "empty", "echo", "fail-twice", "flaky", "slow", "gone", "busy"] {
        replying(&server, preset, &json!(preset));
    }
    let sent = |bin: &str| server.post(&format!("/{bin}/x"), b"{\"a\":1}");
    let ok = sent("ok");
    assert_eq!((ok.status, &ok.json()["captured"]), (200, &json!(true)));
    let empty = sent("empty");
    assert_eq!((empty.status, empty.body.len()), (204, 0));
    let echo = sent("echo");
    assert_eq!((echo.status, echo.text()), (200, "{\"a\":1}".to_owned()));
    assert_eq!(statuses(&server, "fail-twice", 7), [500, 500, 200, 500, 500, 200, 500]);
    let flaky = statuses(&server, "flaky", 100);
    assert!(flaky.iter().all(|status| [200, 503].contains(status)), "{flaky:?}");
    let failed = flaky.iter().filter(|&&status| status == 503).count();
    assert!((10..60).contains(&failed), "{failed} of 100");
    let begun = Instant::now();
    assert_eq!(sent("slow").status, 200);
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(sent("gone").status, 410);
    let busy = sent("busy");
    assert_eq!((busy.status, busy.header("retry-after")), (429, Some("5")));
    // Whatever was answered, it was kept, and says where.
    for bin in ["ok", "empty", "echo", "slow", "gone", "busy"] {
        let told = server.get(&format!("/bins/{bin}/captures/latest")).json();
        assert_eq!(told["seq"], 1, "{bin}");
    }
    for answer in [ok, empty, echo, busy] {
        assert_eq!(answer.captured().1, 1);
        assert_eq!(answer.header("content-security-policy"), Some("sandbox"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

/// 3,000 requests of one client, so that the pattern is seen 1,000 times under one seed.
#[test]
fn fail_twice_answers_500_500_200_to_a_real_client_a_thousand_times() {
    let server = Server::start();
    replying(&server, "thrice", &json!("fail-twice"));
    let url = format!("http://{}/thrice/[1-3000]", server.capture);
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--noproxy", "*", "--data", "{}", "--write-out", "%{http_code}\n"]);
    let ran = finish(curl.args(["--output", "/dev/null", &url]), b"");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let seen: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(seen.len(), 3_000);
    for (n, three) in seen.chunks(3).enumerate() {
        assert_eq!(three, ["500", "500", "200"], "round {n}");
    }
    let told = server.get("/bins/thrice/captures/3000").json();
    assert_eq!(told["reply"], json!({"status": 200, "rule": 1}));
    assert_eq!(server.get("/bins/thrice").json()["captures"], 3_000);
}

/// Chance is drawn from the seed alone, so a failing run can be had again.
#[test]
fn the_same_seed_gives_the_same_sequence_after_a_restart() {
    let rules = json!([{"chance": 0.2, "status": 500}, {"chance": 0.3, "status": 429}]);
    let seeded = |seed: u64| json!({"seed": seed, "rules": rules});
    let mut server = Server::start();
    replying(&server, "drawn", &seeded(7));
    replying(&server, "other", &seeded(8));
    let first = statuses(&server, "drawn", 200);
    assert_ne!(first, statuses(&server, "other", 200));
    for status in [200, 429, 500] {
        assert!(first.contains(&status), "{status} never came: {first:?}");
    }
    server.kill9();
    let server = Server::on(&server.store.clone(), &[]);
    assert_eq!(server.get("/bins/drawn").json()["reply"]["seed"], 7);
    assert_eq!(statuses(&server, "drawn", 200), first);
    let patch = server.api("PATCH", "/bins/drawn", Some(&json!({"reply": seeded(7)})));
    assert_eq!(patch.status, 200, "{}", patch.text());
    assert_eq!(statuses(&server, "drawn", 200), first, "counts begin anew with the program");
}

#[test]
fn rules_are_chosen_in_order_by_what_was_asked() {
    let server = Server::start();
    let reply = json!([
        {"match": {"method": "GET"}, "status": 405, "headers": {"Allow": "POST"}},
        {"match": {"path": "/hooks/*", "headers": {"x-event": "order.*"}},
         "times": 1, "status": 503},
        {"match": {"query": {"x": "2"}}, "status": 201},
        {"match": {"json": {"order": {"id": 42}}}, "status": 202, "body": "found"},
        {"match": {"event": "payment_received"}, "status": 203},
    ]);
    replying(&server, "rules", &reply);
    let send = |head: &str, body: &str| -> Answer {
        let mut wire = server.wire();
        let length = body.len();
        let head = format!("{head}\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}");
        wire.send(head.replace("AT ", "/rules").as_bytes()).unwrap();
        wire.answer().unwrap()
    };
    let asked = send("GET AT /hooks/a HTTP/1.1", "");
    assert_eq!((asked.status, asked.header("allow")), (405, Some("POST")));
    let ordered = "POST AT /hooks/a HTTP/1.1\r\nX-Event: order.paid";
    assert_eq!(send(ordered, "").status, 503);
    assert_eq!(send(ordered, "").status, 200, "its turn is used up");
    assert_eq!(send("POST AT ?x=1&x=2 HTTP/1.1", "").status, 201);
    let found = send("POST AT / HTTP/1.1", "{\"order\":{\"id\":42,\"more\":1}}");
    assert_eq!((found.status, found.text()), (202, "found".to_owned()));
    assert_eq!(send("POST AT / HTTP/1.1", "{\"payment_id\":1,\"membership_id\":2}").status, 203);
    let rules: Vec<Value> =
        server.summaries("rules").iter().map(|summary| summary["reply"]["rule"].clone()).collect();
    assert_eq!(json!(rules), json!([0, 1, null, 2, 3, 4]));
}

#[test]
fn status_headers_and_body_are_as_the_rule_says() {
    let server = Server::start();
    let every: Vec<u8> = (0..=255).collect();
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &every);
    replying(
        &server,
        "bytes",
        &json!({"status": 299, "body_base64": encoded,
        "headers": [["X-Twice", "a"], ["x-twice", "b"], ["Content-Type", "image/png"],
                    ["Content-Security-Policy", "default-src *"]]}),
    );
    let answer = server.post("/bytes", b"");
    assert_eq!((answer.status, &answer.body), (299, &every));
    let twice = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-twice"));
    assert_eq!(twice.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(answer.header("content-type"), Some("image/png"));
    assert_eq!(answer.header("content-security-policy"), Some("default-src *"));

    let template = "{{ method }} {{ path }} {{ query.x }} {{ headers['x-name'] }} \
                    {{ json.order.id + 1 }} {{ bin }}/{{ seq }}";
    replying(&server, "made", &json!({"template": template}));
    let mut wire = server.wire();
    let body = "{\"order\":{\"id\":41}}";
    let head = format!(
        "PUT /made/a?x=1 HTTP/1.1\r\nHost: h\r\nX-Name: <b>\r\nContent-Length: {}",
        body.len()
    );
    wire.send(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
    assert_eq!(wire.answer().unwrap().text(), "PUT /a 1 <b> 42 made/1");

    for (bin, reply) in [
        ("moved", json!({"status": 302, "headers": {"Location": "/elsewhere"}})),
        ("odd", json!({"status": 799, "body": ""})),
    ] {
        replying(&server, bin, &reply);
        let answer = server.post(&format!("/{bin}"), b"");
        assert_eq!(u64::from(answer.status), reply["status"].as_u64().unwrap());
        assert_eq!(answer.captured(), (bin.to_owned(), 1));
    }
}

/// What the sender got is what the capture tells, though it was kept before the answer was made.
#[test]
fn a_template_that_fails_is_told_as_the_500_that_it_is() {
    let mut server = Server::start();
    replying(&server, "unmade", &json!([{"times": 1}, {"template": "{{ json.a.b }}"}]));
    assert_eq!(statuses(&server, "unmade", 2), [200, 500]);
    let made = server.post("/unmade", br#"{"a":{"b":1}}"#);
    assert_eq!((made.status, made.text()), (200, "1".to_owned()));
    let replies: Vec<Value> =
        server.summaries("unmade").iter().map(|summary| summary["reply"].clone()).collect();
    let told = json!([{"status": 200, "rule": 0},
                      {"status": 500, "rule": 1, "template_failed": true},
                      {"status": 200, "rule": 1}]);
    assert_eq!(json!(replies), told);
    let found = server.get("/bins/unmade/captures?q=status:500").json();
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
    let logged = until("the reason", || {
        let log = server.log();
        log.contains("render the template").then_some(log)
    });
    assert!(logged.contains("unmade") && logged.contains("rule=1"), "{logged}");
}

/// Recording ends, and watchers see the capture, before a delay begins.
#[test]
fn a_delay_begins_after_the_capture_is_kept_and_told() {
    let server = Server::start();
    replying(&server, "late", &json!({"delay": "1500ms", "status": 201}));
    let mut watcher = Watcher::open(&server, "late", None);
    assert_eq!(watcher.next()["type"], "hello");
    let begun = Instant::now();
    let mut wire = server.wire();
    wire.send(b"POST /late HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!(watcher.seq(), 1);
    assert!(begun.elapsed() < Duration::from_millis(1_000), "told after {:?}", begun.elapsed());
    assert_eq!(server.summaries("late").len(), 1);
    assert_eq!(wire.answer().unwrap().status, 201);
    assert!(begun.elapsed() >= Duration::from_millis(1_500), "{:?}", begun.elapsed());
}

#[test]
fn a_patched_reply_holds_for_the_next_request_and_is_told() {
    let server = Server::start();
    replying(&server, "mutable", &json!("gone"));
    let mut watcher = Watcher::open(&server, "mutable", None);
    assert_eq!(watcher.next()["type"], "hello");
    assert_eq!(statuses(&server, "mutable", 1), [410]);
    let patched = server.api("PATCH", "/bins/mutable", Some(&json!({"reply": {"status": 418}})));
    assert_eq!(patched.status, 200, "{}", patched.text());
    assert_eq!(patched.json()["reply"]["rules"][0]["status"], 418);
    assert_eq!(statuses(&server, "mutable", 1), [418]);
    assert_eq!(watcher.seq(), 1);
    let told = watcher.next();
    assert_eq!((&told["type"], &told["bin"]["name"]), (&json!("bin"), &json!("mutable")));
    assert_eq!(watcher.seq(), 2);
    for (patch, word) in [
        (json!({"reply": "nosuch"}), "fail-twice"),
        (json!({"reply": {"status": 99}}), "200 to 999"),
        (json!({"reply": {"template": "{% if %}"}}), "template"),
        (json!({"reply": {"fault": "explode"}}), "reset"),
        (json!({"reply": {"body": "a", "echo": true}}), "one of"),
        (json!({"reply": {"headers": {"Content-Length": "3"}}}), "fault"),
        (json!({"repyl": "ok"}), "repyl"),
    ] {
        let answer = server.api("PATCH", "/bins/mutable", Some(&patch));
        answer.assert_bad_request(&[word]);
    }
    assert_eq!(statuses(&server, "mutable", 1), [418], "a refused change changes nothing");
    server
        .api("PATCH", "/bins/nosuch", Some(&json!({"reply": "ok"})))
        .assert_problem(404, &["nosuch"]);
}
