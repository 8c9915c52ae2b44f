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
