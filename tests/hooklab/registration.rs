//! Webhooks and event types as they are registered on the command line: listed in every order, many
//! changed at once, own types with their schema.

use serde_json::{Value, json};

use crate::harness::server::Server;

fn add(server: &Server, name: &str, url: &str, event: &str, more: &[&str]) -> Value {
    let given = ["webhook", "add", "--name", name, "--url", url, "--event", event];
    server.run_json(&[&given, more].concat())
}

fn column(server: &Server, args: &[&str], key: &str) -> Vec<Value> {
    let page = server.run_json(&[&["webhook", "list"], args].concat());
    page["items"].as_array().unwrap().iter().map(|item| item[key].clone()).collect()
}

/// Three webhooks that differ in everything a list is sorted by.
fn three() -> Server {
    let server = Server::start();
    let target = |bin: &str| format!("http://{}/{bin}", server.capture);
    add(&server, "beta", &target("b"), "site_published", &["--integration", "zapier"]);
    add(&server, "Alpha", &target("a"), "payment_received", &["--inactive"]);
    add(&server, "gamma", "http://127.0.0.1:1/", "payment_received", &["--schedule", "0s"]);
    server.run(&["fire", "payment_received"]);
    server.run(&["fire", "site_published"]);
    server
}

#[test]
fn the_list_has_the_plugins_columns_in_every_order() {
    let server = three();
    let ran = server.run(&["webhook", "list"]);
    let heading = ran.stdout.lines().next().unwrap();
    let words = [
        "NAME",
        "TARGET URL",
        "TRIGGER EVENT",
        "LAST RESULT",
        "COUNT",
        "INTEGRATION",
        "ACTIVE",
        "ID",
    ];
    let places: Vec<usize> = words.iter().map(|word| heading.find(word).unwrap()).collect();
    assert!(places.is_sorted(), "{heading}");
    for (sort, ids) in [
        ("id", [1, 2, 3]),
        ("id:desc", [3, 2, 1]),
        ("name", [2, 1, 3]),
        ("name:desc", [3, 1, 2]),
        ("url", [3, 2, 1]),
        ("event", [2, 3, 1]),
        ("event:desc", [1, 3, 2]),
        ("last", [2, 3, 1]),
        ("count:desc", [1, 3, 2]),
        ("integration", [2, 3, 1]),
        ("active", [2, 1, 3]),
    ] {
        let found = column(&server, &["--sort", sort], "id");
        assert_eq!(found, ids.map(Value::from), "{sort}");
    }
    assert_eq!(column(&server, &["--search", "ALPHA"], "id"), [2]);
    assert_eq!(column(&server, &["--search", "zapier"], "id"), [1]);
    assert_eq!(column(&server, &["--event", "payment_received", "--active"], "id"), [3]);
    assert_eq!(column(&server, &["--inactive"], "id"), [2]);
    assert_eq!(column(&server, &["--integration", "nobody"], "id"), [] as [Value; 0]);
    server.run(&["webhook", "list", "--sort", "colour"]).assert_refused(2, &["integration"]);
    server
        .run(&["webhook", "list", "--event", "payment_recieved"])
        .assert_refused(2, &["payment_received"]);
    let none = server.run(&["webhook", "list", "--search", "nobody"]);
    assert!(none.stdout.is_empty() && none.stderr.contains("webhook list"), "{none:?}");
    let empty = Server::start().run(&["webhook", "list"]);
    assert!(empty.stderr.contains("hooklab webhook add --name"), "{empty:?}");
}

