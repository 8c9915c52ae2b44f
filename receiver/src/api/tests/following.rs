//! Live channels as server-sent events; WebSockets are tested over real sockets.

use std::time::Duration;

use axum::response::Response;
use hooklab_shared::bin::NewBin;
use tokio::time::timeout;

use super::*;

async fn follow(receiver: &Receiver, path: &str, last: Option<&str>) -> Response {
    let mut request = Request::get(path).header("accept", "text/html, text/event-stream;q=0.9");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    receiver.api().oneshot(request.body(Answered::empty()).unwrap()).await.unwrap()
}

/// What came until `ids` events with an id have, or the end.
async fn events(response: &mut Response, ids: usize) -> String {
    let mut text = String::new();
    while text.matches("id: ").count() < ids {
        let frame = timeout(Duration::from_secs(5), response.body_mut().frame()).await.unwrap();
        let Some(frame) = frame else { break };
        text += std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap();
    }
    text
}

fn ids(events: &str) -> Vec<&str> {
    events.lines().filter_map(|line| line.strip_prefix("id: ")).collect()
}

#[tokio::test]
async fn events_begin_after_the_last_one_that_was_seen() {
    let api = receiver();
    for n in 1..=4 {
        post(&api, &format!(r#"{{"n":{n}}}"#)).await;
    }
    let mut response = follow(&api, "/bins/a/live?after=1", None).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let told = events(&mut response, 3).await;
    assert!(told.starts_with("data: {\"type\":\"hello\",\"bin\":\"a\""), "{told}");
    assert_eq!(ids(&told), ["2", "3", "4"]);
    let mut response = follow(&api, "/bins/a/live?after=1", Some("3")).await;
    post(&api, "{}").await;
    assert_eq!(ids(&events(&mut response, 2).await), ["4", "5"]);
    assert!(api.store.delete_bin("a").await.unwrap());
    let told = events(&mut response, 1).await;
    assert!(told.ends_with("data: {\"type\":\"deleted\"}\n\n"), "{told}");
}

#[tokio::test]
async fn filtered_channels_tell_what_passes() {
    let api = receiver();
    api.create_bin(NewBin::named("a".parse().unwrap())).await.unwrap();
    let mut one = follow(&api, "/bins/a/live?q=event:t2", None).await;
    let mut all = follow(&api, "/captures/live?q=event:t3", None).await;
    for n in 1..=3 {
        post(&api, &format!(r#"{{"type":"t{n}"}}"#)).await;
    }
    assert_eq!(ids(&events(&mut one, 1).await), ["2"]);
    let mut told = String::new();
    while !told.contains("t3") {
        let frame = timeout(Duration::from_secs(5), all.body_mut().frame()).await.unwrap();
        let data = frame.unwrap().unwrap().into_data().unwrap();
        told += std::str::from_utf8(&data).unwrap();
    }
    assert!(!told.contains("t1") && !told.contains("t2"), "{told}");
    assert!(told.contains(r#""bin":"a""#), "{told}");
    assert!(!told.contains("id: "), "a seq alone is no place among all bins: {told}");
}

#[tokio::test]
async fn what_is_no_live_channel_is_told_so() {
    let api = receiver();
    post(&api, "{}").await;
    get(&api, "/bins/a/live").await.is_problem(426, "websocket");
    get(&api, "/captures/live").await.is_problem(426, "websocket");
    get(&api, "/bins/a/live?q=x:").await.is_problem(422, "invalid-parameter");
    get(&api, "/captures/live?q=x:").await.is_problem(422, "invalid-parameter");
    get(&api, "/captures/live?after=1").await.is_problem(422, "invalid-parameter");
    assert_eq!(follow(&api, "/bins/b/live", None).await.status(), 404);
    assert_eq!(follow(&api, "/bins/a/live", Some("x")).await.status(), 422);
    let upgrade = Request::get("/bins/a/live")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .body(Answered::empty())
        .unwrap();
    raw(&api, upgrade).await.is_problem(403, "origin");
}

#[tokio::test]
async fn an_event_stream_ends_with_the_server() {
    let api = receiver();
    api.create_bin(NewBin::named("a".parse().unwrap())).await.unwrap();
    let mut response = follow(&api, "/bins/a/live", None).await;
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn({
        let api = api.clone();
        async move { api.serve(Vec::new(), stopping).await }
    });
    stop.send_replace(true);
    serving.await.unwrap();
    let told = events(&mut response, 1).await;
    assert!(!told.contains("id: "), "{told}");
}
