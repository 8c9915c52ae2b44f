//! `schema`: what the bodies of a bin's captures have in common, as a JSON Schema.

use clap::Args;
use hooklab_shared::id::BinName;
use serde_json::Value;

use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::{Report, shown_lines};

/// Of which captures.
#[derive(Args)]
pub(crate) struct SchemaArgs {
    /// The bin
    bin: BinName,
    /// From the newest so many captures; at most 10000
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: Option<u32>,
}

/// Runs it.
pub(crate) async fn run(
    args: &SchemaArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let limit = args.limit.map(|limit| limit.to_string());
    let url = client.asking(["bins", args.bin.as_str(), "schema"], [("limit", limit)]);
    let schema: Value = client.get(&url).await?;
    if report.is_json() {
        report.json(&schema)?;
        return Ok(Code::Done);
    }
    // The names in a schema are captured text.
    report.line(shown_lines(&format!("{schema:#}")))?;
    Ok(Code::Done)
}
