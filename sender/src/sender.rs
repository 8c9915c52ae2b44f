//! The sender: open, API, close.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hooklab_shared::delivery::Delivery;
use hooklab_shared::directory::DirectoryError;
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::problem::Problem;
use hooklab_shared::webhook::Webhook;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring::default_provider;

use crate::api;
use crate::attempt::Caller;
use crate::catalogue::{Catalogue, OwnType};
use crate::clock::Clock;
use crate::delivery::{Health, Retainer, Stir, Waiting, Worker};
use crate::egress::{AllowTarget, Egress};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::plugin::{self, Credentials};
use crate::send::Poster;
use crate::store::{Cancelled, OpenStoreError, Store, StoreError};

pub use crate::store::Place;

/// What a sender is opened with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where webhooks, events and deliveries are kept.
    pub place: Place,
    /// What may be dialled besides loopback.
    pub allow_targets: Vec<AllowTarget>,
    /// Its bounds.
    pub limits: Limits,
    /// What it calls itself to targets, such as `hooklab/0.1.0`.
    pub user_agent: String,
    /// How many times faster than real its waits go by: schedules, `Retry-After`, throttles, the
    /// time after which it deactivates; never its timeouts. 1 to 1,000,000.
    pub time_scale: u32,
    /// How much of the delivery log is kept.
    pub keep: Keep,
}

/// How much of the delivery log is kept; what is pending is kept in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The newest so many deliveries.
    pub deliveries: u64,
    /// Deliveries that are younger than this.
    pub age: Duration,
}

impl Default for Keep {
    /// A hundred thousand deliveries, of a month. That bounds their number, not their bytes: each
    /// attempt keeps the request's body again, and up to 64 KiB of the answer. With small bodies it
    /// is a few hundred megabytes; ten attempts each with a long error page are 64 GB.
    fn default() -> Self {
        Self { deliveries: 100_000, age: Duration::from_secs(30 * 24 * 3600) }
    }
}

impl Default for Settings {
    /// In memory, to loopback alone, in real time.
    fn default() -> Self {
        Self {
            place: Place::Memory,
            allow_targets: Vec::new(),
            limits: Limits::default(),
            user_agent: "hooklab".to_owned(),
            time_scale: 1,
            keep: Keep::default(),
        }
    }
}

/// Why a sender could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Its directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Its store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no thread.
    #[error("start the sender's store: {0}")]
    Thread(std::io::Error),
    /// The binary's own catalogue does not parse: a bug.
    #[error("read the event catalogue: {0}")]
    Catalogue(#[from] serde_json::Error),
    /// There is no tokio runtime here.
    #[error("start the sender: open it inside a tokio runtime")]
    Runtime,
}

impl From<OpenStoreError> for OpenError {
    fn from(error: OpenStoreError) -> Self {
        match error {
            OpenStoreError::Directory(error) => Self::Directory(error),
            OpenStoreError::Store(error) => Self::Store(error),
            OpenStoreError::Thread(error) => Self::Thread(error),
        }
    }
}

