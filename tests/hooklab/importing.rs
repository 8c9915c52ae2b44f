//! `events import`: the catalogue of an installation, and of whoever says to be one.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use crate::harness::command::{Ran, finish, program};
use crate::harness::server::Server;

const PAIR: &str = "key:secret";

/// Runs `events import URL` against a server, with the credentials in the environment.
fn import(server: &Server, url: &str, secret: &str, more: &[&str]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    let mut command = program(home.path());
    command.args(["events", "import", url, "--key", "env:K", "--secret", "env:S"]).args(more);
    command.env("HOOKLAB_SERVER", format!("http://{}", server.dashboard));
    finish(command.env("K", "key").env("S", secret), b"")
}

/// An installation that answers every request with these bytes, and then closes; `%` is repeated
/// without end.
fn answering(bytes: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let bytes = bytes.to_owned();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let _ = socket.read(&mut [0; 4096]);
            let (once, again) = bytes.split_once('%').unwrap_or((&bytes, ""));
            let _ = socket.write_all(once.as_bytes());
            while !again.is_empty() && socket.write_all(again.as_bytes()).is_ok() {}
        }
    });
    format!("http://{address}")
}

fn json_answer(body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    let kind = "Content-Type: application/json";
    format!("HTTP/1.1 200 OK\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn results(ran: &Ran) -> Vec<(String, String)> {
    let told: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|why| panic!("{why}: {ran:?}"));
    let items = told["items"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    items.map(|item| (text(&item["slug"]), text(&item["result"]))).collect()
}

#[test]
fn what_an_installation_offers_becomes_ones_own_and_stays_the_same_when_read_again() {
    let installation = Server::start_with(&["--plugin-api", PAIR]);
    installation.run_json(&[
        "events",
        "add",
        "order.paid",
        "--name",
        "Order Paid",
        "--sample",
        r#"{"id":1}"#,
    ]);
    let url = format!("http://{}", installation.dashboard);
    let here = Server::start();
    let dry = import(&here, &url, "secret", &["--json", "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert_eq!(results(&dry).iter().filter(|(_, result)| result == "built-in").count(), 23);
    assert!(results(&dry).contains(&("order.paid".into(), "added".into())), "{dry:?}");
    assert_eq!(here.get("/event-types/order.paid").status, 404, "nothing was to be changed");

    let ran = import(&here, &url, "secret", &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("1 added, 0 changed, 0 the same, 23 built in"), "{ran:?}");
    let made = here.get("/event-types/order.paid").json();
    assert_eq!((&made["name"], &made["sample"]), (&json!("Order Paid"), &json!({"id": 1})));
    let again = import(&here, &url, "secret", &["--json"]);
    assert!(results(&again).contains(&("order.paid".into(), "same".into())), "{again:?}");

    installation.run_json(&["events", "add", "order.paid", "--replace", "--sample", r#"{"no":2}"#]);
    let changed = import(&here, &url, "secret", &["--json"]);
    assert!(changed.stdout.contains("+no -id"), "{changed:?}");
    assert_eq!(here.get("/event-types/order.paid").json()["sample"], json!({"no": 2}));

    let wrong = import(&here, &url, "Secret", &[]);
    wrong.assert_refused(2, &["401", "not allowed", "--key and --secret"]);
}

#[test]
fn odd_slugs_are_left_out_and_told_safely() {
    let hooks = json!({
        "../../etc/passwd": {"name": "x", "payload": {}},
        "a\u{1b}[2J": {"name": "x", "payload": {}},
        "good": {"name": "\u{1b}[31mred", "desc": "d", "payload": {"id": 1}},
        "flat": {"name": "x", "payload": "text"},
    });
    let here = Server::start();
    let ran = import(&here, &answering(&json_answer(&hooks)), "secret", &[]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(!ran.stdout.contains('\u{1b}') && ran.stdout.contains("\\u{1b}"), "{ran:?}");
    assert!(ran.stderr.contains("1 added") && ran.stderr.contains("3 refused"), "{ran:?}");
    let own = here.run_json(&["events", "list", "--own"]);
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
}

#[test]
fn whoever_is_no_installation_is_refused_and_nothing_is_changed() {
    let here = Server::start();
    let ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    for (answer, code, words) in [
        (format!("{ok}Content-Length: 6\r\n\r\n<html>"), 2, vec!["not JSON", "Ultimate Multisite"]),
        (format!("{ok}Content-Length: 4\r\n\r\nnull"), 2, vec!["no object"]),
        (format!("{ok}Content-Length: 99999999\r\n\r\n{{"), 2, vec!["longer than 4 MiB"]),
        (format!("{ok}\r\n%{}", "x".repeat(65_536)), 2, vec!["longer than 4 MiB"]),
        (
            format!("{ok}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{{}}"),
            2,
            vec!["encoded"],
        ),
        (format!("{ok}Content-Length: 99\r\n\r\n{{"), 4, vec!["broke off"]),
        ("HTTP/1.1 200 OK\r\n%X: y\r\n".to_owned(), 4, vec!["broke off"]),
        ("nonsense".to_owned(), 4, vec!["broke off"]),
        (
            "HTTP/1.1 301 Moved\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
                .to_owned(),
            2,
            vec!["169.254.169.254", "nothing is followed"],
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 24\r\n\r\n{\"message\":\"a\\u001b[2J\"}"
                .to_owned(),
            2,
            vec!["404", "\\u{1b}[2J", "enables the API"],
        ),
    ] {
        let ran = import(&here, &answering(&answer), "secret", &[]);
        ran.assert_refused(code, &words);
        assert!(!ran.stderr.contains('\u{1b}'), "{ran:?}");
    }
    let own = here.run_json(&["events", "list", "--own"]);
    assert_eq!(own["items"], json!([]));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    import(&here, &format!("http://{closed}"), "secret", &[]).assert_refused(4, &["refused"]);
    import(&here, "http://network.example", "secret", &[]).assert_refused(2, &["in clear"]);
    let mut bare = Command::new(env!("CARGO_BIN_EXE_hooklab"));
    let twice = ["events", "import", "https://network.example", "--key", "-", "--secret", "-"];
    finish(bare.args(twice), b"x").assert_refused(2, &["twice"]);
}
