//! What stands between the dashboard and everybody else.

use std::time::Instant;

use serde_json::json;

use crate::harness::HANGING;
use crate::harness::http::{Answer, Wire};
use crate::harness::server::Server;
use crate::harness::websocket::Watcher;

/// Every route that answers a GET, so that none is forgotten behind a wall.
const ROUTES: [&str; 21] = [
    "/",
    "/livez",
    "/readyz",
    "/api/v1/bins",
    "/api/v1/bins/orders",
    "/api/v1/bins/orders/captures",
    "/api/v1/bins/orders/captures/1",
    "/api/v1/bins/orders/captures/1/raw",
    "/api/v1/bins/orders/captures/1/body",
    "/api/v1/bins/orders/captures/1/view",
    "/api/v1/bins/orders/captures/1/diff/1",
    "/api/v1/bins/orders/schema",
    "/api/v1/bins/orders/export?format=ndjson",
    "/api/v1/bins/orders/held",
    "/api/v1/captures/live",
    "/api/v1/strays",
    "/api/v1/openapi.json",
    "/metrics",
    "/api/v1/event-types",
    "/api/v1/webhooks",
    "/api/v1/nothing-here",
];

/// Sends these header lines after a request line to the dashboard.
fn ask(server: &Server, line: &str, headers: &[&str]) -> Answer {
    let mut wire = Wire::connect(&server.dashboard).unwrap();
    let head = format!("{line} HTTP/1.1\r\n{}\r\n\r\n", headers.join("\r\n"));
    wire.send(head.as_bytes()).unwrap();
    wire.answer().unwrap()
}

fn server_with_a_capture() -> Server {
    let server = Server::start();
    assert_eq!(server.post("/orders", b"secret").status, 200);
    server
}

#[test]
fn a_foreign_host_is_refused_on_every_route() {
    let server = server_with_a_capture();
    let port = server.dashboard.rsplit(':').next().unwrap();
    let hosts = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
    ];
    for route in ROUTES {
        for host in &hosts {
            let answer = ask(&server, &format!("GET {route}"), &[&format!("Host: {host}")]);
            answer.assert_problem(421, &["--allowed-host"]);
            assert!(!answer.text().contains("secret"));
        }
    }
}

#[test]
fn a_missing_repeated_or_contradicting_host_is_a_bad_request() {
    let server = server_with_a_capture();
    let ours = format!("Host: {}", server.dashboard);
    for route in ROUTES {
        let line = format!("GET {route}");
        assert_eq!(ask(&server, &line, &["Accept: */*"]).status, 400, "{route}, none");
        assert_eq!(ask(&server, &line, &[&ours, &ours]).status, 400, "{route}, two");
        let foreign = [ours.as_str(), "Host: evil.example"];
        assert_eq!(ask(&server, &line, &foreign).status, 400, "{route}, two different");
    }
    let absolute = "GET http://evil.example/api/v1/bins";
    let status = ask(&server, absolute, &[&ours]).status;
    assert!([400, 421].contains(&status), "an absolute target of another host: {status}");
}

