use super::*;
use crate::capture::{BodyDocument, Outcome, Protocol, Replied, Timing};
use crate::headers::Octets;
use crate::id::Timestamp;

const BODY: &str = r#"{"order":{"id":12345678901234567890123,"total":10.10,"tags":["a","b"]},
    "note":"Straße \"x\"","nested":[[1,2],[3,[4]]],"none":null,"amount":42}"#;

pub(super) fn document(body: &str) -> Document {
    Document {
        bin: "orders".parse().unwrap(),
        seq: 42,
        id: uuid::Uuid::nil(),
        received_at: Timestamp::from_micros(0),
        peer: "127.0.0.1:1".parse().unwrap(),
        client: None,
        protocol: Protocol::Http11,
        method: Octets::Text("POST".into()),
        target: Octets::Text("/orders/x?a=1".into()),
        path: Octets::Text("/x".into()),
        query: vec![(Octets::Text("a".into()), Octets::Text("1".into()))],
        headers: vec![(Octets::Text("Host".into()), Octets::Binary(vec![0xff]))],
        trailers: Vec::new(),
        body: BodyDocument::of(body.as_bytes()),
        outcome: Outcome::Complete,
        timing: Timing::default(),
        reply: Replied { status: 200, ..Replied::default() },
        event: None,
        signature: None,
    }
}

fn give(filter: &str) -> String {
    let given = match Jq::compile(filter).and_then(|jq| jq.select_outputs(&document(BODY))) {
        Ok(given) => given,
        Err(error) => return error.to_string(),
    };
    given.iter().map(|json| json.get()).collect::<Vec<_>>().join(" ")
}

fn error(filter: &str) -> String {
    match Jq::compile(filter) {
        Err(error) => error.to_string(),
        Ok(jq) => jq.select_outputs(&document(BODY)).unwrap_err().to_string(),
    }
}

