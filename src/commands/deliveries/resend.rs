//! `deliveries resend`: the same event again.

use std::time::SystemTime;

use clap::{ArgGroup, Args};
use hooklab_shared::delivery::{Delivery, DeliveryState, Resend, Resent};
use hooklab_shared::id::Timestamp;
use uuid::Uuid;

use crate::args::value::{self, Instant};
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::{Report, delivery};

/// Which deliveries to send again.
#[derive(Args)]
#[command(group(ArgGroup::new("which").required(true).args(["id", "since"])))]
pub(super) struct ResendArgs {
    /// A delivery's id
    #[arg(value_parser = value::delivery)]
    id: Option<Uuid>,
    /// All that were accepted since then: an instant such as 2026-11-24T10:00:00Z, or how long
    /// ago, such as 2h
    #[arg(long, value_name = "TIME", value_parser = value::instant)]
    since: Option<Instant>,
    /// Only those of this webhook
    #[arg(long, value_name = "ID", requires = "since")]
    webhook: Option<i64>,
    /// Those that stand so [default: exhausted]
    #[arg(long, value_parser = ["delivered", "exhausted", "cancelled"], requires = "since")]
    status: Option<String>,
    /// Return once it is due, without waiting for its attempt
    #[arg(long, conflicts_with = "since")]
    no_wait: bool,
}

/// Runs it.
pub(super) async fn run(
    args: &ResendArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    match (args.id, args.since) {
        (Some(id), _) => one(id, !args.no_wait, client, report).await,
        (None, Some(since)) => many(args, since.at(SystemTime::now().into()), client, report).await,
        (None, None) => Err(Failure::usage("send again: give a delivery's id, or --since")),
    }
}

async fn one(id: Uuid, wait: bool, client: &Client, report: &mut Report) -> Result<Code, Failure> {
    let id = id.to_string();
    let path = ["deliveries", &id, "resend"];
    let url = client.asking(path, [("wait", wait.then(|| "true".to_owned()))]);
    let resent: Delivery = client.post(&url, &serde_json::json!({})).await?;
    match (report.is_json(), wait) {
        (true, _) => report.json(&resent)?,
        (false, true) => delivery::confirm(report, &resent, "")?,
        (false, false) => report.line(format_args!("delivery {id}: due now"))?,
    }
    Ok(if wait { delivery::code(&resent) } else { Code::Done })
}

async fn many(
    args: &ResendArgs,
    since: Timestamp,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let status = args.status.as_deref();
    let status = DeliveryState::ALL.into_iter().find(|state| Some(state.as_str()) == status);
    let which = Resend { since, webhook: args.webhook, status };
    let told: Resent = client.post(&client.url(["deliveries", "resend"]), &which).await?;
    match report.is_json() {
        true => report.json(&told)?,
        false => report.line(format_args!("{} sent again", told.resent))?,
    }
    if told.resent == 0 && !report.is_json() {
        let status = args.status.as_deref().unwrap_or("exhausted, unless --status says otherwise");
        report.note(format_args!(
            "sent again is what is of an active webhook, was accepted since then, and is {status}"
        ));
    }
    Ok(Code::Done)
}
