mod codings;
mod parts;

use bytes::Bytes;
use codings::{HELLO, gzip};

use super::*;
use crate::body::{Body, Framing};
use crate::capture::{Outcome, Protocol, Replied, Timing};
use crate::headers::Head;
use crate::id::Timestamp;

/// A capture of a POST with these header lines and this content.
pub(crate) fn capture(lines: &[&str], content: &[u8]) -> Capture {
    let fields: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    Capture {
        bin: "orders".parse().unwrap(),
        seq: 1,
        id: uuid::Uuid::nil(),
        received_at: Timestamp::from_micros(0),
        peer: "127.0.0.1:1".parse().unwrap(),
        client: None,
        protocol: Protocol::Http11,
        outcome: Outcome::Complete,
        timing: Timing::default(),
        reply: Replied { status: 200, ..Replied::default() },
        head: Head::from(Bytes::from(format!("POST /orders HTTP/1.1\r\n{fields}\r\n"))),
        body: Body { wire: Bytes::copy_from_slice(content), framing: Framing::Length },
        content_bytes: content.len() as u64,
    }
}

fn look(lines: &[&str], content: &[u8]) -> View {
    of(&capture(lines, content), &ViewLimits::default())
}

fn text_of(view: &View) -> &str {
    match &view.content {
        Content::Json { text, .. } | Content::Text { text, .. } => text,
        other => panic!("no text: {other:?}"),
    }
}

fn error_of(view: &View) -> &str {
    match &view.content {
        Content::Json { error, .. }
        | Content::Text { error, .. }
        | Content::Multipart { error, .. } => error.as_deref().unwrap_or_default(),
        other => panic!("no error: {other:?}"),
    }
}

#[test]
fn json_stays_as_it_was_written() {
    let sent = r#"{"z":12345678901234567890.10,"a":[1e400,-0,{}, []],"z":"\u00e9\/","é":1.50}"#;
    let view = look(&["Content-Type: application/json; charset=utf-8"], sent.as_bytes());
    let want = "{\n  \"z\": 12345678901234567890.10,\n  \"a\": [\n    1e400,\n    -0,\n    \
                {},\n    []\n  ],\n  \"z\": \"\\u00e9\\/\",\n  \"é\": 1.50\n}";
    assert_eq!(text_of(&view), want);
    let Content::Json { error, repeated_keys, inexact_numbers, .. } = &view.content else {
        panic!()
    };
    assert_eq!(*error, None);
    assert_eq!(*repeated_keys, ["/z"]);
    assert_eq!(*inexact_numbers, ["/z", "/a/0"]);
    assert!(!view.sniffed);
}

