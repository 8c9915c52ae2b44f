//! `send`: what a dry run prints is what goes out, signatures hold at the other end, faults bend
//! what they say, and the exit code tells how it went.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::command::{finish, program, run};
use crate::harness::server::Server;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const AT: [&str; 4] = ["--seed", "7", "--at", "2026-01-31T12:00:00Z"];

fn url(server: &Server, bin: &str) -> String {
    format!("http://{}/{bin}", server.capture)
}

#[test]
fn a_dry_run_prints_the_bytes_that_go_out() {
    let server = Server::start();
    let to = url(&server, "orders/a%20b?x=1&x=2");
    let ways: [&[&str]; 9] = [
        &["payment_received"],
        &["payment_received", "customer_name=\"Zoë\"", "new.deep=[1]", "--secret", SECRET],
        &["domain_created", "--profile", "github", "--secret", "hush"],
        &["domain_created", "--profile", "stripe", "--secret", "hush", "--fault", "stale"],
        &["domain_created", "--profile", "slack", "--secret", "hush", "--fault", "altered"],
        &["domain_created", "--profile", "shopify", "--secret", "hush", "--fault", "chunked"],
        &["domain_created", "--profile", "ultimate-multisite", "--fault", "huge=100k"],
        &[
            "--data",
            "a=b\n",
            "--content-type",
            "text/x",
            "-X",
            "PUT",
            "-H",
            "x-A: b",
            "-H",
            "X-a: c",
        ],
        &["--data", "{}", "--profile", "plain", "--scheme", "http-message", "--secret", SECRET],
    ];
    for (seq, way) in (1..).zip(ways) {
        let args = [&["send", "--to", &to], way, &AT[..]].concat();
        let dry = run(&[&args[..], &["--dry-run"]].concat());
        assert_eq!(dry.code, Some(0), "{dry:?}");
        let sent = run(&args);
        assert_eq!(sent.code, Some(0), "{sent:?}");
        let raw = String::from_utf8(server.raw("orders", seq)).unwrap();
        assert_eq!(raw, dry.stdout, "{way:?}");
    }
}

#[test]
fn what_each_profile_signs_holds_at_the_other_end_and_what_is_bent_does_not() {
    let server = Server::start();
    for (name, scheme) in [
        ("standard-webhooks", "standard-webhooks"),
        ("github", "github"),
        ("stripe", "stripe"),
        ("slack", "slack"),
        ("shopify", "shopify"),
        ("plain", "zendesk"),
    ] {
        server.create(&json!({"name": name, "verify": {"scheme": scheme, "secrets": [SECRET]}}));
        let to = url(&server, name);
        let base = ["send", "payment_received", "--to", &to, "--secret", SECRET];
        let scheme = if name == "plain" { &["--scheme", "zendesk"][..] } else { &[] };
        let faults =
            ["", "chunked", "huge=100k", "wrong-signature", "altered", "missing-signature"];
        for fault in faults {
            let bent = if fault.is_empty() { &[][..] } else { &["--fault", fault] };
            let ran = run(&[&base[..], &["--profile", name], scheme, bent].concat());
            assert_eq!(ran.code, Some(0), "{ran:?}");
            let capture = server.get(&format!("/bins/{name}/captures/latest")).json();
            let want = match fault {
                "" | "chunked" | "huge=100k" => "valid",
                "missing-signature" => "missing",
                _ => "invalid",
            };
            assert_eq!(capture["signature"]["verdict"], want, "{name} {fault}: {capture}");
        }
    }
}

