//! `webhook activate`, `deactivate` and `delete`: one, many, or all of them.

use clap::Args;
use hooklab_shared::webhook::{Bulk, BulkAction, BulkResult};

use crate::args::value;
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::Report;

/// Which webhooks.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ManyArgs {
    /// Their numbers
    #[arg(value_name = "ID", value_parser = value::webhook)]
    ids: Vec<i64>,
    /// Those with this text in name, URL, event or integration
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Every one of them
    #[arg(long)]
    all: bool,
}

/// Does it with each, and tells what became of it.
pub(super) async fn run(
    action: BulkAction,
    args: &ManyArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let bulk = Bulk {
        action,
        ids: (!args.ids.is_empty()).then(|| args.ids.clone()),
        search: args.search.clone(),
        all: args.all,
    };
    let result: BulkResult = client.post(&client.url(["webhooks", "bulk"]), &bulk).await?;
    if report.is_json() {
        report.json(&result)?;
    } else {
        tell(report, &result)?;
    }
    match (result.done, result.failed) {
        (_, 0) => Ok(Code::Done),
        (0, _) => Err(none(&result)),
        _ => Ok(Code::SomeFailed),
    }
}

fn tell(report: &mut Report, result: &BulkResult) -> Result<(), Failure> {
    if result.items.is_empty() {
        let list = report.command("webhook list");
        report.note(format_args!("no webhook is like that; see all: {list}"));
    }
    for item in result.items.iter().filter(|item| item.ok) {
        report.line(format_args!("webhook {}: {}", item.id, result.action.done()))?;
    }
    if result.done > 0 {
        for item in result.items.iter().filter(|item| !item.ok) {
            let why = item.detail.as_deref().unwrap_or("it could not be done");
            report.note(format_args!("webhook {}: {why}", item.id));
        }
    }
    Ok(())
}

fn none(result: &BulkResult) -> Failure {
    let verb = match result.action {
        BulkAction::Activate => "activate",
        BulkAction::Deactivate => "deactivate",
        BulkAction::Delete => "delete",
    };
    let why: Vec<&str> = result.items.iter().filter_map(|item| item.detail.as_deref()).collect();
    let why = why.join("; ");
    Failure::usage(format!("{verb} a webhook: {why}; `hooklab webhook list` names them all"))
}
