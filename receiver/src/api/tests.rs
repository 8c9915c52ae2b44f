//! The API, request by request, over a store in memory.

mod document;
mod following;
mod taking;
mod understanding;

use axum::body::Body as Answered;
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use hooklab_shared::bin::Keep;
use hooklab_shared::body::{Body, Framing};
use hooklab_shared::capture::{Capture, Outcome, Protocol, Replied, Timing};
use hooklab_shared::headers::Head;
use hooklab_shared::id::{Seq, Timestamp};
use hooklab_shared::limits::Limits;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::store::{Durability, Where};
use crate::tap::Tapped;
use crate::{Receiver, Settings};

/// A capture of this head and body.
pub(crate) fn capture(bin: &str, head: &str, body: &str) -> Capture {
    Capture {
        bin: bin.parse().unwrap(),
        seq: 0,
        id: Uuid::now_v7(),
        received_at: Timestamp::from_micros(1_790_000_000_000_000),
        peer: "127.0.0.1:5000".parse().unwrap(),
        client: None,
        protocol: Protocol::Http11,
        outcome: Outcome::Complete,
        timing: Timing::default(),
        reply: Replied { status: 200, ..Replied::default() },
        head: Head::from(Bytes::copy_from_slice(head.as_bytes())),
        body: Body { wire: Bytes::copy_from_slice(body.as_bytes()), framing: Framing::Length },
        content_bytes: body.len() as u64,
    }
}

fn receiver() -> Receiver {
    receiver_within(Limits::default())
}

fn receiver_within(limits: Limits) -> Receiver {
    Receiver::open(Settings {
        place: Where::Memory,
        durability: Durability::Memory,
        auto_create: true,
        limits,
        keep: Keep::default(),
        trusted_proxies: Vec::new(),
        tls: None,
        capture_url: "http://127.0.0.1:4665".to_owned(),
    })
    .unwrap()
}

/// Keeps a POST of this body in bin `a`.
async fn post(receiver: &Receiver, body: &str) -> Seq {
    let head = format!(
        "POST /a/hooks?n=1 HTTP/1.1\r\nHost: h.test\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    receiver.store.append(capture("a", &head, body), true).await.unwrap()
}

/// What was answered.
#[derive(Debug)]
struct Told {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn items(&self) -> Vec<Seq> {
        let json = self.json();
        json["items"].as_array().unwrap().iter().map(|i| i["seq"].as_u64().unwrap()).collect()
    }

    #[track_caller]
    fn is_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.json()["type"], format!("urn:hooklab:problem:{kind}"), "{self:?}");
        assert!(self.json()["detail"].as_str().unwrap().len() > 10);
    }
}

