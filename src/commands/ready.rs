//! `ready`: whether the server can do its work.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep, timeout};

use crate::args::value;
use crate::client::{Client, ClientError};
use crate::dashboard::operations::{Readiness, Status};
use crate::exit::{Code, Failure};
use crate::report::Report;
use crate::report::paint::Ink;

/// Between two looks: short enough that a start of 20 ms is not doubled by waiting for it.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Now, or within a time.
#[derive(Args)]
pub(crate) struct ReadyArgs {
    /// Wait until it is ready [default without a duration: 30s]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = "30s")]
    #[arg(value_parser = value::duration)]
    wait: Option<Duration>,
}

/// Runs it.
pub(crate) async fn run(
    args: &ReadyArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let until = args.wait.map(|wait| Instant::now() + wait);
    loop {
        let looked = look(client, until).await;
        let over = until.is_none_or(|until| Instant::now() >= until);
        match looked {
            Ok(found) if found.status == Status::Ready || over => {
                tell(report, client, &found)?;
                return Ok(match (found.status, until) {
                    (Status::Ready, _) => Code::Done,
                    (Status::Failing, None) => Code::Unmet,
                    (Status::Failing, Some(_)) => Code::TimedOut,
                });
            }
            Err(ClientError::Unreachable { address, cause }) if over && until.is_some() => {
                let told = format!("see {address} ready in time: {cause}");
                return Err(Failure::new(Code::TimedOut, told));
            }
            Err(error) if over || !matches!(error, ClientError::Unreachable { .. }) => {
                return Err(error.into());
            }
            _ => sleep(LOOK_EVERY).await,
        }
    }
}

/// Looks once, at most until the deadline.
async fn look(client: &Client, until: Option<Instant>) -> Result<Readiness, ClientError> {
    let Some(until) = until else { return client.readiness().await };
    let left = until.saturating_duration_since(Instant::now()).max(LOOK_EVERY);
    match timeout(left, client.readiness()).await {
        Ok(looked) => looked,
        Err(_) => Err(ClientError::Unreachable {
            address: client.address().to_string(),
            cause: "no answer".to_owned(),
        }),
    }
}

fn tell(report: &mut Report, client: &Client, found: &Readiness) -> Result<(), Failure> {
    if report.is_json() {
        return report.json(found);
    }
    let status = match found.status {
        Status::Ready => report.ink(Ink::Green, "ready"),
        Status::Failing => report.ink(Ink::Red, "failing"),
    };
    let levels = [("captures", &found.durability.captures), ("events", &found.durability.events)];
    let levels: Vec<String> = levels
        .iter()
        .filter_map(|(name, level)| level.as_ref().map(|level| format!("{name} at {level}")))
        .collect();
    let version = crate::report::shown(&found.version);
    let levels = crate::report::shown(&levels.join(", "));
    report.line(format_args!("{status}  {}  {version}  {levels}", client.address()))?;
    for reason in &found.reasons {
        report.line(format_args!("  {}", crate::report::shown(reason)))?;
    }
    Ok(())
}
