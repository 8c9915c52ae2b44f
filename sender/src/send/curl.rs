//! A request as a curl command (7.55 or newer) that sends the same, safe under any POSIX shell.

use std::io::{self, Write as _};

use hooklab_shared::shell;

use crate::outgoing::Outgoing;

/// What curl sends with every request unless told not to, with a body or without.
const OWN_FIELDS: [&str; 5] = ["Host", "User-Agent", "Accept", "Content-Type", "Expect"];

/// The command, after a comment that says which delivery it is.
pub(super) fn command(n: usize, outgoing: &Outgoing) -> Vec<u8> {
    let mut out = Vec::new();
    // A vector takes whatever is written.
    let _ = write(n, outgoing, &mut out);
    out
}

fn write(n: usize, outgoing: &Outgoing, out: &mut Vec<u8>) -> io::Result<()> {
    writeln!(out, "# delivery {n}")?;
    if outgoing.manner.cut_bytes.is_some() {
        out.write_all(b"# curl sends the body whole: it cannot cut it\n")?;
    }
    if outgoing.manner.drip.is_some() {
        out.write_all(b"# curl sends the body at once: it cannot drip it\n")?;
    }
    let is_word = shell::is_plain(&outgoing.body);
    if !is_word {
        shell::piped(&outgoing.body, out)?;
    }
    out.write_all(b"curl --globoff --path-as-is --http1.1 --no-progress-meter")?;
    option("--request", outgoing.method.as_bytes(), out)?;
    for (name, value) in outgoing.fields.iter() {
        if !name.eq_ignore_ascii_case("content-length") {
            let separator: &[u8] = if value.is_empty() { b";" } else { b": " };
            option("--header", &[name.as_bytes(), separator, value].concat(), out)?;
        }
    }
    for name in OWN_FIELDS {
        if outgoing.fields.get(name).is_none() {
            option("--header", format!("{name}:").as_bytes(), out)?;
        }
    }
    match is_word {
        true => option("--data-raw", &outgoing.body, out)?,
        false => out.write_all(b" \\\n  --data-binary @-")?,
    }
    option("--url", outgoing.target.as_str().as_bytes(), out)?;
    out.write_all(b"\n\n")
}

fn option(name: &str, value: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    // A value that can be no word holds a NUL or ends a line: such a request is refused before.
    let Some(word) = shell::word(value) else { return Ok(()) };
    write!(out, " \\\n  {name} ")?;
    out.write_all(&word)
}
