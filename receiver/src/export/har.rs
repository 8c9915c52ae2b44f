//! Captures as an HTTP Archive, version 1.2: what browsers' network panels open.
//!
//! HAR is made of text. What is no UTF-8 is told as ISO 8859-1, a character a byte, with a comment
//! that says so; a body that is no UTF-8 is told in base64, as browsers do.

use std::io::{self, Write};

use hooklab_shared::capture::{BodyDocument, Capture, Document, Replied};
use hooklab_shared::headers::Octets;
use hyper::StatusCode;
use serde::Serialize;

/// Writes an archive of these captures, in their order. `base` is the capture listener's origin,
/// such as `http://127.0.0.1:4665`.
///
/// The answer's headers and body are not kept with a capture; their sizes are -1, which HAR has
/// for what is not known.
///
/// # Errors
/// Those of `out`.
pub fn write(
    captures: impl Iterator<Item = Capture>,
    base: &str,
    out: &mut impl Write,
) -> io::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    write!(
        out,
        r#"{{"log":{{"version":"1.2","creator":{{"name":"hooklab","version":"{version}"}},"#
    )?;
    out.write_all(br#""entries":["#)?;
    for (at, capture) in captures.enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &Entry::of(&capture, base))?;
    }
    out.write_all(b"\n]}}\n")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: String,
    /// Milliseconds, as all of HAR's times.
    time: f64,
    request: Request,
    response: Response,
    cache: Cache,
    timings: Timings,
    comment: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    http_version: &'static str,
    cookies: Vec<Pair>,
    headers: Vec<Pair>,
    query_string: Vec<Pair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_data: Option<PostData>,
    headers_size: usize,
    body_size: u64,
}

/// A header, a cookie or a pair of the query.
#[derive(Serialize)]
struct Pair {
    name: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    mime_type: String,
    /// HAR wants the field and forbids its use beside `text`, which alone is exact.
    params: [Pair; 0],
    text: String,
    #[serde(rename = "_encoding", skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    status: u16,
    status_text: &'static str,
    http_version: &'static str,
    cookies: [Pair; 0],
    headers: [Pair; 0],
    content: Content,
    #[serde(rename = "redirectURL")]
    redirect_url: &'static str,
    headers_size: i8,
    body_size: i8,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    size: u64,
    mime_type: &'static str,
    comment: &'static str,
}

#[derive(Serialize)]
struct Cache {}

#[derive(Serialize)]
struct Timings {
    send: f64,
    wait: f64,
    receive: f64,
}

impl Entry {
    fn of(capture: &Capture, base: &str) -> Self {
        let told = capture.document();
        let sent_ms = millis(told.timing.head_us.saturating_add(told.timing.body_us));
        Self {
            // An offset rather than `Z`, which some readers of HAR do not take.
            started_date_time: told.received_at.to_string().replace('Z', "+00:00"),
            time: sent_ms,
            response: Response::of(&told),
            cache: Cache {},
            timings: Timings { send: sent_ms, wait: 0.0, receive: 0.0 },
            comment: format!("{}/{} {}", told.bin, told.seq, told.outcome.as_str()),
            request: Request::of(capture, told, base),
        }
    }
}

impl Request {
    fn of(capture: &Capture, told: Document, base: &str) -> Self {
        Self {
            method: text(told.method.as_bytes()),
            url: url(told.target.as_bytes(), base),
            http_version: told.protocol.as_str(),
            cookies: capture.head.fields().flat_map(cookies).collect(),
            headers: pairs(&told.headers),
            query_string: pairs(&told.query),
            post_data: PostData::of(told.body, capture.head.field("content-type")),
            headers_size: capture.head.len(),
            body_size: capture.content_bytes,
        }
    }
}

impl PostData {
    fn of(body: BodyDocument, content_type: Option<&[u8]>) -> Option<Self> {
        if body.size == 0 {
            return None;
        }
        let encoding = body.base64.is_some().then_some("base64");
        Some(Self {
            mime_type: content_type.map_or_else(|| "application/octet-stream".into(), text),
            params: [],
            text: body.text.or(body.base64).unwrap_or_default(),
            encoding,
            comment: encoding.map(|_| "the bytes in base64: they are not UTF-8"),
        })
    }
}

impl Response {
    fn of(told: &Document) -> Self {
        let status = StatusCode::from_u16(told.reply.status).ok();
        Self {
            status: told.reply.status,
            status_text: status.and_then(|s| s.canonical_reason()).unwrap_or_default(),
            http_version: told.protocol.as_str(),
            cookies: [],
            headers: [],
            content: Content {
                size: 0,
                mime_type: "x-unknown",
                comment: "a capture keeps the status of its answer, not the rest",
            },
            redirect_url: "",
            headers_size: -1,
            body_size: -1,
            comment: bent(&told.reply),
        }
    }
}

/// What the status alone does not say of an answer.
fn bent(reply: &Replied) -> Option<String> {
    match reply.fault {
        _ if reply.held => Some("held for an answer by hand: its status is not known".to_owned()),
        _ if reply.template_failed => Some("the rule's template failed".to_owned()),
        fault => fault.map(|fault| format!("a fault was played: {}", fault.as_str())),
    }
}

impl Pair {
    fn of(name: &[u8], value: &[u8]) -> Self {
        let is_text = std::str::from_utf8(name).and(std::str::from_utf8(value)).is_ok();
        Self {
            name: text(name),
            value: text(value),
            comment: (!is_text).then_some("ISO 8859-1 where it is not UTF-8"),
        }
    }
}

fn pairs(told: &[(Octets, Octets)]) -> Vec<Pair> {
    told.iter().map(|(name, value)| Pair::of(name.as_bytes(), value.as_bytes())).collect()
}

/// The pairs of a `Cookie` field (RFC 6265, section 5.4); none of any other.
fn cookies<'a>((name, value): (&'a [u8], &'a [u8])) -> impl Iterator<Item = Pair> + 'a {
    let value = if name.eq_ignore_ascii_case(b"cookie") { value } else { &[] };
    value.split(|&b| b == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty()).map(
        |pair| {
            let equals = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
            Pair::of(&pair[..equals], pair.get(equals + 1..).unwrap_or_default())
        },
    )
}

/// The absolute URL: a target in absolute form is one already. Bytes that no URL holds are
/// percent-encoded.
fn url(target: &[u8], base: &str) -> String {
    let is_absolute = !target.starts_with(b"/") && target.windows(3).any(|w| w == b"://");
    let mut url = match target {
        _ if is_absolute => String::new(),
        [b'/', ..] => base.trim_end_matches('/').to_owned(),
        _ => format!("{}/", base.trim_end_matches('/')),
    };
    for &byte in target {
        match byte {
            b'!'..=b'~' => url.push(char::from(byte)),
            byte => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds up to 285 years are exact")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}
