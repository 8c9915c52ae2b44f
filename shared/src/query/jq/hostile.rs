//! Filters that want to hang, to eat the memory or the stack. Whether they are ended is counted,
//! not clocked: a spent filter says what it spent. A crash of the stack would end the test run.

use super::meter::JQ_STEPS_MAX;
use super::tests::document;
use super::*;

/// Steps that show an end as well as all of them do, where the stack is not what is tried.
const FEW: u64 = JQ_STEPS_MAX / 10;

/// What becomes of a filter: `None` if it cannot be compiled.
fn run(filter: &str, steps: u64) -> Option<Result<usize, JqError>> {
    let jq = Jq { steps, ..Jq::compile(filter).ok()? };
    Some(jq.select_outputs(&document(r#"{"a":[1,{"b":null}]}"#)).map(|given| given.len()))
}

const SPENT: [&str; 76] = [
    "[range(1e9)]",
    "[range(0; 1e300)] | length",
    "[range(0; 1; 0)]",
    "[repeat(.)]",
    "last(repeat(1))",
    "isempty(repeat(empty))",
    "first(range(1e18) | select(false))",
    "[skip(1e18; repeat(1))]",
    "[limit(1e18; repeat(1))]",
    "until(false; .)",
    "[while(true; .)]",
    "[recurse(.)]",
    "[recurse([.])]",
    "[repeat(1)?, repeat(try 1 catch 2)]",
    "label $x | [repeat(1)] | break $x",
    "[foreach repeat(1) as $x (0; .; .)]",
    "reduce range(1e9) as $i (0; . + 1)",
    "reduce range(20) as $i (0; ., .) | [., repeat(.)]",
    "[reduce range(64) as $i (0; ., .)]",
    "(reduce range(1e9) as $i (.; .)) |= 1",
    "(reduce range(1e9) as $i (.; .a)) = 1",
    "(foreach range(1e9) as $i (.; .; .)) |= 1",
    "def f: f; f",
    "def f: f | f; f",
    "def f: f, f; f",
    "def f: 1 + f; f",
    "def f: f + 1; f",
    "def f: [f]; f",
    "def f: {a: f}; f",
    "def f: \"\\(f)\"; f",
    "def f: -f; f",
    "def f: try f catch f; f",
    "def f: try error catch f; f",
    "def f: if f then 1 else 2 end; f",
    "def f: reduce f as $x (0; 1); f",
    "def f: reduce 1 as $x (0; f); f",
    "def f: f as [$x] | f; f",
    "def f: label $x | f; f",
    "def f: .[f]; f",
    "def f: f // f; f",
    "def f: first(f); f",
    "def f: path(f | .); def g: first(g); g",
    "def f: .a | f; path(f)",
    "def f: .a |= f; f",
    "def f: def g: f; g; f",
    "def f: def g: 1 + f; g; f",
    "def f(g): f(g | g); f(.)",
    "def f(g): g | f(g | .); f(.)",
    "def f(g): 1 + f(g + 1); f(1)",
    "def f($x): f([$x]); f(0)",
    "def f($x; $y): f($y; $x + 1); f(0; 0)",
    "def f(g; h): f(h; g, h); f(1; 2)",
    "def f: [1, 2] | sort_by(f); f",
    "def f: [1] | map(f); f",
    "\"x\" * 1e9",
    "\"x\" * 1e300",
    "reduce range(64) as $i (\"x\"; . + .)",
    "reduce range(64) as $i (\"x\"; \"\\(.)\\(.)\")",
    "reduce range(64) as $i ([1]; . + .)",
    "reduce range(64) as $i (1; [., .])",
    "reduce range(64) as $i (1; {a: ., b: .})",
    "reduce range(64) as $i ({}; .[\"\\($i)\"] = . )",
    "reduce range(1e6) as $i (0; [.])",
    "reduce range(1e6) as $i (0; {a: .})",
    "reduce range(1e6) as $i (null; [[.]] * 1)?, reduce range(300) as $i (0; {a: .})",
    "null | setpath([range(300) | 0]; 1)",
    "null | .[1e9] = 1",
    "[null | path(recurse(.a))]",
    "null | last(path(recurse(.[0])))",
    "[range(3000)] | . - [.[] | -.]",
    "[range(1000)] | [combinations(9)]",
    "[range(3000)] | [.[] as $x | .[] as $y | $x]",
    "[range(1e5)] | join(\",\")",
    "(\"a\" * 30000) | [match(\".*[^a]|a\"; \"g\")]",
    "(\"a\" * 3000000) | test(\"(a{0,90}){0,20}b\")",
    "\"1\" * 9000000 | tonumber | [., ., ., ., ., .] | sort",
];

#[test]
fn whoever_asks_for_too_much_is_ended() {
    let mut wrong = Vec::new();
    for filter in SPENT {
        let deep = filter.contains("def ") || filter.contains("path(") || filter.contains('=');
        match run(filter, if deep { JQ_STEPS_MAX } else { FEW }) {
            Some(Err(JqError::Spent(_) | JqError::TooMuchOutput)) => {}
            other => wrong.push(format!("{filter}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn generators_multiplied_by_themselves_are_ended() {
    for (start, step, end) in [
        ("[0", " | (., .)", "]"),
        ("[0", " + (0, 1)", "]"),
        ("[null", " | .[(0, 0)]", "]"),
        ("[null | .", "[(0, 0)]", "]"),
        ("[null | .", "[(0, 0)]", "[empty]]"),
        ("[null | .", "[(0, 0):(1, 1)]", "]"),
        ("[", "{a: (1, 2)} + ", "{}]"),
        ("[{a: (0, 1)", ", a: (0, 1)", "}]"),
        ("[", "(0, 0) as $x | ", "0]"),
        ("[", "(0, 0) as [$x] | ", "0]?, [repeat(0)]"),
        ("[\"", "\\(0, 1)", "\"]"),
        ("null | ", "(., .) |= ", "1 | [repeat(1)]"),
        ("[first(", "(0, 0) | ", "empty)]"),
        ("", "[., .] | ", "tojson"),
        ("", "[., .] | ", ". == ."),
        ("", "[., .] | ", "[..] | length"),
    ] {
        let filter = format!("{start}{}{end}", step.repeat(64));
        let ended = run(&filter, FEW);
        assert!(matches!(ended, Some(Err(JqError::Spent(_)))), "{filter}: {ended:?}");
    }
}

#[test]
fn no_nesting_of_the_text_breaks_the_stack() {
    for (open, middle, close) in [
        ("[", "1", "]"),
        ("(", "1", ")"),
        ("{a:", "1", "}"),
        ("-", "1", ""),
        ("- ", "1", ""),
        ("try ", "1", ""),
        ("if ", "1", " then 1 end"),
        ("if 1 then ", "1", " end"),
        ("if 1 then 1 else ", "1", " end"),
        ("def a: ", "1", "; a"),
        (". as $x|", ".", ""),
        (". as [", "$x", "] | ."),
        ("reduce ", "1", " as $x (0; 1)"),
        ("reduce 1 as $x (", "0", "; 1)"),
        ("label $x|", "1", ""),
        (".[", "0", "]"),
        (".a", "", ""),
        (".[]", "", "?"),
        (".|", ".", ""),
        (".,", ".", ""),
        ("1+", "1", ""),
        (".a//", "1", ""),
        (".a=", "1", ""),
        (".a|=", "1", ""),
        ("1 and ", "1", ""),
        ("1 as $x|2 as $y|", "1", ""),
        ("f(", "1", ")"),
        ("map(", "1", ")"),
        ("first(", "1", ")"),
        ("\"\\(", "1", ")\""),
        ("@base64 \"\\(", "1", ")\""),
        ("", ".", "?"),
        ("..", "", ""),
        ("[[", "", ""),
        ("{(", "", ""),
        ("\"\\(", "", ""),
    ] {
        let most = (JQ_TEXT_BYTES_MAX - middle.len()) / (open.len() + close.len());
        for count in [10, most] {
            let filter = format!("{}{middle}{}", open.repeat(count), close.repeat(count));
            let ended = Jq::compile(&filter).and_then(|jq| jq.matches(&document("{}")));
            assert!(!matches!(ended, Err(JqError::Broken)), "{open}{middle}{close} {count}");
        }
    }
}

#[test]
fn what_costs_much_but_ends_is_let_through() {
    for filter in [
        "[range(20000)] | length",
        "\"x\" * 10000000 | length",
        "reduce range(10000) as $i (0; . + $i)",
        "[limit(100; repeat(1))] | length",
        "[..] | length",
        "(\"a\" * 100000) | test(\"b$\")",
        "\"a\" | try test(\"((a{100}){100}){100}\") catch 1",
        "\"[\" * 100000 | try fromjson catch 1",
        "(\"[\" * 1000) + (\"]\" * 1000) | try fromjson catch 1",
        "[range(5000)] | sort_by(-.) | unique | length",
        "def f: if . < 500 then . + 1 | f else . end; 0 | f",
        "def f: if . < 100 then (. + 1 | f) + 1 else . end; 0 | f",
    ] {
        let ended = run(filter, JQ_STEPS_MAX);
        assert!(matches!(ended, Some(Ok(1))), "{filter}: {ended:?}");
    }
}

#[test]
fn the_same_filter_always_ends_the_same_way() {
    let jq = Jq::compile(".seq < 43 or (0 | until(false; . + 1))").unwrap();
    let fine = document("{}");
    let mut spent = document("{}");
    spent.seq = 43;
    assert_eq!(jq.matches_each(&[fine.clone(), fine.clone()]).unwrap(), [Match::Yes, Match::Yes]);
    for _ in 0..3 {
        let ended = jq.matches_each(&[fine.clone(), spent.clone()]);
        assert!(matches!(ended, Err(JqError::Spent(Spent::Steps))), "{ended:?}");
    }
    assert_eq!(jq.matches(&fine).unwrap(), Match::Yes);
}

#[test]
fn no_text_breaks_the_filter() {
    const PIECES: [&str; 44] = [
        ".",
        "..",
        ".a",
        ".body",
        ".[]",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "|",
        ",",
        ";",
        ":",
        "\"x\"",
        "\"\\(.)\"",
        "$x",
        " as $x|",
        "def f:",
        "f",
        "reduce ",
        "foreach ",
        "if ",
        " then ",
        " else ",
        " end",
        "try ",
        " catch ",
        "?",
        "//",
        "+",
        "-",
        "*",
        "/",
        "%",
        "==",
        "<",
        "|=",
        "1",
        "0.5",
        "map(.)",
        "range(9)",
        "keys",
    ];
    let mut seed: u64 = 11;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let mut compiled = 0;
    for _ in 0..500 {
        let length = next() % 10 + 1;
        let filter: String = (0..length).map(|_| PIECES[next() % PIECES.len()]).collect();
        let broken = |error: &JqError| matches!(error, JqError::Broken | JqError::Thread(_));
        match Jq::compile(&filter) {
            Ok(jq) => {
                let jq = Jq { steps: FEW, ..jq };
                compiled += 1;
                let ended = jq.select_outputs(&document("{\"a\":[1]}"));
                assert!(!ended.as_ref().is_err_and(broken), "{filter}: {ended:?}");
            }
            Err(error) => assert!(!broken(&error), "{filter}: {error:?}"),
        }
    }
    assert!(compiled > 15, "{compiled}");
}
