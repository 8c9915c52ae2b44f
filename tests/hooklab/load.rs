//! Load: latencies that no stall hides, and an account in which nothing is lost by itself.

mod proxy;

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::command::{Ran, program, run};
use crate::harness::server::Server;
use proxy::{Deed, Proxy};

fn url(server: &Server, place: &str) -> String {
    format!("http://{}/{place}", server.capture)
}

fn report(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|why| panic!("{why}: {ran:?}"))
}

/// What the account says of these, in this order.
fn counts<const N: usize>(report: &Value, names: [&str; N]) -> [u64; N] {
    let account = &report["account"];
    names.map(|name| account[name].as_u64().unwrap_or_else(|| panic!("no {name}: {account}")))
}

#[test]
fn a_clean_run_is_delivered_to_the_last_one() {
    let server = Server::start_with(&["--bin", "orders"]);
    for how in [["--rate", "2000"], ["--concurrency", "8"]] {
        let fixed = ["load", "--bin", "orders", "--count", "300", "--json"];
        let ran = server.run(&[&fixed[..], &how].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let told = report(&ran);
        assert_eq!((&told["delivered"], &told["failed"]), (&json!(300), &json!(0)), "{told}");
        let names = ["delivered", "lost", "doubled", "failed", "others", "refused"];
        assert_eq!(counts(&told, names), [300, 0, 0, 0, 0, 0], "{told}");
        assert_eq!(told["account"]["complete"], true);
        let at = |name: &str| told["latency"][name].as_u64().unwrap();
        assert!(at("p50_us") <= at("p99_us") && at("p99_us") <= at("max_us"), "{told}");
        assert!(told["service"]["p50_us"].as_u64().unwrap() <= at("p50_us"), "{told}");
    }
    assert_eq!(server.summaries("orders").len(), 600);
}

#[test]
fn every_delivery_is_an_event_of_its_own_and_signed() {
    let server = Server::start();
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let verify = json!({"scheme": "standard-webhooks", "secrets": [secret]});
    server.create(&json!({"name": "signed", "verify": verify}));
    let args = ["load", "domain_created", "--bin", "signed", "--count", "20", "--secret", secret];
    assert_eq!(server.run(&args).code, Some(0));
    let ids: std::collections::HashSet<String> = (1..=20)
        .map(|seq| {
            let capture = server.until_captured("signed", seq);
            assert_eq!(capture["signature"]["verdict"], "valid", "{capture}");
            let headers = capture["headers"].as_array().unwrap();
            let id = headers.iter().find(|field| field[0] == "webhook-id").unwrap();
            id[1].to_string()
        })
        .collect();
    assert_eq!(ids.len(), 20);
}

#[test]
fn what_is_refused_is_failed_and_neither_lost_nor_doubled() {
    let server = Server::start();
    server.create(&json!({"name": "flaky", "reply": {"seed": 7, "rules": [
        {"status": 500, "chance": 0.3}, {"status": 200}]}}));
    let ran = server.run(&["load", "--bin", "flaky", "--count", "200", "--json"]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    let told = report(&ran);
    let failed = told["statuses"]["500"].as_u64().unwrap();
    assert!(failed > 0 && failed < 200, "{told}");
    let names = ["delivered", "failed", "refused", "lost", "doubled", "unacknowledged"];
    assert_eq!(counts(&told, names), [200 - failed, failed, failed, 0, 0, 0], "{told}");

    server.run_json(&["bin", "create", "twice", "--reply", "fail-twice"]);
    let args = ["load", "--bin", "twice", "--count", "30", "--retries", "2", "--concurrency", "1"];
    let ran = server.run(&[&args[..], &["--json"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told = report(&ran);
    assert_eq!(told["retries"], 60);
    assert_eq!(counts(&told, ["delivered", "doubled", "refused"]), [30, 0, 60], "{told}");
}

/// Every fifth request meets the proxy's deed.
fn through(server: &Server, deed: Deed) -> (Ran, Value) {
    let proxy = Proxy::start(&server.capture, deed);
    let to = format!("http://{}/behind", proxy.address);
    let fixed = ["load", "--to", &to, "--bin", "behind", "--count", "50", "--concurrency", "1"];
    let ran = server.run(&[&fixed[..], &["--json"]].concat());
    let told = report(&ran);
    (ran, told)
}

#[test]
fn what_a_proxy_swallows_is_lost_by_name() {
    let server = Server::start();
    let (ran, told) = through(&server, Deed::Swallow);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert_eq!(told["delivered"], 50, "the proxy said 200 each time");
    assert_eq!(counts(&told, ["delivered", "lost", "doubled"]), [40, 10, 0], "{told}");
    assert_eq!(told["account"]["lost_first"], json!([4, 9, 14, 19, 24, 29, 34, 39, 44, 49]));
}

#[test]
fn what_a_proxy_doubles_is_doubled() {
    let server = Server::start();
    let (ran, told) = through(&server, Deed::Double);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(counts(&told, ["delivered", "lost", "doubled"]), [50, 0, 10], "{told}");
    assert_eq!(told["account"]["doubled_first"][0], 4);
}

#[test]
fn what_arrived_and_was_not_answered_is_told_apart() {
    let server = Server::start();
    let (ran, told) = through(&server, Deed::HangUp);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    let names = ["delivered", "lost", "doubled", "unacknowledged", "failed"];
    assert_eq!(counts(&told, names), [40, 0, 0, 10, 0], "{told}");
    assert_eq!(told["failed"], 10);
}

#[test]
fn what_a_proxy_holds_back_is_out_of_order() {
    let server = Server::start();
    let (ran, told) = through(&server, Deed::Reorder);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(counts(&told, ["delivered", "lost", "out_of_order"]), [50, 0, 10], "{told}");
}

/// One answer takes half a second. What was due meanwhile waited, and is charged to the target: the
/// bounds are from below, so a busy machine cannot break them.
#[test]
fn a_stall_is_charged_to_the_target_and_not_left_out() {
    let server = Server::start();
    let reply = json!([{"status": 200, "delay": "500ms", "times": 1}, {"status": 200}]);
    server.create(&json!({"name": "stall", "reply": reply}));
    let args = ["load", "--bin", "stall", "--rate", "100", "--count", "60", "--concurrency", "1"];
    let ran = server.run(&[&args[..], &["--late", "100ms", "--json"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told = report(&ran);
    let at = |kind: &str, name: &str| told[kind][name].as_u64().unwrap();
    assert!(at("latency", "p50_us") >= 150_000, "{told}");
    let [late, delivered] = counts(&told, ["late", "delivered"]);
    assert!(late >= 30 && delivered == 60, "{told}");
}

#[test]
fn nothing_is_called_lost_that_retention_may_have_dropped() {
    let server = Server::start();
    server.create(&json!({"name": "short", "keep": {"captures": 10}}));
    let ran = server.run(&["load", "--bin", "short", "--count", "50", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told = report(&ran);
    assert_eq!(told["account"]["complete"], false);
    assert_eq!(counts(&told, ["lost", "dropped"])[0], 0, "{told}");
    assert!(counts(&told, ["dropped"])[0] >= 40, "{told}");
}

#[test]
fn a_target_that_is_no_bin_is_measured_without_an_account() {
    let (server, other) = (Server::start(), Server::start());
    let to = url(&other, "elsewhere");
    let args = ["load", "--to", &to, "--data", "hello", "--count", "5"];
    let ran = server.run(&[&args[..], &["--header", "X-A: b", "--json"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(report(&ran).get("account").is_none(), "{ran:?}");
    let raw = String::from_utf8(other.raw("elsewhere", 1)).unwrap();
    assert!(raw.contains("X-A: b\r\n") && raw.ends_with("\r\n\r\nhello"), "{raw}");
    // A bin of the server at hand is known by its URL.
    let args = ["load", "--to", &to, "--count", "5", "--json"];
    assert_eq!(counts(&report(&other.run(&args)), ["delivered", "others"]), [5, 0]);
}

#[test]
fn ctrl_c_ends_a_run_and_tells_what_it_came_to() {
    let server = Server::start_with(&["--bin", "long"]);
    let home = tempfile::tempdir().unwrap();
    let mut command = program(home.path());
    command.env("HOOKLAB_SERVER", format!("http://{}", server.dashboard));
    command.args(["load", "--bin", "long", "--rate", "50", "--duration", "1h", "--json"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    server.until_captured("long", 3);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(told["delivered"].as_u64().unwrap() >= 3, "{told}");
    assert_eq!((&told["not_begun"], &told["account"]["lost"]), (&json!(0), &json!(0)), "{told}");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_sent() {
    let server = Server::start_with(&["--bin", "orders"]);
    let refused = |args: &[&str], words: &[&str]| {
        server.run(&[&["load"], args].concat()).assert_refused(2, words);
    };
    refused(&[], &["--to"]);
    refused(&["--bin", "nosuch"], &["nosuch"]);
    refused(&["paymnt_received", "--bin", "orders"], &["payment_received"]);
    refused(&["--bin", "orders", "--rate", "100001"], &["100000"]);
    refused(&["--bin", "orders", "--duration", "2h"], &["hour"]);
    refused(&["--bin", "orders", "--concurrency", "1001"], &["1000"]);
    refused(&["--bin", "orders", "--secret", "short"], &["secret"]);
    refused(&["--bin", "orders", "--header", "Host: x"], &["Host"]);
    assert_eq!(server.summaries("orders").len(), 0);
    let nobody = ["load", "--to", "http://127.0.0.1:1/x", "--count", "3"];
    let ran = server.run(&nobody);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.stdout.contains("connection refused × 3"), "{ran:?}");
    let abroad = ["load", "--to", "http://192.0.2.1/", "--count", "1"];
    assert_eq!(server.run(&abroad).code, Some(4));
    let away = ["load", "--bin", "orders", "--server", "http://127.0.0.1:1"];
    run(&away).assert_refused(4, &["hooklab serve"]);
}
