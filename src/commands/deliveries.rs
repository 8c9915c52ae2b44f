//! `deliveries`: the delivery log, and what is done with a delivery by hand.

mod follow;
mod resend;

use clap::{Args, Subcommand};
use hooklab_shared::delivery::{Delivery, Log};
use uuid::Uuid;

use crate::args::value;
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::{Report, delivery};
use resend::ResendArgs;

/// Where a delivery can stand.
const STATES: [&str; 4] = ["pending", "delivered", "exhausted", "cancelled"];

/// The log, or what to do with a delivery of it.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DeliveriesArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Subcommand)]
enum What {
    /// One delivery with its attempts, requests and answers
    Show {
        /// Its id
        #[arg(value_parser = value::delivery)]
        id: Uuid,
    },
    /// Send one again, or all that are exhausted since a time: the same event, the same id
    Resend(ResendArgs),
    /// Call a pending delivery off
    Cancel {
        /// Its id
        #[arg(value_parser = value::delivery)]
        id: Uuid,
    },
}

/// Which deliveries.
#[derive(Args)]
struct ListArgs {
    /// A delivery's id: the same as show
    #[arg(value_parser = value::delivery)]
    #[arg(conflicts_with_all = ["webhook", "event", "status", "limit", "follow"])]
    id: Option<Uuid>,
    /// Only those of this webhook
    #[arg(long, value_name = "ID")]
    webhook: Option<i64>,
    /// Only those of this event type
    #[arg(long, value_name = "SLUG")]
    event: Option<String>,
    /// Only those that stand so
    #[arg(long, value_parser = STATES)]
    status: Option<String>,
    /// How many, the newest first; at most 500
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
    #[arg(default_value = "20")]
    limit: u32,
    /// Follow them as they go, until Ctrl-C: every attempt, and how deliveries end
    #[arg(long, conflicts_with_all = ["event", "status", "limit"])]
    follow: bool,
}

/// Runs it.
pub(crate) async fn run(
    args: &DeliveriesArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    match &args.what {
        Some(What::Show { id }) => show(*id, client, report).await?,
        Some(What::Resend(args)) => return resend::run(args, client, report).await,
        Some(What::Cancel { id }) => cancel(*id, client, report).await?,
        None if args.list.follow => return follow::run(args.list.webhook, client, report).await,
        None => match args.list.id {
            Some(id) => show(id, client, report).await?,
            None => list(&args.list, client, report).await?,
        },
    }
    Ok(Code::Done)
}

async fn show(id: Uuid, client: &Client, report: &mut Report) -> Result<(), Failure> {
    let found: Delivery = client.get(&client.url(["deliveries", &id.to_string()])).await?;
    match report.is_json() {
        true => report.json(&found),
        false => delivery::whole(report, &found),
    }
}

async fn cancel(id: Uuid, client: &Client, report: &mut Report) -> Result<(), Failure> {
    let url = client.url(["deliveries", &id.to_string(), "cancel"]);
    let cancelled: Delivery = client.post(&url, &serde_json::json!({})).await?;
    match report.is_json() {
        true => report.json(&cancelled),
        false => report.line(format_args!("delivery {id}: cancelled")),
    }
}

async fn list(args: &ListArgs, client: &Client, report: &mut Report) -> Result<(), Failure> {
    let parameters = [
        ("webhook", args.webhook.map(|id| id.to_string())),
        ("event", args.event.clone()),
        ("status", args.status.clone()),
        ("limit", Some(args.limit.to_string())),
    ];
    let log: Log = client.get(&client.asking(["deliveries"], parameters)).await?;
    if report.is_json() {
        return report.json(&log);
    }
    if log.items.is_empty() {
        let fire = report.command("fire payment_received");
        report.note(format_args!("no delivery matches; fire an event: {fire}"));
    } else {
        report.table(&delivery::table(&log.items))?;
    }
    if log.next.is_some() {
        report.note("there are older ones; see more by --limit");
    }
    if log.dropped > 0 {
        let dropped = log.dropped;
        report.note(format_args!(
            "{dropped} were dropped from the log; keep more by serve --keep-deliveries"
        ));
    }
    Ok(())
}
