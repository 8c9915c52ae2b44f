//! The event catalogue: every type that can be picked, and payloads for them.

mod fill;
pub(crate) mod random;
mod spoil;
mod words;
mod world;

use hooklab_shared::event::{Dispatch, EventType, Field};
use serde::Deserialize;
use serde_json::{Map, Value};

use fill::Filler;
use world::World;

/// Ultimate Multisite's event types, with descriptions and examples of ours.
const ULTIMATE_MULTISITE: &str = include_str!("../data/ultimate-multisite-events.json");

/// Suggestions for a slug that does not exist.
const CLOSE_SLUGS_MAX: usize = 3;

/// Every event type, in the plugin's order.
#[derive(Debug)]
pub(crate) struct Catalogue {
    kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    slug: String,
    name: String,
    description: String,
    dispatch: Dispatch,
    #[serde(rename = "payload")]
    fields: Map<String, Value>,
    #[serde(skip)]
    read: Vec<FieldSpec>,
}

/// A field as the catalogue describes it.
#[derive(Clone, Debug, Deserialize)]
struct FieldSpec {
    #[serde(skip)]
    name: String,
    #[serde(rename = "type")]
    kind: String,
    example: Value,
    from: String,
    #[serde(rename = "in")]
    shape: Shape,
    #[serde(default)]
    nullable: bool,
    #[serde(default)]
    note: Option<String>,
}

/// In which payloads a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shape {
    Both,
    Test,
    Live,
}

impl Catalogue {
    /// Reads the catalogue that the binary carries.
    pub(crate) fn load() -> serde_json::Result<Self> {
        let mut kinds: Vec<Kind> = serde_json::from_str(ULTIMATE_MULTISITE)?;
        for kind in &mut kinds {
            for (name, spec) in std::mem::take(&mut kind.fields) {
                let spec: FieldSpec = serde_json::from_value(spec)?;
                kind.read.push(FieldSpec { name, ..spec });
            }
        }
        Ok(Self { kinds })
    }

    /// Every slug, in the catalogue's order.
    pub(crate) fn slugs(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(|kind| kind.slug.as_str())
    }

    /// An event type as it is told; its sample is the test payload, or grows from `seed`.
    pub(crate) fn event_type(&self, slug: &str, seed: Option<u64>) -> Option<EventType> {
        let kind = self.kind(slug)?;
        Some(EventType {
            slug: kind.slug.clone(),
            name: kind.name.clone(),
            description: kind.description.clone(),
            dispatch: kind.dispatch,
            payload: kind.read.iter().map(FieldSpec::told).collect(),
            sample: seed.map_or_else(|| kind.test(), |seed| kind.live(seed)),
        })
    }

    /// The payload that Send Test Event sends: always the same mocked one.
    pub(crate) fn test_payload(&self, slug: &str) -> Option<Value> {
        self.kind(slug).map(Kind::test)
    }

    /// A payload as if the event had happened: the same seed, the same payload.
    pub(crate) fn live_payload(&self, slug: &str, seed: u64) -> Option<Value> {
        self.kind(slug).map(|kind| kind.live(seed))
    }

    /// What to tell whoever asked for a slug that does not exist; `None` where it does.
    pub(crate) fn slug_error(&self, slug: &str) -> Option<String> {
        if self.kind(slug).is_some() {
            return None;
        }
        let shown: String = slug.chars().take(80).collect();
        let close = self.close_to(&shown);
        Some(if close.is_empty() {
            format!("there is no event type `{shown}`: GET /api/v1/event-types lists them")
        } else {
            format!("there is no event type `{shown}`; close to it: {}", close.join(", "))
        })
    }

    fn kind(&self, slug: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.slug == slug)
    }

    /// Slugs a few typing errors away, or that share the beginning.
    fn close_to(&self, slug: &str) -> Vec<&str> {
        let mut ranked: Vec<(usize, &str)> = self
            .slugs()
            .map(|known| (distance(slug, known), known))
            .filter(|&(distance, known)| {
                distance <= known.len() / 3 || (slug.len() > 3 && known.starts_with(slug))
            })
            .collect();
        ranked.sort_by_key(|&(distance, _)| distance);
        ranked.into_iter().take(CLOSE_SLUGS_MAX).map(|(_, known)| known).collect()
    }
}

impl Kind {
    fn test(&self) -> Value {
        self.payload(Shape::Test, fill::mocked)
    }

    fn live(&self, seed: u64) -> Value {
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
    fn choices(&self) -> Option<Vec<&str>> {
        let named = self.note.as_deref()?.strip_prefix("enum: ")?;
        Some(named.split('|').collect())
    }
}

/// How many single-character edits lead from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let kept = corner + usize::from(a != b);
            corner = row[j + 1];
            row[j + 1] = kept.min(corner + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
