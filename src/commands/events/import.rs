//! `events import`: what a real installation of Ultimate Multisite offers, as event types of one's
//! own.

use clap::Args;
use hooklab_shared::event::{Dispatch, EventType, NewEventType};
use serde::Serialize;

use super::offered::{self, Odd};
use super::{add, every};
use crate::args::value;
use crate::client::{Client, Installation};
use crate::exit::{Code, Failure};
use crate::report::paint::Ink;
use crate::report::table::{Cell, Table};
use crate::report::{Report, shown};

/// Where from.
#[derive(Args)]
pub(crate) struct ImportArgs {
    /// The installation: https://network.example, or the URL of its REST API
    url: Installation,
    /// Its API key: env:NAME, file:PATH or - (standard input) keep it off the command line
    #[arg(long)]
    key: String,
    /// Its API secret: env:NAME, file:PATH or - (standard input) keep it off the command line
    #[arg(long)]
    secret: String,
    /// Tell what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What became of one that was offered.
#[derive(Serialize)]
struct Fate {
    slug: String,
    result: Outcome,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// It was not there.
    Added,
    /// It was another.
    Changed,
    /// It was the same.
    Same,
    /// hooklab has it from the plugin itself.
    BuiltIn,
    /// It could not be taken.
    Refused,
}

impl Outcome {
    fn told(self) -> (&'static str, Ink) {
        match self {
            Self::Added => ("added", Ink::Green),
            Self::Changed => ("changed", Ink::Yellow),
            Self::Same => ("same", Ink::Dim),
            Self::BuiltIn => ("built in", Ink::Dim),
            Self::Refused => ("refused", Ink::Red),
        }
    }
}

/// Reads what is offered, and takes it up.
pub(super) async fn run(
    args: &ImportArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    if args.key == "-" && args.secret == "-" {
        return Err(Failure::usage(
            "read standard input twice: give the key or the secret by env:",
        ));
    }
    let (key, secret) = (value::secret(&args.key)?, value::secret(&args.secret)?);
    let body = args.url.get("hooks", &key, &secret).await?;
    let (taken, odd) = offered::read(&body).map_err(|why| args.url.foreign(&why))?;
    let known = every(client).await?;
    let mut fates = Vec::with_capacity(taken.len() + odd.len());
    for new in taken {
        fates.push(take(new, &known, args.dry_run, client).await?);
    }
    fates.extend(odd.into_iter().map(|Odd { slug, why }| Fate {
        slug: slug.chars().take(100).collect(),
        result: Outcome::Refused,
        detail: why,
    }));
    tell(report, &fates, args.dry_run)?;
    let refused = fates.iter().any(|fate| fate.result == Outcome::Refused);
    Ok(if refused { Code::SomeFailed } else { Code::Done })
}

async fn take(
    new: NewEventType,
    known: &[EventType],
    dry_run: bool,
    client: &Client,
) -> Result<Fate, Failure> {
    let slug = new.slug.clone();
    let earlier = known.iter().find(|kind| kind.slug == slug);
    let (result, detail) = fate(&new, earlier);
    if !dry_run && matches!(result, Outcome::Added | Outcome::Changed) {
        // What it was given by hand besides stays.
        let schema = earlier.and_then(|earlier| earlier.schema.as_ref()?.as_object().cloned());
        let made = add::add(NewEventType { schema, ..new }, true, client).await;
        if let Err(failure) = made {
            return Ok(Fate { slug, result: Outcome::Refused, detail: failure.told });
        }
    }
    Ok(Fate { slug, result, detail })
}

fn fate(new: &NewEventType, earlier: Option<&EventType>) -> (Outcome, String) {
    let Some(earlier) = earlier else { return (Outcome::Added, String::new()) };
    let sample = new.sample.clone().unwrap_or_default();
    let keys = offered::difference(&earlier.sample, &sample).join(" ");
    if earlier.dispatch != Dispatch::Own {
        return (Outcome::BuiltIn, keys);
    }
    let name = new.name.as_deref().unwrap_or(&new.slug);
    let description = new.description.as_deref().unwrap_or_default();
    let same =
        earlier.name == name && earlier.description == description && earlier.sample == sample;
    if same { (Outcome::Same, String::new()) } else { (Outcome::Changed, keys) }
}

fn tell(report: &mut Report, fates: &[Fate], dry_run: bool) -> Result<(), Failure> {
    if report.is_json() {
        return report.json(&serde_json::json!({ "dry_run": dry_run, "items": fates }));
    }
    let mut table = Table::new(&["SLUG", "RESULT", "FIELDS, OR WHY NOT"]);
    for fate in fates {
        let (told, ink) = fate.result.told();
        let detail = shown(&fate.detail);
        table.row([fate.slug.as_str().into(), Cell::from(told).ink(ink), detail.into()]);
    }
    report.table(&table)?;
    let count = |result: Outcome| fates.iter().filter(|fate| fate.result == result).count();
    let would = if dry_run { " (nothing was changed)" } else { "" };
    report.note(format_args!(
        "{} added, {} changed, {} the same, {} built in, {} refused{would}",
        count(Outcome::Added),
        count(Outcome::Changed),
        count(Outcome::Same),
        count(Outcome::BuiltIn),
        count(Outcome::Refused),
    ));
    Ok(())
}
