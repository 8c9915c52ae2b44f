//! The receiver as a whole: opened, served, stopped.

use std::pin::pin;
use std::sync::Arc;
use std::time::SystemTime;

use hooklab_shared::bin::{Bin, BinPatch, Config, Keep, NewBin};
use hooklab_shared::cidr::Cidr;
use hooklab_shared::id::{BinName, Timestamp};
use hooklab_shared::limits::Limits;
use hooklab_shared::listen::{Stop, serve};
use hooklab_shared::problem::{FieldError, Problem};
use hooklab_shared::reply::{Content, Rule};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::ServerConfig;
use utoipa::openapi::OpenApi;
use uuid::Uuid;

use crate::api;
use crate::capture::Capturing;
use crate::connection;
use crate::held::Registry;
use crate::metrics::Metrics;
use crate::reply::{Headers, template};
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
    /// What is kept of all bins together.
    pub keep: Keep,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<Cidr>,
    /// What the capture listener serves TLS with; none where it is plain.
    pub tls: Option<Arc<ServerConfig>>,
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
    stopping: Arc<watch::Sender<bool>>,
    looks: Arc<Semaphore>,
    /// One change of a bin's configuration at a time, so that none is lost to another.
    changing: Arc<Mutex<()>>,
    held: Registry,
    metrics: Arc<Metrics>,
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
            settings.keep,
            &settings.capture_url,
        )?;
        Ok(Self {
            store,
            looks: Arc::new(Semaphore::new(settings.limits.looks_max)),
            settings: Arc::new(settings),
            live: Arc::default(),
            stopping: Arc::default(),
            changing: Arc::default(),
            held: Registry::default(),
            metrics: Arc::default(),
        })
    }

    /// Captures what comes in on these sockets until told to stop.
    pub async fn serve(&self, listeners: Vec<TcpListener>, stop: Stop) {
        let limits = self.settings.limits;
        let (cutting, cut) = watch::channel(false);
        let capturing = Arc::new(Capturing {
            store: self.store.clone(),
            limits,
            auto_create: self.settings.auto_create,
            trusted_proxies: self.settings.trusted_proxies.clone(),
            held: self.held.clone(),
            tls: self.settings.tls.clone(),
            metrics: self.metrics.clone(),
            headers: Headers::default(),
            cut,
        });
        let connected =
            move |socket, peer, stop| connection::serve(capturing.clone(), socket, peer, stop);
        let mut stopped = stop.clone();
        let stopping = async {
            let _ = stopped.wait_for(|&stopped| stopped).await;
            self.stopping.send_replace(true);
            // Early enough that what has come of a body can be kept and answered.
            sleep(limits.drain_timeout * 4 / 5).await;
            cutting.send_replace(true);
        };
        let serving = serve(listeners, limits.capture_connections_max, limits, stop, connected);
        let mut stopping = pin!(stopping);
        let mut serving = pin!(serving);
        tokio::select! {
            biased;
            () = &mut stopping => serving.await,
            () = &mut serving => {}
        }
    }

    /// The receiver's part of `/api/v1`, with paths relative to it.
    pub fn api(&self) -> axum::Router {
        api::router(self.clone())
    }

    /// What [`Receiver::api`] takes and answers, with the same paths.
    #[must_use]
    pub fn openapi() -> OpenApi {
        api::openapi()
    }

    /// What it has counted since it was opened, in Prometheus' text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.metrics.text(&self.store)
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

    /// Changes what a bin was told; none where there is no such bin.
    ///
    /// # Errors
    /// A field does not hold (422), or the store failed (503).
    pub async fn patch_bin(&self, name: &str, patch: BinPatch) -> Result<Option<Bin>, Problem> {
        let _one = self.changing.lock().await;
        let Some(configured) = self.store.configured(name) else { return Ok(None) };
        let config = configured.config.patched(patch);
        check(&config)?;
        let state = self.store.update_bin(name, config).await;
        Ok(state.map_err(|error| store_problem(&error))?.map(|state| self.told(state)))
    }

    /// Why the store acknowledges nothing now: it has stopped, or its last write failed; none while
    /// it works.
    pub fn failure(&self) -> Option<String> {
        self.store.trouble()
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

    /// True once the capture listener was told to stop.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// A permit for each look into captures.
    pub(crate) fn looks(&self) -> Arc<Semaphore> {
        self.looks.clone()
    }

    /// The requests that wait for an answer by hand.
    pub(crate) fn held(&self) -> &Registry {
        &self.held
    }

    /// The capture listener's origin.
    pub(crate) fn capture_url(&self) -> &str {
        &self.settings.capture_url
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
    let mut errors = config.errors();
    errors.extend(config.reply.rules.iter().enumerate().filter_map(template_error));
    let Some(first) = errors.first() else { return Ok(()) };
    let detail = format!("`{}` {}", first.field, first.detail);
    Err(Problem::new(422, "invalid-field", detail).with_errors(errors))
}

/// A template that is none is told when it is set, not when somebody waits for it.
fn template_error((place, rule): (usize, &Rule)) -> Option<FieldError> {
    let Content::Template(text) = &rule.content else { return None };
    let error = template::check(text).err()?;
    let detail = format!("has a template in rule {place} that does not hold: failed to {error}");
    Some(FieldError { field: "reply".to_owned(), detail })
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
