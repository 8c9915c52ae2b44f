//! Fields of a payload, set by their path.

use serde_json::{Map, Value};

/// Sets a field by its dotted path (`customer.id`, `items.0.price`); objects on the way are made, a
/// dot within a name is written `\.`.
///
/// # Errors
/// Something on the way is neither an object nor a list that has such a place.
pub(crate) fn set(payload: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let names = split(path);
    let mut at = payload;
    for (depth, name) in names.iter().enumerate() {
        let before = || names[..depth].join(".");
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        at = match at {
            Value::Object(fields) => fields.entry(name.clone()).or_insert(Value::Null),
            Value::Array(items) => {
                let count = items.len();
                let place = name.parse::<usize>().ok().and_then(|place| items.get_mut(place));
                place.ok_or_else(|| {
                    format!("`{}` is a list of {count}: name a place in it", before())
                })?
            }
            _ if depth == 0 => return Err("the payload is no object".to_owned()),
            _ => return Err(format!("`{}` is no object: it has no field `{name}`", before())),
        };
    }
    *at = value;
    Ok(())
}

fn split(path: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match c {
            '.' => names.push(String::new()),
            '\\' => names.last_mut().into_iter().for_each(|name| name.extend(chars.next())),
            c => names.last_mut().into_iter().for_each(|name| name.push(c)),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_into_objects_and_lists() {
        let mut payload = json!({"a": 1, "list": [{"x": 1}, 2]});
        for (path, value) in [
            ("a", json!("one")),
            ("new.deep.field", json!(true)),
            ("list.0.x", json!(null)),
            (r"a\.b", json!(2)),
        ] {
            set(&mut payload, path, value).unwrap();
        }
        let want = json!({"a": "one", "list": [{"x": null}, 2], "new": {"deep": {"field": true}},
                          "a.b": 2});
        assert_eq!(payload, want);
        assert!(set(&mut payload, "a.b", json!(1)).unwrap_err().contains("`a` is no object"));
        assert!(set(&mut payload, "list.7", json!(1)).unwrap_err().contains("list of 2"));
        assert!(set(&mut json!([]), "x", json!(1)).is_err());
        assert!(set(&mut json!(1), "x", json!(1)).unwrap_err().contains("no object"));
    }
}
