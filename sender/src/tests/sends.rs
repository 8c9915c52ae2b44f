//! Sends over the API: answered when they have ended, bounded, and refused with the field at fault.

use hooklab_shared::limits::Limits;
use hooklab_shared::send::SendReport;
use serde_json::json;

use super::target::{OK, Target};
use super::{call, get, sender};

#[tokio::test]
async fn a_send_is_answered_with_what_became_of_it() {
    let target = Target::new(OK).await;
    let api = sender(Limits::default()).api();
    let new = json!({"to": [target.url()], "type": "payment_received", "repeat": 3,
                     "set": {"customer_name": "Ada"}, "seed": 7, "faults": ["duplicate"]});
    let told = call(&api, "POST", "/sends", &new).await;
    assert_eq!(told.status, 200, "{told:?}");
    let report: SendReport = serde_json::from_value(told.body).unwrap();
    assert_eq!((report.seed, report.deliveries.len(), report.unsent), (7, 6, 0));
    assert_eq!(report.deliveries[0].id, report.deliveries[1].id);
    assert_eq!(report.deliveries[5].consumer_ok, Some(true));
    assert!(target.requests().iter().all(|request| request.contains("\"Ada\"")));
    assert_eq!(get(&api, "/webhooks").await.body["items"], json!([]));
    assert_eq!(get(&api, "/deliveries").await.body["items"], json!([]));
}

#[tokio::test]
async fn own_types_are_sent_like_any_other() {
    let target = Target::new(OK).await;
    let api = sender(Limits::default()).api();
    let schema = json!({"type": "object", "required": ["id"], "properties": {
        "id": {"type": "integer", "minimum": 7, "maximum": 9}}});
    let own = json!({"slug": "order.paid", "schema": schema});
    assert_eq!(call(&api, "POST", "/event-types", &own).await.status, 201);
    let new = json!({"to": [target.url()], "type": "order.paid", "set": {"name": "Ada"}});
    let told = call(&api, "POST", "/sends", &new).await;
    assert_eq!((told.status, &told.body["deliveries"][0]["type"]), (200, &json!("order.paid")));
    let body = told.body["deliveries"][0]["attempts"][0]["request"]["body"]["text"].as_str();
    let body: serde_json::Value = serde_json::from_str(body.unwrap()).unwrap();
    assert!((7..=9).contains(&body["data"]["id"].as_i64().unwrap()), "{body}");
    assert_eq!((&body["type"], &body["data"]["name"]), (&json!("order.paid"), &json!("Ada")));

    let bent = json!({"to": [target.url()], "type": "order.paid", "invalid": true});
    let told = call(&api, "POST", "/sends", &bent).await;
    assert!(told.body["deliveries"][0]["invalid"].as_str().unwrap().contains("id"), "{told:?}");

    let close = json!({"to": [target.url()], "type": "order.piad"});
    let told = call(&api, "POST", "/sends", &close).await;
    assert_eq!(told.status, 422);
    assert!(told.body["errors"][0]["detail"].as_str().unwrap().contains("order.paid"), "{told:?}");
}

#[tokio::test]
async fn what_does_not_hold_is_refused_by_its_field() {
    let api = sender(Limits::default()).api();
    let bad = json!({"to": [], "type": "payment_received", "faults": ["x"], "repeat": 1000});
    let told = call(&api, "POST", "/sends", &bad).await;
    assert_eq!((told.status, &told.body["errors"][0]["field"]), (422, &json!("to")));
    assert_eq!(told.body["errors"][1]["field"], "faults[0]");
    let many = json!({"to": ["http://127.0.0.1:1/"], "type": "payment_received", "repeat": 101});
    let told = call(&api, "POST", "/sends", &many).await;
    assert_eq!((told.status, &told.body["errors"][0]["field"]), (422, &json!("repeat")));
    assert_eq!(call(&api, "POST", "/sends", &json!({"tp": []})).await.status, 422);
    assert_eq!(get(&api, "/sends").await.status, 405);
    assert_eq!(get(&api, "/sends/1").await.status, 404);
}

#[tokio::test]
async fn sends_at_once_are_bounded() {
    let sender = sender(Limits::default());
    let permits = sender.sends().try_acquire_many(4).unwrap();
    let new = json!({"to": ["http://127.0.0.1:1/"], "type": "payment_received"});
    let told = call(&sender.api(), "POST", "/sends", &new).await;
    assert_eq!(told.status, 503, "{told:?}");
    assert!(told.headers.contains_key("retry-after"));
    drop(permits);
    assert_eq!(call(&sender.api(), "POST", "/sends", &new).await.status, 200);
}
