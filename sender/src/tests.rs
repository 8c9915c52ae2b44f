//! Tests of the whole sender, through its API and against real loopback sockets.

mod api;
mod by_hand;
mod connections;
mod failures;
mod fairness;
mod keeping;
mod lists;
mod moved;
mod own_types;
mod recovery;
mod retries;
mod sends;
pub(crate) mod target;
mod tls;
mod walkthrough;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use hooklab_shared::delivery::Delivery;
use hooklab_shared::limits::Limits;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{Place, Sender, Settings};

/// A sender in memory, with these limits.
fn sender(limits: Limits) -> Sender {
    let user_agent = "hooklab/0.1.0".to_owned();
    Sender::open(Settings { place: Place::Memory, limits, user_agent, ..Settings::default() })
        .unwrap()
}

/// What the API answered.
#[derive(Debug)]
struct Told {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

async fn raw(api: &Router, request: Request<Body>) -> Told {
    let response = api.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Told { status: head.status.as_u16(), headers: head.headers, body }
}

async fn call(api: &Router, method: &str, path: &str, body: &Value) -> Told {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    raw(api, request).await
}

async fn get(api: &Router, path: &str) -> Told {
    raw(api, Request::builder().uri(path).body(Body::empty()).unwrap()).await
}

/// Registers a webhook for `payment_received` and gives its number and secret.
async fn register(api: &Router, url: &str, profile: &str) -> (i64, Option<String>) {
    let new = json!({"name": "Orders", "url": url, "event": "payment_received",
                     "profile": profile});
    let told = call(api, "POST", "/webhooks", &new).await;
    assert_eq!(told.status, 201, "{told:?}");
    let secret = told.body["secret"].as_str().map(str::to_owned);
    (told.body["id"].as_i64().unwrap(), secret)
}

/// Sends a test event to this URL and gives the delivery.
async fn test_event(api: &Router, url: &str) -> Delivery {
    let (id, _) = register(api, url, "standard-webhooks").await;
    let told = call(api, "POST", &format!("/webhooks/{id}/test"), &Value::Null).await;
    assert_eq!(told.status, 200, "{told:?}");
    serde_json::from_value(told.body).unwrap()
}
