//! `demo`: the walkthrough of the article, with everything real: server, store, HTTP, WebSocket.

mod home;
mod narrator;
mod walk;

use std::net::IpAddr;

use clap::Args;
use hooklab_receiver::store::Durability;
use hooklab_shared::bin::Keep;

use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::log::{self, Log};
use crate::report::Report;
use crate::report::paint::Ink;
use crate::serve::ready::{Ready, server_flag};
use crate::serve::{Host, Server, Settings, Store, Wish};
use home::Home;
use narrator::Narrator;

/// How the demo ends.
#[derive(Args)]
pub(crate) struct DemoArgs {
    /// End after the last step, instead of staying up to be tried
    #[arg(long)]
    once: bool,
}

/// Runs it.
pub(crate) async fn run(args: &DemoArgs, report: &mut Report) -> Result<Code, Failure> {
    let level = std::env::var("HOOKLAB_LOG").unwrap_or_else(|_| log::LEVEL.to_owned());
    let _log = Log::start(&level, log::Format::Text)?;
    let mut wish = Wish::listen(false)?;
    let home = Home::make()?;
    let server = Server::start(&settings(&home).await).await?;
    let ready = server.ready();
    let walked = tokio::select! {
        walked = walk(&ready, args.once, report) => walked,
        () = wish.made() => Err(Failure::nobody_reads()),
    };
    if walked.is_ok() && !args.once {
        wish.made().await;
    }
    let forced = tokio::select! {
        () = server.stop() => false,
        () = wish.made_again() => true,
    };
    drop(home);
    if forced { Ok(Code::Forced) } else { walked.map(|()| Code::Done) }
}

async fn walk(ready: &Ready, once: bool, report: &mut Report) -> Result<(), Failure> {
    let address = ready.dashboard.parse().map_err(|why| Failure::new(Code::Bug, why))?;
    let client = Client::new(address, None);
    let mut narrator = Narrator::begin(report, ready)?;
    let found = walk::through(&client, &mut narrator).await?;
    narrator.end(once)?;
    if !once && !report.is_json() {
        what_next(report, ready, &found)?;
    }
    Ok(())
}

/// Everything as `serve` would have it, in a directory that goes away, on ports that are free.
async fn settings(home: &Home) -> Settings {
    let host = Host::localhost();
    let (capture, dashboard) = match free(&host).await {
        true => (4665, 4666),
        false => (0, 0),
    };
    Settings {
        host,
        capture_port: Some(capture),
        dashboard_port: dashboard,
        sender: true,
        store: Store::Disk(home.store()),
        durability: Durability::Process,
        tls: None,
        trusted_proxies: Vec::new(),
        keep: Keep::default(),
        bins: Vec::new(),
        auto_create: true,
        allow_targets: Vec::new(),
        time_scale: 1,
        keep_deliveries: hooklab_sender::Keep::default(),
        plugin_api: None,
        token: None,
        allowed_hosts: Vec::new(),
        ready_file: None,
        exit_with_parent: false,
        open: false,
    }
}

/// Whether nobody has the ports of `serve`.
async fn free(host: &Host) -> bool {
    host.addresses().iter().all(IpAddr::is_loopback)
        && host.bind(4665, "--port").await.is_ok()
        && host.bind(4666, "--dashboard-port").await.is_ok()
}

fn what_next(report: &mut Report, ready: &Ready, found: &walk::Found) -> Result<(), Failure> {
    let server = server_flag(ready);
    let bin = &found.bin;
    let title = report.ink(Ink::Bold, "It stays up until Ctrl-C. Three things to try next:");
    report.line(format_args!("\n{title}\n"))?;
    let tries = [
        format!("curl -d '{{\"hello\":\"world\"}}' {}", found.url),
        format!("hooklab fire payment_received{server}"),
        format!("hooklab tail {bin} --after 0{server}"),
    ];
    for line in tries {
        let line = report.ink(Ink::Cyan, line);
        report.line(format_args!("  {line}"))?;
    }
    report.line(format_args!("\n  dashboard {} · capture {}", ready.dashboard, found.url))
}
