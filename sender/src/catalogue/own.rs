//! An event type of the user's own: its schema, its sample, and payloads that grow from them.

use hooklab_shared::event::{Dispatch, EventType, Field, NewEventType};
use hooklab_shared::id::Timestamp;
use hooklab_shared::problem::FieldError;
use serde_json::{Map, Value};

use super::Grown;
use super::grow;
use super::schema::Schema;

/// A slug in characters: what fits into a column of a table, and into a header.
const SLUG_CHARS_MAX: usize = 100;
/// A name in characters, as that of a webhook.
const NAME_CHARS_MAX: usize = 200;
/// A description in characters: a paragraph.
const DESCRIPTION_CHARS_MAX: usize = 2_000;

/// Drafts of a payload that are tried: what the first does not hit by chance, a later one does.
const DRAFTS_MAX: u64 = 8;

/// What an own type is made of, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OwnParts {
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) schema: Option<Value>,
    pub(crate) sample: Option<Value>,
    pub(crate) created_at: Timestamp,
    pub(crate) modified_at: Timestamp,
}

/// An own type, ready for use.
#[derive(Debug)]
pub(crate) struct OwnType {
    parts: OwnParts,
    schema: Option<Schema>,
    sample: Value,
}

impl OwnParts {
    /// Checks what is given; every field that is at fault is named.
    pub(crate) fn check(
        new: NewEventType,
        at: Timestamp,
        bytes_max: usize,
    ) -> Result<Self, Vec<FieldError>> {
        let (slug, body) = new.into_parts();
        let name = body.name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let parts = Self {
            name: name.unwrap_or_else(|| slug.clone()),
            slug,
            description: body.description.unwrap_or_default().trim().to_owned(),
            schema: body.schema.map(Value::Object),
            sample: body.sample,
            created_at: at,
            modified_at: at,
        };
        let size = |value: &Option<Value>| value.as_ref().map_or(0, |v| v.to_string().len());
        let bytes = size(&parts.schema) + size(&parts.sample);
        let errors: Vec<FieldError> = slug_error(&parts.slug)
            .into_iter()
            .chain(too_long("name", &parts.name, NAME_CHARS_MAX))
            .chain(too_long("description", &parts.description, DESCRIPTION_CHARS_MAX))
            .chain((bytes > bytes_max).then(|| FieldError {
                field: "schema".into(),
                detail: format!("has {bytes} bytes with the sample: both take {bytes_max}"),
            }))
            .collect();
        if errors.is_empty() { Ok(parts) } else { Err(errors) }
    }
}

impl OwnType {
    /// Compiles the schema and finds the sample.
    ///
    /// # Errors
    /// The schema is none, the sample does not fit it, or none grows from it.
    pub(crate) fn make(parts: OwnParts) -> Result<Self, Vec<FieldError>> {
        let compiled = parts.schema.as_ref().map(Schema::compile).transpose();
        let schema = compiled.map_err(|detail| vec![error("schema", detail)])?;
        let sample = match (&parts.sample, &schema) {
            (Some(sample), None) => sample.clone(),
            (None, None) => Value::Object(Map::new()),
            (Some(sample), Some(schema)) => match schema.misfits("sample", sample) {
                found if found.is_empty() => sample.clone(),
                found => return Err(found),
            },
            (None, Some(schema)) => grown(&parts, schema, 0).ok_or_else(|| {
                let detail = "cannot be made from the schema: give one that fits it";
                vec![error("sample", detail.to_owned())]
            })?,
        };
        Ok(Self { parts, schema, sample })
    }

    /// The same, of what was kept: a schema that this release does not understand is no reason not
    /// to open the store.
    pub(crate) fn kept(parts: OwnParts) -> Self {
        Self::make(parts.clone()).unwrap_or_else(|_| {
            let sample = parts.sample.clone().unwrap_or_else(|| Value::Object(Map::new()));
            Self { parts, schema: None, sample }
        })
    }

    /// The same, said to have been made then.
    pub(crate) fn since(mut self, created_at: Timestamp) -> Self {
        self.parts.created_at = created_at;
        self
    }

    pub(crate) fn slug(&self) -> &str {
        &self.parts.slug
    }

