//! Requests that are odd, and whole: each is a capture, byte for byte.

use super::case::{BIN, Case, chunked, head, post};

const METHODS: [&str; 24] = [
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "REPORT",
    "M-SEARCH",
    "PURGE",
    "SUBSCRIBE",
    "QUERY",
    "get",
    "PoSt",
    "X",
    "!#$%&'*+-.^_`|~",
    "AVERYLONGMETHODNAMETHATNOBODYEVERREGISTERED",
];

/// What follows the bin in the target.
const BELOW: [&str; 40] = [
    "",
    "/",
    "//",
    "///a",
    "/a/b/c",
    "/a%20b",
    "/%00",
    "/%0d%0aX:%20y",
    "/%ff%FE",
    "/%",
    "/%zz",
    "/..",
    "/../../etc/passwd",
    "/./x",
    "/%2e%2e%2f",
    "/a;b=c",
    "/a,b",
    "/~user",
    "/!$&'()*+,;=:@",
    "/\"quoted\"",
    "/%3cscript%3e",
    "/a|b",
    "/{x}",
    "/[1-9]",
    "/back\\slash",
    "/^caret~tilde",
    "/caf\u{e9}",
    "/\u{2603}/\u{1f600}",
    "?",
    "?x",
    "?x=1&x=2",
    "?x=1?y=2",
    "?a+b=%20",
    "?q=http://other/?z",
    "?%00=%ff",
    "?&&&=",
    "/api/v1/bins",
    "/livez",
    "/corpus/corpus",
    "/;/?;",
];

/// Header lines that are legal, however rarely they are seen.
const LINES: [&str; 36] = [
    "X:y",
    "X: y",
    "X:  y  ",
    "X:\ty\t",
    "X:",
    "X: ",
    "X: a\r\nX: b",
    "X: a\r\nx: b\r\nX: c",
    "X: a,b, c",
    "X: \"quoted, comma\"",
    "X: caf\u{e9}",
    "X: \u{202e}gnp.exe",
    "X: a:b:c",
    "X: :",
    "X: http://u:p@h/",
    "!#$%&'*+-.^_`|~: y",
    "0: 1",
    "x_under_score: y",
    "X.Dot: y",
    "Connection: keep-alive, X",
    "Connection: close",
    "Upgrade: h2c\r\nConnection: Upgrade",
    "Upgrade: websocket",
    "Content-Type: application/json",
    "Content-Type: text/plain\r\nContent-Type: text/html",
    "Content-Encoding: gzip",
    "Cookie: a=b; c=d",
    "Authorization: Basic eDp5",
    "Proxy-Connection: keep-alive",
    "X-Forwarded-For: 10.0.0.1, 10.0.0.2",
    "Forwarded: for=10.0.0.1;host=evil",
    "Content-Length: 0",
    "Content-Length: 00",
    "TE: trailers",
    "Trailer: X-T",
    "Hostess: a\r\nX-Host: b",
];

/// Chunked bodies that are whole, however they are cut.
const CHUNKED: [&str; 28] = [
    "0\r\n\r\n",
    "00000\r\n\r\n",
    "1\r\na\r\n0\r\n\r\n",
    "a\r\n0123456789\r\n0\r\n\r\n",
    "A\r\n0123456789\r\n0\r\n\r\n",
    "0a\r\n0123456789\r\n0\r\n\r\n",
    "000000000000000a\r\n0123456789\r\n0\r\n\r\n",
    "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n",
    "1;x\r\na\r\n0\r\n\r\n",
    "1;x=y\r\na\r\n0\r\n\r\n",
    "1;x=\"y;z\"\r\na\r\n0\r\n\r\n",
    "1;\r\na\r\n0\r\n\r\n",
    "1 ;x\r\na\r\n0\r\n\r\n",
    "1;x;y;z\r\na\r\n0;end\r\n\r\n",
    "2\r\n\r\n\r\n0\r\n\r\n",
    "5\r\n0\r\n\r\n\r\n0\r\n\r\n",
    "0\r\nX-T: a\r\n\r\n",
    "0\r\nX-T: a\r\nX-T: b\r\n\r\n",
    "0\r\nX-T:\r\n\r\n",
    "0\r\nx-t:a\r\nX_T:  b  \r\n\r\n",
    "1\r\na\r\n0\r\nDigest: sha-256=x\r\n\r\n",
    "1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n",
    "1\r\na\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n",
    "1\r\na\r\n0\r\nHost: evil\r\n\r\n",
    "1\r\n\n\r\n0\r\n\r\n",
    "1\r\n\r\r\n0\r\n\r\n",
    "6\r\n\u{2603}\u{2603}\r\n0\r\n\r\n",
    "1\r\na\r\n000;x=y\r\nX: z\r\n\r\n",
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for method in METHODS {
        let framed =
            if matches!(method, "PUT" | "PATCH" | "POST") { "Content-Length: 0\r\n" } else { "" };
        cases.push(Case::kept(format!("the method {method}"), head(method, framed)));
        let with_body = [head(method, "Content-Length: 2\r\n"), b"{}".to_vec()].concat();
        cases.push(Case::kept(format!("the method {method} with a body"), with_body));
    }
    for below in BELOW {
        let wire = format!("GET /{BIN}{below} HTTP/1.1\r\nHost: h\r\n\r\n");
        cases.push(Case::kept(format!("the target below `{below}`"), wire));
    }
    for lines in LINES {
        cases.push(Case::kept(
            format!("the header `{lines}`"),
            head("GET", &format!("{lines}\r\n")),
        ));
    }
    for body in CHUNKED {
        cases.push(Case::kept(format!("the chunks {body:?}"), chunked(body)));
    }
    cases.extend(forms());
    cases.extend(bodies());
    cases.extend(together());
    cases
}

