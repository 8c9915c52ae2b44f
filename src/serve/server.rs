//! A running server: both halves, both listeners, one wish to stop.

use std::collections::BTreeMap;
use std::sync::Arc;

use hooklab_receiver::Receiver;
use hooklab_receiver::store::Durability;
use hooklab_sender::Sender;
use hooklab_shared::limits::Limits;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::bind::Bound;
use super::bins;
use super::descriptors;
use super::ready::Ready;
use super::settings::Settings;
use super::store::Store;
use crate::dashboard::{Dashboard, Halves, Walls};
use crate::exit::Failure;

/// A server that runs until it is told to stop.
pub(crate) struct Server {
    halves: Halves,
    ready: Ready,
    listening: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Server {
    /// Binds first, so that a taken port leaves every store untouched; then opens and serves.
    pub(crate) async fn start(settings: &Settings) -> Result<Self, Failure> {
        let limits = descriptors::share(Limits::default(), descriptors::raise());
        let capture = match settings.capture_port {
            Some(port) => Some(settings.host.bind(port, "--port").await?),
            None => None,
        };
        let dashboard = settings.host.bind(settings.dashboard_port, "--dashboard-port").await?;
        let halves = Halves {
            receiver: match &capture {
                Some(bound) => Some(receiver(settings, limits, capture_url(settings, bound))?),
                None => None,
            },
            sender: settings.sender.then(|| sender(settings, limits)).transpose()?,
            plugin: settings.plugin_api.clone(),
            events: match settings.store {
                Store::Memory => Durability::Memory,
                Store::Disk(_) => Durability::Disk,
            },
        };
        let ready = told(settings, &halves, capture.as_ref(), &dashboard).await?;
        let (stop, stopping) = watch::channel(false);
        let mut listening = JoinSet::new();
        if let (Some(receiver), Some(bound)) = (halves.receiver.clone(), capture) {
            let stopping = stopping.clone();
            listening.spawn(async move { receiver.serve(bound.listeners, stopping).await });
        }
        let walls = Walls {
            addresses: settings.host.addresses().to_vec(),
            allowed: settings.allowed_hosts.clone(),
            token: settings.token.clone(),
            plugin_api: halves.plugin.is_some(),
        };
        let page = Dashboard::new(&halves, walls, ready.capture.as_deref(), limits);
        listening.spawn(Arc::new(page).serve(dashboard.listeners, stopping));
        Ok(Self { halves, ready, listening, stop })
    }

    /// What it says of itself.
    pub(crate) fn ready(&self) -> Ready {
        self.ready.clone()
    }

    /// Stops accepting, finishes what is in flight, flushes the stores.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.listening.join_next().await.is_some() {}
        if let Some(receiver) = &self.halves.receiver {
            receiver.close().await;
        }
        if let Some(sender) = &self.halves.sender {
            sender.close().await;
        }
    }
}

fn capture_url(settings: &Settings, bound: &Bound) -> String {
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    settings.host.url(scheme, bound.port)
}

fn receiver(settings: &Settings, limits: Limits, capture_url: String) -> Result<Receiver, Failure> {
    Receiver::open(hooklab_receiver::Settings {
        place: settings.store.captures(),
        durability: settings.durability,
        auto_create: settings.auto_create,
        limits,
        keep: settings.keep,
        trusted_proxies: settings.trusted_proxies.clone(),
        tls: settings.tls.clone(),
        capture_url,
    })
    .map_err(Failure::usage)
}

fn sender(settings: &Settings, limits: Limits) -> Result<Sender, Failure> {
    Sender::open(hooklab_sender::Settings {
        place: settings.store.sender(),
        allow_targets: settings.allow_targets.clone(),
        limits,
        user_agent: concat!("hooklab/", env!("CARGO_PKG_VERSION")).to_owned(),
        time_scale: settings.time_scale,
        keep: settings.keep_deliveries,
    })
    .map_err(Failure::usage)
}

async fn told(
    settings: &Settings,
    halves: &Halves,
    capture: Option<&Bound>,
    dashboard: &Bound,
) -> Result<Ready, Failure> {
    let capture = capture.map(|bound| capture_url(settings, bound));
    let dashboard = settings.host.url("http", dashboard.port);
    let mut bins = BTreeMap::new();
    for wanted in &settings.bins {
        if let (Some(receiver), Some(capture)) = (&halves.receiver, &capture) {
            let name = bins::make(receiver, wanted).await?;
            bins.insert(name.clone(), format!("{capture}/{name}"));
        }
    }
    Ok(Ready {
        v: 1,
        event: "ready",
        capture,
        api: format!("{dashboard}/api/v1"),
        dashboard,
        bins,
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION"),
    })
}