    pub(crate) fn parts(&self) -> &OwnParts {
        &self.parts
    }

    pub(crate) fn sample(&self) -> &Value {
        &self.sample
    }

    pub(super) fn live(&self, seed: u64) -> Grown {
        let grown = self.schema.as_ref().and_then(|schema| grown(&self.parts, schema, seed));
        match grown {
            Some(payload) => Grown { payload, from_seed: true },
            None => Grown { payload: self.sample.clone(), from_seed: false },
        }
    }

    pub(super) fn misfits(&self, field: &str, payload: &Value) -> Vec<FieldError> {
        self.schema.as_ref().map(|schema| schema.misfits(field, payload)).unwrap_or_default()
    }

    pub(crate) fn event_type(&self, seed: Option<u64>) -> EventType {
        let parts = &self.parts;
        EventType {
            slug: parts.slug.clone(),
            name: parts.name.clone(),
            description: parts.description.clone(),
            dispatch: Dispatch::Own,
            payload: fields(parts.schema.as_ref(), &self.sample),
            sample: seed.map_or_else(|| self.sample.clone(), |seed| self.live(seed).payload),
            schema: parts.schema.clone(),
        }
    }
}

fn grown(parts: &OwnParts, schema: &Schema, seed: u64) -> Option<Value> {
    let document = parts.schema.as_ref()?;
    let mut drafts = (0..DRAFTS_MAX).map(|n| grow::draft(&parts.slug, document, seed, n));
    drafts.find(|draft| schema.is_fit(draft))
}

/// The fields of the first level: those that the schema names, then those of the sample.
fn fields(schema: Option<&Value>, sample: &Value) -> Vec<Field> {
    let none = Map::new();
    let described = schema.and_then(|schema| schema.get("properties")?.as_object());
    let described = described.unwrap_or(&none);
    let shown = sample.as_object().unwrap_or(&none);
    let required = schema.and_then(|schema| schema.get("required")?.as_array());
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
    let named = described.iter().map(|(name, schema)| Field {
        name: name.clone(),
        kind: kind(schema).unwrap_or_else(|| type_of(shown.get(name)).to_owned()),
        example: shown.get(name).cloned().unwrap_or(Value::Null),
        from: "schema".into(),
        nullable: kind(schema).is_some_and(|kind| kind.contains("null")),
        note: note(schema, is_required(name)),
    });
    let others = shown.iter().filter(|(name, _)| !described.contains_key(*name));
    let others = others.map(|(name, value)| Field {
        name: name.clone(),
        kind: type_of(Some(value)).to_owned(),
        example: value.clone(),
        from: "sample".into(),
        nullable: value.is_null(),
        note: None,
    });
    named.chain(others).collect()
}

fn kind(schema: &Value) -> Option<String> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind.clone()),
        Value::Array(kinds) => {
            Some(kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|"))
        }
        _ => None,
    }
}

fn note(schema: &Value, required: bool) -> Option<String> {
    let described = schema.get("description").and_then(Value::as_str);
    let format = schema.get("format").and_then(Value::as_str);
    let optional = (!required).then_some("need not be there");
    let notes: Vec<&str> = described.into_iter().chain(format).chain(optional).collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}

fn type_of(value: Option<&Value>) -> &'static str {
    match value {
        None => "any",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(number)) if number.is_f64() => "number",
        Some(Value::Number(_)) => "integer",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

fn slug_error(slug: &str) -> Option<FieldError> {
    let fit = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let begins = slug.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if begins && slug.len() <= SLUG_CHARS_MAX && slug.bytes().all(fit) {
        return None;
    }
    let detail = format!(
        "takes 1 to {SLUG_CHARS_MAX} of A-Z, a-z, 0-9, `.`, `_` and `-`, the first a letter or \
         digit, such as order.paid"
    );
    Some(error("slug", detail))
}

fn too_long(field: &str, text: &str, most: usize) -> Option<FieldError> {
    let chars = text.chars().count();
    (chars > most).then(|| error(field, format!("has {chars} characters: it takes {most}")))
}

fn error(field: &str, detail: String) -> FieldError {
    FieldError { field: field.to_owned(), detail }
}
