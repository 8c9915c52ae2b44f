//! HAR has what its specification requires, and says what was captured.

use hooklab_receiver::export::{Format, write};
use hooklab_shared::capture::{Capture, Replied};
use hooklab_shared::reply::Fault;
use serde_json::{Value, json};

use super::curl::capture;
use super::hostile;

#[test]
fn hostile_captures_make_a_har_with_every_required_field() {
    let captures: Vec<_> = hostile::captures(1, 2_000).collect();
    let har = har(&captures);
    let log = &har["log"];
    assert_eq!(log["version"], "1.2");
    assert!(log["creator"]["name"].is_string() && log["creator"]["version"].is_string());
    let entries = log["entries"].as_array().unwrap();
    assert_eq!(entries.len(), captures.len());
    for (entry, capture) in entries.iter().zip(&captures) {
        has_required(entry);
        is(entry, capture);
    }
}

#[test]
fn no_captures_are_an_archive_too() {
    assert_eq!(har(&[])["log"]["entries"], json!([]));
}

#[test]
fn an_entry_in_full() {
    let head = b"POST /orders?a=1&a=%FF+b HTTP/1.1\r\nCookie: s=1; t=\r\nX: a\r\nx: \xffb\r\n\r\n";
    let mut capture = capture(head, b"a\xff");
    (capture.timing.head_us, capture.timing.body_us) = (180, 40);
    capture.reply = Replied { status: 201, fault: Some(Fault::Truncate), ..Replied::default() };
    let got = har(&[capture]);
    let bytes = "ISO 8859-1 where it is not UTF-8";
    let want = json!({
        "startedDateTime": "2026-11-24T10:31:02.123456+00:00",
        "time": 0.22,
        "request": {
            "method": "POST", "url": "http://h:1/orders?a=1&a=%FF+b", "httpVersion": "HTTP/1.1",
            "cookies": [{"name": "s", "value": "1"}, {"name": "t", "value": ""}],
            "headers": [
                {"name": "Cookie", "value": "s=1; t="},
                {"name": "X", "value": "a"},
                {"name": "x", "value": "ÿb", "comment": bytes},
            ],
            "queryString": [
                {"name": "a", "value": "1"},
                {"name": "a", "value": "ÿ b", "comment": bytes},
            ],
            "postData": {
                "mimeType": "application/octet-stream", "params": [], "text": "Yf8=",
                "_encoding": "base64", "comment": "the bytes in base64: they are not UTF-8",
            },
            "headersSize": head.len(), "bodySize": 2,
        },
        "response": {
            "status": 201, "statusText": "Created", "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": [], "redirectURL": "", "headersSize": -1, "bodySize": -1,
            "content": {
                "size": 0, "mimeType": "x-unknown",
                "comment": "a capture keeps the status of its answer, not the rest",
            },
            "comment": "a fault was played: truncate",
        },
        "cache": {},
        "timings": {"send": 0.22, "wait": 0.0, "receive": 0.0},
        "comment": "orders/42 complete",
    });
    assert_eq!(got["log"]["entries"][0], want);
}

fn har(captures: &[Capture]) -> Value {
    let mut out = Vec::new();
    write(Format::Har, "http://h:1", captures.iter().cloned(), &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

/// Every field that the specification does not call optional, with its type.
fn has_required(entry: &Value) {
    let strings = [
        "/startedDateTime",
        "/request/method",
        "/request/url",
        "/request/httpVersion",
        "/response/statusText",
        "/response/httpVersion",
        "/response/redirectURL",
        "/response/content/mimeType",
    ];
    let numbers = [
        "/time",
        "/request/headersSize",
        "/request/bodySize",
        "/response/status",
        "/response/headersSize",
        "/response/bodySize",
        "/response/content/size",
        "/timings/send",
        "/timings/wait",
        "/timings/receive",
    ];
    let lists = [
        "/request/cookies",
        "/request/headers",
        "/request/queryString",
        "/response/cookies",
        "/response/headers",
    ];
    let has = |paths: &[&str], is: fn(&Value) -> bool| {
        for path in paths {
            assert!(entry.pointer(path).is_some_and(is), "{path} of {entry}");
        }
    };
    has(&strings, Value::is_string);
    has(&numbers, Value::is_number);
    has(&lists, Value::is_array);
    has(&["/cache"], Value::is_object);
    for list in &lists[..3] {
        for pair in entry.pointer(list).and_then(Value::as_array).unwrap() {
            assert!(pair["name"].is_string() && pair["value"].is_string());
        }
    }
    if let Some(post) = entry.pointer("/request/postData") {
        assert!(post["mimeType"].is_string() && post["text"].is_string());
        assert_eq!(post["params"], json!([]));
    }
}

fn is(entry: &Value, capture: &Capture) {
    let request = &entry["request"];
    let told = capture.document();
    assert_eq!(request["headers"].as_array().unwrap().len(), told.headers.len());
    assert_eq!(request["queryString"].as_array().unwrap().len(), told.query.len());
    assert_eq!(request["headersSize"], capture.head.len());
    assert_eq!(request["bodySize"], capture.content_bytes);
    let text = told.body.text.or(told.body.base64).filter(|text| !text.is_empty());
    assert_eq!(request["postData"]["text"].as_str(), text.as_deref());
    assert_eq!(entry["time"], entry["timings"]["send"]);
    let url = request["url"].as_str().unwrap();
    assert!(url.starts_with("http") && url.bytes().all(|b| b.is_ascii_graphic()), "{url}");
}
