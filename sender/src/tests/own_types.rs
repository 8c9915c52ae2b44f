//! Event types of the user's own, through the API and over a restart.

use hooklab_shared::limits::Limits;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{Told, call, get, register, sender};
use crate::{Place, Sender, Settings};

fn kind(told: &Told) -> &str {
    told.body["type"].as_str().unwrap().rsplit(':').next().unwrap()
}

#[tokio::test]
async fn a_type_is_added_put_told_and_deleted() {
    let api = sender(Limits { event_types_max: 2, ..Limits::default() }).api();
    let new = json!({"slug": "order.paid", "name": " Order Paid ", "sample": {"id": 1}});
    let told = call(&api, "POST", "/event-types", &new).await;
    assert_eq!(
        (told.status, &told.headers["location"]),
        (201, &"/api/v1/event-types/order.paid".parse().unwrap())
    );
    assert_eq!((&told.body["name"], &told.body["dispatch"]), (&json!("Order Paid"), &json!("own")));
    let field = json!({"name": "id", "type": "integer", "example": 1, "from": "sample",
                       "nullable": false});
    assert_eq!(told.body["payload"], json!([field]));
    assert_eq!(get(&api, "/event-types/order.paid").await.body, told.body);
    let list = get(&api, "/event-types?after=subsite_woocommerce_order").await.body;
    assert_eq!(list["items"][0], told.body, "own types come last");

    let again = call(&api, "POST", "/event-types", &new).await;
    assert_eq!((again.status, kind(&again)), (409, "event-type-exists"));
    let put = call(&api, "PUT", "/event-types/order.paid", &json!({})).await;
    assert_eq!(
        (put.status, &put.body["name"], &put.body["sample"]),
        (200, &json!("order.paid"), &json!({}))
    );
    assert_eq!(call(&api, "PUT", "/event-types/b", &json!({})).await.status, 201);
    let full = call(&api, "POST", "/event-types", &json!({"slug": "c"})).await;
    assert_eq!((full.status, kind(&full)), (409, "too-many-event-types"));
    assert_eq!(call(&api, "PUT", "/event-types/b", &json!({})).await.status, 200);

    let (id, _) = register(&api, "http://127.0.0.1:1/", "standard-webhooks").await;
    let patch = json!({"event": "b"});
    assert_eq!(call(&api, "PATCH", &format!("/webhooks/{id}"), &patch).await.status, 200);
    let used = call(&api, "DELETE", "/event-types/b", &Value::Null).await;
    assert_eq!((used.status, kind(&used)), (409, "event-type-in-use"));
    assert!(used.body["detail"].as_str().unwrap().contains("webhook 1"), "{used:?}");
    for (method, path) in [("DELETE", "payment_received"), ("PUT", "payment_received")] {
        let told = call(&api, method, &format!("/event-types/{path}"), &json!({})).await;
        assert_eq!((told.status, kind(&told)), (409, "event-type-built-in"), "{method}");
    }
    assert_eq!(call(&api, "DELETE", "/event-types/nope", &Value::Null).await.status, 404);
    call(&api, "DELETE", &format!("/webhooks/{id}"), &Value::Null).await;
    assert_eq!(call(&api, "DELETE", "/event-types/b", &Value::Null).await.status, 204);
    assert_eq!(get(&api, "/event-types/b").await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_with_a_type_is_named() {
    let api = sender(Limits { event_type_bytes_max: 1_000, ..Limits::default() }).api();
    let long = "x".repeat(2_001);
    for (new, field) in [
        (json!({"slug": ""}), "slug"),
        (json!({"slug": "a b"}), "slug"),
        (json!({"slug": "../a"}), "slug"),
        (json!({"slug": "x".repeat(101)}), "slug"),
        (json!({"slug": "a", "name": long}), "name"),
        (json!({"slug": "a", "description": long}), "description"),
        (json!({"slug": "a", "sample": long}), "schema"),
        (json!({"slug": "a", "schema": {"type": "text"}}), "schema"),
        (json!({"slug": "a", "schema": {"$ref": "http://127.0.0.1:1/"}}), "schema"),
        (json!({"slug": "a", "schema": []}), "schema"),
        (json!({"slug": "a", "schema": {"type": "object"}, "sample": 1}), "sample"),
        (json!({"slug": "a", "schema": {"required": ["x"]}, "sample": {"y": 1}}), "sample"),
        (json!({"slug": "a", "schema": {"not": {}}}), "sample"),
        (json!({"slug": "a", "colour": 1}), "colour"),
    ] {
        let told = call(&api, "POST", "/event-types", &new).await;
        assert_eq!(told.status, 422, "{new}: {told:?}");
        assert_eq!(told.body["errors"][0]["field"], field, "{told:?}");
    }
    assert_eq!(get(&api, "/event-types/a").await.status, 404);
}

#[tokio::test]
async fn a_payload_fits_or_is_refused_with_its_place_and_grows_from_its_seed() {
    let api = sender(Limits::default()).api();
    let schema = json!({"type": "object", "required": ["lines"], "properties": {
        "lines": {"type": "array", "items": {"type": "object", "required": ["sku"]}}}});
    let new = json!({"slug": "order.paid", "schema": schema});
    assert_eq!(call(&api, "POST", "/event-types", &new).await.status, 201);
    let fire = async |body: Value| call(&api, "POST", "/events", &body).await;
    let bad = json!({"type": "order.paid", "payload": {"lines": [{"sku": 1}, {}]}});
    let told = fire(bad).await;
    assert_eq!((told.status, kind(&told)), (422, "payload-misfit"));
    assert_eq!(told.body["errors"][0]["field"], "payload/lines/1", "{told:?}");
    let good = json!({"type": "order.paid", "payload": {"lines": []}});
    assert_eq!(fire(good).await.body["payload"], json!({"lines": []}));
    let grown = async |seed: u64| fire(json!({"type": "order.paid", "seed": seed})).await.body;
    let (seven, again) = (grown(7).await, grown(7).await);
    assert_eq!((&seven["payload"], &seven["seed"]), (&again["payload"], &json!(7)));
    let shown = get(&api, "/event-types/order.paid?seed=7").await.body;
    assert_eq!(shown["sample"], seven["payload"]);
    call(&api, "POST", "/event-types", &json!({"slug": "plain", "sample": {"a": 1}})).await;
    let plain = fire(json!({"type": "plain"})).await.body;
    assert_eq!((&plain["payload"], &plain["seed"]), (&json!({"a": 1}), &Value::Null));
}

fn open(place: &std::path::Path) -> Sender {
    let place = Place::Disk(place.to_owned());
    Sender::open(Settings { place, ..Settings::default() }).unwrap()
}

#[tokio::test]
async fn types_are_kept_in_the_order_in_which_they_were_made() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("sender");
    let sender = open(&place);
    let new = json!({"slug": "kept", "schema": {"required": ["x"]}, "sample": {"x": 1}});
    call(&sender.api(), "POST", "/event-types", &new).await;
    call(&sender.api(), "POST", "/event-types", &json!({"slug": "a"})).await;
    let told = get(&sender.api(), "/event-types/kept").await.body;
    sender.close().await;
    let sender = open(&place);
    assert_eq!(get(&sender.api(), "/event-types/kept").await.body, told);
    let slugs = sender.catalogue().slugs();
    assert_eq!(slugs[slugs.len() - 2..], ["kept", "a"]);
    sender.close().await;
}

#[tokio::test]
async fn a_schema_that_is_no_longer_understood_keeps_nothing_from_opening() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("sender");
    let sender = open(&place);
    call(&sender.api(), "POST", "/event-types", &json!({"slug": "odd", "sample": {"x": 1}})).await;
    sender.close().await;
    let connection = Connection::open(place.join("sender.sqlite")).unwrap();
    connection.execute_batch(r#"UPDATE event_type SET schema = '{"type":"later"}'"#).unwrap();
    drop(connection);
    let sender = open(&place);
    let told = get(&sender.api(), "/event-types/odd").await.body;
    assert_eq!(told["sample"], json!({"x": 1}));
    sender.close().await;
}

/// The clock jumps to the next timeout as soon as nothing but a schema is at work.
#[tokio::test(start_paused = true)]
async fn schemas_that_do_not_end_are_refused_and_are_few() {
    let api = sender(Limits::default()).api();
    let part = |n: u32| json!({"$ref": format!("#/$defs/{n}")});
    let defs: serde_json::Map<String, Value> = (0..14)
        .map(|n| (n.to_string(), json!({"allOf": [part(n + 1), part(n + 1)]})))
        .chain([("14".to_owned(), json!({"type": "object"}))])
        .collect();
    let slow = json!({"slug": "slow", "schema": {"$ref": "#/$defs/0", "$defs": defs}});
    for _ in 0..2 {
        let told = call(&api, "POST", "/event-types", &slow).await;
        assert_eq!((told.status, &told.body["errors"][0]["field"]), (422, &json!("schema")));
    }
    let quick = json!({"slug": "quick", "schema": {"type": "object"}});
    let told = call(&api, "POST", "/event-types", &quick).await;
    assert_eq!((told.status, kind(&told)), (503, "schemas-busy"));
    // They end after all.
    tokio::time::resume();
    for _ in 0..100 {
        if call(&api, "POST", "/event-types", &quick).await.status == 201 {
            return;
        }
    }
    panic!("there is never room again");
}
