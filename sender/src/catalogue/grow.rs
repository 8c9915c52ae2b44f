//! A payload that grows from a schema and a seed.
//!
//! It is a draft: it keeps to the types, ranges, lengths, patterns, formats and alternatives that
//! payloads are described by, and whoever asked checks it against the whole schema.

mod text;

use serde_json::{Map, Number, Value};

use super::random::Draw;
use super::world::World;

/// Levels of a draft: a schema may refer to itself.
const DEPTH_MAX: usize = 12;

/// Values of a draft: a schema may ask for more than anybody reads.
const VALUES_MAX: usize = 5_000;

/// Items beyond the least that the schema asks for.
const MORE_ITEMS_MAX: u64 = 2;

/// The purpose of these draws beside those of the plugin's types.
const PURPOSE: u64 = 2;

/// A payload of this type: the same schema, seed and try, the same draft.
pub(super) fn draft(slug: &str, schema: &Value, seed: u64, attempt: u64) -> Value {
    let world = World::grow(slug, seed);
    let draw = Draw::new(seed, PURPOSE + attempt);
    Grower { root: schema, world, draw, values: 0 }.value(schema, "", 0)
}

struct Grower<'a> {
    root: &'a Value,
    world: World,
    draw: Draw,
    values: usize,
}

impl Grower<'_> {
    /// A value for this schema; `name` is that of the property it is for.
    fn value(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        self.values += 1;
        if depth > DEPTH_MAX || self.values > VALUES_MAX {
            return Value::Null;
        }
        let Some(schema) = self.whole(schema, 0) else {
            return self.text(&Map::new(), name).into();
        };
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        for keyword in ["enum", "examples"] {
            if let Some(values) = schema.get(keyword).and_then(Value::as_array)
                && let Some(value) = self.one_of(values)
            {
                return value.clone();
            }
        }
        if let Some(value) = schema.get("default") {
            return value.clone();
        }
        match self.kind(&schema) {
            "object" => self.object(&schema, depth),
            "array" => self.array(&schema, name, depth),
            "integer" => self.number(&schema, true),
            "number" => self.number(&schema, false),
            "boolean" => (self.draw.number(0, 1) == 1).into(),
            "null" => Value::Null,
            _ => self.text(&schema, name).into(),
        }
    }

    /// The schema with what it refers to and one of its alternatives; `None` where it says nothing.
    fn whole(&mut self, schema: &Value, depth: usize) -> Option<Map<String, Value>> {
        let mut whole = schema.as_object()?.clone();
        // Parts that refer to one another are as many as a tree has leaves.
        self.values += 1;
        if depth > DEPTH_MAX || self.values > VALUES_MAX {
            return Some(whole);
        }
        let mut parts: Vec<Value> = Vec::new();
        if let Some(Value::String(place)) = whole.remove("$ref") {
            parts.extend(place.strip_prefix('#').and_then(|at| self.root.pointer(at)).cloned());
        }
        if let Some(Value::Array(all)) = whole.remove("allOf") {
            parts.extend(all);
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(ways)) = whole.remove(keyword) {
                parts.extend(self.one_of(&ways).cloned());
            }
        }
        for part in parts {
            if let Some(part) = self.whole(&part, depth + 1) {
                merge(&mut whole, part);
            }
        }
        Some(whole)
    }

    /// One of the schema's types, rarely null where another is possible.
    fn kind(&mut self, schema: &Map<String, Value>) -> &'static str {
        let known = ["object", "array", "string", "integer", "number", "boolean", "null"];
        let named = |text: &str| known.into_iter().find(|&kind| kind == text);
        match schema.get("type") {
            Some(Value::String(kind)) => named(kind).unwrap_or("string"),
            Some(Value::Array(kinds)) => {
                let kinds: Vec<&str> =
                    kinds.iter().filter_map(|kind| named(kind.as_str()?)).collect();
                let solid: Vec<&'static str> =
                    kinds.iter().filter(|kind| **kind != "null").filter_map(|k| named(k)).collect();
                let is_null = solid.len() < kinds.len() && self.draw.number(0, 7) == 0;
                if is_null || solid.is_empty() { "null" } else { self.draw.one(&solid) }
            }
            _ => implied(schema),
        }
    }

    fn object(&mut self, schema: &Map<String, Value>, depth: usize) -> Value {
        let mut object = Map::new();
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        for (name, property) in properties {
            // What need not be there ends a schema that refers to itself.
            let optional = !required.contains(&name.as_str());
            if optional && (depth > DEPTH_MAX / 3 || self.draw.number(0, 7) == 0) {
                continue;
            }
            if *property != Value::Bool(false) {
                object.insert(name.clone(), self.value(property, name, depth + 1));
            }
        }
        for name in required {
            if !object.contains_key(name) {
                let schema = schema.get("additionalProperties").unwrap_or(&Value::Null);
                object.insert(name.to_owned(), self.value(schema, name, depth + 1));
            }
        }
        Value::Object(object)
    }

    fn array(&mut self, schema: &Map<String, Value>, name: &str, depth: usize) -> Value {
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
        let first = schema.get("prefixItems").and_then(Value::as_array);
        let mut items: Vec<Value> = Vec::new();
        for item in first.into_iter().flatten() {
            items.push(self.value(item, name, depth + 1));
        }
        let least = bound("minItems").unwrap_or(1).min(VALUES_MAX as u64);
        let most = bound("maxItems").unwrap_or(u64::MAX).min(least.saturating_add(MORE_ITEMS_MAX));
        let wanted = self.between(least, most.max(least)).max(items.len() as u64);
        let more = schema.get("items").or(schema.get("contains")).unwrap_or(&Value::Null);
        let distinct = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let mut tries = wanted.saturating_mul(4);
        while (items.len() as u64) < wanted && tries > 0 && *more != Value::Bool(false) {
            tries -= 1;
            let item = self.value(more, name, depth + 1);
            if !distinct || !items.contains(&item) {
                items.push(item);
            }
        }
        Value::Array(items)
    }

    fn number(&mut self, schema: &Map<String, Value>, whole: bool) -> Value {
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        let step = bound("multipleOf").filter(|step| *step > 0.0);
        let step = step.unwrap_or(if whole { 1.0 } else { 0.01 });
        let low = match (bound("minimum"), bound("exclusiveMinimum")) {
            (minimum, Some(above)) => minimum.unwrap_or(f64::MIN).max(above + step),
            (Some(minimum), None) => minimum,
            (None, None) => bound("maximum").map_or(step, |most| (most - 1_000.0 * step).min(1.0)),
        };
        let high = match (bound("maximum"), bound("exclusiveMaximum")) {
            (maximum, Some(below)) => maximum.unwrap_or(f64::MAX).min(below - step),
            (Some(maximum), None) => maximum,
            (None, None) => low + 9_999.0 * step,
        };
        let (first, last) = ((low / step).ceil(), (high / step).floor());
        let steps = (last - first).clamp(0.0, f64::from(u32::MAX)) as u32;
        let value = (first + f64::from(self.draw.number(0, steps))) * step;
        if value.fract() == 0.0 && value.abs() < 9e15 {
            return (value as i64).into();
        }
        // Hundredths that are not exact in binary are rounded to what people write.
        let value = if step == 0.01 { (value * 100.0).round() / 100.0 } else { value };
        Number::from_f64(value).map_or(Value::Null, Value::Number)
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = u32::try_from(high.saturating_sub(low)).unwrap_or(u32::MAX);
        low.saturating_add(self.draw.number(0, span).into())
    }

    fn one_of<'v>(&mut self, values: &'v [Value]) -> Option<&'v Value> {
        let last = u32::try_from(values.len().checked_sub(1)?).unwrap_or(u32::MAX);
        values.get(self.draw.number(0, last) as usize)
    }
}

/// The type that a schema's keywords speak of.
fn implied(schema: &Map<String, Value>) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| schema.contains_key(*word));
    if has(&["properties", "required", "additionalProperties", "patternProperties"]) {
        "object"
    } else if has(&["items", "prefixItems", "minItems", "contains"]) {
        "array"
    } else if has(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) {
        "number"
    } else {
        "string"
    }
}

/// Adds a part to a schema: properties and required names of both, else what is said first.
fn merge(whole: &mut Map<String, Value>, part: Map<String, Value>) {
    for (keyword, value) in part {
        match (whole.get_mut(&keyword), value) {
            (Some(Value::Object(known)), Value::Object(more)) if keyword == "properties" => {
                more.into_iter().for_each(|(name, schema)| {
                    known.entry(name).or_insert(schema);
                });
            }
            (Some(Value::Array(known)), Value::Array(more)) if keyword == "required" => {
                known.extend(more);
            }
            (Some(_), _) => {}
            (None, value) => {
                whole.insert(keyword, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
