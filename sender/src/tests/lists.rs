//! Lists of webhooks in pages: in every order, every webhook is told once, whatever comes and goes.

use axum::Router;
use hooklab_shared::limits::Limits;
use serde_json::{Value, json};

use super::{call, get, sender};

const SORTS: [&str; 8] = ["id", "name", "url", "event", "last", "count", "integration", "active"];

/// Twenty webhooks, many of which are equal in what a list is sorted by.
async fn twenty() -> Router {
    let api = sender(Limits::default()).api();
    for n in 0..20 {
        let event = ["payment_received", "site_published"][n % 2];
        let integration = ["manual", "zapier"][n / 10];
        let new = json!({"name": format!("{} {}", ["beta", "Alpha", "gamma"][n % 3], n / 3),
                         "url": format!("http://127.0.0.1:1/{}", n % 4), "event": event,
                         "integration": integration, "active": n % 5 > 0});
        assert_eq!(call(&api, "POST", "/webhooks", &new).await.status, 201);
    }
    api
}

fn encoded(cursor: &str) -> String {
    cursor.replace('+', "%2B").replace('=', "%3D")
}

/// Every page of a list of this order, three at a time; `between` runs after the first.
async fn pages(api: &Router, sort: &str, between: impl AsyncFn()) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/webhooks?limit=3&sort={sort}&after={}", encoded(&after));
        let page = get(api, &path).await;
        assert_eq!(page.status, 200, "{page:?}");
        let items = page.body["items"].as_array().unwrap();
        assert!(items.len() <= 3 && !items.is_empty(), "{sort}: {page:?}");
        all.extend(items.iter().cloned());
        if all.len() == 3 {
            between().await;
        }
        match page.body["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return all,
        }
    }
}

#[tokio::test]
async fn pages_of_every_order_tell_every_webhook_once() {
    let api = twenty().await;
    for sort in SORTS {
        let up = pages(&api, sort, async || {}).await;
        let mut ids: Vec<i64> = up.iter().map(|item| item["id"].as_i64().unwrap()).collect();
        let mut down: Vec<i64> = pages(&api, &format!("{sort}:desc"), async || {})
            .await
            .iter()
            .map(|item| item["id"].as_i64().unwrap())
            .collect();
        down.reverse();
        assert_eq!(ids, down, "{sort}");
        ids.sort_unstable();
        assert_eq!(ids, (1..=20).collect::<Vec<_>>(), "{sort}");
        if sort != "last" {
            let key = |item: &Value| match &item[sort] {
                Value::String(text) => (0, text.to_lowercase()),
                other => {
                    (other.as_i64().or(other.as_bool().map(i64::from)).unwrap(), String::new())
                }
            };
            assert!(up.is_sorted_by_key(key), "{sort}: {up:?}");
        }
    }
}

#[tokio::test]
async fn what_comes_and_goes_between_two_pages_moves_no_other_one() {
    let api = twenty().await;
    let first = get(&api, "/webhooks?limit=3&sort=name").await.body;
    let shown = first["items"][2]["id"].clone();
    let between = async || {
        // The one at whose place the next page goes on, and one before it.
        let gone = json!({"action": "delete", "ids": [shown, first["items"][0]["id"]]});
        assert_eq!(call(&api, "POST", "/webhooks/bulk", &gone).await.body["done"], 2);
        let new = json!({"name": "AAA", "url": "http://h/", "event": "payment_received"});
        assert_eq!(call(&api, "POST", "/webhooks", &new).await.status, 201);
    };
    let all = pages(&api, "name", between).await;
    let mut ids: Vec<i64> = all.iter().map(|item| item["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn filters_hold_together_and_text_is_text() {
    let api = twenty().await;
    let ids = async |query: &str| {
        let page = get(&api, &format!("/webhooks?{query}")).await;
        assert_eq!(page.status, 200, "{query}: {page:?}");
        page.body["items"].as_array().unwrap().len()
    };
    assert_eq!(ids("search=ALPHA").await, 7);
    assert_eq!(ids("search=zapier&event=site_published").await, 5);
    assert_eq!(ids("active=false&integration=manual").await, 2);
    assert_eq!(ids("search=").await, 20);
    for odd in ["%25", "_", "'%20OR%201", "%5C", "%00", "a\u{301}"] {
        assert_eq!(ids(&format!("search={odd}")).await, if odd == "_" { 20 } else { 0 }, "{odd}");
    }
    for query in ["sort=nope", "sort=name:up", "active=maybe", "event=nope", "sort=name&after=7"] {
        assert_eq!(get(&api, &format!("/webhooks?{query}")).await.status, 422, "{query}");
    }
}

#[tokio::test]
async fn a_bulk_says_which_and_tells_what_became_of_each() {
    let api = twenty().await;
    let bulk = async |body: Value| call(&api, "POST", "/webhooks/bulk", &body).await;
    let least = json!({"action": "delete", "ids": [i64::MIN, i64::MAX, 0, -1]});
    assert_eq!(bulk(least).await.body["failed"], 4, "and nothing overflows");
    let told = bulk(json!({"action": "deactivate", "ids": [2, 99, 2, 3]})).await.body;
    assert_eq!((&told["done"], &told["failed"]), (&json!(2), &json!(1)));
    let items = json!([{"id": 2, "ok": true},
                       {"id": 99, "ok": false, "detail": "there is no webhook 99"},
                       {"id": 3, "ok": true}]);
    assert_eq!(told["items"], items);
    assert_eq!(get(&api, "/webhooks/2").await.body["active"], false);
    assert_eq!(bulk(json!({"action": "activate", "all": true})).await.body["done"], 20);
    assert_eq!(bulk(json!({"action": "delete", "search": "zapier"})).await.body["done"], 10);
    assert_eq!(get(&api, "/webhooks").await.body["items"].as_array().unwrap().len(), 10);
    for (body, field) in [
        (json!({"action": "delete"}), "ids"),
        (json!({"action": "delete", "all": true, "ids": []}), "ids"),
        (json!({"action": "delete", "search": ""}), "search"),
        (json!({"action": "burn", "all": true}), "action"),
        (json!({"action": "delete", "everything": true}), "everything"),
    ] {
        let told = bulk(body).await;
        assert_eq!(told.status, 422, "{told:?}");
        assert_eq!(told.body["errors"][0]["field"], field, "{told:?}");
    }
    assert_eq!(get(&api, "/webhooks").await.body["items"].as_array().unwrap().len(), 10);
}
