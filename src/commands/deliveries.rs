//! `deliveries`: the delivery log.

use clap::Args;
use hooklab_shared::bin::Page;
use hooklab_shared::delivery::Delivery;
use uuid::Uuid;

use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::{Report, delivery};

/// Which deliveries.
#[derive(Args)]
pub(crate) struct DeliveriesArgs {
    /// A delivery's id: shows its attempts, requests and answers
    #[arg(conflicts_with_all = ["webhook", "event", "status", "limit"])]
    id: Option<Uuid>,
    /// Only those of this webhook
    #[arg(long, value_name = "ID")]
    webhook: Option<i64>,
    /// Only those of this event type
    #[arg(long, value_name = "SLUG")]
    event: Option<String>,
    /// Only those that stand so
    #[arg(long, value_parser = ["pending", "delivered", "exhausted", "cancelled"])]
    status: Option<String>,
    /// How many, the newest first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
    #[arg(default_value = "20")]
    limit: u32,
}

/// Runs it.
pub(crate) async fn run(
    args: &DeliveriesArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    if let Some(id) = args.id {
        let found: Delivery = client.get(&client.url(["deliveries", &id.to_string()])).await?;
        match report.is_json() {
            true => report.json(&found)?,
            false => delivery::whole(report, &found)?,
        }
        return Ok(Code::Done);
    }
    let mut url = client.url(["deliveries"]);
    let webhook = args.webhook.map(|id| id.to_string());
    let wanted = [("webhook", &webhook), ("event", &args.event), ("status", &args.status)];
    for (name, value) in wanted {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    url.query_pairs_mut().append_pair("limit", &args.limit.to_string());
    let page: Page<Delivery> = client.get(&url).await?;
    if report.is_json() {
        report.json(&page)?;
        return Ok(Code::Done);
    }
    if page.items.is_empty() {
        report.note("no delivery matches; fire an event: hooklab fire payment_received");
        return Ok(Code::Done);
    }
    report.table(&delivery::table(&page.items))?;
    if page.next.is_some() {
        report.note("there are older ones; see more by --limit");
    }
    Ok(Code::Done)
}
