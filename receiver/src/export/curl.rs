//! A capture as a curl command (7.55 or newer) that sends the same request again, safe under any
//! POSIX shell.
//!
//! What curl makes itself stays its own: the length, the sizes of chunks, the place of `Host`.

use std::io::{self, Write};

use hooklab_shared::body::Framing;
use hooklab_shared::capture::{Capture, Protocol};

use hooklab_shared::shell;

/// What curl sends with every request unless told not to.
const OWN_FIELDS: [&str; 3] = ["Host", "User-Agent", "Accept"];

/// What curl sends with every body unless told not to.
const OWN_BODY_FIELDS: [&str; 2] = ["Content-Type", "Expect"];

/// Seconds that curl may take for a HEAD with a body: it waits for an answer's body that never
/// comes, because only `--head`, which excludes a body, tells it better.
const HEAD_WITH_BODY_SECS: u32 = 5;

/// Writes one capture as a comment, a command, and an empty line. `base` is the capture listener's
/// origin, such as `http://127.0.0.1:4665`.
///
/// A body that is short text and shows no control character is an argument, any other comes to
/// curl's input from `printf`. A header that curl cannot send (its name is no token, or it holds a
/// NUL) is left out, and a comment says so.
///
/// # Errors
/// Those of `out`.
pub fn write(capture: &Capture, base: &str, out: &mut impl Write) -> io::Result<()> {
    comment(capture, out)?;
    let Some(line) = RequestLine::of(capture, base) else {
        return out.write_all(b"# left out: curl cannot send its request line\n\n");
    };
    let content = capture.body.decoded();
    let body = Sent::of(capture, &content);
    for (place, _) in (1..).zip(capture.head.fields()).filter(|(_, field)| !is_sayable(*field)) {
        writeln!(out, "# header {place} is left out: curl cannot send it")?;
    }
    if body == Sent::Piped {
        shell::piped(&content, out)?;
    }
    out.write_all(b"curl --globoff --path-as-is ")?;
    out.write_all(version(capture.protocol, base).as_bytes())?;
    line.write_method(body, out)?;
    write_fields(capture, body, out)?;
    match body {
        Sent::Nothing => {}
        Sent::Word => option("--data-raw", &content, out)?,
        Sent::Piped => out.write_all(b" \\\n  --data-binary @-")?,
    }
    line.write_target(out)?;
    out.write_all(b"\n\n")
}

/// How a capture's content is given to curl.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    Nothing,
    Word,
    Piped,
}

impl Sent {
    /// A body of no bytes is still one where the head announced it.
    fn of(capture: &Capture, content: &[u8]) -> Self {
        let announced = capture.body.framing == Framing::Chunked
            || capture.head.field("content-length").is_some();
        match content {
            [] if announced => Self::Word,
            [] => Self::Nothing,
            content if shell::is_plain(content) => Self::Word,
            _ => Self::Piped,
        }
    }
}

/// A request line that curl can be told.
struct RequestLine<'a> {
    method: &'a [u8],
    url: String,
    /// The target, where curl would not send it as it stands in the URL.
    target: Option<&'a [u8]>,
}

impl<'a> RequestLine<'a> {
    fn of(capture: &'a Capture, base: &str) -> Option<Self> {
        let (method, target) = (capture.head.method(), capture.head.target());
        if !is_token(method) || target.is_empty() || target.contains(&0) {
            return None;
        }
        let base = base.trim_end_matches('/');
        Some(match std::str::from_utf8(target) {
            Ok(path) if stands_in_url(target) => {
                Self { method, url: format!("{base}{path}"), target: None }
            }
            _ => Self { method, url: format!("{base}/"), target: Some(target) },
        })
    }

    fn write_method(&self, body: Sent, out: &mut impl Write) -> io::Result<()> {
        if self.method != b"HEAD" {
            return option("--request", self.method, out);
        }
        match body {
            Sent::Nothing => out.write_all(b" \\\n  --head"),
            Sent::Word | Sent::Piped => {
                write!(out, " \\\n  --request 'HEAD' --max-time {HEAD_WITH_BODY_SECS}")
            }
        }
    }

    fn write_target(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(target) = self.target {
            option("--request-target", target, out)?;
        }
        option("--url", self.url.as_bytes(), out)
    }
}

/// Nothing captured stands here, nor a character that a shell without comments would act on.
fn comment(capture: &Capture, out: &mut impl Write) -> io::Result<()> {
    let Capture { bin, seq, received_at, outcome, .. } = capture;
    writeln!(out, "# {bin}/{seq} received {received_at} {}", outcome.as_str())?;
    if capture.body.trailers().next().is_some() {
        out.write_all(b"# its trailers are left out: curl sends none\n")?;
    }
    Ok(())
}

fn version(protocol: Protocol, base: &str) -> &'static str {
    match protocol {
        Protocol::Http10 => "--http1.0",
        Protocol::Http11 => "--http1.1",
        Protocol::Http2 if base.starts_with("https:") => "--http2",
        Protocol::Http2 => "--http2-prior-knowledge",
    }
}

/// The fields as they were captured, then what curl must not add.
fn write_fields(capture: &Capture, body: Sent, out: &mut impl Write) -> io::Result<()> {
    let chunked = capture.body.framing == Framing::Chunked;
    for field in capture.head.fields().filter(|field| is_sayable(*field)) {
        if !is_curls_own(field, chunked) {
            option("--header", &told(field), out)?;
        }
    }
    let with_body: &[_] = if body == Sent::Nothing { &[] } else { &OWN_BODY_FIELDS };
    for name in OWN_FIELDS.iter().chain(with_body) {
        if capture.head.field(name).is_none() {
            option("--header", format!("{name}:").as_bytes(), out)?;
        }
    }
    Ok(())
}

/// The framing is curl's to write; it takes from us only whether there are chunks.
fn is_curls_own((name, value): (&[u8], &[u8]), chunked: bool) -> bool {
    name.eq_ignore_ascii_case(b"content-length")
        || name.eq_ignore_ascii_case(b"transfer-encoding")
            && !(chunked && value.eq_ignore_ascii_case(b"chunked"))
}

/// A field as curl takes it: `Name:` would remove it, `Name;` sends it without a value.
fn told((name, value): (&[u8], &[u8])) -> Vec<u8> {
    let separator: &[u8] = if value.is_empty() { b";" } else { b": " };
    [name, separator, value].concat()
}

/// Whether curl can send a field: one whose name begins with `@` would make it read a file.
fn is_sayable((name, value): (&[u8], &[u8])) -> bool {
    is_token(name) && !value.contains(&0)
}

/// A token of RFC 9110, section 5.6.2.
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

/// Whether curl sends this target unchanged when it stands in a URL: RFC 3986's characters, and no
/// fragment, which it would keep to itself.
fn stands_in_url(target: &[u8]) -> bool {
    target.starts_with(b"/")
        && target.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@/?[]".contains(b))
}

fn option(name: &str, value: &[u8], out: &mut impl Write) -> io::Result<()> {
    // What is no word was refused or left out before; leaving it out again harms nobody.
    let Some(word) = shell::word(value) else { return Ok(()) };
    write!(out, " \\\n  {name} ")?;
    out.write_all(&word)
}
