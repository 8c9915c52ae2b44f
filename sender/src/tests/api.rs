//! The API's answers to what is wrong, and its lists.

use axum::body::Body;
use axum::http::Request;
use hooklab_shared::limits::Limits;
use serde_json::{Value, json};

use super::{Told, call, get, raw, register, sender};

fn fields(told: &Told) -> Vec<&str> {
    told.body["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect()
}

fn is_problem(told: &Told, status: u16, kind: &str) {
    assert_eq!(told.status, status, "{told:?}");
    assert_eq!(told.headers["content-type"], "application/problem+json", "{told:?}");
    assert_eq!(told.body["type"], format!("urn:hooklab:problem:{kind}"), "{told:?}");
    assert_eq!(told.body["status"], status);
    assert!(told.body["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{told:?}");
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named() {
    let api = sender(Limits::default()).api();
    let bad = json!({"name": "x", "url": "ftp://h/", "event": "payment_recieved",
                     "integration": "", "secret": "whsec_AAAA"});
    let told = call(&api, "POST", "/webhooks", &bad).await;
    is_problem(&told, 422, "invalid-field");
    assert_eq!(fields(&told), ["name", "url", "event", "integration", "secret"]);
    assert!(told.body["detail"].as_str().unwrap().contains("payment_received"), "{told:?}");
    for (body, field) in [
        (json!({"name": "Orders", "url": "http://h/"}), "event"),
        (json!({"name": "Orders", "url": "http://h/", "event": "x", "colour": 1}), "colour"),
        (json!({"name": 7, "url": "http://h/", "event": "x"}), "name"),
        (json!({"name": "Orders", "url": "http://h/", "event": "x", "profile": "y"}), "profile"),
        (json!([]), "body"),
    ] {
        let told = call(&api, "POST", "/webhooks", &body).await;
        is_problem(&told, 422, "invalid-field");
        assert_eq!(fields(&told), [field], "{told:?}");
    }
    for (body, field) in [
        (json!({"type": "nope"}), "type"),
        (json!({"type": "payment_received", "seed": -1}), "seed"),
        (json!({"type": "payment_received", "seed": 1, "payload": {}}), "seed"),
        (json!({"typ": "payment_received"}), "typ"),
    ] {
        let told = call(&api, "POST", "/events", &body).await;
        is_problem(&told, 422, "invalid-field");
        assert_eq!(fields(&told), [field], "{told:?}");
    }
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let wide = sender(Limits::default()).api();
    let limits = Limits { api_body_bytes_max: 100, ..Limits::default() };
    let api = sender(limits).api();
    for (method, path) in [
        ("POST", "/webhooks"),
        ("POST", "/events"),
        ("PATCH", "/webhooks/1"),
        ("POST", "/webhooks/1/test"),
    ] {
        for kind in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
            let request = Request::builder().method(method).uri(path).header("content-type", kind);
            let told = raw(&api, request.body(Body::from("{}")).unwrap()).await;
            is_problem(&told, 415, "json-required");
        }
    }
    for body in ["", "{", "{\"type\":", "\u{0}", "{} x", "nul"] {
        let request = Request::post("/events").header("content-type", "application/json");
        let told = raw(&api, request.body(Body::from(body)).unwrap()).await;
        assert!(matches!(told.status, 400 | 422), "{body}: {told:?}");
        assert_eq!(told.headers["content-type"], "application/problem+json");
    }
    for payload in ["[".repeat(200) + &"]".repeat(200), r#""\ud800""#.into(), "1e999".into()] {
        let body = format!(r#"{{"type":"payment_received","payload":{payload}}}"#);
        let request = Request::post("/events").header("content-type", "application/json");
        let told = raw(&wide, request.body(Body::from(body)).unwrap()).await;
        assert!(matches!(told.status, 400 | 422), "{payload}: {told:?}");
    }
    let told = call(&api, "POST", "/events", &json!({"type": "x".repeat(200)})).await;
    is_problem(&told, 413, "body-too-large");
}

#[tokio::test]
async fn unknown_things_routes_and_methods_are_problems() {
    let api = sender(Limits::default()).api();
    for path in ["/webhooks/7", "/webhooks/x", "/webhooks/99999999999999999999"] {
        is_problem(&get(&api, path).await, 404, "unknown-webhook");
        is_problem(&call(&api, "DELETE", path, &Value::Null).await, 404, "unknown-webhook");
        is_problem(&call(&api, "PATCH", path, &json!({})).await, 404, "unknown-webhook");
        let test = format!("{path}/test");
        is_problem(&call(&api, "POST", &test, &Value::Null).await, 404, "unknown-webhook");
    }
    is_problem(&get(&api, "/event-types/payment").await, 404, "unknown-event-type");
    is_problem(&get(&api, "/deliveries/x").await, 404, "unknown-delivery");
    let id = "0199c0de-0000-7000-8000-000000000000";
    is_problem(&get(&api, &format!("/deliveries/{id}")).await, 404, "unknown-delivery");
    is_problem(&get(&api, "/webhooks/%ff").await, 404, "unknown-route");
    for path in ["/webhooks/", "/webhooks/1/x", "/events/1", "/events/1/x", "/deliveries/1/x/y"] {
        is_problem(&get(&api, path).await, 404, "unknown-route");
    }
    for (method, path, allow) in [
        ("DELETE", "/webhooks", "GET,HEAD,POST"),
        ("POST", "/webhooks/1", "GET,HEAD,PATCH,DELETE"),
        ("GET", "/events", "POST"),
        ("GET", "/webhooks/1/test", "POST"),
        ("POST", "/deliveries", "GET,HEAD"),
    ] {
        let told = call(&api, method, path, &Value::Null).await;
        is_problem(&told, 405, "wrong-method");
        assert_eq!(told.headers["allow"], allow, "{method} {path}");
    }
}

#[tokio::test]
async fn parameters_that_do_not_hold_are_refused() {
    let api = sender(Limits::default()).api();
    for path in [
        "/webhooks?limit=0",
        "/webhooks?limit=501",
        "/webhooks?limit=x",
        "/webhooks?lim=1",
        "/webhooks?after=x",
        "/deliveries?webhook=x",
        "/deliveries?status=lost",
        "/deliveries?after=x",
        "/event-types?after=nope",
        "/event-types/payment_received?seed=x",
    ] {
        is_problem(&get(&api, path).await, 422, "invalid-parameter");
    }
    let told = call(&api, "POST", "/events?wait=maybe", &json!({"type": "x"})).await;
    is_problem(&told, 422, "invalid-parameter");
}

#[tokio::test]
async fn webhooks_are_made_listed_changed_and_deleted() {
    let api = sender(Limits { webhooks_max: 3, ..Limits::default() }).api();
    let url = "http://127.0.0.1:1/";
    let new = json!({"name": " Orders ", "url": url, "event": "payment_received"});
    let told = call(&api, "POST", "/webhooks", &new).await;
    assert_eq!(
        (told.status, &told.headers["location"]),
        (201, &"/api/v1/webhooks/1".parse().unwrap())
    );
    assert!(told.body["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!((&told.body["name"], &told.body["active"]), (&"Orders".into(), &true.into()));
    assert_eq!(told.body["integration"], "manual");
    let (_, secret) = register(&api, url, "ultimate-multisite").await;
    assert_eq!(secret, None);
    register(&api, url, "standard-webhooks").await;
    is_problem(&call(&api, "POST", "/webhooks", &new).await, 409, "too-many-webhooks");

    let page = get(&api, "/webhooks?limit=2").await.body;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next"]), (2, &"2".into()));
    let page = get(&api, "/webhooks?limit=2&after=2").await.body;
    assert_eq!((&page["items"][0]["id"], &page["next"]), (&3.into(), &Value::Null));
    assert!(!page.to_string().contains("whsec_"));

    let patch = json!({"name": "Paid", "active": false, "profile": "ultimate-multisite"});
    let told = call(&api, "PATCH", "/webhooks/1", &patch).await;
    assert_eq!((told.status, &told.body["name"]), (200, &"Paid".into()));
    assert_eq!(get(&api, "/webhooks/1").await.body, told.body);
    let bad = json!({"event": "nope", "url": "x"});
    assert_eq!(fields(&call(&api, "PATCH", "/webhooks/1", &bad).await), ["url", "event"]);
    let unsigned = json!({"profile": "standard-webhooks"});
    assert_eq!(fields(&call(&api, "PATCH", "/webhooks/2", &unsigned).await), ["profile"]);
    assert_eq!(call(&api, "DELETE", "/webhooks/1", &Value::Null).await.status, 204);
    is_problem(&get(&api, "/webhooks/1").await, 404, "unknown-webhook");
}

#[tokio::test]
async fn the_catalogue_is_listed_in_pages() {
    let api = sender(Limits::default()).api();
    let all = get(&api, "/event-types").await.body;
    assert_eq!((all["items"].as_array().unwrap().len(), &all["next"]), (23, &Value::Null));
    let page = get(&api, "/event-types?limit=20").await.body;
    let rest = get(&api, &format!("/event-types?after={}", page["next"].as_str().unwrap())).await;
    assert_eq!(rest.body["items"].as_array().unwrap().len(), 3);
    let one = get(&api, "/event-types/payment_received").await.body;
    assert_eq!(one["sample"]["customer_name"], "John McMocked");
    assert_eq!(one, all["items"][0]);
}

#[tokio::test]
async fn a_webhooks_terms_are_kept_changed_taken_away_and_checked() {
    let api = sender(Limits::default()).api();
    let new = json!({"name": "Orders", "url": "http://127.0.0.1:1/", "event": "payment_received",
                     "headers": [["X-Key", "k"]], "timeout": "5s", "schedule": ["0s", "1m"],
                     "rate": 10});
    let told = call(&api, "POST", "/webhooks", &new).await;
    assert_eq!(told.status, 201, "{told:?}");
    for term in ["headers", "timeout", "schedule", "rate"] {
        assert_eq!(told.body[term], new[term], "{term}");
    }
    let patch = json!({"timeout": null, "rate": 20});
    let told = call(&api, "PATCH", "/webhooks/1", &patch).await.body;
    assert_eq!((&told["timeout"], &told["rate"]), (&Value::Null, &20.into()));
    assert_eq!(told["schedule"], new["schedule"]);
    let bad = json!({"headers": [["Webhook-Id", "x"]], "timeout": "90s", "schedule": [],
                     "rate": 0});
    let expected = ["headers[0]", "timeout", "schedule", "rate"];
    assert_eq!(fields(&call(&api, "PATCH", "/webhooks/1", &bad).await), expected);
    let mut all = new.clone();
    for (key, value) in bad.as_object().unwrap() {
        all[key] = value.clone();
    }
    assert_eq!(fields(&call(&api, "POST", "/webhooks", &all).await), expected);
    let accept = json!({"headers": [["Accept", "x"]]});
    assert_eq!(call(&api, "PATCH", "/webhooks/1", &accept).await.status, 200);
    let profile = json!({"profile": "ultimate-multisite"});
    assert_eq!(fields(&call(&api, "PATCH", "/webhooks/1", &profile).await), ["headers[0]"]);
}

#[tokio::test]
async fn a_secret_is_rotated_with_an_overlap_or_at_once() {
    let target = super::target::Target::new(super::target::OK).await;
    let api = sender(Limits::default()).api();
    let (_, old) = register(&api, &target.url(), "standard-webhooks").await;
    assert_eq!(get(&api, "/webhooks/1/secret").await.status, 405);
    let marks = |at: usize| {
        let request = target.requests()[at].to_ascii_lowercase();
        let line = request.lines().find(|line| line.starts_with("webhook-signature: ")).unwrap();
        line.split(' ').count() - 1
    };
    let told = call(&api, "POST", "/webhooks/1/secret", &json!({})).await;
    assert_eq!(told.status, 200, "{told:?}");
    assert_ne!(told.body["secret"].as_str(), old.as_deref());
    assert!(told.body["old_secret_until"].is_string());
    call(&api, "POST", "/webhooks/1/test", &Value::Null).await;
    assert_eq!(marks(0), 2);
    let again = call(&api, "POST", "/webhooks/1/secret", &json!({"overlap": "1h"})).await;
    is_problem(&again, 409, "old-secret-signs");
    call(&api, "POST", "/webhooks/1/test", &Value::Null).await;
    assert_eq!(marks(1), 2);
    let told = call(&api, "POST", "/webhooks/1/secret", &json!({"overlap": "0s"})).await;
    assert_eq!((told.status, &told.body["old_secret_until"]), (200, &Value::Null));
    call(&api, "POST", "/webhooks/1/test", &Value::Null).await;
    assert_eq!(marks(2), 1);
    let told = call(&api, "POST", "/webhooks/1/secret", &json!({})).await;
    assert_eq!(told.status, 200, "no older one signs any more");
    let bad = json!({"overlap": "60d", "secret": "whsec_x"});
    assert_eq!(call(&api, "POST", "/webhooks/1/secret", &bad).await.status, 422);
    assert_eq!(call(&api, "POST", "/webhooks/9/secret", &json!({})).await.status, 404);
    register(&api, &target.url(), "ultimate-multisite").await;
    let told = call(&api, "POST", "/webhooks/2/secret", &json!({})).await;
    is_problem(&told, 409, "unsigned-profile");
}