async fn raw(receiver: &Receiver, request: Request<Answered>) -> Told {
    let response = receiver.api().oneshot(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Told { status, headers, body: response.into_body().collect().await.unwrap().to_bytes() }
}

async fn call(receiver: &Receiver, method: &str, path: &str, body: &Value) -> Told {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    raw(receiver, request.body(Answered::from(body.to_string())).unwrap()).await
}

async fn get(receiver: &Receiver, path: &str) -> Told {
    raw(receiver, Request::builder().uri(path).body(Answered::empty()).unwrap()).await
}

async fn delete(receiver: &Receiver, path: &str) -> Told {
    raw(receiver, Request::delete(path).body(Answered::empty()).unwrap()).await
}

#[tokio::test]
async fn a_bin_is_made_changed_and_deleted() {
    let api = receiver();
    let new = json!({"name":"a","reply":"busy","verify":{"scheme":"stripe","secrets":["s3cret"]}});
    let told = call(&api, "POST", "/bins", &new).await;
    assert_eq!((told.status, &told.headers["location"]), (201, &"/api/v1/bins/a".parse().unwrap()));
    assert!(!told.text().contains("s3cret"));
    call(&api, "POST", "/bins", &new).await.is_problem(409, "bin-exists");
    let told = call(&api, "PATCH", "/bins/a", &json!({"labels":{"k":"v"}})).await;
    assert_eq!((told.status, &told.json()["labels"]["k"]), (200, &json!("v")));
    assert_eq!(told.json()["verify"]["scheme"], "stripe");
    let told = call(&api, "PATCH", "/bins/a", &json!({"verify":null,"reply":"ok"})).await;
    assert_eq!((told.json().get("verify"), told.json().get("reply")), (None, None));
    let keep = json!({"keep":{"captures":0}});
    call(&api, "PATCH", "/bins/a", &keep).await.is_problem(422, "invalid-field");
    call(&api, "PATCH", "/bins/a", &json!({"colour":1})).await.is_problem(422, "invalid-field");
    call(&api, "PATCH", "/bins/b", &json!({})).await.is_problem(404, "unknown-bin");
    let form = Request::patch("/bins/a").body(Answered::from("a=b")).unwrap();
    raw(&api, form).await.is_problem(415, "content-type");
    assert_eq!(delete(&api, "/bins/a").await.status, 204);
    delete(&api, "/bins/a").await.is_problem(404, "unknown-bin");
    call(&api, "PUT", "/bins/a", &json!({})).await.is_problem(405, "method");
}

#[tokio::test]
async fn captures_are_found_by_query_and_filter() {
    let api = receiver();
    for n in 1..=9 {
        post(&api, &format!(r#"{{"type":"order.paid","amount":{n}}}"#)).await;
    }
    let found = |told: Told| (told.items(), told.json()["next"].clone());
    let some = |path: &'static str| get(&api, path);
    assert_eq!(found(some("/bins/a/captures?limit=2").await), (vec![9, 8], json!("8")));
    let told = some("/bins/a/captures?q=event:order.paid&limit=4").await;
    assert_eq!(found(told), (vec![9, 8, 7, 6], json!("6")));
    let told = some("/bins/a/captures?q=event:order.paid&limit=4&before=6").await;
    assert_eq!(found(told), (vec![5, 4, 3, 2], json!("2")));
    let told = some("/bins/a/captures?q=event:order.paid&limit=4&before=5").await;
    assert_eq!(found(told), (vec![4, 3, 2, 1], json!(null)));
    let told = some("/bins/a/captures?q=%22amount%5C%22:7%22").await;
    assert_eq!(found(told), (vec![7], json!(null)));
    let told = some("/bins/a/captures?q=after:2+before:5&order=asc").await;
    assert_eq!(found(told), (vec![3, 4], json!(null)));
    let told = some("/bins/a/captures?jq=.body.json.amount%3E7").await;
    assert_eq!(found(told), (vec![9, 8], json!(null)));
    let told = some("/bins/a/captures?jq=.body.json.amount%3E7&q=-after:8").await;
    assert_eq!(found(told), (vec![8], json!(null)));
    some("/bins/a/captures?q=methd:POST").await.is_problem(422, "invalid-parameter");
    some("/bins/a/captures?jq=.a%7C").await.is_problem(422, "invalid-parameter");
    some("/bins/a/captures?jq=def+f:f;f").await.is_problem(422, "invalid-parameter");
    some("/bins/a/captures?limit=0").await.is_problem(422, "invalid-parameter");
    some("/bins/a/captures?colour=1").await.is_problem(422, "invalid-parameter");
    some("/bins/b/captures").await.is_problem(404, "unknown-bin");
    some("/bins/b/captures?q=method:POST").await.is_problem(404, "unknown-bin");
}

#[tokio::test]
async fn captures_are_deleted_by_query_and_never_by_an_empty_one() {
    let api = receiver();
    for n in 1..=6 {
        post(&api, &format!(r#"{{"type":"t{}"}}"#, n % 2)).await;
    }
    delete(&api, "/bins/a/captures?q=").await.is_problem(422, "invalid-parameter");
    delete(&api, "/bins/a/captures?q=x:").await.is_problem(422, "invalid-parameter");
    let told = delete(&api, "/bins/a/captures?q=event:t1").await;
    assert_eq!(told.json(), json!({"deleted": 3}));
    assert_eq!(get(&api, "/bins/a/captures").await.items(), [6, 4, 2]);
    assert_eq!(delete(&api, "/bins/a/captures/4").await.status, 204);
    delete(&api, "/bins/a/captures/4").await.is_problem(404, "unknown-capture");
    delete(&api, "/bins/a/captures/latest").await.is_problem(400, "seq");
    assert_eq!(delete(&api, "/bins/a/captures").await.json(), json!({"deleted": 2}));
    delete(&api, "/bins/b/captures").await.is_problem(404, "unknown-bin");
    delete(&api, "/bins/b/captures?q=a").await.is_problem(404, "unknown-bin");
    assert_eq!(post(&api, "{}").await, 7);
}

#[tokio::test]
async fn a_page_ends_in_time_and_says_where_it_got_to() {
    let api = receiver();
    let long = format!(r#"{{"a":[{}0]}}"#, "1,".repeat(5_000));
    for _ in 0..40 {
        post(&api, &long).await;
    }
    let slow = ".body.json.a|map(.*2)|add<0";
    let path = format!("/bins/a/captures?jq={}", slow.replace('|', "%7C").replace('<', "%3C"));
    let (mut before, mut pages) = (String::new(), 0);
    loop {
        let told = get(&api, &format!("{path}{before}")).await;
        assert_eq!(told.items(), [0_u64; 0]);
        pages += 1;
        let Some(next) = told.json()["next"].as_str().map(str::to_owned) else { break };
        before = format!("&before={next}");
    }
    assert!((2..=40).contains(&pages), "{pages}");
}

#[tokio::test]
async fn strays_and_held_requests_are_listed() {
    let api = receiver();
    let told = get(&api, "/strays?limit=5&order=asc").await;
    assert_eq!(told.json(), json!({"items":[],"next":null,"dropped":0}));
    get(&api, "/strays?limit=x").await.is_problem(422, "invalid-parameter");
    get(&api, "/bins/a/held").await.is_problem(404, "unknown-bin");
    post(&api, "{}").await;
    assert_eq!(get(&api, "/bins/a/held").await.json(), json!({"items":[],"next":null}));
    let none = format!("/bins/a/held/{}", Uuid::nil());
    call(&api, "POST", &none, &json!({"status":418})).await.is_problem(404, "not-held");
    call(&api, "POST", &none, &json!({"times":1})).await.is_problem(422, "invalid-parameter");
    call(&api, "POST", &none, &json!({"status":1})).await.is_problem(422, "invalid-field");
    let summary = api.store.read("a", crate::store::At::Latest).unwrap().unwrap().summary();
    let (id, now) = (summary.id, Timestamp::default());
    let held = crate::Held { id, seq: 1, since: now, until: now, summary, sender_ended: false };
    let mut waiting = api.held().keep(held.clone(), Tapped::default());
    let told = get(&api, "/bins/a/held").await;
    assert_eq!(told.json()["items"][0]["id"], id.to_string());
    let path = format!("/bins/a/held/{id}");
    assert_eq!(call(&api, "POST", &path, &json!({"status":418})).await.status, 204);
    assert_eq!(waiting.answered().await.map(|rule| rule.status), Some(418));
    call(&api, "POST", &path, &json!({"status":418})).await.is_problem(404, "not-held");
    let mut waiting = api.held().keep(held, Tapped::default());
    assert_eq!(call(&api, "DELETE", "/bins/a", &Value::Null).await.status, 204);
    assert_eq!(waiting.answered().await, None);
}
