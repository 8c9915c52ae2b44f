//! Register, Send Test Event, fire, look at the log.

use hooklab_shared::delivery::{AttemptOutcome, Delivery, DeliveryState, FiredEvent};
use hooklab_shared::limits::Limits;
use hooklab_shared::signature::standard_webhooks::{Secret, verify};
use serde_json::{Value, json};

use super::target::{OK, Target};
use super::{call, get, register, sender, test_event};

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find(|line| line.starts_with(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("{name} in {request}")).split_once(": ").unwrap().1
}

#[tokio::test]
async fn a_test_event_arrives_signed_is_logged_and_not_counted() {
    let (sender, target) = (sender(Limits::default()), Target::new(OK).await);
    let api = sender.api();
    let (id, secret) = register(&api, &target.url(), "standard-webhooks").await;
    call(&api, "PATCH", &format!("/webhooks/{id}"), &json!({"active": false})).await;
    let told = call(&api, "POST", &format!("/webhooks/{id}/test"), &Value::Null).await;
    assert_eq!(told.status, 200);
    let delivery: Delivery = serde_json::from_value(told.body).unwrap();
    assert!(delivery.test);
    assert_eq!(delivery.state, DeliveryState::Delivered);
    let attempt = &delivery.attempts[0];
    assert_eq!((attempt.n, &attempt.outcome), (1, &AttemptOutcome::Delivered));
    assert_eq!(attempt.response.as_ref().unwrap().body.text.as_deref(), Some("ok"));
    assert!(attempt.phases.connect_us.is_some() && attempt.phases.first_byte_us.is_some());

    let request = &target.requests()[0];
    assert!(request.starts_with("POST /orders?x=1 HTTP/1.1\r\nhost: 127.0.0.1:"), "{request}");
    let body = request.split_once("\r\n\r\n").unwrap().1;
    let (id_sent, at) = (header(request, "webhook-id"), header(request, "webhook-timestamp"));
    assert_eq!(id_sent, delivery.event_id);
    assert!(!id_sent.contains('.'));
    let secret = Secret::parse(&secret.unwrap()).unwrap();
    let signature = header(request, "webhook-signature");
    let now = attempt.at.as_secs();
    assert_eq!(verify(&secret, id_sent, at, signature, body.as_bytes(), now), Ok(()));
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["type"], "payment_received");
    assert_eq!(body["data"]["customer_user_email"], "mockeduser@dev.dev");

    let webhook = get(&api, &format!("/webhooks/{id}")).await.body;
    assert_eq!(webhook["count"], 0);
    assert_eq!((&webhook["last"]["ok"], &webhook["last"]["told"]), (&true.into(), &"200".into()));
    sender.close().await;
}

#[tokio::test]
async fn an_event_goes_to_every_active_webhook_of_its_type_and_to_no_other() {
    let (sender, target) = (sender(Limits::default()), Target::new(OK).await);
    let api = sender.api();
    let (first, _) = register(&api, &target.url(), "standard-webhooks").await;
    let (second, _) = register(&api, &target.url(), "ultimate-multisite").await;
    let (idle, _) = register(&api, &target.url(), "standard-webhooks").await;
    call(&api, "PATCH", &format!("/webhooks/{idle}"), &json!({"active": false})).await;
    let other = json!({"name": "Other", "url": target.url(), "event": "site_published"});
    call(&api, "POST", "/webhooks", &other).await;

    let fire = json!({"type": "payment_received", "seed": 42});
    let told = call(&api, "POST", "/events?wait=true", &fire).await;
    assert_eq!(told.status, 200);
    let fired: FiredEvent = serde_json::from_value(told.body).unwrap();
    let webhooks: Vec<i64> = fired.deliveries.iter().map(|delivery| delivery.webhook).collect();
    assert_eq!(webhooks, [first, second]);
    assert!(fired.deliveries.iter().all(|d| d.state == DeliveryState::Delivered && !d.test));
    assert_eq!((fired.seed, target.requests().len()), (Some(42), 2));
    assert_eq!(get(&api, &format!("/webhooks/{first}")).await.body["count"], 1);

    let requests = target.requests();
    let plugin = requests.iter().find(|request| request.contains("WordPress")).unwrap();
    let names: Vec<&str> =
        plugin.lines().skip(1).map_while(|line| line.split_once(": ").map(|l| l.0)).collect();
    let want = [
        "Host",
        "User-Agent",
        "Accept",
        "Accept-Encoding",
        "Content-Type",
        "Connection",
        "Content-Length",
    ];
    assert_eq!(names, want);
    let body = plugin.split_once("\r\n\r\n").unwrap().1;
    assert!(
        body.starts_with("{\"payment_id\":\"79433\"") && body.contains("https:\\/\\/"),
        "{body}"
    );
    assert!(body.ends_with("\"wu_version\":\"2.4.13\"}"), "{body}");
    sender.close().await;
}

