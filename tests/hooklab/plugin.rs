//! The plugin's REST API: an app that was written for Ultimate Multisite subscribes, gets its
//! events, and unsubscribes; nobody else does.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::command::{finish, run};
use crate::harness::server::Server;
use crate::harness::until;

const PAIR: &str = "zapier-key:0123456789abcdefghijklmn";

fn server() -> Server {
    Server::start_with(&["--plugin-api", PAIR])
}

/// curl below `/wp-json/wu/v2` with these arguments; the status, the header fields, the body.
fn curl(server: &Server, pair: &str, path: &str, args: &[&str]) -> (u16, String, String) {
    let url = format!("http://{}/wp-json/wu/v2{path}", server.dashboard);
    let mut curl = Command::new("curl");
    curl.args(["-s", "-i", "-u", pair, &url]).args(args);
    let ran = finish(&mut curl, b"");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let (head, body) = ran.stdout.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

fn ask(server: &Server, path: &str, args: &[&str]) -> (u16, Value) {
    let (status, head, body) = curl(server, PAIR, path, args);
    assert!(head.contains("content-type: application/json; charset=utf-8"), "{head}");
    (status, serde_json::from_str(&body).unwrap_or_else(|why| panic!("{why}: {body}")))
}

fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    ask(server, path, &["-H", "Content-Type: application/json", "-d", &body.to_string()])
}

#[test]
fn an_app_of_the_plugin_subscribes_is_sent_its_events_and_unsubscribes() {
    let server = server();
    let (status, told) = ask(&server, "/auth", &[]);
    let welcome = json!({"success": true, "label": "hooklab", "message": "Welcome to our API"});
    assert_eq!((status, told), (200, welcome));
    let (_, hooks) = ask(&server, "/hooks", &[]);
    assert_eq!(hooks.as_object().unwrap().len(), 23);
    let hook = &hooks["payment_received"];
    assert_eq!(hook["name"], "Payment Received");
    assert_eq!(hook["payload"]["customer_name"], "John McMocked");
    assert_eq!(hook["deprecated_args"]["amount"], "payment_total");
    assert_eq!(hooks["site_published"]["deprecated_args"], json!([]));

    let url = format!("http://{}/zap", server.capture);
    let new = json!({"name": "Zap 1", "webhook_url": url, "event": "payment_received",
                     "integration": "zapier"});
    let (status, made) = post(&server, "/webhook", &new);
    assert_eq!((status, &made["id"], &made["model"]), (200, &json!(1), &json!("webhook")));
    assert_eq!((&made["webhook_url"], &made["event_count"]), (&json!(url), &json!(0)));
    assert_eq!(made["date_last_failed"], "0000-00-00 00:00:00");
    let date = made["date_created"].as_str().unwrap();
    assert!(date.len() == 19 && date.as_bytes()[10] == b' ', "{date}");
    let ours = server.get("/webhooks/1").json();
    assert_eq!(
        (&ours["integration"], &ours["profile"]),
        (&json!("zapier"), &json!("ultimate-multisite"))
    );

    server.run_json(&["fire", "payment_received", "--seed", "7"]);
    let capture = server.until_captured("zap", 1);
    assert_eq!(capture["event"], json!({"type": "payment_received", "by": "keys"}));
    let body = capture["body"]["text"].as_str().unwrap();
    assert!(body.contains(r"https:\/\/") && body.ends_with('}'), "{body}");
    let head = capture["headers"].to_string();
    assert!(head.contains("WordPress/") && !head.to_lowercase().contains("webhook-"), "{head}");
    let counted = until("the count", || {
        let (_, told) = ask(&server, "/webhook/1", &[]);
        (told["event_count"] == 1).then_some(told)
    });
    assert_eq!(counted["active"], true);

    assert_eq!(ask(&server, "/webhook/1", &["-X", "DELETE"]), (200, json!(true)));
    let fired = server.run_json(&["fire", "payment_received"]);
    assert_eq!(fired["deliveries"], json!([]));
    assert_eq!(server.get("/bins/zap").json()["captures"], 1, "it was unsubscribed");
    let (status, told) = ask(&server, "/webhook/1", &["-X", "DELETE"]);
    assert_eq!((status, &told["code"]), (404, &json!("wu_rest_webhook_invalid_id")));
}