/// Targets and versions in other forms than usual.
fn forms() -> Vec<Case> {
    let line = |line: &str| format!("{line}\r\nHost: h\r\n\r\n");
    vec![
        Case::kept("an absolute target", line(&format!("GET http://h/{BIN}/a HTTP/1.1"))),
        Case::kept("a foreign absolute target", line(&format!("GET http://evil/{BIN} HTTP/1.1"))),
        Case::kept("an https target", line(&format!("GET https://h/{BIN}?x HTTP/1.1"))),
        Case::kept("HTTP/1.0", line(&format!("GET /{BIN} HTTP/1.0"))),
        Case::kept("HTTP/1.0 without a Host", format!("GET /{BIN} HTTP/1.0\r\n\r\n")),
        Case::kept(
            "HTTP/1.0 that keeps alive",
            format!("GET /{BIN} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        ),
        Case::kept(
            "HTTP/1.0 with a body",
            format!("POST /{BIN} HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"),
        ),
        Case::kept("an empty Host", format!("GET /{BIN} HTTP/1.1\r\nHost:\r\n\r\n")),
        Case::kept("a strange Host", format!("GET /{BIN} HTTP/1.1\r\nhOsT: a b:c\r\n\r\n")),
        Case::kept("a long target", line(&format!("GET /{BIN}/{} HTTP/1.1", "x".repeat(50_000)))),
        Case::kept("a long value", head("GET", &format!("X: {}\r\n", "y".repeat(60_000)))),
        Case::kept("a long name", head("GET", &format!("{}: y\r\n", "x".repeat(30_000)))),
        Case::kept("100 header lines", head("GET", &"X: y\r\n".repeat(99))),
        Case::kept(
            "an empty line before it",
            format!("\r\nGET /{BIN} HTTP/1.1\r\nHost: h\r\n\r\n"),
        ),
        Case::kept("a body that is not waited for", post("Expect: 100-continue\r\n", b"now")),
        Case::kept("another expectation", post("Expect: a-miracle\r\n", b"now")),
        Case::kept("a client that ends its side", head("GET", "")).and_finishes(),
        Case::kept("a body, and its client ends its side", post("", b"abc")).and_finishes(),
        Case::kept("chunks, and its client ends its side", chunked("0\r\n\r\n")).and_finishes(),
    ]
}

fn bodies() -> Vec<Case> {
    let every: Vec<u8> = (0..=255).collect();
    let many = |count: usize| -> Vec<u8> { (0..count).map(|n| (n * 7 + n / 256) as u8).collect() };
    let sizes = [1, 2, 1_023, 4_096, 8_191, 8_192, 8_193, 65_535, 65_536, 65_537, 1_000_000];
    let mut cases: Vec<Case> = sizes
        .into_iter()
        .flat_map(|size| {
            let content = many(size);
            let mut wire = Vec::new();
            for piece in content.chunks(1_000) {
                wire.extend(format!("{:x}\r\n", piece.len()).bytes());
                wire.extend([piece, b"\r\n"].concat());
            }
            wire.extend(b"0\r\n\r\n");
            [
                Case::kept(format!("a body of {size} bytes"), post("", &content)),
                Case::kept(format!("chunks of {size} bytes"), chunked(wire)),
            ]
        })
        .collect();
    cases.push(Case::kept("every byte value", post("", &every)));
    cases.push(Case::kept("a body like a request", post("", &head("GET", ""))));
    cases.push(Case::kept("a body like an answer", post("", b"HTTP/1.1 200 OK\r\n\r\n")));
    cases.push(Case::kept(
        "a GET with a body",
        [head("GET", "Content-Length: 1\r\n"), b"x".to_vec()].concat(),
    ));
    cases
}

/// Several on one connection, written at once.
fn together() -> Vec<Case> {
    let one = || Case::kept("one", head("GET", ""));
    let three = one().followed_by(one()).followed_by(one());
    let body = || Case::kept("a body", post("", b"GET / HTTP/1.1\r\n\r\n"));
    let chunks = || Case::kept("chunks", chunked("3\r\nabc\r\n0\r\nX: y\r\n\r\n"));
    let lines = one().followed_by(Case::kept(
        "two empty lines and one",
        [b"\r\n\r\n".to_vec(), head("GET", "")].concat(),
    ));
    let mut twenty = one();
    for _ in 0..19 {
        twenty = twenty.followed_by(one());
    }
    twenty.name = "twenty".into();
    vec![
        three,
        body().followed_by(chunks()).followed_by(body()),
        chunks().followed_by(chunks()).followed_by(one()).and_finishes(),
        lines,
        twenty,
    ]
}
