//! Requests that break off, break their framing, or are none.

use super::case::Becomes::{Capture, Stray};
use super::case::{BIN, Case, chunked, head, post};

/// First lines that are no request line of HTTP.
const FIRST_LINES: [&str; 22] = [
    "hello",
    "GET",
    "GET ",
    "GET /corpus",
    "GET /corpus ",
    " GET /corpus HTTP/1.1",
    "GET  /corpus HTTP/1.1",
    "GET /corpus  HTTP/1.1",
    "GET\t/corpus HTTP/1.1",
    "GET /corpus HTTP/1.1 ",
    "GET /corpus HTTP/1.1 x",
    "GET /corpus with space HTTP/1.1",
    "GET /corpus HTTP/",
    "GET /corpus HTTP/1",
    "GET /corpus HTTP/11",
    "GET /corpus HTTP/1.2",
    "GET /corpus HTTP/3.7",
    "GET /corpus http/1.1",
    "GET /corpus ICY/1.1",
    "G\u{cb}T /corpus HTTP/1.1",
    "GE(T /corpus HTTP/1.1",
    "<html>",
];

/// Header lines that are none.
const LINES: [&str; 14] = [
    "X",
    "X y",
    ": y",
    " : y",
    "X : y",
    "X\t: y",
    "X y: z",
    " X: y",
    "X: y\r\n z",
    "X: y\r\n\tz",
    "X(: y",
    "\"X\": y",
    "X\u{e9}: y",
    "X: a\r\nb",
];

/// Lengths that are none, or two.
const LENGTHS: [&str; 16] = [
    "Content-Length:",
    "Content-Length: x",
    "Content-Length: -1",
    "Content-Length: +3",
    "Content-Length: 3.0",
    "Content-Length: 0x3",
    "Content-Length: 3 3",
    "Content-Length: 3,",
    "Content-Length: 3;",
    "Content-Length: 3, 4",
    "Content-Length: 3\r\nContent-Length: 4",
    "Content-Length: 4\r\ncontent-length: 3",
    "Content-Length: 3\r\nContent-Length: x",
    "Content-Length: 99999999999999999999",
    "Content-Length: \u{663}",
    "Content-Length: 3\u{a0}",
];

/// Chunked bodies that are not.
const CHUNKS: [&str; 16] = [
    "x\r\n",
    "\r\n",
    "-1\r\na\r\n0\r\n\r\n",
    "+1\r\na\r\n0\r\n\r\n",
    "0x1\r\na\r\n0\r\n\r\n",
    "1\nabc\r\n0\r\n\r\n",
    "1\r\nab\r\n0\r\n\r\n",
    "1\r\na0\r\n\r\n",
    "1\r\na\n0\r\n\r\n",
    "1\r\na\rx0\r\n\r\n",
    "2\r\na\r\n0\r\n\r\n",
    "g\r\n",
    "1 2\r\na\r\n0\r\n\r\n",
    "ffffffffffffffffff\r\na",
    "1;\n\r\na\r\n0\r\n\r\n",
    "0\r\nno colon\r\n\r\n",
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for line in FIRST_LINES {
        let wire = format!("{line}\r\nHost: h\r\n\r\n");
        cases.push(Case::refused(format!("the first line `{line}`"), wire, "malformed_head"));
    }
    for line in LINES {
        let wire = head("GET", &format!("{line}\r\n"));
        cases.push(Case::refused(format!("the line `{line}`"), wire, "malformed_head"));
    }
    for lines in LENGTHS {
        let wire = [head("POST", &format!("{lines}\r\n")), b"abc".to_vec()].concat();
        cases.push(Case::refused(format!("`{lines}`"), wire, "malformed_head"));
    }
    for body in CHUNKS {
        cases.push(Case::aborted(format!("the chunks {body:?}"), chunked(body)).and_finishes());
    }
    cases.extend(ends_early());
    cases.extend(too_much());
    cases.extend(after_a_good_one());
    cases
}

