//! The receiver as a whole: opened, served, stopped.

use std::sync::Arc;
use std::time::SystemTime;

use hooklab_shared::bin::{Bin, Config, Keep, NewBin};
use hooklab_shared::id::{BinName, Timestamp};
use hooklab_shared::limits::Limits;
use hooklab_shared::listen::{Stop, serve};
use hooklab_shared::problem::Problem;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use crate::api;
use crate::capture::{Capturing, connection};
use crate::store::{BinState, Durability, OpenError, Store, StoreError, Where};

/// What a receiver is opened with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where captures are kept.
    pub place: Where,
    /// What "kept" means before an answer is given.
    pub durability: Durability,
    /// Whether a request to a bin that does not exist makes it.
    pub auto_create: bool,
    /// Every bound.
    pub limits: Limits,
    /// The capture listener's address as users write it, `http://127.0.0.1:4665`, without a slash
    /// at its end: bins' URLs begin with it.
    pub capture_url: String,
}

/// A receiver: its store, its capture listener, its part of the API. Cheap to clone.
#[derive(Clone)]
pub struct Receiver {
    pub(crate) store: Store,
    settings: Arc<Settings>,
    /// Every live channel holds a receiver of it, so that a stop can wait for their goodbyes.
    live: Arc<watch::Sender<()>>,
}

impl Receiver {
    /// Opens the store. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The store cannot be opened; there is never a fallback to another one.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let store = Store::open(
            &settings.place,
            settings.durability,
            settings.limits,
            Keep::default(),
            &settings.capture_url,
        )?;
        Ok(Self { store, settings: Arc::new(settings), live: Arc::default() })
    }

    /// Captures what comes in on these sockets until told to stop.
    pub async fn serve(&self, listeners: Vec<TcpListener>, stop: Stop) {
        let limits = self.settings.limits;
        let capturing = Arc::new(Capturing {
            store: self.store.clone(),
            limits,
            auto_create: self.settings.auto_create,
        });
        let connected = move |socket, peer, stop| connection(capturing.clone(), socket, peer, stop);
        serve(listeners, limits.capture_connections_max, limits, stop, connected).await;
    }

    /// The receiver's part of `/api/v1`, with paths relative to it.
    pub fn api(&self) -> axum::Router {
        api::router(self.clone())
    }

    /// Makes a bin.
    ///
    /// # Errors
    /// The name is taken (409), a label is too long (422), there are too many bins (507), or the
    /// store failed (503).
    pub async fn create_bin(&self, new: NewBin) -> Result<Bin, Problem> {
        let (name, config) = new.into_parts();
        check(&config)?;
        let name = match name {
            Some(name) => name,
            None => minted()?,
        };
        let now = Timestamp::from(SystemTime::now());
        match self.store.create_bin(name.clone(), config, now).await {
            Ok(state) => Ok(self.told(state)),
            Err(StoreError::Exists) => {
                let detail = format!(
                    "there is a bin `{name}` already: use it, delete it first, or take another name"
                );
                Err(Problem::new(409, "bin-exists", detail))
            }
            Err(error) => Err(store_problem(&error)),
        }
    }

    /// Why the store has stopped acknowledging; none while it works.
    pub fn failure(&self) -> Option<String> {
        self.store.failure()
    }

    /// The level that an acknowledged capture is kept at.
    pub fn durability(&self) -> Durability {
        self.store.durability()
    }

    /// Flushes the store, and closes the live channels with 1001.
    pub async fn close(&self) {
        self.store.close().await;
        let _ = timeout(self.settings.limits.drain_timeout, self.live.closed()).await;
    }

    /// Held by a live channel while it lives.
    pub(crate) fn alive(&self) -> watch::Receiver<()> {
        self.live.subscribe()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// A bin as it is told.
    pub(crate) fn told(&self, state: BinState) -> Bin {
        Bin {
            url: format!("{}/{}", self.settings.capture_url, state.name),
            name: state.name,
            created_at: state.created_at,
            config: state.config.told(),
            captures: state.captures,
            bytes: state.bytes,
            oldest_seq: state.oldest_seq,
            newest_seq: state.newest_seq,
            dropped: state.dropped,
        }
    }
}

/// A name of 122 random bits.
fn minted() -> Result<BinName, Problem> {
    let name = Uuid::new_v4().simple().to_string();
    name.parse().map_err(|_| Problem::new(500, "bug", "a minted name is not a name"))
}

fn check(config: &Config) -> Result<(), Problem> {
    let errors = config.errors();
    let Some(first) = errors.first() else { return Ok(()) };
    let detail = format!("`{}` {}", first.field, first.detail);
    Err(Problem::new(422, "invalid-field", detail).with_errors(errors))
}

/// A store's error, told.
pub(crate) fn store_problem(error: &StoreError) -> Problem {
    match error {
        StoreError::TooManyBins => Problem::new(507, "too-many-bins", error.to_string()),
        StoreError::TooManyWatchers => {
            Problem::new(503, "too-many-watchers", error.to_string()).retry_after(1)
        }
        other => Problem::new(503, "store", format!("failed to {other}")).retry_after(1),
    }
}