#[test]
fn exit_codes_tell_how_it_went() {
    let server = Server::start();
    server.create(&json!({"name": "no", "reply": {"rules": [{"status": 500}]}}));
    let (ok, no) = (url(&server, "ok"), url(&server, "no"));
    let send = |to: &[&str]| {
        let to: Vec<&str> = to.iter().flat_map(|to| ["--to", to]).collect();
        run(&[&["send", "payment_received"], &to[..]].concat())
    };
    // Port 9 (discard) is served by nobody on a developer's machine.
    let gone = "http://127.0.0.1:9/";
    assert_eq!(send(&[&ok]).code, Some(0));
    assert_eq!(send(&[&no]).code, Some(3));
    assert_eq!(send(&[gone]).code, Some(4));
    assert_eq!(send(&[&ok, &no]).code, Some(5));
    assert_eq!(send(&["http://10.0.0.1/"]).code, Some(4));
    send(&["ftp://x/"]).assert_refused(2, &["to[0]", "http or https"]);
    run(&["send", "payment_recieved", "--to", &ok]).assert_refused(2, &["payment_received"]);
    run(&["send", "--to", &ok]).assert_refused(2, &["data"]);
    run(&["send", "x", "--data", "{", "--to", &ok]).assert_refused(2, &["JSON"]);
    run(&["send", "--data", "@/no/such", "--to", &ok]).assert_refused(2, &["/no/such"]);
}

#[test]
fn each_line_of_standard_input_is_a_delivery_told_as_a_line() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let to = url(&server, "lines");
    let mut command = program(home.path());
    command.args(["send", "--ndjson", "-", "--to", &to, "--secret", SECRET, "--json"]);
    let ran = finish(&mut command, b"{\"n\":1}\n\n{\"n\":2}\r\n{\"n\":3}");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 3);
    for (seq, told) in (1..).zip(&told) {
        let capture = server.get(&format!("/bins/lines/captures/{seq}")).json();
        assert_eq!(capture["body"]["text"], format!("{{\"n\":{seq}}}"));
        assert_eq!(told["attempts"][0]["response"]["status"], 200);
        assert_eq!(told["state"], "delivered");
        // The first one connects, the others find the connection there.
        assert_eq!(told["attempts"][0]["phases"]["reused"] == true, seq > 1, "{told}");
    }
}

#[test]
fn a_curl_command_sends_the_same_under_sh() {
    let server = Server::start();
    let to = url(&server, "curl");
    let data = "it's `id` $(id) \"x\" \\ ! %s\u{e9}";
    for (seq, data) in (1..).step_by(2).zip([data, "two\nlines\n", "-x", "@/etc/passwd"]) {
        let header = "X-Hostile: '; touch canary; $(id)";
        let args = ["send", "--to", &to, "--secret", SECRET, "--data", data, "--header", header];
        let args = [&args[..], &AT].concat();
        let args: Vec<&str> = match data.starts_with('@') {
            // A body that begins like a file's name comes from standard input.
            true => args.iter().map(|arg| if *arg == data { "-" } else { *arg }).collect(),
            false => args,
        };
        let home = tempfile::tempdir().unwrap();
        let sent = finish(program(home.path()).args(&args), data.as_bytes());
        assert_eq!(sent.code, Some(0), "{sent:?}");
        let curl = finish(program(home.path()).args(&args).arg("--curl"), data.as_bytes());
        let ran =
            finish(Command::new("sh").args(["-c", &curl.stdout]).current_dir(home.path()), b"");
        assert_eq!(ran.code, Some(0), "{ran:?}: {}", curl.stdout);
        assert!(!home.path().join("canary").exists());
        let told = |seq: u64| {
            let capture = server.get(&format!("/bins/curl/captures/{seq}")).json();
            let mut headers: Vec<String> =
                capture["headers"].as_array().unwrap().iter().map(Value::to_string).collect();
            headers.iter_mut().for_each(|header| *header = header.to_lowercase());
            headers.sort();
            (capture["body"]["sha256"].clone(), headers)
        };
        assert_eq!(told(seq), told(seq + 1), "{}", curl.stdout);
    }
}

