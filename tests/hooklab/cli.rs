//! The commands: what they print, where, and how they end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::command::{Ran, finish, program, run};
use crate::harness::server::Server;
use crate::harness::until;

/// The promise is about a release build, where scripts/test holds it again on a quiet machine.
const READY_WITHIN: Duration = Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 20 });

#[test]
fn the_first_screen_names_every_command() {
    let help = run(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{help:?}");
    let commands = [
        "serve",
        "demo",
        "bin",
        "tail",
        "show",
        "webhook",
        "events",
        "fire",
        "deliveries",
        "ready",
    ];
    for command in commands {
        assert!(help.stdout.contains(command), "`{command}` cannot be found: {}", help.stdout);
        let own = run(&[command, "--help"]);
        assert_eq!(own.code, Some(0), "{command}: {own:?}");
    }
    let serve = run(&["serve", "--help"]).stdout;
    for flag in ["--port", "--dashboard-port", "--store", "HOOKLAB_STORE", "HOOKLAB_PORT"] {
        assert!(serve.contains(flag), "`{flag}` is missing: {serve}");
    }
    for (command, most) in [("deliveries", "at most 500"), ("schema", "at most 10000")] {
        let own = run(&[command, "--help"]).stdout;
        assert!(own.contains(most), "{command} does not say how much --limit takes: {own}");
    }
    assert!(run(&["--version"]).stdout.starts_with("hooklab 0."));
}

#[test]
fn usage_errors_end_with_2() {
    for args in [&["serv"][..], &["serve", "--port", "x"], &["show"], &["fire"], &["--nosuch"]] {
        run(args).assert_refused(2, &["error"]);
    }
}

#[test]
fn what_is_left_out_or_misspelled_is_named_with_what_there_is() {
    for (args, told) in [
        (&["tail"][..], "--all"),
        (&["replay", "a", "--to", "http://127.0.0.1:9/"], "--query"),
        (&["replay", "a", "1-3", "--to", "http://127.0.0.1:9/"], "42 43"),
        (&["replay", "a", "1", "--speed", "10", "--to", "http://127.0.0.1:9/"], "--timing"),
        (&["deliveries", "resend"], "--since"),
        (&["deliveries", "nope"], "a delivery's id in full"),
    ] {
        run(args).assert_refused(2, &[told]);
    }
}

#[test]
fn a_server_that_is_not_there_ends_with_4_and_what_to_try() {
    for args in [&["bin", "list"][..], &["tail", "x"], &["fire", "payment_received"], &["ready"]] {
        // Port 9 (discard) is served by nobody on a developer's machine.
        let ran = run(&[args, &["--server", "http://127.0.0.1:9"]].concat());
        ran.assert_refused(4, &["127.0.0.1:9", "hooklab serve"]);
    }
}

#[test]
fn the_ready_line_tells_all_and_nothing_follows_it() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("ready.json");
    let flags = ["--bin", "orders", "--bin", "returns", "--ready-file", file.to_str().unwrap()];
    let mut server = Server::on(&home.path().join("store"), &flags);
    let ready = server.ready.clone();
    let (capture, dashboard) = (&server.capture, &server.dashboard);
    let wanted = json!({
        "v": 1,
        "event": "ready",
        "capture": format!("http://{capture}"),
        "dashboard": format!("http://{dashboard}"),
        "api": format!("http://{dashboard}/api/v1"),
        "bins": {
            "orders": format!("http://{capture}/orders"),
            "returns": format!("http://{capture}/returns"),
        },
        "pid": server.pid().as_raw_nonzero().get(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    assert_eq!(ready, wanted);
    let written: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(written, wanted);
    // One that fails to start takes nothing from the one that runs.
    let port = capture.rsplit(':').next().unwrap();
    let second = ["serve", "--store", "memory:", "--port", port, "--ready-file"];
    let second = run(&[&second[..], &[file.to_str().unwrap()]].concat());
    assert_ne!(second.code, Some(0));
    assert!(file.exists());
    server.post("/orders", b"x");
    assert_eq!(server.terminate(), (Some(0), String::new()));
    assert!(!file.exists());
}

#[test]
fn a_server_is_ready_at_once() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    // The best of many: other tests run beside this one, and only the program is on trial.
    let start = |_| {
        let mut server = Server::on(&store, &[]);
        server.terminate();
        server.started_in
    };
    let best = (0..20).map(start).min().unwrap();
    println!("ready in {best:?}");
    assert!(best < READY_WITHIN, "ready only after {best:?}");
}

#[test]
fn both_families_of_localhost_are_served_on_one_port() {
    let server = Server::start();
    for address in [&server.capture, &server.dashboard] {
        let port = address.rsplit(':').next().unwrap();
        let v6 = crate::harness::http::Wire::connect(&format!("[::1]:{port}"));
        assert!(v6.is_ok(), "[::1]:{port}: {:?}", v6.err());
    }
}

#[test]
fn bins_are_made_shown_cleared_and_deleted() {
    let server = Server::start();
    let made = server.run_json(&["bin", "create", "orders", "--label", "team=shop"]);
    assert_eq!((&made["name"], &made["labels"]["team"]), (&json!("orders"), &json!("shop")));
    let minted = server.run_json(&["bin", "create"]);
    assert!(minted["name"].as_str().unwrap().len() >= 20, "122 bits at least: {minted}");
    server.post("/orders", b"x");
    assert_eq!(server.run_json(&["bin", "show", "orders"])["captures"], 1);
    let listed = server.run(&["bin", "list"]);
    assert!(listed.stdout.contains("orders"), "{listed:?}");
    assert_eq!(server.run(&["bin", "clear", "orders"]).code, Some(0));
    assert_eq!(server.get("/bins/orders").json()["captures"], 0);
    assert_eq!(server.run(&["bin", "delete", "orders"]).code, Some(0));
    server.run(&["bin", "show", "orders"]).assert_refused(2, &["orders"]);
    server.run(&["bin", "create", "Not A Name"]).assert_refused(2, &["a-z"]);
}

#[test]
fn show_tells_a_capture_and_never_sends_its_bytes_to_a_terminal() {
    let server = Server::start();
    server.post("/odd?x=1", b"\x1b[31mred\x07 \xff end");
    let shown = server.run(&["show", "odd", "1"]);
    assert!(shown.stdout.contains("POST /odd?x=1"), "{shown:?}");
    assert!(!shown.stdout.contains('\x1b') && !shown.stdout.contains('\x07'), "{shown:?}");
    let document = server.run_json(&["show", "odd", "latest"]);
    assert_eq!(document, server.get("/bins/odd/captures/1").json());
    let pipe = |flag: &str| {
        let home = tempfile::tempdir().unwrap();
        let mut command = program(home.path());
        command.env("HOOKLAB_SERVER", format!("http://{}", server.dashboard));
        command.args(["show", "odd", "1", flag]).output().unwrap().stdout
    };
    assert_eq!(pipe("--raw"), server.raw("odd", 1));
    assert_eq!(pipe("--body"), b"\x1b[31mred\x07 \xff end");
    server.run(&["show", "odd", "9"]).assert_refused(2, &["9"]);
}

#[test]
fn tail_prints_a_line_a_capture_and_resumes() {
    let server = Server::start();
    for n in 0..3 {
        server.post(&format!("/tailed/{n}"), b"{}");
    }
    let home = tempfile::tempdir().unwrap();
    let mut command = program(home.path());
    command.env("HOOKLAB_SERVER", format!("http://{}", server.dashboard));
    command.args(["tail", "tailed", "--after", "1", "--json"]).stdout(Stdio::piped());
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> u64 {
        loop {
            let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            if line["type"].is_null() || line["type"] == "capture" {
                return line["seq"].as_u64().unwrap();
            }
        }
    };
    assert_eq!([next(), next()], [2, 3]);
    let (_, new) = server.post("/tailed/new", b"{}").captured();
    assert_eq!(next(), new);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn tail_tells_what_came_of_signatures_where_the_bin_verifies() {
    let server = Server::start();
    let verify = ["bin", "create", "signed", "--verify", "github", "--secret", "hush"];
    assert_eq!(server.run(&verify).code, Some(0));
    server.post("/signed", b"{}");
    server.post("/signed", b"{}");
    let home = tempfile::tempdir().unwrap();
    let mut command = program(home.path());
    command.env("HOOKLAB_SERVER", format!("http://{}", server.dashboard));
    command.args(["tail", "signed", "--after", "0"]).stdout(Stdio::piped());
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.take(2) {
        let line = line.unwrap();
        assert!(line.contains("signature missing"), "{line}");
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_catalogue_lists_all_23_event_types() {
    let server = Server::start();
    let types = server.get("/event-types").json();
    let types = types["items"].as_array().unwrap();
    assert_eq!(types.len(), 23);
    let table = server.run(&["events"]);
    for kind in types {
        let slug = kind["slug"].as_str().unwrap();
        assert!(table.stdout.contains(slug), "{slug} is missing: {table:?}");
        assert!(!kind["description"].as_str().unwrap().is_empty());
        assert!(kind["sample"].is_object());
    }
    let one = server.run_json(&["events", "payment_received"]);
    assert_eq!(one["name"], "Payment Received");
    server.run(&["events", "payment_recieved"]).assert_refused(2, &["payment_received"]);
}

#[test]
fn ready_and_probes_tell_the_level_in_force() {
    let server = Server::start_with(&["--durability", "disk"]);
    assert_eq!(server.run(&["ready"]).code, Some(0));
    assert_eq!(server.run(&["ready", "--wait", "5s"]).code, Some(0));
    let memory = Server::on(std::path::Path::new("memory:"), &[]);
    for (server, level) in [(&server, "disk"), (&memory, "memory")] {
        let answer = probe(server, "/readyz");
        assert!(answer.stdout.contains("200") && answer.stdout.contains(level), "{answer:?}");
        assert!(probe(server, "/livez").stdout.contains("200"));
    }
}

#[test]
fn a_server_ends_with_its_parent() {
    let home = tempfile::tempdir().unwrap();
    let mut shell = std::process::Command::new("bash");
    let script = r#""$0" serve --json --port 0 --dashboard-port 0 --store "$1" --exit-with-parent &
        read -r go; kill -9 $$"#;
    shell.args(["-c", script, env!("CARGO_BIN_EXE_hooklab")]).arg(home.path().join("store"));
    let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(shell.stdout.take().unwrap());
    let mut ready = String::new();
    stdout.read_line(&mut ready).unwrap();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    drop(shell.stdin.take());
    shell.wait().unwrap();
    let address = ready["capture"].as_str().unwrap().strip_prefix("http://").unwrap();
    until("the orphan to end", || std::net::TcpStream::connect(address).is_err().then_some(()));
}

#[test]
fn completions_and_man_page_are_made() {
    for args in [&["completions", "bash"][..], &["completions", "fish"], &["man"]] {
        let ran = run(args);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains("hooklab"), "{ran:?}");
    }
}

/// A probe by curl, as an orchestrator's would be: the status on the last line.
fn probe(server: &Server, path: &str) -> Ran {
    let url = format!("http://{}{path}", server.dashboard);
    finish(std::process::Command::new("curl").args(["-s", "-w", "\n%{http_code}", &url]), b"")
}