#[test]
fn many_are_changed_at_once_and_what_became_of_each_is_told() {
    let server = three();
    let ran = server.run(&["webhook", "deactivate", "1", "77", "3"]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert_eq!(ran.stdout, "webhook 1: deactivated\nwebhook 3: deactivated\n");
    assert!(ran.stderr.contains("there is no webhook 77"), "{ran:?}");
    assert_eq!(column(&server, &["--active"], "id"), [] as [Value; 0]);
    let told = server.run_json(&["webhook", "activate", "--search", "payment"]);
    assert_eq!((&told["done"], &told["failed"]), (&json!(2), &json!(0)));
    assert_eq!(column(&server, &["--active"], "id"), [2, 3]);
    assert_eq!(server.run(&["webhook", "activate", "--all"]).code, Some(0));
    assert_eq!(server.run(&["webhook", "delete", "2", "2"]).stdout, "webhook 2: deleted\n");
    server.run(&["webhook", "delete", "2"]).assert_refused(2, &["no webhook 2", "webhook list"]);
    for wrong in [&["webhook", "delete"][..], &["webhook", "delete", "1", "--all"]] {
        server.run(wrong).assert_refused(2, &["--all"]);
    }
    assert_eq!(server.run(&["webhook", "delete", "--all"]).code, Some(0));
    assert_eq!(column(&server, &[], "id"), [] as [Value; 0]);
}

#[test]
fn a_webhooks_own_terms_are_given_changed_and_taken_away() {
    let server = Server::start();
    let terms = [
        "--header",
        "X-Team: billing",
        "--header",
        "X-Env: test",
        "--timeout",
        "5s",
        "--schedule",
        "0s,10s,1m",
        "--rate",
        "7",
    ];
    let made = add(&server, "Terms", "http://127.0.0.1:1/", "payment_received", &terms);
    assert_eq!(made["headers"], json!([["X-Team", "billing"], ["X-Env", "test"]]));
    assert_eq!((&made["timeout"], &made["rate"]), (&json!("5s"), &json!(7)));
    assert_eq!(made["schedule"], json!(["0s", "10s", "1m"]));
    let told = server.run(&["webhook", "show", "1"]).stdout;
    assert!(told.contains("X-Team: billing") && told.contains("7 a second"), "{told}");
    let less = [
        "webhook",
        "edit",
        "1",
        "--timeout",
        "none",
        "--schedule",
        "none",
        "--rate",
        "none",
        "--no-headers",
    ];
    let made = server.run_json(&less);
    assert_eq!((&made["timeout"], &made["rate"]), (&Value::Null, &Value::Null));
    assert_eq!((&made["schedule"], &made["headers"]), (&Value::Null, &json!([])));
    let first = server.run_json(&["webhook", "rotate", "1"]);
    assert!(first["secret"].as_str().unwrap().starts_with("whsec_"), "{first}");
    assert!(first["old_secret_until"].is_string(), "{first}");
    let second = server.run_json(&["webhook", "rotate", "1", "--overlap", "0s"]);
    assert_eq!(second["old_secret_until"], Value::Null);
    server.run(&["webhook", "edit", "1", "--schedule", "soon"]).assert_refused(2, &["0s,5s,5m"]);
    server.run(&["webhook", "edit", "x", "--rate", "1"]).assert_refused(2, &["has a number"]);
    let bad =
        ["webhook", "add", "--name", "Bad", "--url", "http://h/", "--event", "payment_received"];
    let bad = server.run(&[&bad[..], &["--secret", "whsec_AAAA"]].concat());
    bad.assert_refused(
        2,
        &["failed to add the webhook: `secret` does not hold: its key has 3 bytes"],
    );
}

#[test]
fn an_event_type_of_ones_own_is_added_fired_exported_and_deleted() {
    let server = Server::start();
    let schema = r#"{"type":"object","required":["id","email"],"properties":{
        "id":{"type":"string","pattern":"^ord_[0-9]{6}$"},"email":{"format":"email"}}}"#;
    let made = server.run_json(&["events", "add", "order.paid", "--schema", schema]);
    assert!(made["sample"]["id"].as_str().unwrap().starts_with("ord_"), "{made}");
    let seeded = |seed: &str| {
        server.run_json(&["events", "show", "order.paid", "--seed", seed])["sample"].clone()
    };
    assert_eq!(seeded("7"), seeded("7"));
    assert_ne!(seeded("7"), seeded("8"));

    let url = format!("http://{}/own", server.capture);
    add(&server, "Own", &url, "order.paid", &[]);
    let fired = server.run_json(&["fire", "order.paid", "--seed", "7"]);
    assert_eq!(fired["payload"], seeded("7"));
    let bad = server.run(&["fire", "order.paid", "--payload", r#"{"id":"7","email":"x"}"#]);
    bad.assert_refused(2, &["`payload/id`", "`payload/email`", "order.paid"]);
    assert_eq!(server.get("/bins/own").json()["captures"], 1, "what does not fit is not sent");
    assert_eq!(server.run(&["webhook", "test", "1"]).code, Some(0));

    server.run(&["events", "delete", "order.paid"]).assert_refused(2, &["used by webhook 1"]);
    server.run(&["events", "add", "payment_received"]).assert_refused(2, &["Ultimate Multisite"]);
    server.run(&["events", "delete", "payment_received"]).assert_refused(2, &["cannot be deleted"]);
    server.run(&["events", "add", "order.paid"]).assert_refused(2, &["already", "--replace"]);
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("own.json");
    std::fs::write(&file, server.run(&["events", "export"]).stdout).unwrap();
    let other = Server::start();
    other.run_json(&["events", "add", "--from", file.to_str().unwrap()]);
    assert_eq!(
        other.get("/event-types/order.paid").json(),
        server.get("/event-types/order.paid").json()
    );

    server.run(&["webhook", "delete", "1"]);
    assert_eq!(server.run(&["events", "delete", "order.paid"]).code, Some(0));
    server.run(&["fire", "order.paid"]).assert_refused(2, &["no event type `order.paid`"]);
    let kept = server.run_json(&["deliveries", "--event", "order.paid"]);
    assert_eq!(kept["items"].as_array().unwrap().len(), 2, "the log keeps what was sent");
    server
        .run(&["deliveries", "--event", "payment_recieved"])
        .assert_refused(2, &["payment_received"]);
}

#[test]
fn own_types_outlive_the_server() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    let mut server = Server::on(&store, &[]);
    server.run_json(&["events", "add", "b", "--schema", r#"{"type":"object","required":["x"]}"#]);
    server.run_json(&["events", "add", "a", "--sample", "[1]"]);
    let told = server.run(&["events", "list", "--own", "--json"]).stdout;
    server.kill9();
    let server = Server::on(&store, &[]);
    assert_eq!(server.run(&["events", "list", "--own", "--json"]).stdout, told);
    server.run(&["fire", "b", "--payload", "{}"]).assert_refused(2, &["lacks `x`"]);
}

#[test]
fn what_the_other_half_would_answer_is_told_as_such() {
    let sender = Server::start_with(&["--only", "sender"]);
    sender.run(&["bin", "list"]).assert_refused(2, &["runs only the sender"]);
    let receiver = Server::start_with(&["--only", "receiver"]);
    receiver.run(&["webhook", "list"]).assert_refused(2, &["runs only the receiver"]);
    let answer = sender.get("/bins/a/captures/1");
    assert_eq!(
        (answer.status, answer.json()["type"].as_str()),
        (404, Some("urn:hooklab:problem:half-not-served"))
    );
    assert!(sender.get("/nosuch").text().contains("unknown-route"));
}

#[test]
fn a_hint_names_the_server_that_was_talked_to() {
    let server = Server::start();
    let url = format!("http://{}", server.dashboard);
    let ran = crate::harness::command::run(&["webhook", "list", "--server", &url]);
    assert!(ran.stderr.contains(&format!("--server {url}")), "{ran:?}");
    let ran = server.run(&["webhook", "list"]);
    assert!(!ran.stderr.contains("--server"), "the environment names it: {ran:?}");
}