#[test]
fn filters_see_the_capture_and_its_json() {
    for (filter, want) in [
        (".seq, .method, .bin", r#"42 "POST" "orders""#),
        (".headers", r#"[["Host",{"base64":"/w=="}]]"#),
        (".query[0][1]", r#""1""#),
        (".body.json.order.id", "12345678901234567890123"),
        (".body.json.order.total", "10.10"),
        (".body.json.order.id == 12345678901234567890123", "true"),
        (".body.json.order.id == 12345678901234567890124", "false"),
        (".body.json.order.id > 12345678901234567890122", "true"),
        (".body.json.order.total == 10.1", "true"),
        (".body.json.amount > 10", "true"),
        ("{seq, total: .body.json.order.total}", r#"{"seq":42,"total":10.10}"#),
        (".body.json.order.tags | length, join(\"-\"), index(\"b\")", r#"2 "a-b" 1"#),
        (".body.json.note | length, test(\"STRASSE\"; \"i\"), .[0:6]", r#"10 false "Straße""#),
        (".nowhere.at.all", "null"),
        ("empty", ""),
    ] {
        assert_eq!(give(filter), want, "{filter}");
    }
}

/// Filters over the sample, and what jq gives for them.
const LANGUAGE: &[(&str, &str)] = &[
    ("[1,2,3] | map(. * 2) | add", "12"),
    ("[.body.json.nested | .. | numbers]", "[1,2,3,4]"),
    ("[3,1,2] | sort, reverse, min, max", "[1,2,3] [2,1,3] 1 3"),
    ("[1,[2,[3]]] | flatten, flatten(1)", "[1,2,3] [1,2,[3]]"),
    ("{a:1,b:{c:2}} | to_entries | map(.key)", r#"["a","b"]"#),
    ("{a:1} + {b:2} | with_entries(.value += 1)", r#"{"a":2,"b":3}"#),
    ("{a:{b:1}} * {a:{c:2}}", r#"{"a":{"b":1,"c":2}}"#),
    ("{a:1,b:2} | del(.a), has(\"a\"), keys", r#"{"b":2} true ["a","b"]"#),
    ("null | .a.b = 1", r#"{"a":{"b":1}}"#),
    ("null | .[2] = 1", "[null,null,1]"),
    ("reduce range(2000) as $i ([range(2000)]; .[$i] = 0) | add", "0"),
    (
        "[1,2,3] | del(.[1], .[0]), (.[-1] = 9), (try (.[-9] = 9) catch .)",
        "[3] [1,2,9] \"index -9 is out of bounds\"",
    ),
    ("[1,2,3] | .[1] |= . + 10, .[1:] |= map(0), del(.[0])", "[1,12,3] [1,0,0] [2,3]"),
    ("[1,2,3] | .[1:], .[-1:], .[:1], .[-1]", "[2,3] [3] [1] 3"),
    ("[1,1,2] | unique, group_by(.)", "[1,2] [[1,1],[2]]"),
    ("[1,[2]] | [paths] | length", "3"),
    ("{a:[1]} | [paths]", r#"[["a"],["a",0]]"#),
    ("[limit(3; range(10))], first(range(5;9)), [range(0;10;4)]", "[0,1,2] 5 [0,4,8]"),
    ("reduce range(5) as $i (0; . + $i), [foreach range(3) as $i (0; .+$i)]", "10 [0,1,3]"),
    ("def f(g): g * 2; f(4), (def fac: if . < 2 then 1 else . * (.-1|fac) end; 5|fac)", "8 120"),
    ("0 | [recurse(if . < 3 then .+1 else empty end)], [while(. < 3; .+1)]", "[0,1,2,3] [0,1,2]"),
    ("0 | until(. > 4; . + 1)", "5"),
    ("try error(\"x\") catch .", r#""x""#),
    ("(1,null,2) // 3, (null // 3)", "1 2 3"),
    ("[.[]?]|length > 3", "true"),
    ("label $out | 1, break $out, 2", "1"),
    (
        "\"a\\(1+1)b\", @json \"x\\([1])\", @base64 \"\\(\"hi\")\", (\"aGk=\" | @base64d)",
        r#""a2b" "x[1]" "aGk=" "hi""#,
    ),
    ("\"a b&\" | @uri, (@uri | @urid)", r#""a%20b%26" "a b&""#),
    (
        "\"a,b\" | split(\",\"), ascii_upcase, explode[0], ltrimstr(\"a\"), startswith(\"a\")",
        r#"["a","b"] "A,B" 97 ",b" true"#,
    ),
    (
        "\"a1b22\" | [scan(\"[0-9]+\")], gsub(\"[0-9]+\"; \"#\"), capture(\"(?<n>[0-9]+)\")",
        r##"["1","22"] "a#b#" {"n":"1"}"##,
    ),
    ("\"aXbxc\" | split(\"x\"; \"i\"), [match(\"x\"; \"gi\").offset]", r#"["a","b","c"] [1,3]"#),
    ("\"é-é\" | [match(\"\"; \"g\").offset], sub(\"$\"; \"!\")", r#"[0,1,2,3] "é-é!""#),
    ("\"12\" | tonumber, fromjson, (tojson | fromjson)", r#"12 12 "12""#),
    ("[1,2] | contains([1]), inside([1,2,3]), any(. > 1), all(. > 1)", "true true true false"),
    (
        "7 / 2, 6 / 2, 7 % 4, 1 - 2, -(3), 1e3, 9223372036854775807 + 1",
        "3.5 3 3 -1 -3 1e3 9.223372036854776e18",
    ),
    (
        "nan < nan, ([nan] | sort), (nan | isnan), (1 | isnan), infinite",
        "true [null] true false 1.7976931348623157e308",
    ),
    (
        "[null,true,1,\"\",[],{}] | map(type)",
        r#"["null","boolean","number","string","array","object"]"#,
    ),
    ("[{},[],\"\",1,true,false,null] | sort | tojson", r#""[null,false,true,1,\"\",[],{}]""#),
    ("{a:1} == {a:1.0}, {a:1} < {a:2}, ([1,2] - [2])", "true true [1]"),
    ("[splits(\"a\")]?, (\"x\" | [splits(\"a\")])", r#"["x"]"#),
    (
        "{a:{b:2}} | getpath([\"a\",\"b\"]), pick(.a.b), (.. |= .)",
        r#"2 {"a":{"b":2}} {"a":{"b":2}}"#,
    ),
    ("[1,null] | map(values), (.[0] | abs), (-3 | abs, floor)", "[1] 1 3 -3"),
    ("\"x\" * 3, \"x\" * 0, 0 * \"x\"", r#""xxx" null null"#),
    (
        "[\"b\",\"a\"] | @text, @sh, walk(if type == \"string\" then . + \"!\" else . end)",
        r#""[\"b\",\"a\"]" "'b' 'a'" ["b!","a!"]"#,
    ),
    ("limit(0; error), isempty(empty), (\"true\" | toboolean), (4 | sqrt)", "true true 2"),
];

#[test]
fn the_language_is_jq() {
    let mut wrong = Vec::new();
    for &(filter, want) in LANGUAGE {
        let given = give(filter);
        if given != want {
            wrong.push(format!("{filter}\n   gave {given}\n   want {want}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn errors_say_where_and_what() {
    let mut wrong = Vec::new();
    for (filter, want) in [
        ("", "read the filter at character 1: expected term, found `the end`"),
        (".a |", "read the filter at character 5: expected term, found `the end`"),
        (".a | ]", "read the filter at character 6: expected token"),
        ("\"é\" | [.a", "at character 10: expected closing bracket"),
        (".a | nope(1; 2)", "at character 6: there is no filter `nope` with 2 arguments"),
        ("$ENV", "at character 1: there is no variable `$ENV` here; files, the environment"),
        ("input", "there is no filter `input`"),
        ("inputs", "there is no filter `inputs`"),
        ("env", "there is no filter `env`"),
        ("now", "there is no filter `now`"),
        ("debug", "there is no filter `debug`"),
        ("stderr", "there is no filter `stderr`"),
        ("halt", "there is no filter `halt`"),
        ("halt_error", "there is no filter `halt_error`"),
        ("input_filename", "there is no filter `input_filename`"),
        ("$__prog_args", "there is no variable"),
        ("import \"a\" as a; .", "a filter cannot import"),
        ("include \"a\"; .", "a filter cannot import"),
        ("break $x", "there is no label `$x`"),
        (".seq.x", "apply the filter: cannot index 42 with \"x\""),
        (".method + 1", "apply the filter: cannot calculate \"POST\" + 1"),
        ("\"a\" | test(\"(\")", "cannot use the regex"),
        ("\"a\" | test(\"a\"; \"q\")", "there is no regex flag 'q'"),
        ("error(\"\\u001b[31m\")", "apply the filter: \\u{1b}[31m;"),
        (". + 1", "cannot calculate {\"bin\":\"orders\",\"seq\":42,\"id\":\"00000000-… + 1"),
        ("{(1): 2}", "cannot use 1 as object key"),
        ("[range(20000)]", "gave over 65536 bytes"),
        ("repeat(\"x\")", "gave over 65536 bytes"),
    ] {
        let error = error(filter);
        if !error.contains(want) {
            wrong.push(format!("{filter}\n   gave {error}\n   want {want}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let long = "x".repeat(JQ_TEXT_BYTES_MAX + 1);
    assert!(error(&long).contains("it may have 4096 bytes and has 4097"));
}

#[test]
fn a_match_is_a_first_output_that_is_neither_false_nor_null() {
    for (filter, want) in [
        (".body.json.amount > 10", Match::Yes),
        ("0", Match::Yes),
        ("true, error", Match::Yes),
        ("false, true", Match::No),
        ("null", Match::No),
        ("empty", Match::No),
        (".body.json.amount > 100", Match::No),
        (".seq.x", Match::Failed("cannot index 42 with \"x\"".into())),
    ] {
        let jq = Jq::compile(filter).unwrap();
        assert_eq!(jq.matches(&document(BODY)).unwrap(), want, "{filter}");
        let three = [document(BODY), document(BODY), document(BODY)];
        assert_eq!(jq.matches_each(&three).unwrap(), vec![want; 3], "{filter}");
    }
}

#[test]
fn bodies_that_are_not_json_or_too_long_have_no_json() {
    let has = Jq::compile(".body | has(\"json\")").unwrap();
    for body in ["", "x", "{\"a\":1,}", "[1] 2", "01", "\"\u{1}\"", "nul", "{\"a\"}", "[1 2]"] {
        assert_eq!(has.matches(&document(body)).unwrap(), Match::No, "{body}");
    }
    for body in ["null", " [ ] ", "{}", "-0.0e+1", "\"\\\"\\u00e9\"", "[{\"a\\n\":[]}]"] {
        assert_eq!(has.matches(&document(body)).unwrap(), Match::Yes, "{body}");
    }
    let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(has.matches(&document(&deep(128))).unwrap(), Match::Yes);
    assert_eq!(has.matches(&document(&deep(129))).unwrap(), Match::No);
    assert_eq!(has.matches(&document(&deep(500_000))).unwrap(), Match::No);
    let long = document(&format!("[{}0]", "0,".repeat(JQ_BODY_BYTES_MAX / 2)));
    assert_eq!(has.matches(&long).unwrap(), Match::No);
    let rest = Jq::compile(".body | .size > 2000000 and .text == null").unwrap();
    assert_eq!(rest.matches(&long).unwrap(), Match::Yes);
    let whole = document(&format!("[{}0]", "0,".repeat(JQ_BODY_BYTES_MAX / 2 - 2)));
    assert_eq!(has.matches(&whole).unwrap(), Match::Yes);
}