/// Broken off at every kind of place.
fn ends_early() -> Vec<Case> {
    let whole = head("POST", "Content-Length: 5\r\n");
    let mut cases = Vec::new();
    for end in [1, 4, 6, 10, 16, 20, 26, 30, whole.len() - 3, whole.len() - 1] {
        let wire = &whole[..end];
        let name = format!("a head that ends after {end} bytes");
        cases.push(Case::new(name.clone(), wire, Stray("head_cut_off", 0)).and_leaves());
        cases.push(Case::new(name + ", its side", wire, Stray("head_cut_off", 0)).and_finishes());
    }
    for content in ["", "a", "abcd"] {
        let wire = [whole.clone(), content.into()].concat();
        let name = format!("a body of 5 that is `{content}`");
        cases.push(Case::aborted(name.clone(), wire.clone()).and_finishes());
        cases.push(Case::aborted(name + ", and nobody", wire).and_leaves());
    }
    let chunks = "3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n";
    for end in 0..chunks.len() {
        let name = format!("chunks that end after {end} bytes");
        cases.push(Case::aborted(name, chunked(&chunks[..end])).and_finishes());
    }
    let continued = head("POST", "Expect: 100-continue\r\nContent-Length: 5\r\n");
    cases.push(Case::aborted("a body that was told to go on", continued).and_finishes());
    let mut unread = Case::kept("one", head("GET", ""));
    unread = unread.followed_by(Case::aborted("a half", [whole, b"ab".to_vec()].concat()));
    cases.push(unread.and_leaves());
    cases
}

fn too_much() -> Vec<Case> {
    let line = |target: String| format!("GET /{BIN}/{target} HTTP/1.1\r\nHost: h\r\n\r\n");
    let lines = |count| head("GET", &"X: y\r\n".repeat(count));
    let value = |bytes| head("GET", &format!("X: {}\r\n", "x".repeat(bytes)));
    vec![
        Case::new("101 lines", lines(100), Stray("too_many_headers", 431)),
        Case::new("1,000 lines", lines(999), Stray("too_many_headers", 431)),
        Case::new("a long line", value(70_000), Stray("head_too_long", 431)),
        Case::new("a longer line", value(200_000), Stray("head_too_long", 431)),
        Case::new(
            "a name of 65,536",
            head("GET", &format!("{}: y\r\n", "x".repeat(65_536))),
            Stray("head_too_long", 431),
        ),
        Case::new("a longer target", line("x".repeat(65_520)), Stray("uri_too_long", 431)),
        Case::new("a target of 100,000", line("x".repeat(100_000)), Stray("uri_too_long", 431)),
    ]
}

/// What stands before it is kept all the same.
fn after_a_good_one() -> Vec<Case> {
    let good = || Case::kept("a good one", post("", b"abc"));
    let ends = |name: &str, wire: Vec<u8>| Case::new(name, wire, Stray("malformed_head", 400));
    vec![
        good().followed_by(ends("what is none", b"hello\r\n\r\n".to_vec())),
        good().followed_by(ends("the rest of a longer body", b"def\r\n\r\n".to_vec())),
        good()
            .followed_by(Case::new("half a head", b"GET /cor".to_vec(), Stray("head_cut_off", 0)))
            .and_finishes(),
        good()
            .followed_by(Case::aborted(
                "half a body",
                [head("POST", "Content-Length: 5\r\n"), b"ab".to_vec()].concat(),
            ))
            .and_finishes(),
        good().followed_by(Case::new(
            "no Host",
            b"GET /corpus HTTP/1.1\r\n\r\n".to_vec(),
            Stray("no_host", 400),
        )),
        good()
            .followed_by(Case::new(
                "a chunk too long",
                chunked("1\r\nab\r\n0\r\n\r\n"),
                Capture("aborted", 400),
            ))
            .and_finishes(),
    ]
}
