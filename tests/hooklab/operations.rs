//! What operators and their tools read: metrics, liveness, readiness, the OpenAPI document.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::http::{Answer, Wire};
use crate::harness::server::Server;
use crate::harness::until;
use crate::harness::websocket::Watcher;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn ask(server: &Server, path: &str) -> Answer {
    let mut wire = Wire::connect(&server.dashboard).unwrap();
    wire.send(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", server.dashboard).as_bytes())
        .unwrap();
    wire.answer().unwrap()
}

/// Every sample of the Prometheus text format (version 0.0.4), by name and labels.
fn metrics(server: &Server) -> BTreeMap<String, f64> {
    let answer = ask(server, "/metrics");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/plain"), "{kind}");
    let text = answer.text();
    assert!(text.ends_with('\n'));
    let mut samples = BTreeMap::new();
    let mut typed: Option<String> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram", "summary"].contains(&kind), "{line}");
            typed = Some(name.to_owned());
        } else if !line.starts_with('#') && !line.is_empty() {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let family = typed.as_ref().unwrap_or_else(|| panic!("no type before {line}"));
            assert!(name.starts_with(family.as_str()), "{line} after the type of {family}");
            let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            assert!(samples.insert(name.to_owned(), value).is_none(), "twice: {name}");
        }
    }
    samples
}

/// The sum of the samples whose name or labels hold this.
fn sum(samples: &BTreeMap<String, f64>, words: &[&str]) -> f64 {
    let of = samples.iter().filter(|(name, _)| words.iter().all(|word| name.contains(word)));
    of.map(|(_, value)| value).sum()
}

#[test]
fn metrics_count_what_happens_and_name_nobody() {
    let server = Server::start();
    let before = metrics(&server);
    for n in 0..7 {
        server.post(&format!("/secret-project-{n}"), b"12345");
    }
    let mut wire = server.wire();
    wire.send(b"POST /half HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab").unwrap();
    wire.finish();
    assert_eq!(wire.answer().unwrap().status, 400);
    let mut wire = server.wire();
    wire.send(b"nonsense\r\n\r\n").unwrap();
    assert_eq!(wire.answer().unwrap().status, 400);
    let mut watcher = Watcher::open(&server, "half", None);
    watcher.next();
    let after = until("every count", || {
        let after = metrics(&server);
        (sum(&after, &["stray"]) > sum(&before, &["stray"])).then_some(after)
    });
    let grew = |words: &[&str]| sum(&after, words) - sum(&before, words);
    assert_eq!(grew(&["captures", "complete"]), 7.0, "{after:#?}");
    assert_eq!(grew(&["captures", "aborted"]), 1.0, "{after:#?}");
    assert!(sum(&after, &["bins"]) >= 8.0, "{after:#?}");
    assert!(sum(&after, &["watchers"]) >= 1.0, "{after:#?}");
    assert!(after.keys().all(|name| name.starts_with("hooklab_") || name.starts_with("process_")));
    let told = format!("{after:?}");
    assert!(!told.contains("secret-project") && !told.contains("half"), "a bin is named: {told}");
    assert!(after.len() < 200, "{} samples", after.len());
}

#[test]
fn what_retention_dropped_is_counted_and_stays_counted() {
    let server = Server::start();
    server.create(&json!({"name": "short", "keep": {"captures": 1}}));
    for _ in 0..4 {
        server.post("/short", b"x");
    }
    let dropped = || metrics(&server)["hooklab_captures_dropped_total"];
    assert_eq!(dropped(), 3.0);
    assert_eq!(server.api("DELETE", "/bins/short", None).status, 204);
    assert_eq!(dropped(), 3.0);
}

#[test]
fn a_stream_of_http_2_that_breaks_off_is_counted() {
    let server = Server::start();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--http2-prior-knowledge", "--noproxy", "*", "--max-time", "1"]);
    curl.args(["--limit-rate", "1000", "--data-binary", &"x".repeat(100_000)]);
    assert_eq!(
        curl.arg(format!("http://{}/half", server.capture)).status().unwrap().code(),
        Some(28)
    );
    assert_eq!(server.until_captured("half", 1)["outcome"], "aborted");
    until("the count", || {
        (sum(&metrics(&server), &["captures_total", "aborted"]) > 0.0).then_some(())
    });
}

