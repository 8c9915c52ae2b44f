//! Requests that two servers could read in two ways (RFC 9112), and those that lead nowhere.

use super::case::Becomes::Stray;
use super::case::{BIN, Case, chunked, head};

/// Transfer codings that are not exactly `chunked`.
const CODINGS: [&str; 18] = [
    "gzip",
    "identity",
    "gzip, chunked",
    "chunked, gzip",
    "chunked, chunked",
    "chunked,",
    ", chunked",
    "xchunked",
    "chunkedx",
    "chunk",
    "\"chunked\"",
    "chunked;q=1",
    "chunked\r\nTransfer-Encoding: chunked",
    "gzip\r\nTransfer-Encoding: chunked",
    "chunked\r\nTransfer-Encoding: identity",
    "chun ked",
    "\u{b}chunked",
    "",
];

/// What names no bin that there could be.
const NOWHERE: [(&str, &str); 18] = [
    ("/", "no_bin"),
    ("/?x", "no_bin"),
    ("//", "no_bin"),
    ("//corpus", "no_bin"),
    ("http://h", "no_bin"),
    ("http://h/", "no_bin"),
    ("/Corpus", "bad_bin_name"),
    ("/-a", "bad_bin_name"),
    ("/_a", "bad_bin_name"),
    ("/a.b", "bad_bin_name"),
    ("/a%62", "bad_bin_name"),
    ("/%63orpus", "bad_bin_name"),
    ("/a:b", "bad_bin_name"),
    ("/a;b", "bad_bin_name"),
    ("/caf\u{e9}", "bad_bin_name"),
    ("/..", "bad_bin_name"),
    ("/.well-known/x", "bad_bin_name"),
    ("/0123456789012345678901234567890123456789012345678901234567890123", "bad_bin_name"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for coding in CODINGS {
        let lines = format!("Transfer-Encoding: {coding}\r\n");
        let wire = [head("POST", &lines), b"0\r\n\r\n".to_vec()].concat();
        cases.push(Case::refused(format!("the coding `{coding}`"), wire, "transfer_coding"));
    }
    for (target, reason) in NOWHERE {
        let wire = format!("POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        cases.push(Case::new(format!("the target `{target}`"), wire, Stray(reason, 404)));
    }
    cases.push(Case::new(
        "OPTIONS *",
        "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        Stray("no_bin", 404),
    ));
    let connect = "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n";
    cases.push(Case::new("CONNECT", connect, Stray("no_bin", 404)));
    cases.extend(hosts());
    cases.extend(both());
    cases.extend(line_feeds());
    cases
}

fn hosts() -> Vec<Case> {
    let refused = |lines: &str, reason| {
        let wire = format!("GET /{BIN} HTTP/1.1\r\n{lines}\r\n");
        Case::refused(format!("the Hosts `{}`", lines.escape_debug()), wire, reason)
    };
    vec![
        refused("", "no_host"),
        refused("X: y\r\n", "no_host"),
        refused("Host-: h\r\n", "no_host"),
        refused("Host: a\r\nHost: a\r\n", "many_hosts"),
        refused("Host: a\r\nhost: b\r\n", "many_hosts"),
        refused("Host: a\r\nX: y\r\nHOST: a\r\n", "many_hosts"),
        refused("Host: a\r\nHost:\r\n", "many_hosts"),
        Case::refused(
            "two Hosts in HTTP/1.0",
            format!("GET /{BIN} HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
            "many_hosts",
        ),
    ]
}

/// A length and chunks: what comes after must not become a request of its own.
fn both() -> Vec<Case> {
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    let wire = |lines: &str, body: &str| [head("POST", lines), body.into()].concat();
    let both = "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n";
    let turned = "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n";
    let refused = |name: &str, wire: Vec<u8>| Case::refused(name, wire, "length_and_chunks");
    vec![
        refused("CL.TE", wire(both, &format!("0\r\n\r\n{smuggled}"))),
        refused("TE.CL", wire(turned, &format!("0\r\n\r\n{smuggled}"))),
        refused(
            "a length of 0 and chunks",
            wire("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", smuggled),
        ),
        refused(
            "chunks and a length in other letters",
            wire("transfer-encoding: Chunked\r\ncontent-length: 6\r\n", "0\r\n\r\n"),
        ),
        Case::refused(
            "TE.TE",
            wire("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", smuggled),
            "transfer_coding",
        ),
        Case::refused(
            "a space before the colon",
            wire("Transfer-Encoding : chunked\r\n", smuggled),
            "malformed_head",
        ),
        Case::refused(
            "a folded coding",
            wire("Transfer-Encoding:\r\n chunked\r\n", smuggled),
            "transfer_coding",
        ),
        Case::refused(
            "a coding behind a tab",
            wire("X: y\r\n\tTransfer-Encoding: chunked\r\n", smuggled),
            "malformed_head",
        ),
        Case::refused(
            "chunks in HTTP/1.0",
            format!("POST /{BIN} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "transfer_coding",
        ),
        Case::kept(
            "a coding in capitals",
            [head("POST", "Transfer-Encoding: CHUNKED\r\n"), b"0\r\n\r\n".to_vec()].concat(),
        ),
        Case::kept(
            "a request inside a chunk",
            chunked(format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len())),
        ),
    ]
}

fn line_feeds() -> Vec<Case> {
    let refused =
        |wire: &str| Case::refused(format!("line ends in {wire:?}"), wire, "bare_line_feed");
    vec![
        refused("GET /corpus HTTP/1.1\nHost: h\r\n\r\n"),
        refused("GET /corpus HTTP/1.1\r\nHost: h\n\r\n"),
        refused("GET /corpus HTTP/1.1\r\nHost: h\r\n\n"),
        refused("GET /corpus HTTP/1.1\nHost: h\n\n"),
        refused("GET /corpus HTTP/1.1\r\nHost: h\nX: y\r\n\r\n"),
        refused("\nGET /corpus HTTP/1.1\r\nHost: h\r\n\r\n"),
    ]
}
