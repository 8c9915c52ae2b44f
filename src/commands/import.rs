//! `import`: what `export` wrote, back into a bin.

use std::fs::File;
use std::io::Read;

use clap::Args;
use hooklab_shared::id::BinName;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::Report;

/// What the API knows such a body by.
const KIND: &str = "application/x-ndjson";

/// Where from, where to.
#[derive(Args)]
pub(crate) struct ImportArgs {
    /// The bin that takes them
    bin: BinName,
    /// What `export` wrote as ndjson or bundle; - is standard input
    file: String,
}

#[derive(Serialize, Deserialize)]
struct Imported {
    imported: u64,
}

/// Runs it.
pub(crate) async fn run(
    args: &ImportArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let url = client.url(["bins", args.bin.as_str(), "import"]);
    let reader: Box<dyn Read + Send> = match args.file.as_str() {
        "-" => Box::new(std::io::stdin()),
        path => Box::new(
            File::open(path)
                .map_err(|error| Failure::usage(format!("read {path}: {error}; check the path")))?,
        ),
    };
    let answer: Imported = client.upload(&url, KIND, reader).await?;
    match report.is_json() {
        true => report.json(&answer)?,
        false => {
            report.line(format_args!("{}: {} captures imported", args.bin, answer.imported))?
        }
    }
    Ok(Code::Done)
}
