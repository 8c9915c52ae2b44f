//! The forms in which programs are written in JSON.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};

use super::{Content, Fault, PRESETS, Program, Rule, preset};
use crate::json::object;
use crate::matching::Match;
use crate::span::Span;

impl<'de> Deserialize<'de> for Program {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let program = match Value::deserialize(deserializer)? {
            Value::String(name) => preset::named(&name).ok_or_else(|| {
                let names: Vec<_> = PRESETS.iter().map(|(name, _)| *name).collect();
                D::Error::custom(format!("`{name}` is no preset: there are {}", names.join(", ")))
            })?,
            Value::Array(rules) => {
                let rules = object::each(Value::Array(rules)).map_err(D::Error::custom)?;
                Self { rules, ..Self::default() }
            }
            whole @ Value::Object(_) if whole.get("rules").is_some() => {
                let whole: Whole = serde_json::from_value(whole).map_err(D::Error::custom)?;
                Self { seed: whole.seed, per: whole.per, repeat: whole.repeat, rules: whole.rules }
            }
            rule @ Value::Object(_) => {
                let rule = serde_json::from_value(rule).map_err(D::Error::custom)?;
                Self { rules: vec![rule], ..Self::default() }
            }
            _ => {
                return Err(D::Error::custom(
                    "a reply program is a preset's name, a rule, a list of rules, or \
                     {\"seed\":…,\"rules\":[…]}",
                ));
            }
        };
        program.check().map_err(D::Error::custom)?;
        Ok(program)
    }
}

/// A reply program, whole.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Whole {
    /// What chance is drawn from: the same seed, the same sequence.
    #[serde(default)]
    seed: u64,
    /// A header whose values are counted apart.
    #[serde(default)]
    per: Option<String>,
    /// Whether the counts begin anew when every counted rule is used up.
    #[serde(default)]
    repeat: bool,
    /// The rules; the first that holds answers.
    #[schema(max_items = 64)]
    #[serde(deserialize_with = "object::each")]
    rules: Vec<Rule>,
}

impl utoipa::ToSchema for Program {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((
            <Rule as utoipa::ToSchema>::name().into_owned(),
            <Rule as utoipa::PartialSchema>::schema(),
        ));
        <Rule as utoipa::ToSchema>::schemas(schemas);
    }
}

impl utoipa::PartialSchema for Program {
    fn schema() -> RefOr<Schema> {
        let names = PRESETS.map(|(name, _)| name);
        let preset = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
        let rule = || Ref::from_schema_name(<Rule as utoipa::ToSchema>::name());
        OneOfBuilder::new()
            .description(Some("A reply program: a preset, a rule, rules, or all of it."))
            .item(preset)
            .item(rule())
            .item(ArrayBuilder::new().items(rule()).max_items(Some(super::RULES_MAX)))
            .item(<Whole as utoipa::PartialSchema>::schema())
            .into()
    }
}

impl utoipa::ToSchema for Rule {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        <Written as utoipa::ToSchema>::schemas(schemas);
    }
}

impl utoipa::PartialSchema for Rule {
    fn schema() -> RefOr<Schema> {
        <Written as utoipa::PartialSchema>::schema()
    }
}

/// One rule: which requests it is for, and what it answers them.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// Which requests it is for; all, where nothing is given.
    #[serde(
        default,
        rename = "match",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    matches: Option<Match>,
    /// How many times it answers before it is used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    times: Option<u64>,
    /// How likely it is to answer, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    chance: Option<f64>,
    /// The status, 200 to 999; 200 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 200, maximum = 999)]
    status: Option<u16>,
    /// The header fields: a list of pairs, or an object.
    #[serde(default, skip_serializing_if = "Headers::is_empty")]
    headers: Headers,
    /// A text to answer with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Bytes to answer with, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// A template that sees the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    /// Whether to answer with the request's own body.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    echo: bool,
    /// How long it waits before it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delay: Option<Span>,
    /// How long it waits for an answer by hand; then it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<Span>,
    /// How it misbehaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<Fault>,
}

