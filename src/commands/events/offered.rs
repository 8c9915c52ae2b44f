//! What an installation's `/hooks` offers, read with suspicion: whoever answers may be anybody.

use std::collections::BTreeSet;

use hooklab_shared::event::NewEventType;
use serde_json::{Map, Value};

/// Types that one installation may offer: a real one has about thirty.
const TYPES_MAX: usize = 500;

/// A payload in bytes, as the server would refuse it too.
const PAYLOAD_BYTES_MAX: usize = 128 * 1024;

/// A slug that was not taken, and why.
#[derive(Debug, PartialEq)]
pub(super) struct Odd {
    pub(super) slug: String,
    pub(super) why: String,
}

/// Reads an answer of `/hooks`: the types that can be taken, and those that cannot.
///
/// # Errors
/// It is not what the plugin answers, as a fragment that says what it is.
pub(super) fn read(body: &[u8]) -> Result<(Vec<NewEventType>, Vec<Odd>), String> {
    let told = |error| format!("its answer is not JSON ({error})");
    let hooks: Value = serde_json::from_slice(body).map_err(told)?;
    // An installation without types answers an empty array of PHP, which is a list.
    let hooks = match hooks {
        Value::Object(hooks) => hooks,
        Value::Array(list) if list.is_empty() => Map::new(),
        _ => return Err("its answer is no object of event types by their slugs".to_owned()),
    };
    if hooks.len() > TYPES_MAX {
        return Err(format!(
            "it offers {} event types, and at most {TYPES_MAX} are taken",
            hooks.len()
        ));
    }
    let (mut taken, mut odd) = (Vec::new(), Vec::new());
    for (slug, hook) in hooks {
        match one(&slug, hook) {
            Ok(new) => taken.push(new),
            Err(why) => odd.push(Odd { slug, why }),
        }
    }
    Ok((taken, odd))
}

fn one(slug: &str, hook: Value) -> Result<NewEventType, String> {
    let Value::Object(mut hook) = hook else { return Err("it is no object".to_owned()) };
    let fit = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let begins = slug.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if !begins || slug.len() > 100 || !slug.bytes().all(fit) {
        let takes = "a slug takes 1 to 100 of A-Z, a-z, 0-9, `.`, `_` and `-`";
        return Err(takes.to_owned());
    }
    let payload = match hook.remove("payload") {
        Some(Value::Object(payload)) => payload,
        // An empty array of PHP, or none at all.
        Some(Value::Array(list)) if list.is_empty() => Map::new(),
        None | Some(Value::Null) => Map::new(),
        Some(_) => return Err("its payload is no object".to_owned()),
    };
    let sample = Value::Object(payload);
    let bytes = sample.to_string().len();
    if bytes > PAYLOAD_BYTES_MAX {
        return Err(format!(
            "its payload has {bytes} bytes, and at most {PAYLOAD_BYTES_MAX} are taken"
        ));
    }
    let mut text = |key: &str, most: usize| {
        let text = hook.remove(key)?.as_str()?.trim().chars().take(most).collect::<String>();
        Some(text).filter(|text| !text.is_empty())
    };
    Ok(NewEventType {
        slug: slug.to_owned(),
        name: text("name", 200),
        description: text("desc", 2_000),
        schema: None,
        sample: Some(sample),
    })
}

/// How the keys of a payload differ from those known: `+` what is new, `-` what is gone.
pub(super) fn difference(known: &Value, offered: &Value) -> Vec<String> {
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default()
    };
    let (known, offered) = (keys(known), keys(offered));
    let new = offered.difference(&known).map(|key| format!("+{key}"));
    let gone = known.difference(&offered).map(|key| format!("-{key}"));
    new.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(hooks: &Value) -> Result<(Vec<NewEventType>, Vec<Odd>), String> {
        read(hooks.to_string().as_bytes())
    }

    #[test]
    fn what_the_plugin_offers_is_taken() {
        let hooks = json!({"a": {"name": "A", "desc": " d ", "payload": {"id": 1},
                                 "deprecated_args": []},
                           "b": {"name": "", "payload": []}});
        let (taken, odd) = of(&hooks).unwrap();
        assert_eq!(odd, []);
        assert_eq!(
            (taken[0].name.as_deref(), taken[0].description.as_deref()),
            (Some("A"), Some("d"))
        );
        assert_eq!(taken[0].sample, Some(json!({"id": 1})));
        assert_eq!((taken[1].name.as_deref(), &taken[1].sample), (None, &Some(json!({}))));
        assert_eq!(of(&json!([])).unwrap(), (vec![], vec![]));
    }

    #[test]
    fn what_is_odd_is_left_out_and_told() {
        let long = "x".repeat(PAYLOAD_BYTES_MAX);
        for (slug, hook, words) in [
            ("../../etc", json!({"payload": {}}), "a slug takes"),
            ("", json!({"payload": {}}), "a slug takes"),
            ("a\u{1b}[2J", json!({"payload": {}}), "a slug takes"),
            ("a", json!(7), "no object"),
            ("a", json!({"payload": "text"}), "payload is no object"),
            ("a", json!({"payload": {"x": long}}), "bytes"),
        ] {
            let (taken, odd) = of(&json!({ slug: hook })).unwrap();
            assert_eq!((taken.len(), odd.len()), (0, 1), "{slug}");
            assert!(odd[0].why.contains(words), "{}", odd[0].why);
        }
    }

    #[test]
    fn what_is_no_answer_of_the_plugin_is_refused() {
        let many: Map<String, Value> =
            (0..501).map(|n| (format!("t{n}"), json!({"payload": {}}))).collect();
        for (body, words) in [
            ("<html>".to_owned(), "not JSON"),
            ("[1]".to_owned(), "no object"),
            ("null".to_owned(), "no object"),
            ("[".repeat(100_000), "not JSON"),
            (Value::Object(many).to_string(), "501"),
        ] {
            let why = read(body.as_bytes()).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn a_difference_is_one_of_keys() {
        let diff = difference(&json!({"a": 1, "b": 2}), &json!({"b": 3, "c": 4}));
        assert_eq!(diff, ["+c", "-a"]);
    }
}
