//! Payloads that are just invalid: one field is not what it has to be, and all others are.

use serde_json::Value;

use super::Catalogue;
use super::random::Draw;

impl Catalogue {
    /// Makes one field of a payload invalid, and says which and how; nothing where there is none.
    pub(crate) fn spoil(&self, slug: &str, payload: &mut Value, draw: &mut Draw) -> Option<String> {
        let fields = payload.as_object_mut()?;
        let last = u32::try_from(fields.len().checked_sub(1)?).ok()?;
        let name = fields.keys().nth(draw.number(0, last) as usize)?.clone();
        let known = self.kind(slug).and_then(|kind| kind.read.iter().find(|f| f.name == name));
        let is_nullable = known.is_some_and(|field| field.nullable);
        let way = draw.number(0, if is_nullable { 1 } else { 2 });
        Some(match way {
            0 => {
                fields.shift_remove(&name);
                format!("the field `{name}` is missing")
            }
            1 => {
                let before = told(fields.get(&name)?);
                // No field of any event type is a list of numbers.
                fields.insert(name.clone(), Value::from(vec![0]));
                format!("the field `{name}` is a list instead of {before}")
            }
            _ => {
                fields.insert(name.clone(), Value::Null);
                format!("the field `{name}` is null")
            }
        })
    }
}

fn told(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list of other things",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_field_is_wrong_and_named() {
        let catalogue = Catalogue::load(Vec::new()).unwrap();
        let mut seen = [0; 3];
        for (seed, slug) in (0..200).zip(catalogue.slugs().iter().cycle()) {
            let good = catalogue.live_payload(slug, seed).unwrap().payload;
            let mut bad = good.clone();
            let why = catalogue.spoil(slug, &mut bad, &mut Draw::new(seed, 5)).unwrap();
            let (good, bad) = (good.as_object().unwrap(), bad.as_object().unwrap());
            let wrong: Vec<_> = good.iter().filter(|(name, v)| bad.get(*name) != Some(v)).collect();
            assert_eq!(wrong.len(), 1, "{why}");
            assert!(why.contains(&format!("`{}`", wrong[0].0)), "{why}");
            let ways = ["missing", "instead of", "is null"];
            seen[ways.iter().position(|way| why.contains(way)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|count| *count > 10), "{seen:?}");
        assert_eq!(catalogue.spoil("x", &mut Value::from(1), &mut Draw::new(0, 5)), None);
        assert_eq!(catalogue.spoil("x", &mut serde_json::json!({}), &mut Draw::new(0, 5)), None);
    }
}
