use uuid::Uuid;

use super::*;
use crate::body::{Body, Framing};
use crate::capture::{Outcome, Protocol, Replied, Timing};
use crate::headers::Head;
use crate::reply::Fault;

const NOW: i64 = 1_790_000_600_000_000;

fn now() -> Timestamp {
    Timestamp::from_micros(NOW)
}

fn capture() -> Capture {
    let head = "POST /orders/hooks/a%20b?x=1&x=2&q=a+b HTTP/1.1\r\nHost: h\r\nX-Twice: a\r\n\
                x-twice: b c\r\nEmpty:\r\nX-GitHub-Event: order.paid\r\n\r\n";
    Capture {
        bin: "orders".parse().unwrap(),
        seq: 42,
        id: Uuid::nil(),
        received_at: Timestamp::from_micros(NOW - 600_000_000),
        peer: "127.0.0.1:53122".parse().unwrap(),
        client: None,
        protocol: Protocol::Http11,
        outcome: Outcome::TimedOut,
        timing: Timing::default(),
        reply: Replied { status: 204, fault: Some(Fault::Drip), ..Replied::default() },
        head: Head::from(head.as_bytes()),
        body: Body {
            wire: "6\r\nThe \"a\r\nA\r\nMount\" * 9\r\n0\r\n\r\n".into(),
            framing: Framing::Chunked,
        },
        content_bytes: 2048,
    }
}

fn verdict(verdict: &str) -> SignatureVerdict {
    SignatureVerdict { scheme: "github".into(), verdict: verdict.into(), reason: None }
}

fn holds(query: &str) -> bool {
    let signature = verdict("invalid");
    let subject = Subject { capture: &capture(), signature: Some(&signature) };
    Query::parse(query, now()).unwrap().matches(&subject)
}

#[test]
fn terms_that_hold() {
    for query in [
        "",
        "  \t ",
        "method:POST",
        "method:post",
        "METHOD:p*",
        "method=post",
        "path:/hooks/a%20b",
        "path:/hooks/*",
        "path:*",
        "header.host:h",
        "header.X-TWICE:a",
        "header.x-twice:\"b c\"",
        "header.empty:*",
        "header.empty:\"\"",
        "-header.absent:*",
        "query.x:2",
        "query.q:\"a b\"",
        "query.q:a*",
        "event:order.paid",
        "event:order.*",
        "status:204",
        "status:2xx",
        "status>=204 status<=204 status>203 status<205",
        "status>1xx status<3xx status>=2xx",
        "fault:drip",
        "fault:DRIP -fault:reset",
        "outcome:timed_out",
        "outcome:Timed-Out",
        "signature:invalid",
        "size>1024",
        "size:2k",
        "size<=2KB size>=2kib size<1m",
        "after:41 before:43",
        "after:11m before:9m",
        "after:10m1ms before:9m59s999ms",
        "before:2026-09-22T00:00:00Z after:2020-01-01",
        "peer:127.0.0.1",
        "peer:127.0.0.1:53122",
        "peer:127.*",
        "protocol:http/1.1",
        "protocol:1.1",
        "protocol:1.*",
        "amount",
        "\"the \\\"AMOUNT\\\"\"",
        "\"hooks/A%20B?x=1\"",
        "\"* 9\"",
        "*",
        "-nowhere",
        "-\"-\"",
        "method:POST -status:5xx amount",
    ] {
        assert!(holds(query), "{query}");
    }
}

#[test]
fn terms_that_do_not_hold() {
    for query in [
        "method:GET",
        "-method:POST",
        "path:/hooks",
        "path:/HOOKS/*",
        "path:\"/hooks/*\"",
        "header.x-twice:c",
        "header.x-twice:B*",
        "header.absent:*",
        "query.X:1",
        "query.x:3",
        "event:order",
        "status:2xx -status:204",
        "status>204",
        "status<204",
        "fault:reset",
        "outcome:complete",
        "signature:valid",
        "size>2k",
        "size<0",
        "after:42",
        "before:42",
        "after:10m",
        "before:10m",
        "-after:41",
        "peer:127.0.0.2",
        "protocol:2",
        "nowhere",
        "amount nowhere",
        "amount -amount",
        "\"amount 9\"",
    ] {
        assert!(!holds(query), "{query}");
    }
}

#[test]
fn without_a_verdict_no_verdict_holds() {
    let subject = Subject { capture: &capture(), signature: None };
    for text in ["signature:valid", "signature:invalid", "signature:missing"] {
        assert!(!Query::parse(text, now()).unwrap().matches(&subject), "{text}");
        assert!(Query::parse(&format!("-{text}"), now()).unwrap().matches(&subject), "{text}");
    }
}

