//! `show`: one capture, in the way that is asked for.

use clap::Args;
use hooklab_shared::capture::Document;
use hooklab_shared::id::{BinName, Seq};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::{Report, capture, diff, view};

/// Which capture, and how.
#[derive(Args)]
pub(crate) struct ShowArgs {
    /// The bin
    bin: BinName,
    /// The capture's seq, or latest
    #[arg(value_parser = which)]
    seq: String,
    /// The request as it came on the wire, byte for byte
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    /// The body, byte for byte
    #[arg(long, conflicts_with_all = ["raw", "json"])]
    body: bool,
    /// The content understood: codings taken off, JSON, form fields, parts and files laid out
    #[arg(long, conflicts_with_all = ["raw", "body"])]
    view: bool,
    /// As a curl command that sends it again, safe to paste
    #[arg(long, conflicts_with_all = ["raw", "body", "view", "json"])]
    curl: bool,
    /// What another capture of the bin has otherwise, from this one to that
    #[arg(long, value_name = "SEQ", value_parser = which)]
    #[arg(conflicts_with_all = ["raw", "body", "view", "curl"])]
    diff: Option<String>,
}

fn which(text: &str) -> Result<String, &'static str> {
    match text.parse::<Seq>() {
        Ok(seq) => Ok(seq.to_string()),
        Err(_) if text == "latest" => Ok(text.to_owned()),
        Err(_) => Err("give a capture's seq, such as 42, or latest"),
    }
}

/// Runs it.
pub(crate) async fn run(
    args: &ShowArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    if args.curl {
        return curl(args, client, report).await;
    }
    let mut path = vec!["bins", args.bin.as_str(), "captures", args.seq.as_str()];
    if args.raw || args.body {
        path.push(if args.raw { "raw" } else { "body" });
        report.bytes(&client.get_bytes(&client.url(path)).await?)?;
        return Ok(Code::Done);
    }
    match &args.diff {
        Some(other) => path.extend(["diff", other.as_str()]),
        None if args.view => path.push("view"),
        None => {}
    }
    let found: Value = client.get(&client.url(path)).await?;
    match report.is_json() {
        true => report.json(&found)?,
        false if args.diff.is_some() => diff::whole(report, &told(found)?)?,
        false if args.view => view::whole(report, &told(found)?)?,
        false => capture::whole(report, &told(found)?)?,
    }
    Ok(Code::Done)
}

fn told<T: DeserializeOwned>(found: Value) -> Result<T, Failure> {
    serde_json::from_value(found).map_err(|error| {
        Failure::usage(format!("read the answer: this release does not know its shape ({error})"))
    })
}

/// An export of one capture, by a query that only it answers.
async fn curl(args: &ShowArgs, client: &Client, report: &mut Report) -> Result<Code, Failure> {
    let path = ["bins", args.bin.as_str(), "captures", args.seq.as_str()];
    let found: Document = client.get(&client.url(path)).await?;
    let query = format!("after:{} before:{}", found.seq.saturating_sub(1), found.seq + 1);
    let parameters = [("format", Some("curl".to_owned())), ("q", Some(query))];
    let url = client.asking(["bins", args.bin.as_str(), "export"], parameters);
    report.bytes(&client.get_bytes(&url).await?)?;
    Ok(Code::Done)
}
