//! JSON Schema, checked by a crate that passes the official test suite; what it may load and how
//! it tells what is wrong is ours.

use std::error::Error;
use std::fmt;

use boon::{Compiler, Draft, ErrorKind, SchemaIndex, Schemas, UrlLoader, ValidationError};
use hooklab_shared::problem::FieldError;
use serde_json::Value;

/// The place of the one document that a compiler sees; the host is reserved and never looked up.
const PLACE: &str = "https://schema.invalid/payload.json";

/// Misfits that are told: whoever has more repairs these first.
const MISFITS_MAX: usize = 10;

/// Characters of one misfit: a pattern or an enumeration can be long.
const TOLD_CHARS_MAX: usize = 300;

/// A compiled schema.
pub(super) struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

/// Schemas stand by themselves: no reference reads a file or asks a server.
struct NoLoader;

impl UrlLoader for NoLoader {
    fn load(&self, _: &str) -> Result<Value, Box<dyn Error>> {
        Err("it stands elsewhere, and nothing is fetched: put it under `$defs`".into())
    }
}

impl Schema {
    /// Compiles a schema, of 2020-12 unless its `$schema` names another draft.
    ///
    /// # Errors
    /// What is wrong with it, as a fragment that follows its name.
    pub(super) fn compile(document: &Value) -> Result<Self, String> {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.use_loader(Box::new(NoLoader));
        let mut schemas = Schemas::new();
        compiler.add_resource(PLACE, document.clone()).map_err(|error| refused(&error))?;
        let compiled = compiler.compile(PLACE, &mut schemas).map_err(|error| refused(&error));
        compiled.map(|index| Self { schemas, index })
    }

    /// Where a value does not fit; `field` is what the value is called.
    pub(super) fn misfits(&self, field: &str, value: &Value) -> Vec<FieldError> {
        let mut found = Vec::new();
        if let Err(error) = self.schemas.validate(value, self.index) {
            collect(&error, field, &mut found);
        }
        found
    }

    /// Whether a value fits.
    pub(super) fn is_fit(&self, value: &Value) -> bool {
        self.schemas.validate(value, self.index).is_ok()
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").finish_non_exhaustive()
    }
}

fn refused(error: &boon::CompileError) -> String {
    let told = match error {
        boon::CompileError::ValidationError { src, .. } => {
            let mut found = Vec::new();
            collect(src, "schema", &mut found);
            let told: Vec<String> =
                found.iter().map(|error| format!("`{}` {}", error.field, error.detail)).collect();
            told.join("; ")
        }
        boon::CompileError::LoadUrlError { url, src } => {
            format!("what `{}` refers to cannot be had: {src}", url.trim_start_matches(PLACE))
        }
        other => other.to_string().replace(PLACE, ""),
    };
    format!("is not a JSON Schema: {}", cut(&told))
}

/// The leaves of the tree of errors: the places where something really does not fit.
fn collect(error: &ValidationError<'_, '_>, field: &str, found: &mut Vec<FieldError>) {
    if found.len() >= MISFITS_MAX {
        return;
    }
    // Which alternative was meant nobody knows, and the complaints of all of them confuse.
    let is_choice = matches!(error.kind, ErrorKind::AnyOf | ErrorKind::OneOf(_));
    if error.causes.is_empty() || is_choice {
        let place = format!("{field}{}", error.instance_location);
        found.push(FieldError { field: place, detail: cut(&told(&error.kind)) });
        return;
    }
    for cause in &error.causes {
        collect(cause, field, found);
    }
}

fn told(kind: &ErrorKind<'_, '_>) -> String {
    match kind {
        ErrorKind::Type { got, want } => {
            let want: Vec<String> = want.iter().map(|want| want.to_string()).collect();
            format!("is of type {got}, and must be of type {}", want.join(" or "))
        }
        ErrorKind::Required { want } => format!("lacks {}", named(want)),
        ErrorKind::AdditionalProperties { got } => {
            format!("has {}, which the schema does not know", named(got))
        }
        ErrorKind::AnyOf => "fits none of the schema's alternatives (anyOf)".to_owned(),
        ErrorKind::OneOf(None) => "fits none of the schema's alternatives (oneOf)".to_owned(),
        ErrorKind::OneOf(Some(_)) => {
            "fits more than one of the schema's alternatives (oneOf)".to_owned()
        }
        ErrorKind::FalseSchema => "must not be there".to_owned(),
        other => format!("does not fit: {other}"),
    }
}

