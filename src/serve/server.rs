//! A running server: both halves, both listeners, one wish to stop.

use std::collections::BTreeMap;
use std::sync::Arc;

use hooklab_receiver::Receiver;
use hooklab_receiver::store::Durability;
use hooklab_sender::Sender;
use hooklab_shared::bin::NewBin;
use hooklab_shared::id::BinName;
use hooklab_shared::limits::Limits;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::bind::Bound;
use super::descriptors;
use super::ready::Ready;
use super::settings::Settings;
use super::store::Store;
use crate::dashboard::{Dashboard, Halves, Walls};
use crate::exit::{Code, Failure};

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
                Some(bound) => Some(receiver(settings, limits, settings.host.url(bound.port))?),
                None => None,
            },
            sender: settings.sender.then(|| sender(settings, limits)).transpose()?,
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

fn receiver(settings: &Settings, limits: Limits, capture_url: String) -> Result<Receiver, Failure> {
    Receiver::open(hooklab_receiver::Settings {
        place: settings.store.captures(),
        durability: settings.durability,
        auto_create: settings.auto_create,
        limits,
        capture_url,
        tls: None,
    })
    .map_err(Failure::usage)
}

fn sender(settings: &Settings, limits: Limits) -> Result<Sender, Failure> {
    Sender::open(hooklab_sender::Settings {
        place: settings.store.sender(),
        allow_targets: settings.allow_targets.clone(),
        limits,
        user_agent: concat!("hooklab/", env!("CARGO_PKG_VERSION")).to_owned(),
    })
    .map_err(Failure::usage)
}

async fn told(
    settings: &Settings,
    halves: &Halves,
    capture: Option<&Bound>,
    dashboard: &Bound,
) -> Result<Ready, Failure> {
    let capture = capture.map(|bound| settings.host.url(bound.port));
    let dashboard = settings.host.url(dashboard.port);
    let mut bins = BTreeMap::new();
    for name in &settings.bins {
        if let (Some(receiver), Some(capture)) = (&halves.receiver, &capture) {
            make_bin(receiver, name).await?;
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

async fn make_bin(receiver: &Receiver, name: &BinName) -> Result<(), Failure> {
    let new = NewBin { name: Some(name.clone()), ..NewBin::default() };
    match receiver.create_bin(new).await {
        Ok(_) => Ok(()),
        // It is there from an earlier run, which is all that was asked.
        Err(problem) if problem.status == 409 => Ok(()),
        Err(problem) => {
            let code = if problem.status < 500 { Code::Usage } else { Code::Bug };
            Err(Failure::new(code, format!("make bin `{name}`: {}", problem.detail)))
        }
    }
}