#[test]
fn our_own_names_are_let_in() {
    let server = server_with_a_capture();
    let port = server.dashboard.rsplit(':').next().unwrap();
    for name in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        let answer = ask(&server, "GET /api/v1/bins", &[&format!("Host: {name}:{port}")]);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
    let allowed = Server::start_with(&["--allowed-host", "hooks.test"]);
    let answer = ask(&allowed, "GET /api/v1/bins", &["Host: hooks.test"]);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_foreign_origin_changes_nothing() {
    let server = server_with_a_capture();
    let ours = format!("Host: {}", server.dashboard);
    let body = "Content-Type: application/json\r\nContent-Length: 15";
    let changes = ["POST /api/v1/bins", "POST //api/v1/bins", "POST /api/./v1/bins"];
    let capture_origin = format!("http://{}", server.capture);
    for origin in ["http://evil.example", "null", "https://127.0.0.1", "", &capture_origin] {
        let origin = format!("Origin: {origin}");
        for line in changes.into_iter().chain(["DELETE /api/v1/bins/orders"]) {
            let headers = [ours.as_str(), &origin, body, "", r#"{"name":"evil"}"#];
            let answer = ask(&server, line, &headers);
            assert!((400..500).contains(&answer.status), "{line} {origin}: {answer:?}");
        }
    }
    let bins = server.get("/bins").json();
    assert_eq!(bins["items"].as_array().unwrap().len(), 1, "{bins}");
    assert_eq!(bins["items"][0]["captures"], 1);
    let own = format!("Origin: http://{}", server.dashboard);
    let headers = [ours.as_str(), &own, body, "", r#"{"name":"mine"}"#];
    assert_eq!(ask(&server, "POST /api/v1/bins", &headers).status, 201);
}

#[test]
fn a_foreign_page_cannot_open_the_live_channel() {
    let server = server_with_a_capture();
    let path = "/bins/orders/live?after=0";
    let upgrade = |headers: &[(&'static str, &str)]| {
        Watcher::upgrade(&server, path, headers).map(|mut watcher| watcher.next())
    };
    for origin in ["http://evil.example", "null", &format!("http://{}", server.capture)] {
        assert_eq!(upgrade(&[("origin", origin)]), Err(403), "{origin}");
    }
    assert_eq!(upgrade(&[("host", "evil.example")]), Err(421));
    let own = format!("http://{}", server.dashboard);
    assert!(upgrade(&[("origin", &own)]).is_ok());
    assert!(upgrade(&[]).is_ok());
}

#[test]
fn the_two_listeners_do_not_do_each_others_work() {
    let server = server_with_a_capture();
    let mut wire = server.wire();
    let head = format!("GET /api/v1/bins HTTP/1.1\r\nHost: {}\r\n\r\n", server.capture);
    wire.send(head.as_bytes()).unwrap();
    let answer = wire.answer().unwrap();
    assert_eq!(answer.captured().0, "api", "on the capture listener `api` is a bin's name");
    assert!(!answer.text().contains("items"));

    let ours = format!("Host: {}", server.dashboard);
    let answer = ask(&server, "POST /orders", &[&ours, "Content-Length: 0"]);
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert_eq!(server.get("/bins/orders").json()["captures"], 1);
}

#[test]
fn any_host_and_origin_may_send_to_a_bin() {
    let server = Server::start();
    let mut wire = server.wire();
    let head = "POST /open HTTP/1.1\r\nHost: evil.example\r\nOrigin: null\r\nContent-Length: 0";
    wire.send(format!("{head}\r\n\r\n").as_bytes()).unwrap();
    let answer = wire.answer().unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-security-policy"), Some("sandbox"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(answer.header("access-control-allow-origin").is_none());
}

#[test]
fn off_loopback_the_dashboard_wants_a_token() {
    let refused = crate::harness::command::run(&[
        "serve",
        "--host",
        "0.0.0.0",
        "--port",
        "0",
        "--dashboard-port",
        "0",
        "--store",
        "memory:",
    ]);
    refused.assert_refused(2, &["--token", "--insecure-no-auth"]);
    let server = Server::start_with(&["--token", "0123456789abcdef0123456789abcdef"]);
    let ours = format!("Host: {}", server.dashboard);
    let with = |token: &str| {
        ask(&server, "GET /api/v1/bins", &[&ours, &format!("Authorization: Bearer {token}")])
    };
    assert_eq!(ask(&server, "GET /api/v1/bins", &[&ours]).status, 401);
    assert_eq!(with("0123456789abcdef0123456789abcdeF").status, 401);
    assert_eq!(with("0123456789abcdef0123456789abcdef").status, 200);
    let query = "GET /api/v1/bins?token=0123456789abcdef0123456789abcdef";
    assert_eq!(ask(&server, query, &[&ours]).status, 401);
    assert_eq!(server.post("/free", b"x").status, 200, "capturing needs no token");
}

#[test]
fn clients_that_dawdle_stop_nobody() {
    let server = server_with_a_capture();
    // More than the capture listener's tests need and fewer than any descriptor limit allows.
    let slow: Vec<Wire> = (0..300)
        .map(|_| {
            let mut wire = server.wire();
            wire.send(b"POST /slow HTTP/1.1\r\nHost: h\r\nX-").unwrap();
            wire
        })
        .collect();
    let begun = Instant::now();
    assert_eq!(server.post("/orders", b"quick").status, 200);
    assert_eq!(server.get("/bins/orders").json()["captures"], 2);
    assert!(begun.elapsed() < HANGING / 2, "{:?}", begun.elapsed());
    drop(slow);
    assert_eq!(server.get("/bins/slow").status, 404, "half a head is no capture of a bin");
}

#[test]
fn no_read_has_an_effect() {
    let server = server_with_a_capture();
    let ours = format!("Host: {}", server.dashboard);
    let before = server.get("/bins").json();
    for route in ROUTES {
        ask(&server, &format!("GET {route}"), &[&ours]);
    }
    ask(&server, "GET /api/v1/bins/unknown/captures", &[&ours]);
    assert_eq!(server.get("/bins").json(), before);
    assert_eq!(server.get("/webhooks").json()["items"], json!([]));
}
