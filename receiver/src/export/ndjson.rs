//! A capture a line: told as JSON for those who read it, and byte for byte as it came, so that it
//! can be imported again without loss.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, BufRead, Write};
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD as BASE64;
use hooklab_shared::body::{Body, Framing};
use hooklab_shared::capture::{Capture, Document, Outcome, Protocol, Replied, Timing, sha256_hex};
use hooklab_shared::escape;
use hooklab_shared::headers::{Head, Octets};
use hooklab_shared::id::{BinName, Timestamp};
use hooklab_shared::limits::Limits;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Exported;
use super::import::{ImportError, Lines, Refusal};

/// What serde says is cut after this many characters: it may quote a hostile megabyte.
const WHY_CHARS_MAX: usize = 200;

/// Writes one capture as a line: its [`Document`], and `wire` with its exact bytes.
///
/// # Errors
/// Those of `out`.
pub fn write(told: &Exported, out: &mut impl Write) -> io::Result<()> {
    let Exported { capture, signature } = told;
    let document = Document { signature: signature.clone(), ..capture.document() };
    let wire = Wire {
        head: Base64Display::new(capture.head.as_bytes(), &BASE64),
        body: Base64Display::new(&capture.body.wire, &BASE64),
        framing: capture.body.framing,
        content_bytes: capture.content_bytes,
    };
    serde_json::to_writer(&mut *out, &Line { document, wire })?;
    out.write_all(b"\n")
}

/// Reads one line that [`write`] wrote; `number` is its place, for the error. Fields that this
/// release does not know are passed over.
///
/// The capture equals the one that was written, but for its seq, which is 0: the store gives it a
/// new one.
///
/// # Errors
/// What is wrong with the line. A line whose method, target, header fields or content were edited,
/// so that they are no longer what `wire` holds, is refused too: nothing would come of the edit.
pub fn read(line: &[u8], number: u64, limits: &Limits) -> Result<Capture, ImportError> {
    let told: Told<'_> = serde_json::from_slice(line)
        .map_err(|error| Refusal::NotACapture(why(&error)).at(number))?;
    told.capture(limits).map_err(|refusal| refusal.at(number))
}

/// The captures of NDJSON, in order. Empty lines are passed over. After a refused line it goes on
/// with the next; after one that cannot be read, or is too long, it ends.
pub fn captures(
    reader: impl BufRead,
    limits: Limits,
) -> impl Iterator<Item = Result<Capture, ImportError>> {
    let mut lines = Lines::new(reader, &limits);
    std::iter::from_fn(move || next(&mut lines, &limits).transpose())
}

fn next<R: BufRead>(lines: &mut Lines<R>, limits: &Limits) -> Result<Option<Capture>, ImportError> {
    let number = lines.number();
    let mut skipped = 0;
    while let Some(line) = lines.next()? {
        skipped += 1;
        if !line.trim_ascii().is_empty() {
            return read(line, number + skipped, limits).map(Some);
        }
    }
    Ok(None)
}

#[derive(Serialize)]
struct Line<W> {
    #[serde(flatten)]
    document: Document,
    wire: W,
}

#[derive(Serialize)]
struct Wire<D: Display> {
    #[serde(serialize_with = "displayed")]
    head: D,
    #[serde(serialize_with = "displayed")]
    body: D,
    framing: Framing,
    content_bytes: u64,
}

/// Encoded on its way out: the base64 of a large body is never in memory whole.
fn displayed<S: serde::Serializer>(bytes: &impl Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(bytes)
}

/// What an import needs of a line. The rest of the document follows from `wire`.
#[derive(Deserialize)]
struct Told<'a> {
    bin: BinName,
    id: Uuid,
    received_at: Timestamp,
    peer: SocketAddr,
    #[serde(default)]
    client: Option<IpAddr>,
    protocol: Protocol,
    method: Octets,
    target: Octets,
    #[serde(default)]
    headers: Option<Vec<(Octets, Octets)>>,
    #[serde(borrow)]
    body: ToldBody<'a>,
    outcome: Outcome,
    timing: Timing,
    reply: Replied,
    #[serde(borrow)]
    wire: ToldWire<'a>,
}

#[derive(Deserialize)]
struct ToldBody<'a> {
    sha256: String,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    base64: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ToldWire<'a> {
    #[serde(borrow)]
    head: Cow<'a, str>,
    #[serde(borrow)]
    body: Cow<'a, str>,
    framing: Framing,
    content_bytes: u64,
}

impl Told<'_> {
    fn capture(self, limits: &Limits) -> Result<Capture, Refusal> {
        let head = Head::from(bytes::Bytes::from(decoded("head", &self.wire.head)?));
        let wire = decoded("body", &self.wire.body)?.into();
        let body = Body { wire, framing: self.wire.framing };
        within("head", head.len(), limits.head_bytes_max)?;
        within("body", body.size(), limits.body_bytes_max)?;
        agrees("method", self.method.as_bytes() == head.method())?;
        agrees("target", self.target.as_bytes() == head.target())?;
        let headers = self.headers.as_deref().is_none_or(|told| {
            let told = told.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            told.eq(head.fields())
        });
        agrees("headers", headers)?;
        let content = body.decoded();
        agrees("body.sha256", self.body.sha256 == sha256_hex(&content))?;
        let text = self.body.text.as_deref();
        agrees("body.text", text.is_none_or(|text| text.as_bytes() == &*content))?;
        if let Some(base64) = &self.body.base64 {
            agrees("body.base64", decoded("body", base64)? == *content)?;
        }
        drop(content);
        Ok(Capture {
            bin: self.bin,
            seq: 0,
            id: self.id,
            received_at: self.received_at,
            peer: self.peer,
            client: self.client,
            protocol: self.protocol,
            outcome: self.outcome,
            timing: self.timing,
            reply: self.reply,
            head,
            body,
            content_bytes: self.wire.content_bytes,
        })
    }
}

fn decoded(part: &'static str, text: &str) -> Result<Vec<u8>, Refusal> {
    BASE64.decode(text).map_err(|why| Refusal::NotBase64 { part, why })
}

fn within(part: &'static str, bytes: usize, max: usize) -> Result<(), Refusal> {
    if bytes <= max { Ok(()) } else { Err(Refusal::OverLimit { part, bytes, max }) }
}

fn agrees(field: &'static str, holds: bool) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::Disagrees { field }) }
}

/// What serde says, fit for a terminal; its own line number, always 1, would mislead.
pub(crate) fn why(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let said = text.rsplit_once(" at line ").map_or(&*text, |(said, _)| said);
    let said: String = said.chars().take(WHY_CHARS_MAX).collect();
    format!("{} at column {}", escape::terminal(&said, false), error.column())
}