#[test]
fn an_id_that_is_reused_comes_with_another_body() {
    let server = Server::start();
    let to = url(&server, "ids");
    let faults = ["--fault", "id-reused", "--fault", "duplicate"];
    let ran = run(&[&["send", "payment_received", "--to", &to], &faults[..]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let of = |seq: u64| server.get(&format!("/bins/ids/captures/{seq}")).json();
    let digests: Vec<Value> = (1..=4).map(|seq| of(seq)["body"]["sha256"].clone()).collect();
    assert!(digests[0] == digests[1] && digests[2] == digests[3] && digests[0] != digests[2]);
    let id = |capture: &Value| {
        let headers = capture["headers"].as_array().unwrap();
        headers.iter().find(|header| header[0] == "webhook-id").unwrap()[1].clone()
    };
    assert!((2..=4).all(|seq| id(&of(seq)) == id(&of(1))));
}

#[test]
fn proxy_variables_lead_nowhere() {
    let server = Server::start();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", proxy.local_addr().unwrap());
    let home = tempfile::tempdir().unwrap();
    let mut command = program(home.path());
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    {
        command.env(name, &at);
    }
    command.args(["send", "payment_received", "--to", &url(&server, "direct")]);
    let ran = finish(&mut command, b"");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(server.summaries("direct").len(), 1);
    // Whoever had dialled it would stand in its queue by now.
    proxy.set_nonblocking(true).unwrap();
    assert!(proxy.accept().is_err_and(|why| why.kind() == ErrorKind::WouldBlock));
}

/// The body of the newest capture.
fn newest(server: &Server, bin: &str) -> Value {
    let capture = server.get(&format!("/bins/{bin}/captures/latest")).json();
    serde_json::from_str(capture["body"]["text"].as_str().unwrap()).unwrap()
}

#[test]
fn an_event_type_of_ones_own_is_asked_of_the_server_at_hand() {
    let server = Server::start();
    let schema = json!({"type": "object", "required": ["id", "count"], "properties": {
        "id": {"type": "string", "pattern": "^ord_[0-9]{6}$"},
        "count": {"type": "integer", "minimum": 1, "maximum": 1_000_000}}});
    let new = json!({"slug": "order.paid", "schema": schema});
    assert_eq!(server.api("POST", "/event-types", Some(&new)).status, 201);
    let to = url(&server, "own");
    let send = json!({"to": [to], "type": "order.paid", "seed": 7, "profile": "plain"});
    assert_eq!(server.api("POST", "/sends", Some(&send)).status, 200);
    let by_api = newest(&server, "own");
    let args = ["send", "order.paid", "--to", &to, "--seed", "7", "--profile", "plain"];
    assert_eq!(server.run(&args).code, Some(0));
    assert_eq!(server.summaries("own").len(), 2);
    assert_eq!(newest(&server, "own"), by_api);
    assert!(by_api.to_string().contains("ord_"), "{by_api}");

    let ran = server.run(&["load", "order.paid", "--bin", "own", "--count", "3", "--seed", "7"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(newest(&server, "own")["data"], by_api);
}

#[test]
fn an_unknown_event_type_is_told_with_where_it_was_looked_for() {
    let server = Server::start();
    server.api("POST", "/event-types", Some(&json!({"slug": "order.paid"})));
    let to = url(&server, "own");
    for command in ["send", "load"] {
        let ran = server.run(&[command, "order.piad", "--to", &to]);
        ran.assert_refused(2, &["`order.piad`", &server.dashboard, "order.paid", "--data"]);
        let ran = server.run(&[command, "payment_recieved", "--to", &to]);
        ran.assert_refused(2, &["close to it: payment_received", &server.dashboard]);
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let nowhere = format!("http://{gone}");
        let ran = run(&[command, "order.paid", "--to", &to, "--server", &nowhere]);
        ran.assert_refused(2, &["`order.paid`", &nowhere, "refused", "--server", "--data"]);
    }
    let nowhere = ["--server", "http://127.0.0.1:1"];
    let ran = run(&[&["send", "domain_created", "--to", &to][..], &nowhere].concat());
    assert_eq!(ran.code, Some(0), "what is built in needs no server: {ran:?}");
}
