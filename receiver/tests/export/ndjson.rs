//! NDJSON comes back without loss, and what is wrong with a line is said.

use hooklab_receiver::export::import::{ImportError, Refusal, line_bytes_max};
use hooklab_receiver::export::{Exported, Format, ndjson, write};
use hooklab_shared::capture::{Capture, SignatureVerdict};
use hooklab_shared::limits::Limits;
use serde_json::{Value, json};

use super::hostile;

#[test]
fn hostile_captures_come_back_equal() {
    let mut file = Vec::new();
    write(Format::Ndjson, "", hostile::captures(1, 10_000), &mut file).unwrap();
    let mut read = ndjson::captures(&file[..], Limits::default());
    for want in hostile::captures(1, 10_000) {
        assert_eq!(read.next().unwrap().unwrap(), Capture { seq: 0, ..want });
    }
    assert!(read.next().is_none());
}

#[test]
fn a_line_is_the_document_and_more() {
    let capture = hostile::captures(2, 1).next().unwrap();
    let line = value(&capture);
    let document = serde_json::to_value(capture.document()).unwrap();
    for (field, told) in document.as_object().unwrap() {
        assert_eq!(&line[field], told);
    }
}

#[test]
fn a_line_tells_what_came_of_the_signature() {
    let verdict = r#"{"scheme":"github","verdict":"valid","reason":null}"#;
    let verdict: SignatureVerdict = serde_json::from_str(verdict).unwrap();
    let capture = hostile::captures(2, 1).next().unwrap();
    let told = Exported { signature: Some(verdict), ..capture.into() };
    let mut line = Vec::new();
    ndjson::write(&told, &mut line).unwrap();
    let line: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(line["signature"]["verdict"], "valid");
}

/// Who blanks a token there would ship it in `wire` all the same.
#[test]
fn an_edit_that_would_be_lost_is_refused() {
    let mut capture = hostile::captures(4, 1).next().unwrap();
    capture.head = bytes::Bytes::from_static(b"PUT /a HTTP/1.1\r\nToken: s3cret\r\n\r\n").into();
    capture.body.framing = hooklab_shared::body::Framing::Length;
    for (content, field, to, names) in [
        ("text", "headers", json!([["Token", "…"]]), "headers"),
        ("text", "text", json!("tex"), "body.text"),
        ("\0", "text", json!("tex"), "body.text"),
    ] {
        capture.body.wire = content.into();
        let mut line = value(&capture);
        assert!(ndjson::read(line.to_string().as_bytes(), 1, &Limits::default()).is_ok());
        match field {
            "headers" => line["headers"] = to,
            field => line["body"][field] = to,
        }
        let read = ndjson::read(line.to_string().as_bytes(), 1, &Limits::default());
        let ImportError { why, .. } = read.unwrap_err();
        assert!(matches!(why, Refusal::Disagrees { field } if field == names), "{names}");
    }
    capture.body.wire = bytes::Bytes::from_static(b"\xff");
    let mut line = value(&capture);
    line["body"]["base64"] = json!("/g==");
    assert!(ndjson::read(line.to_string().as_bytes(), 1, &Limits::default()).is_err());
}

#[test]
fn unknown_fields_reordering_and_empty_lines_are_taken() {
    let capture = hostile::captures(3, 1).next().unwrap();
    let mut line = value(&capture);
    line["later"] = json!({"x": [1]});
    line["wire"]["later"] = json!(null);
    let mut fields: Vec<_> = line.as_object().unwrap().clone().into_iter().collect();
    fields.reverse();
    let line = Value::Object(fields.into_iter().collect());
    let file = format!("\n  \r\n{line}\r\n\n{line}");
    let read: Vec<_> =
        ndjson::captures(file.as_bytes(), Limits::default()).collect::<Result<_, _>>().unwrap();
    let want = Capture { seq: 0, ..capture };
    assert_eq!(read, [want.clone(), want]);
}

