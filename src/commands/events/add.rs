//! `events add`: one event type, or those of a document that was exported.

use clap::Args;
use hooklab_shared::event::{EventType, EventTypeBody, NewEventType};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::told;
use crate::args::value;
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::Report;

/// An event type of your own.
#[derive(Args)]
pub(crate) struct AddArgs {
    /// Its slug, such as order.paid
    #[arg(required_unless_present = "from")]
    slug: Option<String>,
    /// Its name [default: its slug]
    #[arg(long)]
    name: Option<String>,
    /// When it happens
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The JSON Schema that payloads must fit: JSON, @file, or - (standard input)
    #[arg(long, value_name = "JSON")]
    schema: Option<String>,
    /// A payload: JSON, @file, or - (standard input) [default: grown from the schema]
    #[arg(long, value_name = "JSON")]
    sample: Option<String>,
    /// Put it in the place of an earlier one of its slug
    #[arg(long)]
    replace: bool,
    /// Event types that were exported: @file, or - (standard input)
    #[arg(long, value_name = "@FILE")]
    #[arg(conflicts_with_all = ["slug", "name", "description", "schema", "sample"])]
    from: Option<String>,
}

/// A document of one or many.
#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Many(Vec<NewEventType>),
    One(Box<NewEventType>),
}

/// Adds it, or them.
pub(super) async fn run(
    args: &AddArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let wanted = match (&args.from, &args.slug) {
        (Some(from), _) => read(from)?,
        (None, slug) => vec![typed(args, slug.as_deref().unwrap_or_default())?],
    };
    let mut added = Vec::with_capacity(wanted.len());
    for new in wanted {
        added.push(add(new, args.replace, client).await?);
    }
    match (report.is_json(), added.as_slice()) {
        (_, [one]) if args.from.is_none() => told::whole(report, one)?,
        (true, _) => report.json(&added)?,
        (false, _) => report.table(&told::table(&added))?,
    }
    if let [one] = added.as_slice() {
        let fire = report.command(format_args!("fire {}", one.slug));
        report.note(format_args!("fire it: {fire}"));
    }
    Ok(Code::Done)
}

/// Adds one; with `replace`, in the place of an earlier one.
pub(super) async fn add(
    new: NewEventType,
    replace: bool,
    client: &Client,
) -> Result<EventType, Failure> {
    if !replace {
        return Ok(client.post(&client.url(["event-types"]), &new).await?);
    }
    let (slug, body): (String, EventTypeBody) = new.into_parts();
    Ok(client.put(&client.url(["event-types", &slug]), &body).await?)
}

fn typed(args: &AddArgs, slug: &str) -> Result<NewEventType, Failure> {
    if args.schema.as_deref() == Some("-") && args.sample.as_deref() == Some("-") {
        return Err(Failure::usage(
            "read standard input twice: give the schema or the sample as @file",
        ));
    }
    let schema: Option<Map<String, Value>> =
        args.schema.as_deref().map(|given| parsed("schema", given)).transpose()?;
    Ok(NewEventType {
        slug: slug.to_owned(),
        name: args.name.clone(),
        description: args.description.clone(),
        schema,
        sample: args.sample.as_deref().map(|given| parsed("sample", given)).transpose()?,
    })
}

fn read(from: &str) -> Result<Vec<NewEventType>, Failure> {
    // A document is never typed on the command line, so that a bare name is a file's.
    let given = if from == "-" || from.starts_with('@') { from.into() } else { format!("@{from}") };
    Ok(match parsed("document", &given)? {
        Document::Many(many) => many,
        Document::One(one) => vec![*one],
    })
}

fn parsed<T: serde::de::DeserializeOwned>(what: &str, given: &str) -> Result<T, Failure> {
    serde_json::from_str(&value::text(given)?).map_err(|error| {
        Failure::usage(format!("read the {what} as JSON: {error}; try @file, or {{\"id\":1}}"))
    })
}
