//! A run: tickets, workers, and what they came to.

use std::sync::Arc;
use std::time::Duration;

use hooklab_shared::delivery::{AttemptOutcome, Phase};
use hooklab_shared::limits::Limits;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::arrivals::{self, Standing};
use super::content::Maker;
use super::pace::{Ticket, Tickets};
use super::record::{Ended, Entry, Recorder};
use super::{Load, LoadReport};
use crate::attempt::Caller;
use crate::egress::Egress;
use crate::outgoing::Outgoing;
use crate::sender::now;
use crate::source::SourceError;

/// How long a connection may wait for its next delivery: longer than the pauses of a slow rate.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// What every worker has.
struct Shared {
    tickets: Tickets,
    maker: Maker,
    caller: Caller,
    recorder: Arc<Recorder>,
    retries: u32,
    began: Instant,
}

pub(super) async fn run(
    load: Load,
    maker: Maker,
    before: Standing,
    recorder: Arc<Recorder>,
    stop: watch::Receiver<bool>,
) -> Result<LoadReport, SourceError> {
    let run = maker.run();
    let (began, began_at) = (Instant::now(), now());
    let shared = Arc::new(Shared {
        tickets: Tickets::new(&load, began, stop),
        maker,
        caller: caller(&load),
        recorder,
        retries: load.retries,
        began,
    });
    let mut workers = JoinSet::new();
    for _ in 0..load.connections {
        workers.spawn(work(shared.clone()));
    }
    let pacer = shared.tickets.paced(load.connections);
    while workers.join_next().await.is_some() {}
    drop(pacer);
    let mut report = shared.recorder.report(&load, began.elapsed(), shared.tickets.not_begun());
    if let Some(bin) = &load.bin {
        let sent = shared.recorder.sent();
        report.account =
            Some(arrivals::account(bin, before, run, sent, began_at, load.late).await?);
    }
    Ok(report)
}

fn caller(load: &Load) -> Caller {
    let limits = Limits {
        idle_connections_of_target_max: load.connections,
        idle_connections_max: load.connections,
        idle_connection_timeout: IDLE_TIMEOUT,
        ..Limits::default()
    };
    let egress = Egress::new(load.allow_targets.clone());
    Caller::new(egress, limits, load.content.user_agent.clone())
}

/// One connection's deliveries, one after another.
async fn work(shared: Arc<Shared>) {
    let mut outgoing = shared.maker.template();
    while let Some(ticket) = shared.tickets.next().await {
        let begun = Instant::now();
        let (attempts, ended) = deliver(&shared, &mut outgoing, ticket).await;
        let over = Instant::now();
        shared.recorder.record(Entry {
            number: ticket.number,
            due: ticket.due.saturating_duration_since(shared.began),
            latency: over.saturating_duration_since(ticket.due),
            service: over.saturating_duration_since(begun),
            attempts,
            ended,
        });
    }
}

/// How many attempts it took, and how the last one ended.
async fn deliver(shared: &Shared, outgoing: &mut Outgoing, ticket: Ticket) -> (u32, Ended) {
    let mut attempts = 0;
    loop {
        attempts += 1;
        if let Err(reason) = shared.maker.fill(outgoing, ticket.number, attempts, now()) {
            let cause = format!("sign: {reason}");
            return (attempts, Ended::Failed { cause, unreachable: false });
        }
        let ended = ended(shared.caller.call(outgoing).await.outcome);
        if matches!(ended, Ended::Delivered) || attempts > shared.retries {
            return (attempts, ended);
        }
    }
}

fn ended(outcome: AttemptOutcome) -> Ended {
    match outcome {
        AttemptOutcome::Delivered => Ended::Delivered,
        AttemptOutcome::Refused { status, .. } => Ended::Refused(status),
        AttemptOutcome::Failed { phase, cause, .. } => Ended::Failed {
            cause: format!("{}: {cause}", phase.as_str()),
            unreachable: matches!(phase, Phase::Policy | Phase::Dns | Phase::Connect | Phase::Tls),
        },
        AttemptOutcome::Interrupted | AttemptOutcome::Lost => {
            Ended::Failed { cause: "interrupted".to_owned(), unreachable: false }
        }
    }
}
