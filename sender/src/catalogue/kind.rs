//! An event type of the plugin, as the catalogue that the binary carries describes it.

use hooklab_shared::event::{Dispatch, EventType, Field};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::fill::{self, Filler};
use super::world::World;

/// Ultimate Multisite's event types, with descriptions and examples of ours.
const ULTIMATE_MULTISITE: &str = include_str!("../../data/ultimate-multisite-events.json");

/// Reads the catalogue that the binary carries, in the plugin's order.
pub(super) fn all() -> serde_json::Result<Vec<Kind>> {
    let mut kinds: Vec<Kind> = serde_json::from_str(ULTIMATE_MULTISITE)?;
    for kind in &mut kinds {
        for (name, spec) in std::mem::take(&mut kind.fields) {
            let spec: FieldSpec = serde_json::from_value(spec)?;
            kind.read.push(FieldSpec { name, ..spec });
        }
    }
    Ok(kinds)
}

#[derive(Debug, Deserialize)]
pub(super) struct Kind {
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) dispatch: Dispatch,
    /// Names that earlier releases of the plugin gave to fields.
    #[serde(default)]
    pub(super) deprecated_args: Option<Value>,
    #[serde(rename = "payload")]
    fields: Map<String, Value>,
    #[serde(skip)]
    pub(super) read: Vec<FieldSpec>,
}

/// A field as the catalogue describes it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct FieldSpec {
    #[serde(skip)]
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) example: Value,
    pub(super) from: String,
    #[serde(rename = "in")]
    pub(super) shape: Shape,
    #[serde(default)]
    pub(super) nullable: bool,
    #[serde(default)]
    pub(super) note: Option<String>,
}

/// In which payloads a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shape {
    Both,
    Test,
    Live,
}

impl Kind {
    /// As it is told; its sample is the test payload, or grows from `seed`.
    pub(super) fn event_type(&self, seed: Option<u64>) -> EventType {
        EventType {
            slug: self.slug.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            dispatch: self.dispatch,
            payload: self.read.iter().map(FieldSpec::told).collect(),
            sample: seed.map_or_else(|| self.test(), |seed| self.live(seed)),
            schema: None,
        }
    }

    pub(super) fn test(&self) -> Value {
        self.payload(Shape::Test, fill::mocked)
    }

    pub(super) fn live(&self, seed: u64) -> Value {
        let world = World::grow(&self.slug, seed);
        let mut filler = Filler::new(&world, seed);
        self.payload(Shape::Live, |spec| filler.fill(spec))
    }

    fn payload(&self, shape: Shape, mut fill: impl FnMut(&FieldSpec) -> Value) -> Value {
        let fields = self
            .read
            .iter()
            .filter(|spec| matches!(spec.shape, Shape::Both) || spec.shape == shape);
        Value::Object(fields.map(|spec| (spec.name.clone(), fill(spec))).collect())
    }
}

impl FieldSpec {
    fn told(&self) -> Field {
        let only = match self.shape {
            Shape::Both => None,
            Shape::Test => Some("in the test event only"),
            Shape::Live => Some("in the live event only"),
        };
        let notes: Vec<&str> = only.into_iter().chain(self.note.as_deref()).collect();
        Field {
            name: self.name.clone(),
            kind: self.kind.clone(),
            example: self.example.clone(),
            from: self.from.clone(),
            nullable: self.nullable,
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        }
    }

    /// The values that its note names, if it names any.
    pub(super) fn choices(&self) -> Option<Vec<&str>> {
        let named = self.note.as_deref()?.strip_prefix("enum: ")?;
        Some(named.split('|').collect())
    }
}
