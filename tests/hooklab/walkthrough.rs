//! The documented walkthrough: a bin, a webhook, a test event, its confirmation, the payload.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hooklab_shared::signature::standard_webhooks::{Secret, verify};
use serde_json::{Value, json};

use crate::harness::command::{finish, program};
use crate::harness::server::Server;
use crate::harness::websocket::Watcher;

/// What the walkthrough has to show, in this order.
const STEPS: [&str; 5] = ["bin", "Payment Received", "Send Test Event", "200", "payment_id"];

#[test]
fn demo_once_shows_every_step_and_leaves_nothing_behind() {
    // With its default ports taken it takes free ones; whether ours or another's is the same.
    let _taken = [4665, 4666].map(|port| TcpListener::bind(("127.0.0.1", port)));
    let home = tempfile::tempdir().unwrap();
    let ran = finish(program(home.path()).args(["demo", "--once"]), b"");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut rest = ran.stdout.as_str();
    for step in STEPS {
        let at = rest.find(step).unwrap_or_else(|| panic!("`{step}` is missing: {ran:?}"));
        rest = &rest[at..];
    }
    for part in ["POST /", "webhook-id", "webhook-signature", "http://127.0.0.1:"] {
        let shown = ran.stdout.to_lowercase();
        assert!(shown.contains(&part.to_lowercase()), "`{part}` is missing: {ran:?}");
    }
    assert!(!ran.stdout.contains('\x1b') && !ran.stderr.contains('\x1b'), "escapes in a pipe");
    let left: Vec<_> = home.path().read_dir().unwrap().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn demo_tells_programs_one_json_line_a_step() {
    let home = tempfile::tempdir().unwrap();
    let ran = finish(program(home.path()).args(["demo", "--once", "--json"]), b"");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let steps: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(steps.len() >= STEPS.len(), "{steps:?}");
}

#[test]
fn demo_survives_a_reader_that_goes_away() {
    let home = tempfile::tempdir().unwrap();
    let mut command = program(home.path());
    command.args(["demo", "--once"]).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn two_processes_walk_through_with_the_commands() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    let receiver = Server::on(&store, &["--only", "receiver"]);
    let sender = Server::on(&store, &["--only", "sender"]);
    let bin = receiver.run_json(&["bin", "create", "payments"]);
    let url = bin["url"].as_str().unwrap();
    assert_eq!(url, format!("http://{}/payments", receiver.capture));
    let mut watcher = Watcher::open(&receiver, "payments", None);
    assert_eq!(watcher.next()["type"], "hello");

    let add = ["webhook", "add", "--name", "Books", "--url", url, "--event", "payment_received"];
    let webhook = sender.run_json(&add);
    let id = webhook["id"].to_string();
    let secret = Secret::parse(webhook["secret"].as_str().unwrap()).unwrap();

    let delivery = sender.run_json(&["webhook", "test", &id]);
    assert_eq!((&delivery["state"], &delivery["test"]), (&json!("delivered"), &json!(true)));
    assert_eq!(delivery["attempts"][0]["outcome"], json!({"kind":"delivered"}));
    assert_eq!(delivery["attempts"][0]["response"]["status"], 200);

    let seq = watcher.seq();
    let capture = receiver.run_json(&["show", "payments", "latest"]);
    assert_eq!(capture["seq"], seq);
    assert_eq!(capture["body"], delivery["attempts"][0]["request"]["body"]);
    let body: Value = serde_json::from_str(capture["body"]["text"].as_str().unwrap()).unwrap();
    assert_eq!(body["type"], "payment_received");
    assert_eq!(body["data"]["customer_user_email"], "mockeduser@dev.dev");
    assert_signed(&capture, &secret);
}

#[test]
fn fired_events_reach_every_active_webhook_and_a_seed_repeats_the_payload() {
    let server = Server::start();
    let add = |bin: &str, more: &[&str]| {
        let url = format!("http://{}/{bin}", server.capture);
        let fixed = ["webhook", "add", "--name", bin, "--url", &url, "--event", "domain_created"];
        server.run_json(&[&fixed, more].concat())
    };
    add("first", &[]);
    add("second", &[]);
    add("asleep", &["--inactive"]);
    let payload = |fired: &Value| fired["payload"].clone();
    let once = server.run_json(&["fire", "domain_created", "--seed", "7"]);
    let again = server.run_json(&["fire", "domain_created", "--seed", "7"]);
    let other = server.run_json(&["fire", "domain_created", "--seed", "8"]);
    assert_eq!(once["deliveries"].as_array().unwrap().len(), 2);
    assert_eq!(payload(&once), payload(&again));
    assert_ne!(payload(&once), payload(&other));
    assert_eq!(server.summaries("first").len(), 3);
    assert_eq!(server.summaries("second").len(), 3);
    assert_eq!(server.get("/bins/asleep").status, 404, "an inactive webhook was triggered");
}

#[test]
fn a_failed_delivery_is_told_with_its_phase_and_ends_with_its_own_code() {
    let server = Server::start();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{closed}/hook");
    let add = |name: &str, url: &str| {
        let add = ["webhook", "add", "--name", name, "--url", url, "--event", "site_published"];
        server.run_json(&add)["id"].to_string()
    };
    let ran = server.run(&["webhook", "test", &add("nobody", &nobody)]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(format!("{}{}", ran.stdout, ran.stderr).contains("connection refused"), "{ran:?}");

    // The capture listener answers a name that no bin can have with an error: a refusal.
    let refusing = format!("http://{}/Not.A.Bin", server.capture);
    let ran = server.run(&["webhook", "test", &add("refusing", &refusing)]);
    assert_eq!(ran.code, Some(3), "{ran:?}");

    let ran = server.run(&["webhook", "test", &add("abroad", "http://192.0.2.1/hook")]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(format!("{}{}", ran.stdout, ran.stderr).contains("--allow-target"), "{ran:?}");
    let log = server.get("/deliveries").json();
    assert_eq!(log["items"].as_array().unwrap().len(), 3);
    assert!(log["items"].as_array().unwrap().iter().all(|one| one["state"] == "exhausted"));
}

#[test]
fn webhooks_can_be_seen_changed_and_removed() {
    let server = Server::start();
    let url = format!("http://{}/x", server.capture);
    let add = ["webhook", "add", "--name", "Old", "--url", &url, "--event", "payment_received"];
    let id = server.run_json(&add)["id"].to_string();
    server.run_json(&["webhook", "edit", &id, "--name", "New", "--event", "domain_created"]);
    let shown = server.run_json(&["webhook", "show", &id]);
    assert_eq!((&shown["name"], &shown["event"]), (&json!("New"), &json!("domain_created")));
    assert!(shown.get("secret").is_none(), "a secret is shown once");
    let listed = server.run(&["webhook", "list"]);
    assert!(listed.stdout.contains("New") && listed.stdout.contains(&url), "{listed:?}");
    assert_eq!(server.run(&["webhook", "delete", &id]).code, Some(0));
    assert_eq!(server.get(&format!("/webhooks/{id}")).status, 404);
    server.run(&["webhook", "show", &id]).assert_refused(2, &[&id]);
}

#[test]
fn the_example_script_walks_through() {
    let server = Server::start();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/walkthrough.sh");
    let ran = finish(on_path(&server, Command::new("bash").arg(script)), b"");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("payment_received"), "{ran:?}");
}

/// The same command with `hooklab` on its path and this server as the one to talk to.
pub(crate) fn on_path<'a>(server: &Server, command: &'a mut Command) -> &'a mut Command {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_hooklab"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", binary.parent().unwrap().display());
    command.env("PATH", path).env("HOOKLAB_SERVER", format!("http://{}", server.dashboard))
}

fn assert_signed(capture: &Value, secret: &Secret) {
    let header = |name: &str| {
        let headers = capture["headers"].as_array().unwrap();
        let field = headers
            .iter()
            .find(|field| field[0].as_str().is_some_and(|found| found.eq_ignore_ascii_case(name)));
        field.unwrap_or_else(|| panic!("no {name}: {capture}"))[1].as_str().unwrap().to_owned()
    };
    let [id, timestamp, signature] =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(header);
    let body = capture["body"]["text"].as_str().unwrap().as_bytes();
    let now = timestamp.parse().unwrap();
    assert_eq!(verify(secret, &id, &timestamp, &signature, body, now), Ok(()));
    let bytes = BASE64.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
    assert_eq!(bytes.len(), 32);
}
