//! Exports, and imports of what they gave.

use futures_util::StreamExt;

use super::*;
use crate::store::At;

async fn import(receiver: &Receiver, bin: &str, body: impl Into<Answered>) -> Told {
    let request = Request::post(format!("/bins/{bin}/import"));
    let request = request.header("content-type", "application/x-ndjson");
    raw(receiver, request.body(body.into()).unwrap()).await
}

fn kept(receiver: &Receiver, bin: &str, seq: Seq) -> Capture {
    let capture = receiver.store.read(bin, At::Seq(seq)).unwrap().unwrap();
    Capture { bin: "x".parse().unwrap(), seq: 0, ..capture }
}

#[tokio::test]
async fn what_was_exported_comes_back_whole() {
    let api = receiver();
    for n in 0..150 {
        post(&api, &format!(r#"{{"n":{n},"text":"{}"}}"#, "é\\u0000".repeat(100))).await;
    }
    let mut binary = capture("a", "PUT /a HTTP/1.1\r\nHost: x\r\nX-A:  \r\n\r\n", "");
    binary.body.wire = Bytes::from_static(b"\xff\x00\r\n");
    binary.content_bytes = 4;
    api.store.append(binary, false).await.unwrap();
    for format in ["ndjson", "bundle"] {
        let told = get(&api, &format!("/bins/a/export?format={format}")).await;
        assert_eq!(told.headers["content-type"], "application/x-ndjson");
        let into = format!("from-{format}");
        let told = import(&api, &into, told.body).await;
        assert_eq!((told.status, told.json()), (200, json!({"imported": 151})));
        for seq in 1..=151 {
            assert_eq!(kept(&api, &into, seq), kept(&api, "a", seq), "{format} {seq}");
        }
    }
}

#[tokio::test]
async fn every_form_is_an_attachment_of_what_was_asked_for() {
    let api = receiver();
    for n in 1..=5 {
        post(&api, &format!(r#"{{"n":{n}}}"#)).await;
    }
    let q = "q=after:2";
    let har = get(&api, &format!("/bins/a/export?format=har&{q}")).await;
    assert_eq!(har.json()["log"]["entries"].as_array().unwrap().len(), 3);
    assert_eq!(har.headers["content-disposition"], "attachment; filename=\"a.har\"");
    let curl = get(&api, &format!("/bins/a/export?format=curl&{q}")).await;
    assert_eq!(curl.text().matches("curl --globoff").count(), 3);
    let bundle = get(&api, &format!("/bins/a/export?format=bundle&{q}")).await;
    assert!(bundle.text().starts_with(r#"{"hooklab":"bundle""#));
    assert_eq!(import(&api, "b", bundle.body).await.json(), json!({"imported": 3}));
    assert_eq!(get(&api, "/bins/a/export").await.text().lines().count(), 5);
    get(&api, "/bins/a/export?format=csv").await.is_problem(422, "invalid-parameter");
    get(&api, "/bins/a/export?q=x:").await.is_problem(422, "invalid-parameter");
    get(&api, "/bins/c/export").await.is_problem(404, "unknown-bin");
}

#[tokio::test]
async fn a_bundle_brings_its_bin_but_no_secret() {
    let api = receiver();
    let new = json!({"name":"a","reply":"gone","labels":{"k":"v"},
                     "verify":{"scheme":"stripe","secrets":["s3cret"]}});
    call(&api, "POST", "/bins", &new).await;
    post(&api, "{}").await;
    let told = get(&api, "/bins/a/export?format=bundle").await;
    assert!(!told.text().contains("s3cret"));
    import(&api, "b", told.body).await;
    let told = get(&api, "/bins/b").await.json();
    assert_eq!(told["labels"]["k"], "v");
    assert_eq!(told["reply"]["rules"][0]["status"], 410);
}

#[tokio::test]
async fn nothing_is_imported_of_what_is_not_whole() {
    let api = receiver();
    for n in 1..=3 {
        post(&api, &format!(r#"{{"n":{n}}}"#)).await;
    }
    let lines = get(&api, "/bins/a/export").await.body;
    let bundle = get(&api, "/bins/a/export?format=bundle").await.body;
    let damaged = String::from_utf8(lines.to_vec()).unwrap().replacen("POST", "PUT", 3);
    for bad in [&lines[..lines.len() - 9], &bundle[..bundle.len() - 9], b"{}", damaged.as_bytes()] {
        let told = import(&api, "b", Bytes::copy_from_slice(bad)).await;
        told.is_problem(422, "import");
        assert!(told.json()["detail"].as_str().unwrap().starts_with("nothing was imported"));
    }
    get(&api, "/bins/b").await.is_problem(404, "unknown-bin");
    import(&api, "Not-A-Name", lines.clone()).await.is_problem(422, "invalid-parameter");
    assert_eq!(import(&api, "c", Answered::empty()).await.json(), json!({"imported": 0}));
    let form = Request::post("/bins/b/import").header("content-type", "text/plain");
    raw(&api, form.body(Answered::from(lines)).unwrap()).await.is_problem(415, "content-type");
}

#[tokio::test]
async fn an_import_over_the_limit_is_refused() {
    let limits = Limits { import_bytes_max: 100, ..Limits::default() };
    let api = receiver_within(limits);
    import(&api, "a", vec![b' '; 101]).await.is_problem(413, "body-too-large");
}

/// Exports a bin of three chunks while it changes after the first piece has been taken.
async fn broken_off(form: &str, change: impl AsyncFnOnce(&Receiver)) -> bool {
    let api = receiver();
    for _ in 0..150 {
        let capture = capture("a", "POST /a HTTP/1.1\r\nHost: x\r\n\r\n", &"x".repeat(16 << 10));
        api.store.append(capture, true).await.unwrap();
    }
    let request = Request::get(format!("/bins/a/export?format={form}"));
    let answer = api.api().oneshot(request.body(Answered::empty()).unwrap()).await.unwrap();
    let mut pieces = answer.into_body().into_data_stream();
    assert!(pieces.next().await.unwrap().is_ok());
    change(&api).await;
    let mut failed = false;
    while let Some(piece) = pieces.next().await {
        failed |= piece.is_err();
    }
    failed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_loses_captures_midway_breaks_off() {
    for form in ["ndjson", "har", "curl", "bundle"] {
        assert!(!broken_off(form, async |_| ()).await, "{form}");
        let cleared = async |api: &Receiver| {
            api.store.clear("a").await.unwrap();
        };
        assert!(broken_off(form, cleared).await, "{form}");
    }
    let newer = async |api: &Receiver| {
        let deleted = api.store.delete("a", 1).await.unwrap();
        assert!(deleted);
        api.store.append(capture("a", "GET /a HTTP/1.1\r\n\r\n", ""), true).await.unwrap();
    };
    assert!(!broken_off("ndjson", newer).await, "what was read may go, what is new may come");
    let anew = async |api: &Receiver| {
        api.store.delete_bin("a").await.unwrap();
        for _ in 0..200 {
            let other = capture("a", "GET /a HTTP/1.1\r\n\r\n", "");
            api.store.append(other, true).await.unwrap();
        }
    };
    assert!(
        broken_off("ndjson&q=size%3E%3D0", anew).await,
        "another bin of that name is none of it"
    );
}
