use serde_json::{Map, Value, json};

use super::observe::{Seen, Strings};

/// Distinct strings that an enumeration has at most.
const ENUM_VALUES_MAX: usize = 10;
/// Samples below which few distinct strings are chance.
const ENUM_SAMPLES_MIN: u64 = 20;
/// Samples that each of them stands for on average.
const ENUM_SAMPLES_PER_VALUE: u64 = 4;
/// Characters of each of them.
const ENUM_CHARS_MAX: usize = 40;
/// Examples that are told of one place.
const EXAMPLES_MAX: usize = 3;

/// What was seen, as the keywords of a schema.
pub(super) fn schema(seen: &Seen) -> Value {
    let mut schema = Map::new();
    let types = types(seen);
    match &types[..] {
        [] => return json!({}),
        [one] => schema.insert("type".into(), json!(one)),
        many => schema.insert("type".into(), json!(many)),
    };
    if seen.objects > 0 {
        object(seen, &mut schema);
    }
    if let Some(items) = &seen.items {
        schema.insert("items".into(), self::schema(items));
    }
    match enumeration(seen) {
        Some(values) => schema.insert("enum".into(), values),
        None => annotations(seen, &mut schema),
    };
    Value::Object(schema)
}

fn types(seen: &Seen) -> Vec<&'static str> {
    let all = [
        ("object", seen.objects > 0),
        ("array", seen.arrays > 0),
        ("string", seen.strings.count > 0),
        ("number", seen.fractions > 0),
        ("integer", seen.integers > 0 && seen.fractions == 0),
        ("boolean", seen.booleans > 0),
        ("null", seen.nulls > 0),
    ];
    all.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect()
}

fn object(seen: &Seen, schema: &mut Map<String, Value>) {
    let fields = seen.fields.iter();
    let properties: Map<String, Value> =
        fields.clone().map(|field| (field.key.clone(), self::schema(&field.seen))).collect();
    let required: Vec<&str> =
        fields.filter(|f| f.objects == seen.objects).map(|f| f.key.as_str()).collect();
    if !properties.is_empty() {
        schema.insert("properties".into(), Value::Object(properties));
    }
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
}

/// The only values there were, where they are few enough over enough samples: strings, and null.
fn enumeration(seen: &Seen) -> Option<Value> {
    let Strings { count, values, more, formats } = &seen.strings;
    let others = seen.objects + seen.arrays + seen.integers + seen.fractions + seen.booleans;
    let few = values.len() <= ENUM_VALUES_MAX && !more && formats.first().is_none();
    let enough = *count >= ENUM_SAMPLES_MIN.max(values.len() as u64 * ENUM_SAMPLES_PER_VALUE);
    let short = values.iter().all(|value| value.chars().count() <= ENUM_CHARS_MAX);
    if others > 0 || !few || !enough || !short {
        return None;
    }
    let mut values: Vec<Value> = values.iter().map(|value| json!(value)).collect();
    if seen.nulls > 0 {
        values.push(Value::Null);
    }
    Some(Value::Array(values))
}

fn annotations(seen: &Seen, schema: &mut Map<String, Value>) -> Option<Value> {
    if seen.strings.count > 0
        && let Some(format) = seen.strings.formats.first()
    {
        let (keyword, value) = format.keyword();
        schema.insert(keyword.into(), json!(value));
    }
    let numbers = seen.digits.iter().filter_map(|digits| serde_json::from_str(digits).ok());
    let strings = seen.strings.values.iter().map(|value| json!(value));
    let examples: Vec<Value> = strings.chain(numbers).take(EXAMPLES_MAX).collect();
    (!examples.is_empty()).then(|| schema.insert("examples".into(), json!(examples))).flatten()
}