#[tokio::test]
async fn a_payload_of_ones_own_goes_out_as_it_was_spelled() {
    let (sender, target) = (sender(Limits::default()), Target::new(OK).await);
    let api = sender.api();
    register(&api, &target.url(), "standard-webhooks").await;
    let body = r#"{"payload":{"z":1.10,"a":12345678901234567890123},"type":"payment_received"}"#;
    let request = axum::http::Request::post("/events?wait=true")
        .header("content-type", "application/json; charset=utf-8")
        .body(body.into())
        .unwrap();
    let told = super::raw(&api, request).await;
    assert_eq!((told.status, &told.body["seed"]), (200, &Value::Null), "{told:?}");
    let sent = &target.requests()[0];
    assert!(sent.ends_with(r#""data":{"z":1.10,"a":12345678901234567890123}}"#), "{sent}");
    sender.close().await;
}

#[tokio::test]
async fn without_waiting_an_event_is_accepted_at_once_and_its_seed_is_told() {
    let (sender, target) = (sender(Limits::default()), Target::new(OK).await);
    let api = sender.api();
    register(&api, &target.url(), "standard-webhooks").await;
    let told = call(&api, "POST", "/events", &json!({"type": "payment_received"})).await;
    assert_eq!(told.status, 202);
    assert_eq!(told.body["deliveries"][0]["state"], "pending");
    let seed = told.body["seed"].as_u64().unwrap();
    assert!(seed < 1 << 53);
    let sample = get(&api, &format!("/event-types/payment_received?seed={seed}")).await;
    assert_eq!(sample.body["sample"], told.body["payload"]);
    let id = told.body["deliveries"][0]["id"].as_str().unwrap().to_owned();
    sender.close().await;
    assert_eq!(target.requests().len(), 1, "closing finishes what is in flight: {id}");
}

#[tokio::test]
async fn the_log_is_filtered_paged_and_newest_first() {
    let (sender, target) = (sender(Limits::default()), Target::new(OK).await);
    let api = sender.api();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(test_event(&api, &target.url()).await.id.to_string());
    }
    let first = get(&api, "/deliveries?limit=2&webhook=&event=payment_received").await.body;
    assert_eq!(first["items"][0]["id"], ids[2]);
    let next = first["next"].as_str().unwrap();
    let second = get(&api, &format!("/deliveries?limit=2&after={next}")).await.body;
    assert_eq!(
        (&second["items"][0]["id"], &second["next"]),
        (&ids[0].clone().into(), &Value::Null)
    );
    assert_eq!(get(&api, "/deliveries?status=exhausted").await.body["items"], json!([]));
    assert_eq!(get(&api, "/deliveries?webhook=2").await.body["items"][0]["id"], ids[1]);
    let one = get(&api, &format!("/deliveries/{}", ids[1])).await.body;
    assert_eq!(one["attempts"][0]["outcome"], json!({"kind": "delivered"}));
    sender.close().await;
}

#[tokio::test]
async fn a_dead_target_delays_nobody_else() {
    let limits = Limits { attempts_max: 8, webhook_attempts_max: 2, ..Limits::default() };
    let dead = Target::new(super::target::Answer::Hang(b"")).await;
    let (sender, alive) = (sender(limits), Target::new(OK).await);
    let api = sender.api();
    register(&api, &dead.url(), "standard-webhooks").await;
    for _ in 0..20 {
        let told = call(&api, "POST", "/events", &json!({"type": "payment_received"})).await;
        assert_eq!(told.status, 202);
    }
    let began = std::time::Instant::now();
    let delivery = test_event(&api, &alive.url()).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    dead.until_requests(2).await;
    // A test goes out at once, though its webhook has no room for events.
    let test =
        tokio::spawn(async move { call(&api, "POST", "/webhooks/1/test", &Value::Null).await });
    dead.until_requests(3).await;
    test.abort();
}