/// Webhooks, events and their deliveries. Cheap to clone; the worker stops with the last one.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use hooklab_sender::{Place, Sender, Settings};
/// let place = Place::Memory;
/// let sender = Sender::open(Settings { place, ..Settings::default() }).unwrap();
/// assert_eq!(sender.failure(), None);
/// sender.close().await;
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Sender(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    catalogue: Catalogue,
    limits: Limits,
    clock: Clock,
    waiting: Arc<Waiting>,
    stir: Arc<Stir>,
    live: Live,
    metrics: Arc<Metrics>,
    /// Held by each live channel while it says goodbye.
    alive: watch::Sender<()>,
    /// Posts what is sent once, beside the worker.
    poster: Poster,
    /// A permit for each send under way.
    sends: Semaphore,
    /// A permit for each replay under way.
    replays: Semaphore,
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Sender {
    /// Opens the store and starts the worker, which takes up what a crash left pending.
    ///
    /// # Errors
    /// The directory or the store cannot be used, or there is no tokio runtime.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let clock = Clock::new(settings.time_scale);
        Self::open_by(settings, clock)
    }

    /// The same by this clock.
    pub(crate) fn open_by(settings: Settings, clock: Clock) -> Result<Self, OpenError> {
        let runtime = Handle::try_current().map_err(|_| OpenError::Runtime)?;
        let (store, own_types) =
            Store::open(&settings.place, settings.limits.store_queue_max, clock)?;
        let catalogue = Catalogue::load(own_types.into_iter().map(OwnType::kept).collect())?;
        let (stop, stopping) = watch::channel(false);
        let limits = settings.limits;
        let egress = Egress::new(settings.allow_targets);
        let caller = Arc::new(Caller::new(egress, limits, settings.user_agent));
        let (waiting, stir) = (Arc::<Waiting>::default(), Arc::<Stir>::default());
        let (live, metrics) = (Live::new(&limits), Arc::<Metrics>::default());
        let retainer = Retainer::new(store.clone(), settings.keep, clock, stopping.clone());
        let worker = Worker {
            store: store.clone(),
            caller: caller.clone(),
            waiting: waiting.clone(),
            stir: stir.clone(),
            live: live.clone(),
            metrics: metrics.clone(),
            bell: retainer.bell(),
            stop: stopping,
            limits,
            clock,
        };
        let tasks = Mutex::new(vec![runtime.spawn(worker.run()), runtime.spawn(retainer.run())]);
        let alive = watch::Sender::default();
        let (poster, sends) = (Poster::of(caller), Semaphore::new(Limits::SENDS_MAX));
        Ok(Self(Arc::new(Inner {
            store,
            catalogue,
            limits,
            clock,
            waiting,
            stir,
            live,
            metrics,
            alive,
            poster,
            sends,
            replays: Semaphore::new(Limits::REPLAYS_MAX),
            stop,
            tasks,
        })))
    }

    /// The sender's part of the API, its routes relative to `/api/v1`.
    pub fn api(&self) -> axum::Router {
        api::router(self.clone())
    }

    /// What [`Sender::api`] takes and answers, with the same paths.
    #[must_use]
    pub fn openapi() -> utoipa::openapi::OpenApi {
        api::openapi()
    }

    /// The REST API of Ultimate Multisite over the same webhooks, its routes relative to
    /// `/wp-json/wu/v2`; it asks for these credentials, and for nothing else.
    pub fn plugin_api(&self, credentials: Credentials) -> axum::Router {
        plugin::router(self.clone(), credentials)
    }

    /// What [`Sender::plugin_api`] takes and answers, with the same paths.
    #[must_use]
    pub fn plugin_openapi() -> utoipa::openapi::OpenApi {
        plugin::openapi()
    }

    /// Why it does not accept events, if it does not.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.0.store.failure()
    }

    /// What it has counted since it was opened, and what waits now, in Prometheus' text format.
    pub async fn metrics(&self) -> String {
        self.0.metrics.text(&self.0.store, self.0.clock.now()).await
    }

    /// Finishes what is in flight, within the drain timeout, and flushes the store. What does not
    /// finish is taken up when the sender is opened again.
    pub async fn close(&self) {
        self.0.stop.send_replace(true);
        self.0.live.close();
        let tasks =
            std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the sender ended by itself");
            }
        }
        self.0.store.close().await;
        let _ = timeout(self.0.limits.drain_timeout, self.0.alive.closed()).await;
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.0.catalogue
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn poster(&self) -> &Poster {
        &self.0.poster
    }

    pub(crate) fn replays(&self) -> &Semaphore {
        &self.0.replays
    }

    pub(crate) fn sends(&self) -> &Semaphore {
        &self.0.sends
    }

    pub(crate) fn waiting(&self) -> &Waiting {
        &self.0.waiting
    }

    pub(crate) fn clock(&self) -> Clock {
        self.0.clock
    }

    pub(crate) fn live(&self) -> &Live {
        &self.0.live
    }

    /// Held by a live channel while it lives.
    pub(crate) fn alive(&self) -> watch::Receiver<()> {
        self.0.alive.subscribe()
    }

    /// Tells the worker and whoever watches of deliveries that were accepted.
    pub(crate) fn accepted(&self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            let lane = if delivery.test { -delivery.webhook } else { delivery.webhook };
            self.stir(lane, delivery.due_at.unwrap_or(delivery.created_at));
            self.0.live.fired(delivery);
        }
    }

    /// Tells the worker and whoever watches of a webhook that was changed. One that does not fail
    /// is held by nothing; of others the worker learns when it takes their next delivery.
    pub(crate) fn changed(&self, webhook: &Webhook) {
        if webhook.failing_since.is_none() {
            self.0.stir.renewed(webhook.id, Health::clean(&webhook.url, webhook.rate));
        }
        self.0.live.webhook(webhook);
    }

    /// Tells whoever waits or watches of deliveries that were called off.
    pub(crate) fn cancelled(&self, cancelled: &[Cancelled]) {
        for delivery in cancelled {
            self.0.waiting.ended(delivery.id);
            self.0.live.cancelled(delivery);
            self.0.metrics.cancelled();
        }
    }

    /// Tells the worker that something of this lane is due then.
    pub(crate) fn stir(&self, lane: i64, due_at: Timestamp) {
        self.0.stir.lane(lane, due_at);
    }
}

/// This instant.
pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}

/// Random bytes from the operating system, fit for secrets.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    let filled = default_provider().secure_random.fill(&mut bytes);
    filled.map(|()| bytes).map_err(|_| {
        Problem::new(503, "no-randomness", "the operating system gave no random bytes: try again")
    })
}
