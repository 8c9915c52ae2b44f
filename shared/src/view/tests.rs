use std::io::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

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
        protocol: Protocol::Http11,
        outcome: Outcome::Complete,
        timing: Timing::default(),
        reply: Replied { status: 200, rule: None },
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

fn coding_error(view: &View) -> &str {
    view.codings.last().and_then(|coding| coding.error.as_deref()).unwrap_or_default()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn bare_deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
}

fn unhex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}

const HELLO: &[u8] = br#"{"a":"hello"}"#;
const HELLO_BR: &str = "0b06807b2261223a2268656c6c6f227d03";
const HELLO_ZSTD: &str = "28b52ffd240d6900007b2261223a2268656c6c6f227d653b4d3a";
const MIB_OF_ZEROS_BR: &str = "5bffff8f7f02201e0b0472ef1f00";
const ZSTD_WINDOW_OF_128_MIB: &str = "28b52ffd00883900007b2261223a317d";

#[test]
fn every_coding_is_taken_off() {
    let skippable = [&b"\x50\x2a\x4d\x18\x02\0\0\0xy"[..], &unhex(HELLO_ZSTD)].concat();
    let two_members = [gzip(&HELLO[..5]), gzip(&HELLO[5..])].concat();
    let two_frames = [zstd(&HELLO[..5]), zstd(&HELLO[5..])].concat();
    for (codings, bytes) in [
        ("gzip", gzip(HELLO)),
        ("X-GZip", two_members),
        ("deflate", zlib(HELLO)),
        ("deflate", bare_deflate(HELLO)),
        ("br", unhex(HELLO_BR)),
        ("zstd", unhex(HELLO_ZSTD)),
        ("zstd", skippable),
        ("zstd", two_frames),
        ("identity", HELLO.to_vec()),
        ("", HELLO.to_vec()),
        ("deflate, gzip", gzip(&zlib(HELLO))),
        ("br, identity ,zstd,deflate,gzip", gzip(&zlib(&zstd(&unhex(HELLO_BR))))),
    ] {
        let view = look(&[&format!("Content-Encoding: {codings}")], &bytes);
        assert_eq!(text_of(&view), "{\n  \"a\": \"hello\"\n}", "{codings}: {view:?}");
        assert_eq!((coding_error(&view), view.size), ("", 13), "{codings}");
    }
    let two_fields = ["content-encoding: deflate", "Content-Encoding: gzip"];
    let view = look(&two_fields, &gzip(&zlib(HELLO)));
    assert_eq!(
        view.codings.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(),
        ["gzip", "deflate"]
    );
    assert_eq!(view.size, 13);
}

#[test]
fn what_cannot_be_taken_off_is_told() {
    let cut = |bytes: Vec<u8>, n: usize| bytes[..bytes.len() - n].to_vec();
    let mut bad_sum = unhex(HELLO_ZSTD);
    *bad_sum.last_mut().unwrap() ^= 1;
    for (codings, bytes, error) in [
        ("gzip", HELLO.to_vec(), "damaged"),
        ("gzip", cut(gzip(HELLO), 4), "damaged"),
        ("gzip", [gzip(HELLO), b"junk".to_vec()].concat(), "damaged"),
        ("deflate", cut(zlib(HELLO), 6), "end of file"),
        ("deflate", [zlib(HELLO), b"junk".to_vec()].concat(), "bytes follow"),
        ("br", cut(unhex(HELLO_BR), 3), "damaged"),
        ("br", b"\x11\x1e".to_vec(), "window"),
        ("zstd", cut(unhex(HELLO_ZSTD), 3), "damaged"),
        ("zstd", bad_sum, "checksum"),
        ("zstd", unhex(ZSTD_WINDOW_OF_128_MIB), "indow"),
        ("compress", HELLO.to_vec(), "not known"),
        ("aws-chunked", HELLO.to_vec(), "not known"),
        ("gzip,gzip,gzip,gzip,gzip", gzip(HELLO), "5 codings deep"),
    ] {
        let view = look(&[&format!("Content-Encoding: {codings}")], &bytes);
        assert!(coding_error(&view).contains(error), "{codings}: {view:?}");
        assert!(view.codings.len() <= 1, "{codings}: {view:?}");
    }
    let aborted = look(&["Content-Encoding: gzip"], &gzip(&[b'x'; 40_000])[..60]);
    assert!(aborted.size > 1_000, "what came is shown: {aborted:?}");
}