#[test]
fn json_that_is_none_says_where() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let many = format!("[{}0]", "0,".repeat(600_000));
    for (sent, error) in [
        (&br#"{"a"}"#[..], "expected `:` after a key at line 1 column 5"),
        (b"{\n \"a\": 01}", "expected `,` or `}` at line 2 column 8"),
        ("[\"é\", x]".as_bytes(), "expected a value at line 1 column 7"),
        (b"[1,]", "expected a value at line 1 column 4"),
        (b"{\"a\":1,}", "expected a key in quotes at line 1 column 8"),
        (b"[1] 2", "expected the end at line 1 column 5"),
        (b"{", "expected a key in quotes at line 1 column 2"),
        (b"[\"\\x\"]", "escape"),
        (b"[\"\\u12g4\"]", "four hexadecimal digits"),
        (b"[\"\t\"]", "control character"),
        (b"\"abc", "closing quote"),
        (b"[+1]", "expected a value"),
        (b"[1.]", "expected a digit"),
        (b"[1e]", "expected a digit"),
        (b"[NaN]", "expected a value"),
        (b"[nul]", "expected a value"),
        (b" ", "expected a value at line 1 column 2"),
        (b"[\"\xff\"]", "byte 2 is not UTF-8"),
        (deep.as_bytes(), "nested deeper than 128 at line 1 column 129"),
        (many.as_bytes(), "more than 500000 values"),
    ] {
        let view = look(&["Content-Type: application/vnd.x+json"], sent);
        let sent = String::from_utf8_lossy(&sent[..sent.len().min(80)]);
        assert!(error_of(&view).contains(error), "{sent}: {}", error_of(&view));
        assert!(text_of(&view).starts_with(&*sent), "{sent}");
    }
    let lone = look(&["Content-Type: application/json"], br#"["\ud800"]"#);
    assert_eq!((error_of(&lone), text_of(&lone)), ("", "[\n  \"\\ud800\"\n]"));
}

#[test]
fn json_that_would_swell_is_shown_as_sent() {
    let nested = |n: usize| format!("{}{}0{}", "[".repeat(127), "0,".repeat(n), "]".repeat(127));
    let view = look(&["Content-Type: application/json"], nested(100_000).as_bytes());
    assert!(error_of(&view).contains("lay out"), "{}", error_of(&view));
    assert_eq!(text_of(&view), nested(100_000));

    let part = format!("--b\r\nContent-Type: application/json\r\n\r\n{}\r\n", nested(4_000));
    let parts = format!("{}--b--", part.repeat(40));
    let view = look(&["Content-Type: multipart/mixed; boundary=b"], parts.as_bytes());
    let told = serde_json::to_vec(&view).unwrap().len();
    assert!(told < 20 << 20, "{told} bytes of view");
}

#[test]
fn forms_keep_order_repeats_and_bytes() {
    let form = ["Content-Type: application/x-www-form-urlencoded"];
    let view = look(&form, b"b=1&a=x+%20y&b=%ff&&c&=v");
    let Content::Form { fields, total } = &view.content else { panic!("{view:?}") };
    let told = serde_json::to_value(fields).unwrap();
    let binary = serde_json::json!({"base64": "/w=="});
    assert_eq!(
        told,
        serde_json::json!([["b", "1"], ["a", "x  y"], ["b", binary], ["c", ""], ["", "v"]])
    );
    assert_eq!(*total, 5);

    let many = look(&form, &b"a=1&".repeat(20_000));
    assert!(
        matches!(&many.content, Content::Form { fields, total: 20_000 } if fields.len() == 10_000)
    );
    let curl = look(&form, br#"{"a":1}"#);
    assert!(curl.sniffed && matches!(curl.content, Content::Json { .. }), "{curl:?}");
}

#[test]
fn kinds_are_read_off_content_where_the_type_says_nothing() {
    let kind = |lines: &[&str], content: &[u8]| {
        let told = serde_json::to_value(look(lines, content)).unwrap();
        let content = told.get("content").unwrap();
        let detail = content.get("markup").or(content.get("looks_like")).and_then(|v| v.as_str());
        let kind = content.get("kind").and_then(|v| v.as_str()).unwrap().to_owned();
        (kind, detail.unwrap_or_default().to_owned(), told["sniffed"] == true)
    };
    let is = |kind: &str, detail: &str, sniffed| (kind.to_owned(), detail.to_owned(), sniffed);
    assert_eq!(kind(&[], b""), is("empty", "", false));
    assert_eq!(kind(&["Content-Type: application/json"], b""), is("empty", "", false));
    assert_eq!(kind(&[], b" [1]"), is("json", "", true));
    assert_eq!(kind(&["Content-Type: text/plain"], b"[1]"), is("text", "plain", false));
    assert_eq!(kind(&[], b"hello"), is("text", "plain", true));
    assert_eq!(kind(&[], b"[hello"), is("text", "plain", true));
    assert_eq!(kind(&[], b"<?xml version='1.0'?><a/>"), is("text", "xml", true));
    assert_eq!(kind(&["Content-Type: image/svg+xml"], b"<svg/>"), is("text", "xml", false));
    assert_eq!(kind(&[], b"\n<!DOCTYPE HTML><p>"), is("text", "html", true));
    assert_eq!(kind(&[], b"\x89PNG\r\n\x1a\n\0"), is("binary", "image/png", true));
    assert_eq!(kind(&["Content-Type: image/png"], b"\0\x01"), is("binary", "", true));
    assert_eq!(kind(&[], b"%PDF-1.7 all text"), is("binary", "application/pdf", true));
    let view = look(&[], &[0xff; 1_000]);
    let Content::Binary { hex, .. } = &view.content else { panic!("{view:?}") };
    assert_eq!((hex.len(), view.size), (512, 1_000));
}

#[test]
fn text_is_read_in_its_charset() {
    let plain = "Content-Type: text/plain";
    let utf_16: Vec<u8> = "\u{feff}hé".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (head, bytes, text, charset, error) in [
        (plain, "é".as_bytes(), "é", "UTF-8", ""),
        (plain, b"\xe9", "é", "windows-1252", ""),
        ("Content-Type: text/plain; Charset=\"iso-8859-1\"", b"\xe9", "é", "windows-1252", ""),
        ("Content-Type: text/plain; charset=shift_jis", b"\x82\xa0", "あ", "Shift_JIS", ""),
        (
            "Content-Type: text/plain; charset=utf-8",
            b"a\xff",
            "a\u{fffd}",
            "UTF-8",
            "read as UTF-8",
        ),
        ("Content-Type: text/plain; charset=klingon", b"a", "a", "UTF-8", "`klingon`"),
        (plain, &utf_16, "hé", "UTF-16LE", ""),
        (
            "Content-Type: application/xml",
            b"<?xml version=\"1.0\" encoding='koi8-r'?>\xc1",
            "<?xml version=\"1.0\" encoding='koi8-r'?>а",
            "KOI8-R",
            "",
        ),
    ] {
        let view = look(&[head], bytes);
        let Content::Text { text: got, charset: named, error: why, .. } = &view.content else {
            panic!("{view:?}")
        };
        assert_eq!((got.as_str(), named.as_str()), (text, charset), "{head}");
        assert!(why.as_deref().unwrap_or_default().contains(error), "{head}: {why:?}");
        assert_eq!(why.is_some(), !error.is_empty(), "{head}: {why:?}");
    }
    let long = look(&[plain], &vec![b'x'; 17 << 20]);
    let Content::Text { text, truncated, .. } = &long.content else { panic!() };
    assert_eq!((text.len(), *truncated), (16 << 20, true));
}

#[test]
fn a_view_survives_json() {
    let multipart = b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--b--";
    for view in [
        look(&["Content-Encoding: gzip"], &gzip(HELLO)),
        look(&["Content-Encoding: gzip"], HELLO),
        look(&["Content-Type: multipart/form-data; boundary=b"], multipart),
        look(&["Content-Type: application/x-www-form-urlencoded"], b"a=%ff"),
        look(&[], b""),
    ] {
        let told = serde_json::to_string(&view).unwrap();
        assert_eq!(serde_json::from_str::<View>(&told).unwrap(), view, "{told}");
    }
}