#[test]
fn a_refused_line_is_named_and_the_next_is_read() {
    let good = value(&hostile::captures(4, 1).next().unwrap());
    let with = |pointer: &str, to: Value| {
        let mut line = good.clone();
        *line.pointer_mut(pointer).unwrap() = to;
        line.to_string()
    };
    let cases = [
        ("{".into(), "it is not a capture (EOF"),
        ("[]".into(), "it is not a capture"),
        ("\u{1b}[31m".into(), "it is not a capture"),
        (with("/outcome", json!("\u{1b}[31m")), "unknown variant `\\u{1b}[31m`"),
        (with("/bin", json!("No Name")), "use `No Name` as a bin's name"),
        (with("/peer", json!("nobody")), "it is not a capture"),
        (with("/method", json!("EDITED")), "its `method` is not what `wire` holds"),
        (with("/target", json!("/edited")), "its `target` is not what `wire` holds"),
        (with("/body/sha256", json!("0")), "its `body.sha256` is not what `wire` holds"),
        (with("/wire/head", json!("%")), "its `wire.head` is not base64"),
        (with("/wire/body", json!("AAA")), "its `wire.body` is not base64"),
        (with("/wire/framing", json!("both")), "unknown variant `both`"),
        (with("/wire", json!({})), "missing field `head`"),
    ];
    for (bad, why) in cases {
        let file = format!("{good}\n{bad}\n{good}\n");
        let read: Vec<_> = ndjson::captures(file.as_bytes(), Limits::default()).collect();
        assert!(read[0].is_ok() && read[2].is_ok() && read.len() == 3);
        let error = read[1].as_ref().unwrap_err().to_string();
        assert!(error.starts_with("import line 2: ") && error.contains(why), "{error}");
        assert!(!error.contains('\u{1b}') && error.chars().count() < 400);
    }
}

#[test]
fn what_is_over_a_limit_is_refused() {
    let capture = hostile::captures(5, 100).find(|c| c.body.size() > 9).unwrap();
    let line = value(&capture).to_string();
    let refused = |limits: &Limits| match ndjson::read(line.as_bytes(), 9, limits) {
        Err(ImportError { line: 9, why: Refusal::OverLimit { part, .. } }) => part,
        other => panic!("{other:?}"),
    };
    let limits = Limits::default();
    assert_eq!(refused(&Limits { head_bytes_max: 9, ..limits }), "head");
    assert_eq!(refused(&Limits { body_bytes_max: 9, ..limits }), "body");
}

#[test]
fn an_endless_line_ends_the_import() {
    let limits = Limits { body_bytes_max: 9, head_bytes_max: 9, ..Limits::default() };
    let endless = std::io::BufReader::new(std::io::repeat(b'x'));
    let read: Vec<_> = ndjson::captures(endless, limits).collect();
    let [Err(ImportError { line: 1, why: Refusal::TooLong { max } })] = read[..] else {
        panic!("{read:?}");
    };
    assert_eq!(max, line_bytes_max(&limits));
}

/// The dearest captures that the limits allow still fit a line.
#[test]
fn no_capture_within_the_limits_is_longer_than_a_line_may_be() {
    let limits = Limits { body_bytes_max: 20_000, head_bytes_max: 2_000, ..Limits::default() };
    let one_byte_chunks = "1\r\n\u{1}\r\n".repeat(20_000);
    let mut query = b"GET /?".to_vec();
    query.resize(1_900, b'&');
    query.extend(b" HTTP/1.1\r\n\r\n");
    let mut short_fields = b"GET / HTTP/1.1\r\n".to_vec();
    short_fields.extend(b"\x01:\n".repeat(600));
    for head in [query, short_fields] {
        let mut capture = hostile::captures(6, 1).next().unwrap();
        capture.head = bytes::Bytes::from(head).into();
        capture.body.wire = one_byte_chunks.clone().into();
        capture.body.framing = hooklab_shared::body::Framing::Chunked;
        let line = value(&capture).to_string();
        assert!(line.len() < line_bytes_max(&limits), "{}", line.len());
    }
}

pub(crate) fn value(capture: &Capture) -> Value {
    let mut line = Vec::new();
    ndjson::write(&capture.clone().into(), &mut line).unwrap();
    assert_eq!(line.iter().filter(|&&b| b == b'\n').count(), 1);
    serde_json::from_slice(&line).unwrap()
}