#[test]
fn bombs_end_at_the_limit() {
    let member = gzip(&vec![0; 1 << 20]);
    let ten_gb = gzip(&member.repeat(10_000));
    for (codings, bytes, told) in [
        ("gzip", member.repeat(10_000), "more than 8388608 bytes"),
        ("gzip, gzip", ten_gb, "more than"),
        ("deflate", zlib(&vec![0; 1 << 20]), "more than 200 times"),
        ("br", unhex(MIB_OF_ZEROS_BR), "more than 200 times"),
        ("zstd", zstd(&vec![0; 4 << 20]), "more than"),
    ] {
        let start = Instant::now();
        let view = look(&[&format!("Content-Encoding: {codings}")], &bytes);
        assert!(start.elapsed() < Duration::from_secs(10), "{codings}: {:?}", start.elapsed());
        assert!(coding_error(&view).contains(told), "{codings}: {:?}", view.codings);
        assert!(view.size <= 8 << 20, "{codings}: {:?}", view.codings);
    }
    let small = look(&["Content-Encoding: br"], &unhex(HELLO_BR));
    assert_eq!(coding_error(&small), "");
    let repetitive = look(&["Content-Encoding: gzip"], &gzip(&[b' '; 60_000]));
    assert_eq!((coding_error(&repetitive), repetitive.size), ("", 60_000));
}

#[test]
fn damaged_content_never_panics() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    let text: Vec<u8> =
        (0..2_000).flat_map(|n: u32| format!("{{\"n\":{n}}}").into_bytes()).collect();
    let seeds = [
        ("gzip", gzip(&text)),
        ("deflate", zlib(&text)),
        ("deflate", bare_deflate(&text)),
        ("zstd", zstd(&text)),
        ("zstd", unhex(HELLO_ZSTD)),
        ("br", unhex(HELLO_BR)),
        ("br", unhex(MIB_OF_ZEROS_BR)),
    ];
    for (coding, seed) in seeds {
        for _ in 0..100 {
            let mut bytes = seed.clone();
            for _ in 0..=random() % 4 {
                let at = random() % bytes.len();
                bytes[at] = u8::try_from(random() % 256).unwrap();
            }
            bytes.truncate(bytes.len() - random() % 3);
            let view = look(&[&format!("Content-Encoding: {coding}")], &bytes);
            assert!(view.size <= 8 << 20);
        }
    }
}