fn named(names: &[impl fmt::Display]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TOLD_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn misfits(schema: &Value, value: &Value) -> Vec<(String, String)> {
        let schema = Schema::compile(schema).unwrap();
        let found = schema.misfits("payload", value);
        assert_eq!(found.is_empty(), schema.is_fit(value));
        found.into_iter().map(|error| (error.field, error.detail)).collect()
    }

    #[test]
    fn a_misfit_is_told_with_its_place() {
        let schema = json!({
            "type": "object", "required": ["id", "lines"], "additionalProperties": false,
            "properties": {
                "id": {"type": "integer", "minimum": 1},
                "mail": {"type": "string", "format": "email"},
                "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
                "kind": {"anyOf": [{"const": "a"}, {"type": "null"}]}
            },
            "$defs": {"line": {"type": "object", "properties": {"sku": {"pattern": "^[A-Z]+$"}}}}
        });
        assert_eq!(misfits(&schema, &json!({"id": 1, "lines": []})), []);
        for (value, place, words) in [
            (json!({"id": 1}), "payload", "lacks `lines`"),
            (json!({"id": "1", "lines": []}), "payload/id", "of type string"),
            (json!({"id": 0, "lines": []}), "payload/id", "1"),
            (json!({"id": 1, "lines": [{"sku": "A"}, {"sku": "a"}]}), "payload/lines/1/sku", "A-Z"),
            (json!({"id": 1, "lines": [], "mail": "x"}), "payload/mail", "email"),
            (json!({"id": 1, "lines": [], "kind": 7}), "payload/kind", "anyOf"),
            (json!({"id": 1, "lines": [], "a/b": 7}), "payload", "`a/b`"),
            (json!([]), "payload", "of type array"),
        ] {
            let found = misfits(&schema, &value);
            assert_eq!(found.len(), 1, "{value}: {found:?}");
            assert_eq!(found[0].0, place, "{value}");
            assert!(found[0].1.contains(words), "{value}: {found:?}");
        }
    }

    #[test]
    fn what_is_told_has_an_end() {
        let schema = json!({"additionalProperties": {"type": "null"}});
        let many: serde_json::Map<_, _> = (0..99).map(|n| (n.to_string(), json!(n))).collect();
        assert_eq!(misfits(&schema, &many.into()).len(), MISFITS_MAX);
        let schema = json!({"const": "é".repeat(1_000)});
        assert!(misfits(&schema, &json!(1))[0].1.chars().count() <= TOLD_CHARS_MAX + 1);
    }

    #[test]
    fn what_is_no_schema_is_refused_and_nothing_is_fetched() {
        for (schema, words) in [
            (json!({"type": "text"}), "type"),
            (json!({"properties": []}), "properties"),
            (json!({"pattern": "("}), "("),
            (json!({"$ref": "http://127.0.0.1:1/x.json"}), "nothing is fetched"),
            (json!({"$ref": "file:///etc/passwd"}), "nothing is fetched"),
            (json!({"$ref": "other.json"}), "nothing is fetched"),
            (json!({"$ref": "#/$defs/none"}), "$defs/none"),
            (json!({"$schema": "http://127.0.0.1:1/meta"}), "nothing is fetched"),
        ] {
            let told = Schema::compile(&schema).unwrap_err();
            assert!(told.contains(words), "{schema}: {told}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_comes_to_an_end() {
        let schema = json!({"properties": {"next": {"$ref": "#"}}, "required": ["id"]});
        let found = misfits(&schema, &json!({"id": 1, "next": {"id": 2, "next": {}}}));
        assert_eq!(found[0].0, "payload/next/next");
        let endless = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}});
        assert_eq!(misfits(&endless, &json!(1)).len(), 1);
    }
}