#[test]
fn what_has_come_of_a_body_is_kept_when_the_server_stops() {
    let home = tempfile::tempdir().unwrap();
    let mut server = Server::on(home.path(), &[]);
    let mut wire = server.wire();
    wire.send(b"POST /half HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab").unwrap();
    until("the request is read", || (sum(&metrics(&server), &["connections"]) > 0.0).then_some(()));
    assert_eq!(server.terminate().0, Some(0));
    assert_eq!(wire.answer().unwrap().status, 400);
    let server = Server::on(home.path(), &[]);
    let capture = server.until_captured("half", 1);
    assert_eq!(capture["outcome"], "aborted");
    assert_eq!(capture["body"]["text"], "ab");
}

#[test]
fn liveness_and_readiness_are_told_apart() {
    let server = Server::start();
    let alive = ask(&server, "/livez");
    assert_eq!((alive.status, alive.text().trim()), (200, "alive"));
    let ready = ask(&server, "/readyz");
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["status"], "ready");
    assert_eq!(ready.json()["durability"]["captures"], "process");
    assert_eq!(ready.json()["reasons"], json!([]));
}

fn openapi(server: &Server) -> Value {
    let answer = server.get("/openapi.json");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Every `METHOD path` of the document.
fn documented(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let methods = METHODS.iter().filter(|method| !item[**method].is_null());
        let path = path.strip_prefix("/api/v1").unwrap_or(path);
        methods.map(move |method| format!("{method} {path}"))
    });
    each.collect()
}

#[test]
fn the_document_describes_every_route_and_none_that_is_not() {
    let server = Server::start();
    let document = openapi(&server);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let documented = documented(&document);
    let promised = [
        "post /bins",
        "get /bins",
        "get /bins/{bin}",
        "patch /bins/{bin}",
        "delete /bins/{bin}",
        "get /bins/{bin}/captures",
        "delete /bins/{bin}/captures",
        "get /bins/{bin}/captures/{seq}",
        "delete /bins/{bin}/captures/{seq}",
        "get /bins/{bin}/captures/{seq}/raw",
        "get /bins/{bin}/captures/{seq}/body",
        "get /bins/{bin}/captures/{seq}/view",
        "get /bins/{bin}/captures/{seq}/diff/{other}",
        "get /bins/{bin}/schema",
        "get /bins/{bin}/export",
        "post /bins/{bin}/import",
        "get /bins/{bin}/live",
        "get /captures/live",
        "get /strays",
        "get /bins/{bin}/held",
        "post /bins/{bin}/held/{id}",
        "get /event-types",
        "post /event-types",
        "get /event-types/{slug}",
        "put /event-types/{slug}",
        "delete /event-types/{slug}",
        "post /webhooks",
        "get /webhooks",
        "get /webhooks/{id}",
        "patch /webhooks/{id}",
        "delete /webhooks/{id}",
        "post /webhooks/{id}/test",
        "post /webhooks/bulk",
        "post /events",
        "get /deliveries",
        "get /deliveries/{id}",
    ];
    let missing: Vec<_> = promised.iter().filter(|route| !documented.contains(**route)).collect();
    assert!(missing.is_empty(), "not documented: {missing:?} in {documented:#?}");
    for route in &documented {
        let (method, path) = route.split_once(' ').unwrap();
        if ["/livez", "/readyz", "/metrics"].contains(&path) {
            continue;
        }
        let path = path.replace("{bin}", "nosuch").replace("{seq}", "1").replace("{other}", "1");
        let path = path.replace("{id}", "77").replace("{slug}", "nosuch");
        let answer = server.api(&method.to_uppercase(), &path, Some(&json!({})));
        assert_ne!(answer.status, 405, "{route} is not there");
        assert!(!answer.text().contains("unknown-route"), "{route} is not there");
    }
}