#[test]
fn json_stays_as_it_was_written() {
    let sent = r#"{"z":12345678901234567890.10,"a":[1e400,-0,{}, []],"z":"\u00e9\/","é":1.50}"#;
    let view = look(&["Content-Type: application/json; charset=utf-8"], sent.as_bytes());
    let want = "{\n  \"z\": 12345678901234567890.10,\n  \"a\": [\n    1e400,\n    -0,\n    {},\n    \
                []\n  ],\n  \"z\": \"\\u00e9\\/\",\n  \"é\": 1.50\n}";
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
    let view = look(&["Content-Type: application/json"], nested(200_000).as_bytes());
    assert!(error_of(&view).contains("lay out"), "{}", error_of(&view));
    assert_eq!(text_of(&view), nested(200_000));

    let part = format!("--b\r\nContent-Type: application/json\r\n\r\n{}\r\n", nested(4_000));
    let parts = format!("{}--b--", part.repeat(900));
    let view = look(&["Content-Type: multipart/mixed; boundary=b"], parts.as_bytes());
    let told = serde_json::to_vec(&view).unwrap().len();
    assert!(told < 40 << 20, "{told} bytes of view");
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
    assert!(
        matches!(&long.content, Content::Text { text, truncated: true, .. } if text.len() == 16 << 20)
    );
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

mod parts {
    use super::*;

    fn parts(head: &str, body: &[u8]) -> (Vec<Part>, u64, String) {
        let view = look(&[head], body);
        match view.content {
            Content::Multipart { parts, total, error } => (parts, total, error.unwrap_or_default()),
            other => panic!("{other:?}"),
        }
    }

    const HEAD: &str = "Content-Type: multipart/form-data; boundary=\"x y\"";

    #[test]
    fn have_names_files_and_content() {
        let body = b"preamble\r\n--x y\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nhello\r\n\
            --x y  \r\nContent-Disposition: form-data; name=f; filename=\"C:\\dir\\q\\\"\\\\.png\"\r\n\
            Content-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\xff\r\n--x y\r\n\
            Content-Disposition: form-data; filename=a; filename*=utf-8'en'%e2%82%ac\r\n\
            Content-Type: application/json\r\n\r\n{\"n\":1.0}\r\n--x y\r\n\r\nbare\r\n--x y--\r\nepilogue";
        let (parts, total, error) = parts(HEAD, body);
        assert_eq!((total, error.as_str()), (4, ""));
        let octets = |text: &str| Some(Octets::Text(text.into()));
        assert_eq!((&parts[0].name, parts[0].size, parts[0].sniffed), (&octets("a"), 5, true));
        assert_eq!(parts[1].filename, octets(r#"C:\dir\q"\.png"#));
        assert_eq!((&parts[1].content_type, parts[1].size), (&octets("image/png"), 9));
        assert!(
            matches!(&parts[1].content, Content::Binary { looks_like: Some(kind), .. } if kind == "image/png")
        );
        assert_eq!((&parts[2].name, &parts[2].filename), (&None, &octets("€")));
        assert!(matches!(&parts[2].content, Content::Json { text, .. } if text.contains("1.0")));
        assert!(parts[3].headers.is_empty());
        assert!(matches!(&parts[3].content, Content::Text { text, .. } if text == "bare"));
    }

    #[test]
    fn end_at_their_boundary_and_nowhere_else() {
        let head = "Content-Type: multipart/mixed; boundary=b";
        let content = |body: &[u8]| {
            let (parts, _, error) = parts(head, body);
            let text = |part: &Part| match &part.content {
                Content::Empty => String::new(),
                Content::Text { text, .. } => text.clone(),
                other => panic!("{other:?}"),
            };
            (parts.iter().map(text).collect::<Vec<_>>(), error)
        };
        let clean = |want: &[&str]| (want.iter().map(|&t| t.to_owned()).collect(), String::new());
        assert_eq!(
            content(b"--b\r\n\r\nx--b\r\n --b\r\n--bc\r\n--b- \r\n--b--"),
            clean(&["x--b\r\n --b\r\n--bc\r\n--b- "])
        );
        assert_eq!(content(b"--b\n\nlf\n--b--\n"), clean(&["lf"]));
        assert_eq!(content(b"--b\r\n--b\r\n\r\n\r\n--b--"), clean(&["", ""]));
        assert_eq!(content(b"--b--"), clean(&[]));
        assert_eq!(content(b"--b\r\n\r\na\r\n--b--\r\n--b\r\n\r\nhidden\r\n--b--"), clean(&["a"]));
        let (cut, error) = content(b"--b\r\n\r\na\r\n--b\r\n\r\nrest");
        assert_eq!(cut, ["a", "rest"]);
        assert!(error.contains("cut off"), "{error}");
        assert!(content(b"nothing").1.contains("not in the body"));
        for head in
            ["multipart/form-data", "multipart/mixed; boundary=", "multipart/x; boundary=\"\""]
        {
            let (found, _, error) = parts(&format!("Content-Type: {head}"), b"--\r\n\r\na\r\n----");
            assert!(found.is_empty() && error.contains("no boundary"), "{head}: {error}");
        }
    }

    #[test]
    fn are_counted_beyond_the_limit() {
        let body = b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n".repeat(10_000);
        let (parts, total, _) = parts("Content-Type: multipart/form-data; boundary=b", &body);
        assert_eq!((parts.len(), total), (1_000, 10_000));
        assert!(parts.iter().all(|part| part.size == 1));
    }

    #[test]
    fn within_parts_are_text() {
        let inner = "--i\r\n\r\nx\r\n--i--";
        let body =
            format!("--b\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n{inner}\r\n--b--");
        let (parts, ..) = parts("Content-Type: multipart/mixed; boundary=b", body.as_bytes());
        assert!(matches!(&parts[0].content, Content::Text { text, .. } if text == inner));
    }
}
