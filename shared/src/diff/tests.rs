use super::*;
use crate::view::tests::capture;

fn lines(diff: &Diff) -> &Lines {
    match &diff.body {
        BodyDiff::Text { lines } => lines,
        other => panic!("{other:?}"),
    }
}

fn json_diff(
    from: &str,
    to: &str,
) -> Vec<(String, JsonChangeKind, Option<String>, Option<String>)> {
    let diff = between(&capture(&[], from.as_bytes()), &capture(&[], to.as_bytes()));
    match diff.body {
        BodyDiff::Json { changes } => {
            changes.into_iter().map(|c| (c.path, c.change, c.from, c.to)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_capture_does_not_differ_from_itself() {
    let big = format!("[{}1]", "{\"a\":1,\"a\":2},".repeat(20_000));
    for (head, body) in [
        ("Content-Type: application/json", big.as_bytes()),
        ("Content-Type: application/json", b"{broken"),
        ("Content-Encoding: gzip", b"not gzip"),
        ("Content-Type: application/x-www-form-urlencoded", b"a=1&a=2&&=%ff"),
        ("X-Odd : ü", b"\0\xff"),
        ("Content-Type: text/plain", b"a\nb\r\nc"),
        ("Date: now", b""),
    ] {
        let one = capture(&[head, "X-Twice: 1", "x-twice: 2"], body);
        let diff = between(&one, &one);
        assert!(diff.is_empty(), "{head}: {diff:?}");
    }
}

#[test]
fn heads_differ_by_name_value_number_case_and_order() {
    let from = capture(&["Host: h", "Date: 1", "X-A: 1", "X-B: 2", "X-Gone: 1", "x-c: 1"], b"");
    let to =
        capture(&["X-B: 2", "Host: h", "Date: 2", "x-a: 1", "X-A: 2", "X-New: 1", "X-C: 1"], b"");
    let diff = between(&from, &to);
    let told: Vec<_> = diff.headers.changes.iter().map(|c| (c.name.as_bytes(), c.change)).collect();
    use FieldChangeKind::{Added, Changed, Removed, Respelled};
    assert_eq!(
        told,
        [(&b"x-a"[..], Changed), (b"x-gone", Removed), (b"x-c", Respelled), (b"x-new", Added),]
    );
    assert_eq!(diff.headers.changes[0].to.len(), 2);
    assert_eq!(diff.volatile[0].name.as_bytes(), b"date");
    let order = diff.headers.order.as_ref().unwrap();
    let names = |all: &[Octets]| all.iter().map(|n| n.as_bytes().to_vec()).collect::<Vec<_>>();
    assert_eq!(names(&order.from), [&b"host"[..], b"date", b"x-b", b"x-c"]);
    assert_eq!(names(&order.to), [&b"x-b"[..], b"host", b"date", b"x-c"]);

    let mut other = from.clone();
    other.head = crate::headers::Head::from(&b"PUT /orders/x?A=1&a=2 HTTP/1.1\r\n\r\n"[..]);
    let diff = between(&from, &other);
    let change = |from: &[u8], to: &[u8]| Some(Change { from: from.into(), to: to.into() });
    assert_eq!(diff.method, change(b"POST", b"PUT"));
    assert_eq!(diff.path, change(b"/", b"/x"));
    assert_eq!(diff.query.changes.len(), 2);
}

#[test]
fn json_differs_by_path() {
    use JsonChangeKind::{Added, Changed, Removed, Reordered, TypeChanged};
    let some = |text: &str| Some(text.to_owned());
    let diff = json_diff(
        concat!(
            r#"{"id":12345678901234567890,"a/b":{"x":1,"y":[1,2,3]},"#,
            r#""gone":[ {"k": 1.5} ],"s":"\u00e9"}"#,
        ),
        r#"{"id":12345678901234567891,"a/b":{"x":"1","y":[1,9,2,3]},"s":"é","new":null}"#,
    );
    assert_eq!(
        diff,
        [
            ("/id".into(), Changed, some("12345678901234567890"), some("12345678901234567891")),
            ("/a~1b/x".into(), TypeChanged, some("1"), some("\"1\"")),
            ("/a~1b/y/1".into(), Added, None, some("9")),
            ("/gone".into(), Removed, some("[{\"k\":1.5}]"), None),
            ("/new".into(), Added, None, some("null")),
        ]
    );
    assert_eq!(
        json_diff(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#),
        [("".into(), Reordered, None, None)]
    );
    assert_eq!(json_diff(r#"[{"a":1,"b":2}]"#, r#"[{"b":2,"a":1}]"#)[0].0, "/0");
    let twice = json_diff(r#"{"a":1,"a":2}"#, r#"{"a":1,"a":3,"a":4}"#);
    assert_eq!(twice.iter().map(|c| c.1).collect::<Vec<_>>(), [Changed, Added]);
    assert_eq!(json_diff("[1]", "[ 1 ]"), []);
    assert_eq!(json_diff(r#"["\ud800"]"#, r#"["\ud801"]"#).len(), 1);
    assert_eq!(json_diff("1", "{}")[0].1, TypeChanged);
    assert_eq!(json_diff("true", "false")[0].1, Changed);
}

#[test]
fn forms_text_and_bytes_differ_in_their_own_way() {
    let form = ["Content-Type: application/x-www-form-urlencoded"];
    let diff = between(&capture(&form, b"a=1&b=2"), &capture(&form, b"a=1&a=2&b=2"));
    let BodyDiff::Form { fields } = &diff.body else { panic!("{diff:?}") };
    assert_eq!((fields.changes.len(), fields.changes[0].to.len()), (1, 2));

    let diff = between(&capture(&[], b"a\nb\nc\nd"), &capture(&[], b"a\nc\nx\nd\n"));
    let hunk = |from_line, from: &[&str], to_line, to: &[&str]| Hunk {
        from_line,
        from: from.iter().map(|&l| l.into()).collect(),
        to_line,
        to: to.iter().map(|&l| l.into()).collect(),
    };
    let want = [hunk(2, &["b\n"], 2, &[]), hunk(4, &["d"], 3, &["x\n", "d\n"])];
    assert_eq!((&lines(&diff).hunks[..], lines(&diff).shortest), (&want[..], true));

    let diff = between(&capture(&[], b"ab\0cd"), &capture(&[], b"ab\0\xff"));
    let BodyDiff::Bytes { offset, from_size, to_size, from_hex, to_hex } = &diff.body else {
        panic!()
    };
    assert_eq!((*offset, *from_size, *to_size), (3, 5, 4));
    assert_eq!((from_hex.as_str(), to_hex.as_str()), ("6364", "ff"));
    let diff = between(&capture(&[], b""), &capture(&[], b"{}"));
    assert!(matches!(diff.body, BodyDiff::Text { .. }));
}

#[test]
fn line_differences_lead_from_one_text_to_the_other() {
    let mut state = 7_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    for _ in 0..2_000 {
        let mut text = || (0..random(12)).map(|_| format!("{}\n", random(3))).collect::<String>();
        let (a, b) = (format!("-\n{}", text()), format!("-\n{}", text()));
        if a == b {
            continue;
        }
        let diff = between(&capture(&[], a.as_bytes()), &capture(&[], b.as_bytes()));
        let mut at = 0;
        let mut built: Vec<&str> = Vec::new();
        let from: Vec<&str> = a.split_inclusive('\n').collect();
        for hunk in &lines(&diff).hunks {
            let start = usize::try_from(hunk.from_line).unwrap() - 1;
            built.extend(&from[at..start]);
            assert_eq!(built.len() as u64 + 1, hunk.to_line, "{a:?} {b:?} {diff:?}");
            built.extend(hunk.to.iter().map(String::as_str));
            assert_eq!(&from[start..start + hunk.from.len()], &hunk.from[..]);
            at = start + hunk.from.len();
        }
        built.extend(&from[at..]);
        assert_eq!(built.concat(), b);
    }
}

#[test]
fn a_difference_is_bounded() {
    let start = std::time::Instant::now();
    let numbers = |from: u32| (from..from + 60_000).map(|n| n.to_string()).collect::<Vec<_>>();
    let json = |from| format!("[{}]", numbers(from).join(","));
    let diff = between(&capture(&[], json(0).as_bytes()), &capture(&[], json(9).as_bytes()));
    let BodyDiff::Json { changes } = &diff.body else { panic!() };
    assert_eq!((changes.len(), diff.truncated), (10_000, true));

    let text = |from| format!("x\n{}", numbers(from).join("\n"));
    let diff = between(&capture(&[], text(0).as_bytes()), &capture(&[], text(60_000).as_bytes()));
    assert!(!lines(&diff).shortest && diff.truncated);

    let long_key =
        |value: &str| format!("{{\"{}\":[{}0]}}", "k".repeat(1 << 20), value.repeat(9_000));
    let (a, b) = (long_key("1,"), long_key("2,"));
    let diff = between(&capture(&[], a.as_bytes()), &capture(&[], b.as_bytes()));
    assert!(serde_json::to_vec(&diff).unwrap().len() < 16 << 20);

    let nested = |leaf: &str| {
        let open = "[0,".repeat(120);
        format!("{open}[{}{leaf}]{}", "[],".repeat(100_000), "]".repeat(120))
    };
    let (a, b) = (nested("1"), nested("2"));
    let diff = between(&capture(&[], a.as_bytes()), &capture(&[], b.as_bytes()));
    assert!(matches!(&diff.body, BodyDiff::Json { changes } if changes.len() == 1));

    let newlines = |last: &str| format!("{}{last}", "\n".repeat(1 << 20));
    let (a, b) = (newlines("a"), newlines("b"));
    let diff = between(&capture(&[], a.as_bytes()), &capture(&[], b.as_bytes()));
    assert!(matches!(diff.body, BodyDiff::Bytes { offset, .. } if offset == 1 << 20));
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_difference_survives_json() {
    let from = capture(&["X-A: 1"], br#"{"a":1}"#);
    let to = capture(&["x-a: 1", "Date: x"], br#"{"a":"\u00e9"}"#);
    for to in [to, capture(&[], b"text"), capture(&[], b"\xff")] {
        let diff = between(&from, &to);
        let told = serde_json::to_string(&diff).unwrap();
        assert_eq!(serde_json::from_str::<Diff>(&told).unwrap(), diff, "{told}");
    }
}