#[test]
fn errors_say_where_what_and_what_to_try() {
    let cases = [
        (
            "methd:POST",
            "character 1, `methd:POST`: there is no key `methd`; did you mean `method`?",
        ),
        (
            "a  headers.x:1",
            "character 4, `headers.x:1`: there is no key `headers`; did you mean `head",
        ),
        ("sig:valid", "did you mean `signature`"),
        ("http://x", "put the term in quotes to search for it as text, or use method, path"),
        (":)", "there is no key ``"),
        ("header:x", "`header` takes a name; write `header.NAME:value`"),
        ("query.:x", "`query` takes a name"),
        ("method.x:y", "`method` takes no name"),
        ("method:", "`method` has no value"),
        ("method>POST", "`method` cannot be compared"),
        ("status:20", "`status` takes a status such as 200, or a class such as 2xx, not `20`"),
        ("status:+20", "not `+20`"),
        ("size>ten", "`size` takes whole bytes"),
        ("size>99999999999999999999", "`size` takes whole bytes"),
        ("size>99999999999g", "`size` takes whole bytes"),
        ("after:soon", "how long ago, such as 10m, not `soon`"),
        ("after:10y", "not `10y`"),
        ("after:99999999999999w", "not `99999999999999w`"),
        ("before:2026-13-01", "not `2026-13-01`"),
        ("outcome:done", "`complete`, `aborted`, `timed_out` or `over_limit`, not `done`"),
        ("fault:any", "`garbage` or `endless`, not `any`"),
        ("signature:ok", "`valid`, `invalid` or `missing`, not `ok`"),
        ("protocol:3", "`protocol` takes HTTP/1.0, HTTP/1.1 or HTTP/2, not `3`"),
        ("é -", "character 3, `-`: `-` negates the term after it"),
        ("a \"b", "character 3, `\"b`: the quote is never closed"),
        ("\"\"", "there is nothing between the quotes"),
        ("-\"\"", "there is nothing between the quotes"),
        ("x:\u{1b}[31m", "`x:\\u{1b}[31m`"),
    ];
    for (query, want) in cases {
        let error = Query::parse(query, now()).unwrap_err().to_string();
        assert!(error.starts_with("read the query at character "), "{error}");
        assert!(error.contains(want), "{query}: {error}");
    }
}

#[test]
fn a_query_is_bounded() {
    assert!(Query::parse(&"a ".repeat(QUERY_TERMS_MAX), now()).is_ok());
    let many = Query::parse(&"a ".repeat(QUERY_TERMS_MAX + 1), now()).unwrap_err();
    assert_eq!(many.why, error::Why::TooManyTerms);
    let long = Query::parse(&"a".repeat(QUERY_BYTES_MAX + 1), now()).unwrap_err();
    assert_eq!(long.why, error::Why::TooLong(QUERY_BYTES_MAX + 1));
    assert!(long.to_string().len() < 300);
}

#[test]
fn what_the_store_can_skip_is_known() {
    let bounds = |text| Query::parse(text, now()).unwrap().seq_bounds();
    let want = |after, before| SeqBounds { after, before };
    assert_eq!(bounds("amount"), want(None, None));
    assert_eq!(bounds("after:3 after:9 after:5 before:30 before:20"), want(Some(9), Some(20)));
    assert_eq!(bounds("-after:9 -before:5"), want(Some(4), Some(10)));
    assert_eq!(bounds("-before:0 after:10m"), want(None, None));
    assert_eq!(bounds(&format!("-after:{}", u64::MAX)), want(None, Some(u64::MAX)));
}

#[test]
fn only_words_and_events_need_the_body() {
    for (text, want) in
        [("method:POST size>1 signature:valid", false), ("x", true), ("event:*", true)]
    {
        assert_eq!(Query::parse(text, now()).unwrap().needs_body(), want, "{text}");
    }
}

/// A generator of its own: the point is many odd texts, the same every time.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

#[test]
fn no_text_makes_the_parser_panic_and_a_query_agrees_with_its_bounds() {
    const PIECES: [&str; 28] = [
        "method",
        "status",
        "after",
        "before",
        "size",
        "header.",
        "query.x",
        ":",
        ">=",
        "<",
        "=",
        "*",
        "\"",
        "\\",
        "-",
        " ",
        "  ",
        "10k",
        "2xx",
        "42",
        "10m",
        "é",
        "\u{202e}",
        "\0",
        "x",
        ".",
        "path",
        "18446744073709551615",
    ];
    let capture = capture();
    let subject = Subject { capture: &capture, signature: None };
    let mut seed = 7;
    let mut parsed = 0;
    for _ in 0..50_000 {
        let length = random(&mut seed) % 12;
        let text: String = (0..length)
            .map(|_| PIECES[(random(&mut seed) % PIECES.len() as u64) as usize])
            .collect();
        match Query::parse(&text, now()) {
            Ok(query) => {
                parsed += 1;
                let bounds = query.seq_bounds();
                let within = bounds.after.is_none_or(|after| after < 42)
                    && bounds.before.is_none_or(|before| before > 42);
                assert!(within || !query.matches(&subject), "{text}");
            }
            Err(error) => assert!(error.at >= 1 && !error.to_string().contains('\0'), "{text}"),
        }
    }
    assert!(parsed > 5_000, "{parsed}");
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random(&mut seed) % 40).map(|_| random(&mut seed) as u8).collect();
        let _ = Query::parse(&String::from_utf8_lossy(&bytes), now());
    }
}

#[test]
fn a_term_and_its_negation_never_agree() {
    for term in ["method:POST", "amount", "after:42", "size>1k", "\"a b\"", "header.x:*"] {
        assert_ne!(holds(term), holds(&format!("-{term}")), "{term}");
    }
}

/// A reply that misbehaves is kept with the status 0.
#[test]
fn no_status_at_all_can_be_asked_for() {
    use super::value::{Sign, status};
    assert_eq!(status(Sign::Equal, "0"), Some(0..=0));
    assert_eq!(status(Sign::Equal, "00"), None);
}
