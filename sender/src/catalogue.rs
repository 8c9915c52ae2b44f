//! The event catalogue: every type that can be picked, the plugin's and the user's own, and
//! payloads for them.

mod close;
mod fill;
mod grow;
mod kind;
mod own;
mod pattern;
pub(crate) mod random;
mod schema;
mod spoil;
mod words;
mod world;

use std::sync::{Arc, PoisonError, RwLock};

use hooklab_shared::event::EventType;
use hooklab_shared::id::Timestamp;
use hooklab_shared::problem::FieldError;
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};

use kind::Kind;
pub(crate) use own::{OwnParts, OwnType};

/// Characters of an unknown slug that are told back.
const SLUG_CHARS_TOLD: usize = 80;

/// Schemas that are tried at once: one that does not end keeps its thread.
const TRIED_AT_ONCE: usize = 2;

/// Every event type: the plugin's, in its order, then the user's own, the oldest first.
#[derive(Debug)]
pub struct Catalogue {
    kinds: Arc<[Kind]>,
    own: RwLock<Vec<Arc<OwnType>>>,
    changing: Mutex<()>,
    /// A permit for each schema that is being tried.
    trying: Arc<Semaphore>,
}

/// A payload for an event that is fired without one.
#[derive(Debug)]
pub(crate) struct Grown {
    pub(crate) payload: Value,
    /// Whether it grew from the seed; a type without a schema has its sample alone.
    pub(crate) from_seed: bool,
}

impl Catalogue {
    /// The catalogue that the binary carries, and nothing else.
    ///
    /// # Errors
    /// It does not parse: a bug.
    pub fn built_in() -> serde_json::Result<Self> {
        Self::load(Vec::new())
    }

    /// Takes up an own type as a server tells it.
    pub fn learn(&self, told: EventType) {
        self.put(OwnType::kept(OwnParts {
            slug: told.slug,
            name: told.name,
            description: told.description,
            schema: told.schema,
            sample: Some(told.sample),
            created_at: Timestamp::default(),
            modified_at: Timestamp::default(),
        }));
    }

    /// Waits for room to try a schema in.
    pub(crate) async fn room_to_try(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        self.trying.clone().acquire_owned().await.ok()
    }

    /// The catalogue that the binary carries, with these own types.
    pub(crate) fn load(own: Vec<OwnType>) -> serde_json::Result<Self> {
        let own = RwLock::new(own.into_iter().map(Arc::new).collect());
        Ok(Self {
            kinds: kind::all()?.into(),
            own,
            changing: Mutex::default(),
            trying: Arc::new(Semaphore::new(TRIED_AT_ONCE)),
        })
    }

    /// The catalogue as it is now: what is changed later is not changed in it.
    pub(crate) fn snapshot(&self) -> Self {
        let own = RwLock::new(self.own().clone());
        Self {
            kinds: self.kinds.clone(),
            own,
            changing: Mutex::default(),
            trying: self.trying.clone(),
        }
    }

    /// Waits until nobody else changes own types or what refers to them. Whoever holds this sees
    /// the same catalogue from the check to the commit.
    pub(crate) async fn hold(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Every slug, in the catalogue's order.
    pub(crate) fn slugs(&self) -> Vec<String> {
        let own = self.own();
        let plugins = self.kinds.iter().map(|kind| kind.slug.clone());
        plugins.chain(own.iter().map(|own| own.slug().to_owned())).collect()
    }

    /// An event type as it is told; its sample is the test payload, or grows from `seed`.
    pub(crate) fn event_type(&self, slug: &str, seed: Option<u64>) -> Option<EventType> {
        match self.kind(slug) {
            Some(kind) => Some(kind.event_type(seed)),
            None => Some(self.own_type(slug)?.event_type(seed)),
        }
    }

    /// What the plugin calls the fields of this type besides their names, as it tells them.
    pub(crate) fn deprecated_args(&self, slug: &str) -> Option<&Value> {
        self.kind(slug)?.deprecated_args.as_ref()
    }

    /// The payload that Send Test Event sends: always the same.
    pub(crate) fn test_payload(&self, slug: &str) -> Option<Value> {
        match self.kind(slug) {
            Some(kind) => Some(kind.test()),
            None => Some(self.own_type(slug)?.sample().clone()),
        }
    }

    /// A payload as if the event had happened: the same seed, the same payload.
    pub(crate) fn live_payload(&self, slug: &str, seed: u64) -> Option<Grown> {
        match self.kind(slug) {
            Some(kind) => Some(Grown { payload: kind.live(seed), from_seed: true }),
            None => Some(self.own_type(slug)?.live(seed)),
        }
    }

    /// Where a payload does not fit the schema of its type; nothing where there is no schema.
    pub(crate) fn misfits(&self, slug: &str, payload: &Value) -> Vec<FieldError> {
        self.own_type(slug).map(|own| own.misfits("payload", payload)).unwrap_or_default()
    }

    /// What to tell whoever asked for a slug that does not exist; `None` where it does.
    #[must_use]
    pub fn slug_error(&self, slug: &str) -> Option<String> {
        if self.kind(slug).is_some() || self.own_type(slug).is_some() {
            return None;
        }
        let shown: String = slug.chars().take(SLUG_CHARS_TOLD).collect();
        let slugs = self.slugs();
        let close = close::close_to(&shown, slugs.iter().map(String::as_str));
        Some(if close.is_empty() {
            format!("there is no event type `{shown}`: `hooklab events` lists them")
        } else {
            format!("there is no event type `{shown}`; close to it: {}", close.join(", "))
        })
    }

    /// Whether the binary carries this type, so that nobody may change it.
    pub(crate) fn is_plugins(&self, slug: &str) -> bool {
        self.kind(slug).is_some()
    }

    /// An own type.
    pub(crate) fn own_type(&self, slug: &str) -> Option<Arc<OwnType>> {
        self.own().iter().find(|own| own.slug() == slug).cloned()
    }

    /// How many own types there are.
    pub(crate) fn own_count(&self) -> usize {
        self.own().len()
    }

    /// Takes up an own type that has been kept, in the place of an earlier one of its slug.
    pub(crate) fn put(&self, new: OwnType) {
        let new = Arc::new(new);
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        match own.iter_mut().find(|own| own.slug() == new.slug()) {
            Some(place) => *place = new,
            None => own.push(new),
        }
    }

    /// Drops an own type that is no longer kept.
    pub(crate) fn remove(&self, slug: &str) {
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        own.retain(|own| own.slug() != slug);
    }

    fn own(&self) -> std::sync::RwLockReadGuard<'_, Vec<Arc<OwnType>>> {
        self.own.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn kind(&self, slug: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.slug == slug)
    }
}

#[cfg(test)]
mod tests;
