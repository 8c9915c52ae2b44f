//! `events`: the catalogue of event types; add, delete, export and import those of your own.

mod add;
mod import;
mod offered;
mod told;

use clap::{Args, Subcommand};
use hooklab_shared::bin::Page;
use hooklab_shared::event::{Dispatch, EventType, NewEventType};

use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::Report;
use add::AddArgs;
use import::ImportArgs;

/// Which event type, or what to do with those of your own.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct EventsArgs {
    /// An event type, such as payment_received; without one, all of them
    slug: Option<String>,
    /// What to do with those of your own.
    #[command(subcommand)]
    command: Option<EventsCommand>,
}

/// What to do with event types.
#[derive(Subcommand)]
pub(crate) enum EventsCommand {
    /// Every event type, or your own alone
    List {
        /// Only those of your own
        #[arg(long)]
        own: bool,
    },
    /// One event type with its payload
    Show {
        /// Its slug
        slug: String,
        /// Grow its sample from this number
        #[arg(long, value_name = "N")]
        seed: Option<u64>,
    },
    /// Add an event type of your own: schema, sample, or both
    Add(AddArgs),
    /// Delete an event type of your own that no webhook uses
    Delete {
        /// Its slug
        slug: String,
    },
    /// Your own event types as JSON, for events add --from
    Export {
        /// Only these
        #[arg(value_name = "SLUG")]
        slugs: Vec<String>,
    },
    /// The event types of a real installation of Ultimate Multisite, as your own
    Import(ImportArgs),
}

/// Runs it.
pub(crate) async fn run(
    args: &EventsArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    match (&args.command, &args.slug) {
        (None, None) => list(false, client, report).await?,
        (Some(EventsCommand::List { own }), _) => list(*own, client, report).await?,
        (None, Some(slug)) => show(slug, None, client, report).await?,
        (Some(EventsCommand::Show { slug, seed }), _) => show(slug, *seed, client, report).await?,
        (Some(EventsCommand::Add(args)), _) => return add::run(args, client, report).await,
        (Some(EventsCommand::Delete { slug }), _) => {
            client.delete(&client.url(["event-types", slug])).await?;
            match report.is_json() {
                true => report.json(&serde_json::json!({"deleted": slug}))?,
                false => report.line(format_args!("{slug}: deleted"))?,
            }
        }
        (Some(EventsCommand::Export { slugs }), _) => export(slugs, client, report).await?,
        (Some(EventsCommand::Import(args)), _) => return import::run(args, client, report).await,
    }
    Ok(Code::Done)
}

async fn show(
    slug: &str,
    seed: Option<u64>,
    client: &Client,
    report: &mut Report,
) -> Result<(), Failure> {
    let seed = seed.map(|seed| seed.to_string());
    let url = client.asking(["event-types", slug], [("seed", seed)]);
    let found: EventType = client.get(&url).await?;
    told::whole(report, &found)
}

async fn list(own: bool, client: &Client, report: &mut Report) -> Result<(), Failure> {
    let mut items = every(client).await?;
    items.retain(|kind| !own || kind.dispatch == Dispatch::Own);
    if report.is_json() {
        return report.json(&Page { items, next: None });
    }
    if items.is_empty() {
        let add = report.command("events add order.paid --sample '{\"id\":1}'");
        report.note(format_args!("there is no event type of your own yet; add one: {add}"));
        return Ok(());
    }
    report.table(&told::table(&items))
}

/// One document, in which `events add --from` finds everything again.
async fn export(slugs: &[String], client: &Client, report: &mut Report) -> Result<(), Failure> {
    let items = every(client).await?;
    let is_own =
        |slug: &str| items.iter().any(|kind| kind.slug == slug && kind.dispatch == Dispatch::Own);
    if let Some(odd) = slugs.iter().find(|slug| !is_own(slug)) {
        return Err(Failure::usage(format!(
            "export the event type {odd}: it is none of your own; `hooklab events list --own` \
             names those"
        )));
    }
    let own = items.into_iter().filter(|kind| kind.dispatch == Dispatch::Own);
    let wanted = own.filter(|kind| slugs.is_empty() || slugs.contains(&kind.slug));
    let wanted: Vec<NewEventType> = wanted.map(as_new).collect();
    match report.is_json() {
        true => report.json(&wanted),
        false => report.line(serde_json::to_string_pretty(&wanted).unwrap_or_default()),
    }
}

async fn every(client: &Client) -> Result<Vec<EventType>, Failure> {
    Ok(client.get_all(&client.url(["event-types"])).await?)
}

/// What makes the same type again.
fn as_new(kind: EventType) -> NewEventType {
    let schema = match kind.schema {
        Some(serde_json::Value::Object(schema)) => Some(schema),
        _ => None,
    };
    NewEventType {
        slug: kind.slug,
        name: Some(kind.name),
        description: Some(kind.description).filter(|text| !text.is_empty()),
        schema,
        sample: Some(kind.sample),
    }
}