#[test]
fn lists_are_paged_as_wordpress_pages_them() {
    let server = server();
    for n in 1..=3 {
        let form = format!(
            "name=Hook+{n}&webhook_url=http%3A%2F%2F127.0.0.1%3A1%2F{n}&event=site_published\
             &integration=zapier&active=0"
        );
        let (status, told) = ask(&server, "/webhook", &["-d", &form]);
        assert_eq!(
            (status, &told["active"], &told["name"]),
            (200, &json!(false), &json!(format!("Hook {n}")))
        );
    }
    let (status, head, body) = curl(&server, PAIR, "/webhook?per_page=2&page=2", &[]);
    assert_eq!(status, 200);
    assert!(
        head.contains("x-wp-total: 3\r\n") && head.contains("x-wp-totalpages: 2\r\n"),
        "{head}"
    );
    let page: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(page.as_array().unwrap().len(), 1);
    assert_eq!(page[0]["id"], 3);
    assert_eq!(ask(&server, "/webhook?search=HOOK%202", &[]).1[0]["id"], 2);
    assert_eq!(ask(&server, "/webhook?page=9", &[]), (200, json!([])));
    for query in ["per_page=0", "per_page=101", "per_page=x", "page=0", "page=-1"] {
        let (status, told) = ask(&server, &format!("/webhook?{query}"), &[]);
        assert_eq!((status, &told["code"]), (400, &json!("rest_invalid_param")), "{query}");
        let name = query.split('=').next().unwrap();
        assert!(told["data"]["params"][name].is_string(), "{told}");
    }
}

#[test]
fn changes_come_by_post_put_and_patch_and_what_is_wrong_is_told() {
    let server = server();
    let new = json!({"name": "Zap", "webhook_url": "http://127.0.0.1:1/", "event": "site_published",
                     "integration": "zapier", "event_count": 9, "hidden": false});
    assert_eq!(post(&server, "/webhook", &new).1["event_count"], 0, "what was sent counts");
    let kind = ["-H", "Content-Type: application/json"];
    for (method, name) in [("POST", "One"), ("PUT", "Two"), ("PATCH", "Three")] {
        let body = json!({ "name": name }).to_string();
        let args = [&["-X", method, "-d", body.as_str()], &kind[..]].concat();
        let (status, told) = ask(&server, "/webhook/1", &args);
        assert_eq!((status, &told["name"]), (200, &json!(name)), "{method}");
    }
    let (status, told) = post(&server, "/webhook", &json!({"name": "Zap"}));
    let missing = json!(["webhook_url", "event", "integration"]);
    assert_eq!(
        (status, &told["code"], &told["data"]["params"]),
        (400, &json!("rest_missing_callback_param"), &missing)
    );
    let bad = json!({"name": "x", "webhook_url": "ftp://h/", "event": "payment_recieved",
                     "integration": "zapier"});
    let (status, told) = post(&server, "/webhook", &bad);
    assert_eq!((status, &told["code"]), (400, &json!("rest_invalid_param")));
    let params = told["data"]["params"].as_object().unwrap();
    assert_eq!(params.keys().collect::<Vec<_>>(), ["name", "webhook_url", "event"]);
    assert!(params["event"].as_str().unwrap().contains("payment_received"), "{told}");
    for (path, args, status, code) in [
        ("/webhook", vec!["-d", "{", kind[0], kind[1]], 400, "rest_invalid_json"),
        ("/webhook/1", vec!["-d", "colour=red"], 400, "wu_rest_webhook_invalid_set_method"),
        ("/webhook/2", vec![], 404, "wu_rest_webhook_invalid_id"),
        ("/webhook/99999999999999999999", vec![], 404, "wu_rest_webhook_invalid_id"),
        ("/webhook/x", vec![], 404, "rest_no_route"),
        ("/nope", vec![], 404, "rest_no_route"),
        ("/auth", vec!["-X", "DELETE"], 404, "rest_no_route"),
    ] {
        let (got, told) = ask(&server, path, &args);
        assert_eq!((got, &told["code"]), (status, &json!(code)), "{path}: {told}");
        assert_eq!(told["data"]["status"], status);
    }
}