/// Header fields as pairs, where repeats matter, or as an object, where they do not.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
enum Headers {
    Pairs(Vec<(String, String)>),
    Object(BTreeMap<String, String>),
}

impl Default for Headers {
    fn default() -> Self {
        Self::Pairs(Vec::new())
    }
}

impl Headers {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Pairs(pairs) if pairs.is_empty())
    }
}

impl TryFrom<Written> for Rule {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let contents = [
            written.body.map(Content::Text),
            written.body_base64.map(binary).transpose()?,
            written.template.map(Content::Template),
            written.echo.then_some(Content::Echo),
        ];
        let mut contents = contents.into_iter().flatten();
        let content = contents.next().unwrap_or_default();
        if contents.next().is_some() {
            return Err("give one of `body`, `body_base64`, `template` and `echo`".into());
        }
        let headers = match written.headers {
            Headers::Pairs(pairs) => pairs,
            Headers::Object(object) => object.into_iter().collect(),
        };
        Ok(Self {
            matches: written.matches,
            times: written.times,
            chance: written.chance,
            status: written.status.unwrap_or(200),
            headers,
            content,
            delay: written.delay,
            hold: written.hold,
            fault: written.fault,
        })
    }
}

fn binary(base64: String) -> Result<Content, String> {
    let bytes = BASE64.decode(base64).map_err(|error| format!("`body_base64`: {error}"))?;
    Ok(Content::Binary(bytes))
}

impl From<Rule> for Written {
    fn from(rule: Rule) -> Self {
        let (mut body, mut body_base64, mut template, mut echo) = (None, None, None, false);
        match rule.content {
            Content::Captured => {}
            Content::Text(text) => body = Some(text),
            Content::Binary(bytes) => body_base64 = Some(BASE64.encode(bytes)),
            Content::Template(text) => template = Some(text),
            Content::Echo => echo = true,
        }
        Self {
            matches: rule.matches,
            times: rule.times,
            chance: rule.chance,
            status: Some(rule.status),
            headers: Headers::Pairs(rule.headers),
            body,
            body_base64,
            template,
            echo,
            delay: rule.delay,
            hold: rule.hold,
            fault: rule.fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_told_in_one() {
        let forms =
            [r#"{"status":503}"#, r#"[{"status":503}]"#, r#"{"seed":0,"rules":[{"status":503}]}"#];
        for form in forms {
            let program: Program = serde_json::from_str(form).unwrap();
            let told = serde_json::to_string(&program).unwrap();
            assert_eq!(told, r#"{"seed":0,"rules":[{"status":503}]}"#, "{form}");
            assert_eq!(serde_json::from_str::<Program>(&told).unwrap(), program);
        }
        for (name, _) in PRESETS {
            let program = serde_json::from_str::<Program>(&format!("{name:?}"));
            assert!(program.is_ok(), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (json, word) in [
            (r#""okay""#, "fail-twice"),
            (r#"{"staus":503}"#, "staus"),
            (r#"{"status":99}"#, "200 to 999"),
            (r#"{"chance":1.5}"#, "0 to 1"),
            (r#"{"times":0}"#, "never"),
            (r#"{"body":"a","template":"b"}"#, "one of"),
            (r#"{"body_base64":"!"}"#, "body_base64"),
            (r#"{"headers":{"a b":"c"}}"#, "field name"),
            (r#"{"headers":{"Content-Length":"3"}}"#, "frames"),
            (r#"{"fault":"explode"}"#, "reset"),
            (r#"{"delay":"5"}"#, "unit"),
            (r#"[[null]]"#, "an object"),
            (r#"{"match":[]}"#, "an object"),
            ("7", "preset"),
        ] {
            let error = serde_json::from_str::<Program>(json).unwrap_err().to_string();
            assert!(error.contains(word), "{json}: {error}");
        }
    }
}
