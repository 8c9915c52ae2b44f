use super::*;
use crate::view::tests::capture;

fn inferred(samples: &[&str]) -> Value {
    infer(samples.iter().map(|sample| capture(&[], sample.as_bytes())))
}

/// Whether a value is valid, as far as the keywords go that are inferred.
fn accepts(schema: &Value, value: &Value) -> bool {
    let has_type = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    schema.as_object().unwrap().iter().all(|(keyword, asked)| match keyword.as_str() {
        "$schema" | "$comment" | "examples" => true,
        "type" => asked.as_array().map_or_else(|| has_type(asked), |all| all.iter().any(has_type)),
        "enum" => asked.as_array().unwrap().contains(value),
        "required" => value.as_object().is_none_or(|object| {
            asked.as_array().unwrap().iter().all(|key| object.contains_key(key.as_str().unwrap()))
        }),
        "properties" => value.as_object().is_none_or(|object| {
            let fields = asked.as_object().unwrap();
            fields.iter().all(|(key, schema)| object.get(key).is_none_or(|v| accepts(schema, v)))
        }),
        "items" => value.as_array().is_none_or(|all| all.iter().all(|v| accepts(asked, v))),
        "format" | "pattern" => value.as_str().is_none_or(|text| {
            let mut formats = format::Formats::default();
            formats.narrow(text);
            formats.holds_any(asked.as_str().unwrap())
        }),
        other => panic!("unknown keyword {other}"),
    })
}

#[test]
fn types_are_united_and_what_all_have_is_required() {
    let schema = inferred(&[
        r#"{"id":1,"amount":1,"name":"a","tags":[1,"x"],"gone":null}"#,
        r#"{"id":2,"amount":1.5,"name":null,"tags":[]}"#,
        "not json",
    ]);
    let want = json!({
        "$schema": DIALECT,
        "$comment": "inferred from 2 captures; 1 more hold no JSON",
        "type": "object",
        "properties": {
            "id": {"type": "integer", "examples": [1, 2]},
            "amount": {"type": "number", "examples": [1, 1.5]},
            "name": {"type": ["string", "null"], "examples": ["a"]},
            "tags": {"type": "array", "items": {
                "type": ["string", "integer"], "examples": ["x", 1]}},
            "gone": {"type": "null"},
        },
        "required": ["id", "amount", "name", "tags"],
    });
    assert_eq!(schema, want);
    assert_eq!(inferred(&[])["$comment"], "inferred from 0 captures");
}

#[test]
fn formats_are_recognised_where_all_have_them() {
    for (values, keyword, want) in [
        (&["2026-11-24T10:31:02.1Z", "2026-11-24T10:31:02+01:00"][..], "format", "date-time"),
        (&["2026-11-24"], "format", "date"),
        (&["0192f0c1-1111-7222-8333-444455556666"], "format", "uuid"),
        (&["a.b+c@example.org"], "format", "email"),
        (&["https://h/x?y#z", "http://127.0.0.1:1/"], "format", "uri"),
        (&["12", "-7"], "pattern", "^-?[0-9]+$"),
        (&["12", "19.90"], "pattern", "^-?[0-9]+(\\.[0-9]+)?$"),
        (&["12", "x"], "pattern", ""),
        (&["2026-11-24 10:31:02Z"], "format", ""),
        (&["2026-02-30"], "format", ""),
        (&["a@b", "@", "a@b.c@"], "format", ""),
        (&["http://a b/", "mailto", "://"], "format", ""),
        (&["", "12"], "pattern", ""),
    ] {
        let samples: Vec<String> = values.iter().map(|v| json!([v]).to_string()).collect();
        let schema = inferred(&samples.iter().map(String::as_str).collect::<Vec<_>>());
        let got = schema["items"].get(keyword).and_then(Value::as_str).unwrap_or_default();
        assert_eq!(got, want, "{values:?}: {schema}");
    }
}

#[test]
fn few_values_over_enough_samples_are_an_enumeration() {
    let samples = |n: usize, of: usize| -> Vec<String> {
        (0..n).map(|i| json!({"status": format!("s{}", i % of)}).to_string()).collect()
    };
    let status = |samples: &[String]| {
        inferred(&samples.iter().map(String::as_str).collect::<Vec<_>>())["properties"]["status"]
            .clone()
    };
    assert_eq!(status(&samples(20, 3))["enum"], json!(["s0", "s1", "s2"]));
    assert_eq!(status(&samples(19, 3)).get("enum"), None);
    assert_eq!(status(&samples(39, 10)).get("enum"), None);
    assert!(status(&samples(40, 10)).get("enum").is_some());
    assert_eq!(status(&samples(400, 11)).get("enum"), None);
    let mut with_null = samples(20, 2);
    with_null.push(r#"{"status":null}"#.into());
    assert_eq!(status(&with_null)["enum"], json!(["s0", "s1", null]));
    let mut with_number = samples(20, 2);
    with_number.push(r#"{"status":1}"#.into());
    assert_eq!(status(&with_number).get("enum"), None);
}

#[test]
fn numbers_that_would_change_are_no_examples() {
    let schema = inferred(&[r#"[12345678901234567890.10, 9007199254740993, 0.1]"#]);
    assert_eq!(schema["items"], json!({"type": "number", "examples": [0.1]}));
}

#[test]
fn hostile_samples_stay_bounded() {
    let wide: String = (0..50_000).map(|n| format!("\"k{n}\":{n},")).collect();
    let wide = format!("{{{wide}\"last\":1}}");
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let long_key = format!("{{\"{}\":1}}", "k".repeat(1 << 20));
    let schema = inferred(&[&wide, &deep, &long_key, r#"{"\ud800":1,"a":"\ud800"}"#]);
    assert!(schema.to_string().len() < 2 << 20, "{} bytes", schema.to_string().len());
}

/// Random documents: keys, types and repeats collide often.
fn random_value(random: &mut impl FnMut(u64) -> u64, depth: u64) -> Value {
    let texts = ["a", "b", "12", "1.5", "2026-11-24T10:31:02Z", "a@b.org", "http://h/", "", "é"];
    match random(if depth == 0 { 6 } else { 9 }) {
        0 => Value::Null,
        1 => json!(random(2) == 0),
        2 => json!(random(5)),
        3 => json!(1.5),
        4 | 5 => json!(texts[usize::try_from(random(texts.len() as u64)).unwrap()]),
        6 => (0..random(4)).map(|_| random_value(random, depth - 1)).collect(),
        _ => {
            let mut object = serde_json::Map::new();
            for _ in 0..random(5) {
                object.insert(format!("k{}", random(4)), random_value(random, depth - 1));
            }
            Value::Object(object)
        }
    }
}

#[test]
fn a_schema_accepts_its_own_samples() {
    let mut state = 1_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    for round in 0..400 {
        let count = 1 + random(40);
        let samples: Vec<Value> = (0..count).map(|_| random_value(&mut random, 4)).collect();
        let schema = infer(samples.iter().map(|s| capture(&[], s.to_string().as_bytes())));
        for sample in &samples {
            assert!(accepts(&schema, sample), "round {round}: {schema} refuses {sample}");
        }
    }
}