#[test]
fn who_does_not_show_the_credentials_is_told_nothing() {
    let server = server();
    for pair in ["zapier-key:0123456789abcdefghijklmN", "zapier-key:", ":", "x:y"] {
        for (path, method) in [
            ("/auth", "GET"),
            ("/hooks", "GET"),
            ("/webhook", "POST"),
            ("/webhook/1", "DELETE"),
            ("/nope", "GET"),
        ] {
            let (status, head, body) = curl(&server, pair, path, &["-X", method]);
            assert_eq!(status, 401, "{pair} {path}");
            assert!(
                body.contains("rest_forbidden") && head.contains("www-authenticate: basic"),
                "{head}{body}"
            );
        }
    }
    let (status, ..) = curl(&server, PAIR, "/auth", &["-H", "Host: evil.example"]);
    assert_eq!(status, 421, "the walls stand before it");
    let foreign = ["-H", "Origin: http://evil.example", "-d", "name=x"];
    assert_eq!(curl(&server, PAIR, "/webhook", &foreign).0, 403);
    assert_eq!(curl(&server, PAIR, "/%61uth", &[]).0, 404);
}

#[test]
fn it_is_off_unless_it_is_told_and_beside_a_token_it_asks_for_its_own() {
    let off = Server::start();
    let (status, _, body) = curl(&off, PAIR, "/auth", &[]);
    assert!(status == 404 && body.contains("--plugin-api"), "{body}");
    assert!(!off.get("/openapi.json").text().contains("wp-json"));
    let token = "0123456789abcdef0123456789abcdef";
    let server = Server::start_with(&["--plugin-api", PAIR, "--token", token]);
    assert_eq!(ask(&server, "/auth", &[]).0, 200);
    assert_eq!(server.get("/webhooks").status, 401);
    let bearer = format!("Authorization: Bearer {token}");
    let (status, ..) = curl(&server, "x:y", "/auth", &["-H", &bearer]);
    assert_eq!(status, 401, "the token opens the rest, and not this");
    let (status, ..) = curl(&server, PAIR, "/../../../api/v1/webhooks", &["--path-as-is"]);
    assert_ne!(status, 200, "and the credentials open nothing else");
    let serve = ["serve", "--port", "0", "--dashboard-port", "0", "--store", "memory:"];
    let refused = |more: &[&str]| run(&[&serve[..], more].concat());
    refused(&["--plugin-api", "key"]).assert_refused(2, &["KEY:SECRET"]);
    refused(&["--plugin-api", PAIR, "--only", "receiver"]).assert_refused(2, &["--only receiver"]);
    let open = ["--plugin-api", "key:short", "--host", "0.0.0.0", "--token", token];
    refused(&open).assert_refused(2, &["22 characters", "openssl"]);
}

/// The document tells of these routes where they are, and of their own credentials.
#[test]
fn the_document_tells_of_the_plugins_api_where_it_is_served() {
    let document = server().get("/openapi.json").json();
    for (path, method) in
        [("auth", "get"), ("hooks", "get"), ("webhook", "post"), ("webhook/{id}", "patch")]
    {
        let operation = &document["paths"][format!("/wp-json/wu/v2/{path}")][method];
        assert_eq!(operation["security"], json!([{"plugin": []}]), "{path}");
        assert!(operation["responses"]["401"].is_object(), "{path}");
    }
    assert_eq!(document["components"]["securitySchemes"]["plugin"]["scheme"], "basic");
}
