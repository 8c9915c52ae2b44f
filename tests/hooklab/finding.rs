//! One query language in lists, in deleting and in the command; jq beside it; pages both ways.

use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::http::Answer;
use crate::harness::server::{Server, post};

const BIN: &str = "mixed";

/// Eight captures, of which every query below knows which it means.
fn mixed() -> Server {
    let server = Server::start();
    let reply = json!([
        {"match": {"path": "/gone"}, "status": 410},
        {"match": {"path": "/fails"}, "status": 503},
    ]);
    let verify = json!({"scheme": "github", "secrets": ["It's a Secret to Everybody"]});
    server.create(&json!({"name": BIN, "reply": reply, "verify": verify}));
    // GitHub's own published example of a signature.
    let signed = "X-Hub-Signature-256: sha256=\
                  757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let wrong = format!("X-Hub-Signature-256: sha256={}", "0".repeat(64));
    let requests: [(&str, &str, &str); 8] = [
        ("POST /mixed/hooks/a", "X-Event: order.paid", "{\"amount\":10,\"who\":\"Ann\"}"),
        ("POST /mixed/hooks/b?x=1&x=2", "X-Event: order.sent", "{\"amount\":30,\"who\":\"Bob\"}"),
        ("GET /mixed/list?page=3", "Accept: text/html", ""),
        ("PUT /mixed/gone", "Content-Type: text/plain", "the quick brown fox"),
        ("POST /mixed/fails", signed, "Hello, World!"),
        ("POST /mixed/hooks/a", &wrong, "{\"payment_id\":1,\"membership_id\":2}"),
        ("DELETE /mixed/a%20b", "X-Odd: a:b-c \"d\"", ""),
        ("POST /mixed/big", "X-Event: bulk", &"x".repeat(20_000)),
    ];
    for (line, field, body) in requests {
        let mut wire = server.wire();
        let length = body.len();
        let head = format!("{line} HTTP/1.1\r\nHost: h\r\n{field}\r\nContent-Length: {length}");
        wire.send(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        assert_ne!(wire.answer().unwrap().captured().1, 0);
    }
    server
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn list(server: &Server, rest: &str) -> Answer {
    server.get(&format!("/bins/{BIN}/captures?{rest}"))
}

/// The seqs that a query finds, the oldest first, over as many pages as it takes.
fn found(server: &Server, by: &str, text: &str) -> Vec<u64> {
    let mut seqs = Vec::new();
    let mut after = "0".to_owned();
    loop {
        let answer = list(server, &format!("order=asc&after={after}&{by}={}", encoded(text)));
        assert_eq!(answer.status, 200, "{text}: {}", answer.text());
        let page = answer.json();
        let items = page["items"].as_array().unwrap();
        seqs.extend(items.iter().map(|item| item["seq"].as_u64().unwrap()));
        // A page may be empty and still not the last: looking is bounded, and `next` says so.
        let Some(next) = page["next"].as_str() else { return seqs };
        next.clone_into(&mut after);
    }
}

const QUERIES: [(&str, &[u64]); 47] = [
    ("", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("method:POST", &[1, 2, 5, 6, 8]),
    ("method:post", &[1, 2, 5, 6, 8]),
    ("-method:POST", &[3, 4, 7]),
    ("method:P*", &[1, 2, 4, 5, 6, 8]),
    ("path:/hooks/*", &[1, 2, 6]),
    ("path:/hooks/a", &[1, 6]),
    ("path:/a%20b", &[7]),
    ("path:/hooks", &[]),
    ("header.x-event:order.paid", &[1]),
    ("header.X-EVENT:order.*", &[1, 2]),
    ("header.x-event:*", &[1, 2, 8]),
    ("-header.x-event:*", &[3, 4, 5, 6, 7]),
    ("header.x-odd:\"a:b-c \\\"d\\\"\"", &[7]),
    ("header.host:h", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("query.x:1", &[2]),
    ("query.x:2", &[2]),
    ("query.page:*", &[3]),
    ("event:payment_received", &[6]),
    ("event:payment_*", &[6]),
    ("status:200", &[1, 2, 3, 6, 7, 8]),
    ("status:2xx", &[1, 2, 3, 6, 7, 8]),
    ("status:410", &[4]),
    ("status>=400", &[4, 5]),
    ("status<500 -status:2xx", &[4]),
    ("outcome:complete", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("outcome:aborted", &[]),
    ("signature:valid", &[5]),
    ("signature:invalid", &[6]),
    ("signature:missing", &[1, 2, 3, 4, 7, 8]),
    ("size>1000", &[8]),
    ("size>=10k", &[8]),
    ("size:0", &[3, 7]),
    ("size<100 size>0", &[1, 2, 4, 5, 6]),
    ("after:6", &[7, 8]),
    ("before:3", &[1, 2]),
    ("after:2 before:5", &[3, 4]),
    ("after:2020-01-01", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("before:2020-01-01T00:00:00Z", &[]),
    ("after:1h", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("peer:127.0.0.1", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("protocol:HTTP/1.1", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("fox", &[4]),
    ("FOX brown", &[4]),
    ("\"quick brown\"", &[4]),
    ("-\"quick brown\" -method:POST", &[3, 7]),
    ("method:POST path:/hooks/* -header.x-event:order.sent ann", &[1]),
];

const FILTERS: [(&str, &[u64]); 7] = [
    (".body.json.amount > 10", &[2]),
    (".body.json.who == \"Ann\"", &[1]),
    (".method == \"GET\"", &[3]),
    (".seq > 6", &[7, 8]),
    (".reply.status >= 400", &[4, 5]),
    (".headers | any(.[0] == \"X-Event\")", &[1, 2, 8]),
    ("false", &[]),
];

#[test]
fn every_key_finds_what_it_says() {
    let server = mixed();
    for (query, seqs) in QUERIES {
        assert_eq!(found(&server, "q", query), seqs, "{query}");
    }
    for (filter, seqs) in FILTERS {
        assert_eq!(found(&server, "jq", filter), seqs, "{filter}");
    }
    let both = format!("order=asc&q={}&jq={}", encoded("method:POST"), encoded(".seq < 3"));
    let items = list(&server, &both).json()["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 2, "{items}");
}

#[test]
fn a_query_that_cannot_be_read_says_where_and_what_to_try() {
    let server = mixed();
    for (query, words) in [
        ("methd:POST", vec!["did you mean `method`"]),
        ("header:x", vec!["header.NAME"]),
        ("status:abc", vec!["2xx"]),
        ("signature:maybe", vec!["valid"]),
        ("size>big", vec!["10k"]),
        ("method:", vec!["no value"]),
        ("a \"open", vec!["quote"]),
        ("-", vec!["negates"]),
        ("path>3", vec!["cannot be compared"]),
    ] {
        list(&server, &format!("q={}", encoded(query))).assert_bad_request(&words);
        let delete = format!("/bins/{BIN}/captures?q={}", encoded(query));
        server.api("DELETE", &delete, None).assert_bad_request(&words);
    }
    for filter in [".body.json.amount >", "nosuch(1)", "import \"a\" as b; .", "input", "$ENV.HOME"]
    {
        let answer = list(&server, &format!("jq={}", encoded(filter)));
        answer.assert_bad_request(&[]);
    }
    assert_eq!(server.get(&format!("/bins/{BIN}")).json()["captures"], 8, "nothing was deleted");
    list(&server, "qq=x").assert_bad_request(&["qq"]);
    list(&server, "limit=0").assert_bad_request(&["limit"]);
    list(&server, "order=up").assert_bad_request(&[]);
}

/// Whoever can ask must not be able to keep the server busy.
#[test]
fn filters_that_do_not_end_are_ended() {
    let server = mixed();
    for filter in [
        "last(repeat(1))",
        "[range(100000000)] | length > 0",
        "def f: f; f",
        "[limit(10000000; repeat(\"x\"))] | add | length > 1",
        "\"x\" * 1000000000 | length > 1",
    ] {
        let begun = Instant::now();
        let answer = list(&server, &format!("jq={}", encoded(filter)));
        assert!(answer.status < 500 || answer.status == 503, "{filter}: {}", answer.text());
        assert!(begun.elapsed().as_secs() < 10, "{filter} took {:?}", begun.elapsed());
        assert_eq!(server.post("/other", b"").status, 200);
    }
    assert!(server.resident_kib() < 300 * 1024, "{} KiB", server.resident_kib());
}

#[test]
fn pages_go_both_ways_without_a_gap_or_a_repeat() {
    let server = Server::start();
    for n in 0..25 {
        server.post(&format!("/paged/{}", n % 3), b"{}");
    }
    let pages = |first: &str, turn: &str, query: &str| -> Vec<u64> {
        let mut seqs: Vec<u64> = Vec::new();
        let mut from = first.to_owned();
        loop {
            let path = format!("/bins/paged/captures?limit=4&q={}{from}", encoded(query));
            let page = server.get(&path).json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 4);
            seqs.extend(items.iter().map(|item| item["seq"].as_u64().unwrap()));
            let Some(next) = page["next"].as_str() else { return seqs };
            from = format!("&{turn}={next}");
        }
    };
    let up: Vec<u64> = (1..=25).collect();
    let down: Vec<u64> = (1..=25).rev().collect();
    assert_eq!(pages("&after=0", "after", ""), up);
    assert_eq!(pages("", "before", ""), down);
    let third = |seqs: &[u64]| seqs.iter().copied().filter(|seq| seq % 3 == 0).collect::<Vec<_>>();
    assert_eq!(pages("&after=0", "after", "path:/2"), third(&up));
    assert_eq!(pages("", "before", "path:/2"), third(&down));
    assert_eq!(server.get("/bins/paged/captures/latest").json()["seq"], 25);
}

#[test]
fn deleting_by_query_deletes_what_the_list_shows() {
    let mut server = mixed();
    let delete = |query: &str| {
        let path = format!("/bins/{BIN}/captures?q={}", encoded(query));
        let answer = server.api("DELETE", &path, None);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["deleted"].as_u64().unwrap()
    };
    assert_eq!(delete("outcome:aborted"), 0);
    assert_eq!(delete("header.x-event:order.* size<1k"), 2);
    assert_eq!(found(&server, "q", ""), [3, 4, 5, 6, 7, 8]);
    let cleared = server.run(&["bin", "clear", BIN, "--query", "status>=400"]);
    assert_eq!(cleared.code, Some(0), "{cleared:?}");
    assert_eq!(found(&server, "q", ""), [3, 6, 7, 8]);
    server.kill9();
    let server = Server::on(&server.store.clone(), &[]);
    assert_eq!(found(&server, "q", ""), [3, 6, 7, 8]);
    assert_eq!(server.get(&format!("/bins/{BIN}")).json()["dropped"], 0);
    assert_eq!(server.post(&format!("/{BIN}"), b"").captured().1, 9);
}

#[test]
fn the_command_finds_the_same() {
    let server = mixed();
    let ran = server.run(&["captures", BIN, "--query", "status>=400", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("\"/gone\"") && ran.stdout.contains("\"/fails\""), "{ran:?}");
    assert!(!ran.stdout.contains("/hooks/"), "{ran:?}");
    let ran = server.run(&["captures", BIN, "--jq", ".body.json.amount > 10", "--json"]);
    assert!(ran.stdout.contains("/hooks/b") && !ran.stdout.contains("/hooks/a"), "{ran:?}");
    let ran = server.run(&["captures", BIN, "--jq", ".seq > 99"]);
    assert_eq!((ran.code, ran.stderr.contains("no capture matches")), (Some(0), true), "{ran:?}");
    let fails = server.run(&["captures", BIN, "--jq", ".headers.host"]);
    fails.assert_refused(2, &["all 8 captures", "cannot index", "show --json"]);
    let some = "if .seq > 7 then error(\"late\") else false end";
    let ran = server.run(&["captures", BIN, "--jq", some]);
    assert_eq!(
        (ran.code, ran.stderr.contains("on 1 of 8 captures: late")),
        (Some(0), true),
        "{ran:?}"
    );
    server.run(&["captures", BIN, "--query", "methd:POST"]).assert_refused(2, &["method"]);
}

/// What a capture means is told on demand: its view, its signature, its difference, its schema.
#[test]
fn captures_are_understood() {
    let server = mixed();
    let get = |rest: &str| {
        let answer = server.get(&format!("/bins/{BIN}/{rest}"));
        assert_eq!(answer.status, 200, "{rest}: {}", answer.text());
        answer.json()
    };
    let verdict = |seq: u64| get(&format!("captures/{seq}"))["signature"].clone();
    assert_eq!(verdict(5), json!({"scheme": "github", "verdict": "valid", "reason": null}));
    assert_eq!(verdict(6)["verdict"], "invalid");
    assert!(verdict(6)["reason"].as_str().is_some_and(|why| !why.is_empty()));
    assert_eq!(verdict(1)["verdict"], "missing");
    assert_eq!(get("captures/1/view")["content"]["kind"], "json");
    assert_eq!(get("captures/3/view")["content"]["kind"], "empty");
    assert_eq!(get("captures/4/view")["content"]["text"], "the quick brown fox");
    let diff = get("captures/1/diff/2");
    assert_eq!(diff["body"]["kind"], "json", "{diff}");
    assert_eq!(diff["path"], json!({"from": "/hooks/a", "to": "/hooks/b"}));
    assert_eq!(get("captures/1/diff/1")["body"]["kind"], "same");
    let big = "{\"id\":12345678901234567890.10}";
    let mut wire = server.wire();
    wire.send(&post("h", &format!("/{BIN}"), big.as_bytes())).unwrap();
    wire.answer().unwrap();
    let view = get("captures/9/view");
    assert!(
        view["content"]["text"].as_str().unwrap().contains("12345678901234567890.10"),
        "{view}"
    );
    for _ in 0..3 {
        server.post("/shaped", b"{\"id\":1,\"name\":\"a\"}");
    }
    let schema: Value = server.get("/bins/shaped/schema").json();
    assert_eq!(schema["type"], "object", "{schema}");
    assert_eq!(schema["properties"]["id"]["type"], "integer");
    assert_eq!(schema["required"], json!(["id", "name"]));
    for path in ["captures/77/view", "captures/1/diff/77", "captures/77/diff/1"] {
        server.get(&format!("/bins/{BIN}/{path}")).assert_problem(404, &["77"]);
    }
    server.get("/bins/nosuch/schema").assert_problem(404, &["nosuch"]);
}