/// Whatever the sources mount is documented: a route cannot be added in silence.
#[test]
fn every_route_of_the_sources_is_documented() {
    let document = openapi(&Server::start());
    let documented = documented(&document);
    let paths: BTreeSet<&str> =
        documented.iter().filter_map(|r| r.split_once(' ')).map(|r| r.1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = Vec::new();
    for half in ["receiver/src", "sender/src"] {
        files.push(root.join(half).join("api.rs"));
        let parts = fs::read_dir(root.join(half).join("api")).unwrap();
        files.extend(parts.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()));
    }
    let mut mounted = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for begin in [".route(\"", "path = \""] {
            let each = text.split(begin).skip(1).filter_map(|rest| rest.split('"').next());
            mounted.extend(each.filter(|path| path.starts_with('/')).map(str::to_owned));
        }
    }
    assert!(mounted.len() >= 20, "the routes are not where they were: {mounted:?}");
    let missing: Vec<_> = mounted.iter().filter(|path| !paths.contains(path.as_str())).collect();
    assert!(missing.is_empty(), "mounted and not documented: {missing:?}");
}

/// What a reader of the document relies on.
#[test]
fn every_operation_tells_its_answers_and_problems() {
    let document = openapi(&Server::start());
    let mut wrong = Vec::new();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if !METHODS.contains(&method.as_str()) {
                continue;
            }
            let answers: BTreeSet<&str> =
                operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            if !answers.iter().any(|status| status.starts_with(['1', '2'])) {
                wrong.push(format!("{method} {path} never succeeds: {answers:?}"));
            }
            // An import makes its bin.
            let makes = path.ends_with("/import");
            if path.contains('{')
                && !makes
                && !answers.contains("404")
                && !answers.contains("default")
            {
                wrong.push(format!("{method} {path} is always there: {answers:?}"));
            }
            if operation["summary"].as_str().or(operation["description"].as_str()).is_none() {
                wrong.push(format!("{method} {path} says nothing of itself"));
            }
            let id = operation["operationId"].as_str().unwrap_or_default();
            if !ids.insert(format!("{id} {}", operation["tags"])) {
                wrong.push(format!("{method} {path}: the id `{id}` is taken"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/").skip(1).filter_map(|rest| rest.split('"').next()) {
        let pointer = format!("/{reference}");
        assert!(document.pointer(&pointer).is_some(), "{pointer} leads nowhere");
    }
}

#[test]
fn metrics_of_the_sender_count_attempts_and_what_waits() {
    let server = Server::start();
    server.create(&json!({"name": "bad", "reply": {"rules": [{"status": 500}]}}));
    let add = |url: String, event: &str| -> Value {
        let new = json!({"name": "Orders", "url": url, "event": event});
        let told = server.api("POST", "/webhooks", Some(&new)).json();
        assert!(told["id"].is_i64(), "{told}");
        told["id"].clone()
    };
    let good = add(format!("http://{}/good", server.capture), "payment_received");
    let bad = add(format!("http://{}/bad", server.capture), "payment_received");
    let gone = add("http://127.0.0.1:1/".to_owned(), "domain_created");
    for id in [&good, &good, &bad] {
        assert_eq!(
            server.api("POST", &format!("/webhooks/{id}/test"), Some(&json!({}))).status,
            200
        );
    }
    server.api("POST", "/events", Some(&json!({"type": "domain_created"})));
    let seen = until("all is counted", || {
        let seen = metrics(&server);
        (sum(&seen, &["attempts_total"]) >= 4.0).then_some(seen)
    });
    let of = |name: &str| seen[&format!("hooklab_{name}")];
    for (name, count) in [
        ("attempts_total{outcome=\"delivered\"}", 2.0),
        ("attempts_total{outcome=\"refused\"}", 1.0),
        ("attempts_total{outcome=\"failed\"}", 1.0),
        ("deliveries_ended_total{state=\"delivered\"}", 2.0),
        ("deliveries_ended_total{state=\"exhausted\"}", 1.0),
        ("attempt_duration_seconds_count", 4.0),
        ("attempt_duration_seconds_bucket{le=\"+Inf\"}", 4.0),
        ("attempts_under_way", 0.0),
        ("deliveries_waiting", 1.0),
        ("deliveries_due", 0.0),
        ("sender_store_failed", 0.0),
    ] {
        assert_eq!(of(name), count, "{name}: {seen:?}");
    }
    assert!(of("attempt_duration_seconds_sum") > 0.0, "{seen:?}");
    server.api("DELETE", &format!("/webhooks/{gone}"), None);
    let seen = metrics(&server);
    assert_eq!(seen["hooklab_deliveries_ended_total{state=\"cancelled\"}"], 1.0, "{seen:?}");
    assert_eq!(seen["hooklab_deliveries_waiting"], 0.0, "{seen:?}");
}
