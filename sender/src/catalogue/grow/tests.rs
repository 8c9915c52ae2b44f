use super::*;
use crate::catalogue::schema::Schema;
use serde_json::json;

/// Schemas of the kinds that people describe payloads with.
fn schemas() -> Vec<Value> {
    vec![
        json!({
            "type": "object", "required": ["id", "customer", "lines", "paid"],
            "additionalProperties": false,
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "at": {"type": "string", "format": "date-time"},
                "paid": {"type": "boolean"},
                "total": {"type": "number", "exclusiveMinimum": 0, "maximum": 500},
                "customer": {"$ref": "#/$defs/customer"},
                "lines": {"type": "array", "minItems": 1, "maxItems": 4, "items": {
                    "type": "object", "required": ["sku", "count"], "properties": {
                        "sku": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"},
                        "count": {"type": "integer", "minimum": 1, "maximum": 9}
                    }
                }},
                "status": {"enum": ["open", "paid"]},
                "note": {"type": ["string", "null"], "maxLength": 5}
            },
            "$defs": {"customer": {
                "type": "object", "required": ["email", "name"], "properties": {
                    "email": {"type": "string", "format": "email"},
                    "name": {"type": "string", "minLength": 2},
                    "ip": {"oneOf": [{"type": "string", "format": "ipv4"}, {"type": "null"}]}
                }
            }}
        }),
        json!({"allOf": [
            {"type": "object", "properties": {"a": {"type": "integer", "multipleOf": 5}},
             "required": ["a"]},
            {"properties": {"b": {"const": "x"}}, "required": ["b"]}
        ]}),
        json!({"type": "array", "uniqueItems": true, "minItems": 3, "items": {"type": "integer"}}),
        json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}],
               "items": false, "minItems": 2}),
        json!({"properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}},
               "required": ["n"], "type": "object"}),
        json!({"required": ["anything"]}),
        json!({"type": "integer", "minimum": -7, "maximum": -3}),
        json!({"type": "number", "minimum": 0.5, "maximum": 0.75}),
        json!({"format": "uri"}),
        json!({"type": "string", "minLength": 40, "maxLength": 40}),
    ]
}

#[test]
fn a_draft_fits_the_schema_it_grew_from() {
    for schema in schemas() {
        let compiled = Schema::compile(&schema).unwrap();
        for seed in 0..200 {
            let draft = draft("order.paid", &schema, seed, 0);
            assert!(
                compiled.is_fit(&draft),
                "{schema}\n{draft}\n{:?}",
                compiled.misfits("", &draft)
            );
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_draft_and_another_gives_another() {
    let schema = &schemas()[0];
    let of = |seed, attempt| draft("order.paid", schema, seed, attempt).to_string();
    assert_eq!(of(7, 0), of(7, 0));
    assert_ne!(of(7, 0), of(8, 0));
    assert_ne!(of(7, 0), of(7, 1));
}

#[test]
fn a_draft_comes_to_an_end() {
    let endless = json!({"type": "object", "required": ["next"],
                         "properties": {"next": {"$ref": "#"}}});
    assert!(draft("x", &endless, 1, 0).to_string().len() < 1_000);
    let loops = json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}});
    assert!(draft("x", &loops, 1, 0).to_string().len() < 1_000);
    let wide = json!({"type": "array", "minItems": 1_000_000_000_u64, "items": {"type": "array",
                      "minItems": 1_000_000_000_u64, "items": {"type": "null"}}});
    assert!(draft("x", &wide, 1, 0).to_string().len() < 10_000_000);
}

#[test]
fn numbers_of_any_size_do_not_overflow() {
    for schema in [
        json!({"type": "integer", "minimum": i64::MAX}),
        json!({"type": "integer", "maximum": i64::MIN}),
        json!({"type": "number", "multipleOf": 1e-300}),
        json!({"type": "number", "minimum": 1e308, "multipleOf": 1e308}),
        json!({"type": "integer", "minimum": 5, "maximum": 1}),
    ] {
        let draft = draft("x", &schema, 3, 0);
        assert!(draft.is_number() || draft.is_null(), "{schema}: {draft}");
    }
}

#[test]
fn parts_that_refer_to_one_another_end_a_draft_and_nothing_else() {
    let parts = vec![json!({"$ref": "#"}); 50];
    let schema = json!({"type": "object", "required": ["a"], "allOf": parts});
    // Fifty to the twelfth power would not end.
    assert!(draft("a", &schema, 1, 0).is_object());
}
