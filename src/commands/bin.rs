//! `bin`: make, list, show, set, clear and delete bins.

mod told;

use clap::Subcommand;
use hooklab_shared::bin::{Bin, Page, ToldVerify};
use hooklab_shared::id::BinName;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::paint::Ink;
use crate::report::table::{Cell, Table};
use crate::report::{Report, shown, size};
use told::Told;

/// What to do with bins.
#[derive(Subcommand)]
pub(crate) enum BinCommand {
    /// Make a bin; without a name one is minted that nobody guesses
    Create {
        /// 1 to 63 of a-z, 0-9, - and _
        name: Option<BinName>,
        /// What it is told.
        #[command(flatten)]
        told: Box<Told>,
    },
    /// Change what a bin is told; what is not named stays, --label KEY= takes a label away
    Set {
        /// Its name
        bin: BinName,
        /// What it is told.
        #[command(flatten)]
        told: Box<Told>,
    },
    /// Every bin
    List,
    /// One bin
    Show {
        /// Its name
        bin: BinName,
    },
    /// Delete the captures of a bin; the bin stays, and no seq is used again
    Clear {
        /// Its name
        bin: BinName,
        /// Only those that this asks for, such as 'status>=500 before:1h'
        #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
        query: Option<String>,
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
        BinCommand::Create { name, told } => create(client, report, name, told).await?,
        BinCommand::Set { bin, told } => set(client, report, bin, told).await?,
        BinCommand::List => list(client, report).await?,
        BinCommand::Show { bin } => {
            let found: Bin = client.get(&client.url(["bins", bin.as_str()])).await?;
            whole(report, &found)?;
        }
        BinCommand::Clear { bin, query } => {
            let path = ["bins", bin.as_str(), "captures"];
            let url = client.asking(path, [("q", query.clone())]);
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
    told: &Told,
) -> Result<(), Failure> {
    let new = told.new_bin(name.clone())?;
    let made: Bin = client.post(&client.url(["bins"]), &new).await?;
    if report.is_json() {
        return report.json(&made);
    }
    // The URL alone on its line: it is what a script wants.
    let url = report.ink(Ink::Cyan, shown(&made.url));
    report.line(url)?;
    let tail = report.command(format_args!("tail {}", made.name));
    report.note(format_args!("bin {} is made; watch it: {tail}", made.name));
    Ok(())
}

async fn set(
    client: &Client,
    report: &mut Report,
    bin: &BinName,
    told: &Told,
) -> Result<(), Failure> {
    let url = client.url(["bins", bin.as_str()]);
    let found: Bin = client.get(&url).await?;
    let changed: Bin = client.patch(&url, &told.patch(&found)?).await?;
    whole(report, &changed)
}

async fn list(client: &Client, report: &mut Report) -> Result<(), Failure> {
    let items: Vec<Bin> = client.get_all(&client.url(["bins"])).await?;
    if report.is_json() {
        return report.json(&Page { items, next: None });
    }
    if items.is_empty() {
        let create = report.command("bin create NAME");
        report.note(format_args!("there is no bin yet; make one: {create}"));
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
    if let Some(ToldVerify { scheme, secrets, tolerance_secs }) = &bin.config.verify {
        let keys = if *secrets == 1 { "1 secret".to_owned() } else { format!("{secrets} secrets") };
        let scheme = scheme.as_str();
        report.line(format_args!("verify    {scheme} with {keys}, within {tolerance_secs} s"))?;
    }
    if !bin.config.keep.is_unlimited() {
        report.line(format_args!("keep      {}", kept(bin)))?;
    }
    if !bin.config.reply.is_default() {
        let reply = serde_json::to_string(&bin.config.reply).unwrap_or_default();
        report.line(format_args!("reply     {}", shown(&reply)))?;
    }
    Ok(())
}

fn kept(bin: &Bin) -> String {
    let keep = bin.config.keep;
    let limits = [
        keep.captures.map(|captures| format!("{captures} captures")),
        keep.bytes.map(size),
        keep.age.map(|age| format!("younger than {age}")),
    ];
    limits.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn labels(bin: &Bin) -> String {
    let labels: Vec<_> =
        bin.config.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    labels.join(" ")
}
