//! `events`: the catalogue of event types.

use clap::Args;
use hooklab_shared::bin::Page;
use hooklab_shared::event::{Dispatch, EventType};

use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::paint::Ink;
use crate::report::table::Table;
use crate::report::{Report, shown};

/// Which event type.
#[derive(Args)]
pub(crate) struct EventsArgs {
    /// An event type, such as payment_received; without one, all of them
    slug: Option<String>,
}

/// Runs it.
pub(crate) async fn run(
    args: &EventsArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    match &args.slug {
        Some(slug) => {
            let found: EventType = client.get(&client.url(["event-types", slug])).await?;
            whole(report, &found)?;
        }
        None => list(client, report).await?,
    }
    Ok(Code::Done)
}

async fn list(client: &Client, report: &mut Report) -> Result<(), Failure> {
    let items: Vec<EventType> = client.get_all(&client.url(["event-types"])).await?;
    if report.is_json() {
        return report.json(&Page { items, next: None });
    }
    let mut table = Table::new(&["SLUG", "NAME", "PLUGIN", "WHEN"]);
    for kind in &items {
        table.row([
            kind.slug.as_str().into(),
            kind.name.as_str().into(),
            dispatch(kind.dispatch).into(),
            kind.description.as_str().into(),
        ]);
    }
    report.table(&table)
}

fn whole(report: &mut Report, kind: &EventType) -> Result<(), Failure> {
    if report.is_json() {
        return report.json(kind);
    }
    let name = report.ink(Ink::Bold, shown(&kind.name));
    report.line(format_args!("{name}  {}", shown(&kind.slug)))?;
    report.line(shown(&kind.description))?;
    report.line(format_args!("in the plugin: {}\n", dispatch(kind.dispatch)))?;
    let mut table = Table::new(&["FIELD", "TYPE", "FROM", "NOTE"]);
    for field in &kind.payload {
        let nullable = if field.nullable { " or null" } else { "" };
        table.row([
            field.name.as_str().into(),
            format!("{}{nullable}", field.kind).into(),
            field.from.as_str().into(),
            field.note.as_deref().unwrap_or_default().into(),
        ]);
    }
    report.table(&table)?;
    report.line("\nwhat Send Test Event sends:")?;
    let sample = serde_json::to_string_pretty(&kind.sample).unwrap_or_default();
    report.line(hooklab_shared::escape::terminal(&sample, true))
}

fn dispatch(dispatch: Dispatch) -> &'static str {
    match dispatch {
        Dispatch::Delivered => "delivered",
        Dispatch::Declared => "declared, never fires",
        Dispatch::TestOnly => "test only, never fires",
        Dispatch::Own => "your own",
    }
}
