//! `fire`: an event to every active webhook that waits for it.

use clap::Args;
use hooklab_shared::delivery::{FiredEvent, NewEvent};

use serde_json::Value;

use super::send;
use crate::args::value;
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::{Report, delivery, shown};

/// What to fire.
#[derive(Args)]
pub(crate) struct FireArgs {
    /// The event type, such as payment_received
    slug: String,
    /// A field of the generated payload to set: customer.id=7; JSON if it is JSON, else text
    #[arg(value_name = "FIELD=VALUE", value_parser = send::field, conflicts_with = "payload")]
    fields: Vec<(String, Value)>,
    /// Generate the payload from this number: the same seed, the same payload
    #[arg(long, value_name = "N", conflicts_with = "payload")]
    seed: Option<u64>,
    /// A payload of your own: JSON, @file, or - (standard input)
    #[arg(long, value_name = "JSON")]
    payload: Option<String>,
    /// Return once the event is accepted, without waiting for its deliveries
    #[arg(long)]
    no_wait: bool,
}

/// Runs it.
pub(crate) async fn run(
    args: &FireArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let event = NewEvent {
        kind: args.slug.clone(),
        payload: args.payload.as_deref().map(value::payload).transpose()?,
        seed: args.seed,
        set: args.fields.iter().cloned().collect(),
    };
    let mut url = client.url(["events"]);
    if !args.no_wait {
        url.query_pairs_mut().append_pair("wait", "true");
    }
    let fired: FiredEvent = client.post(&url, &event).await?;
    tell(report, &fired, args.no_wait)?;
    Ok(if args.no_wait { Code::Done } else { delivery::code_of_all(&fired.deliveries) })
}

fn tell(report: &mut Report, fired: &FiredEvent, no_wait: bool) -> Result<(), Failure> {
    if report.is_json() {
        return report.json(fired);
    }
    let seed = fired.seed.map(|seed| format!(" (seed {seed})")).unwrap_or_default();
    report.line(format_args!("fired {} as {}{seed}", shown(&fired.kind), shown(&fired.id)))?;
    if fired.deliveries.is_empty() {
        let slug = shown(&fired.kind);
        let add = format_args!("webhook add --name NAME --url URL --event {slug}");
        let add = report.command(add);
        report.note(format_args!("no active webhook waits for {slug}; add one: {add}"));
        return Ok(());
    }
    if no_wait {
        let count = fired.deliveries.len();
        let log = report.command("deliveries");
        return report.line(format_args!("accepted: {count} to deliver; see {log}"));
    }
    for made in &fired.deliveries {
        delivery::confirm(report, made, "")?;
    }
    Ok(())
}
