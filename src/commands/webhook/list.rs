//! `webhook list`: the table that the plugin's page shows.

use clap::Args;
use hooklab_shared::bin::Page;
use hooklab_shared::webhook::Webhook;

use crate::client::Client;
use crate::exit::Failure;
use crate::report::Report;
use crate::report::paint::Ink;
use crate::report::table::{Cell, Table};

/// Which webhooks, in which order.
#[derive(Args)]
pub(crate) struct ListArgs {
    /// Sort by id, name, url, event, last, count, integration or active; :desc for the other way
    #[arg(long, value_name = "FIELD[:desc]")]
    sort: Option<String>,
    /// Only those with this text in name, URL, event or integration
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those of this event type
    #[arg(long, value_name = "SLUG")]
    event: Option<String>,
    /// Only those of this integration
    #[arg(long, value_name = "APP")]
    integration: Option<String>,
    /// Only those that events trigger
    #[arg(long, conflicts_with = "inactive")]
    active: bool,
    /// Only those that events do not trigger
    #[arg(long)]
    inactive: bool,
}

/// Lists webhooks.
pub(super) async fn run(
    args: &ListArgs,
    client: &Client,
    report: &mut Report,
) -> Result<(), Failure> {
    let active = (args.active || args.inactive).then_some(args.active);
    let wanted = [
        ("sort", args.sort.clone()),
        ("search", args.search.clone()),
        ("event", args.event.clone()),
        ("integration", args.integration.clone()),
        ("active", active.map(|active| active.to_string())),
    ];
    let is_filtered = wanted[1..].iter().any(|(_, value)| value.is_some());
    let items: Vec<Webhook> = client.get_all(&client.asking(["webhooks"], wanted)).await?;
    if report.is_json() {
        return report.json(&Page { items, next: None });
    }
    if items.is_empty() {
        let (told, command) = match is_filtered {
            true => ("no webhook is like that; see all", "webhook list"),
            false => (
                "there is no webhook yet; add one",
                "webhook add --name Books --url http://127.0.0.1:4665/books --event \
                 payment_received",
            ),
        };
        let command = report.command(command);
        report.note(format_args!("{told}: {command}"));
        return Ok(());
    }
    report.table(&table(&items))
}

fn table(webhooks: &[Webhook]) -> Table {
    let mut table = Table::new(&[
        "NAME",
        "TARGET URL",
        "TRIGGER EVENT",
        "LAST RESULT",
        "COUNT",
        "INTEGRATION",
        "ACTIVE",
        "ID",
    ]);
    for webhook in webhooks {
        table.row([
            webhook.name.as_str().into(),
            Cell::from(&webhook.url).ink(Ink::Cyan),
            webhook.event.as_str().into(),
            last(webhook),
            Cell::number(webhook.count),
            webhook.integration.as_str().into(),
            if webhook.active { "yes" } else { "no" }.into(),
            Cell::number(webhook.id),
        ]);
    }
    table
}

fn last(webhook: &Webhook) -> Cell {
    match &webhook.last {
        Some(last) => Cell::from(&last.told).ink(if last.ok { Ink::Green } else { Ink::Red }),
        None => "".into(),
    }
}
