//! `bin`: make, list, show, clear and delete bins.

use std::collections::BTreeMap;

use clap::Subcommand;
use hooklab_shared::bin::{Bin, NewBin, Page};
use hooklab_shared::id::BinName;
use serde::{Deserialize, Serialize};

use crate::args::value;
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::paint::Ink;
use crate::report::table::{Cell, Table};
use crate::report::{Report, shown, size};

/// What to do with bins.
#[derive(Subcommand)]
pub(crate) enum BinCommand {
    /// Make a bin; without a name one is minted that nobody guesses
    Create {
        /// 1 to 63 of a-z, 0-9, - and _
        name: Option<BinName>,
        /// A mark of your own; may be given more than once
        #[arg(long = "label", value_name = "KEY=VALUE", value_parser = value::label)]
        labels: Vec<(String, String)>,
    },
    /// Every bin
    List,
    /// One bin
    Show {
        /// Its name
        bin: BinName,
    },
    /// Delete every capture of a bin; the bin stays, and no seq is used again
    Clear {
        /// Its name
        bin: BinName,
    },
    /// Delete a bin and its captures
    Delete {
        /// Its name
        bin: BinName,
    },
}

#[derive(Serialize, Deserialize)]
struct Deleted {
    deleted: u64,
}

/// Runs it.
pub(crate) async fn run(
    command: &BinCommand,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    match command {
        BinCommand::Create { name, labels } => create(client, report, name, labels).await?,
        BinCommand::List => list(client, report).await?,
        BinCommand::Show { bin } => {
            let found: Bin = client.get(&client.url(["bins", bin.as_str()])).await?;
            whole(report, &found)?;
        }
        BinCommand::Clear { bin } => {
            let url = client.url(["bins", bin.as_str(), "captures"]);
            let answer: Deleted = client.json(&client.delete(&url).await?)?;
            match report.is_json() {
                true => report.json(&answer)?,
                false => report.line(format_args!("{bin}: {} captures deleted", answer.deleted))?,
            }
        }
        BinCommand::Delete { bin } => {
            client.delete(&client.url(["bins", bin.as_str()])).await?;
            match report.is_json() {
                true => report.json(&serde_json::json!({"deleted": bin}))?,
                false => report.line(format_args!("{bin}: deleted"))?,
            }
        }
    }
    Ok(Code::Done)
}

async fn create(
    client: &Client,
    report: &mut Report,
    name: &Option<BinName>,
    labels: &[(String, String)],
) -> Result<(), Failure> {
    let labels: BTreeMap<_, _> = labels.iter().cloned().collect();
    let new = NewBin { name: name.clone(), labels, ..NewBin::default() };
    let made: Bin = client.post(&client.url(["bins"]), &new).await?;
    if report.is_json() {
        return report.json(&made);
    }
    // The URL alone on its line: it is what a script wants.
    let url = report.ink(Ink::Cyan, shown(&made.url));
    report.line(url)?;
    report.note(format_args!("bin {} is made; watch it: hooklab tail {}", made.name, made.name));
    Ok(())
}

async fn list(client: &Client, report: &mut Report) -> Result<(), Failure> {
    let items: Vec<Bin> = client.get_all(&client.url(["bins"])).await?;
    if report.is_json() {
        return report.json(&Page { items, next: None });
    }
    if items.is_empty() {
        report.note("there is no bin yet; make one: hooklab bin create NAME");
        return Ok(());
    }
    let mut table = Table::new(&["NAME", "CAPTURES", "BYTES", "NEWEST", "URL", "LABELS"]);
    for bin in &items {
        table.row([
            bin.name.as_str().into(),
            Cell::number(bin.captures),
            Cell::number(size(bin.bytes)),
            Cell::number(bin.newest_seq),
            Cell::from(&bin.url).ink(Ink::Cyan),
            labels(bin).into(),
        ]);
    }
    report.table(&table)
}

fn whole(report: &mut Report, bin: &Bin) -> Result<(), Failure> {
    if report.is_json() {
        return report.json(bin);
    }
    let url = report.ink(Ink::Cyan, shown(&bin.url));
    let oldest = bin.oldest_seq.map_or_else(|| "none".to_owned(), |seq| format!("#{seq}"));
    report.line(format_args!("name      {}", bin.name))?;
    report.line(format_args!("url       {url}"))?;
    report.line(format_args!("created   {}", bin.created_at))?;
    report.line(format_args!("captures  {} ({})", bin.captures, size(bin.bytes)))?;
    report.line(format_args!("oldest    {oldest}"))?;
    report.line(format_args!("newest    #{}", bin.newest_seq))?;
    report.line(format_args!("dropped   {}", bin.dropped))?;
    if !bin.config.labels.is_empty() {
        report.line(format_args!("labels    {}", shown(&labels(bin))))?;
    }
    Ok(())
}

fn labels(bin: &Bin) -> String {
    let labels: Vec<_> =
        bin.config.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    labels.join(" ")
}
