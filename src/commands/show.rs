//! `show`: one capture.

use clap::Args;
use hooklab_shared::capture::Document;
use hooklab_shared::id::{BinName, Seq};

use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::{Report, capture};

/// Which capture, and how.
#[derive(Args)]
pub(crate) struct ShowArgs {
    /// The bin
    bin: BinName,
    /// The capture's seq, or latest
    #[arg(value_parser = which)]
    seq: String,
    /// The request as it came on the wire, byte for byte
    #[arg(long, conflicts_with_all = ["body", "json"])]
    raw: bool,
    /// The body, byte for byte
    #[arg(long, conflicts_with = "json")]
    body: bool,
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
    let mut path = vec!["bins", args.bin.as_str(), "captures", args.seq.as_str()];
    if args.raw || args.body {
        path.push(if args.raw { "raw" } else { "body" });
        let bytes = client.get_bytes(&client.url(path)).await?;
        report.bytes(&bytes)?;
        return Ok(Code::Done);
    }
    if report.is_json() {
        let document: serde_json::Value = client.get(&client.url(path)).await?;
        report.json(&document)?;
        return Ok(Code::Done);
    }
    let document: Document = client.get(&client.url(path)).await?;
    capture::whole(report, &document)?;
    Ok(Code::Done)
}
