//! `captures`: the captures of a bin that somebody asks for.

use clap::Args;
use hooklab_shared::bin::{Found, JqFailed, Page};
use hooklab_shared::capture::Summary;
use hooklab_shared::id::{BinName, Seq};
use url::Url;

use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::{Report, capture, shown};

/// Which captures.
#[derive(Args)]
pub(crate) struct CapturesArgs {
    /// The bin
    bin: BinName,
    /// Only those that this asks for, such as 'method:POST path:/hooks/* -status:2xx "paid"'
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    query: Option<String>,
    /// Only those for which this jq filter is true, such as '.body.json.amount > 10'
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true)]
    jq: Option<String>,
    /// Those after this one, the oldest first
    #[arg(long, value_name = "SEQ", conflicts_with = "before")]
    after: Option<Seq>,
    /// Those before this one, the newest first
    #[arg(long, value_name = "SEQ")]
    before: Option<Seq>,
    /// How many
    #[arg(long, value_name = "N", default_value = "50")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// Runs it.
pub(crate) async fn run(
    args: &CapturesArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let seq = |seq: Option<Seq>| seq.map(|seq| seq.to_string());
    let parameters = [
        ("q", args.query.clone()),
        ("jq", args.jq.clone()),
        ("after", seq(args.after)),
        ("before", seq(args.before)),
    ];
    let url = client.asking(["bins", args.bin.as_str(), "captures"], parameters);
    let resume = if args.after.is_some() { "after" } else { "before" };
    let most = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let page: Page<Summary> = client.get_some(&url, resume, most).await?;
    if report.is_json() {
        report.json(&page)?;
    }
    if page.items.is_empty() && args.jq.is_some() {
        filter_holds(&url, client, report).await?;
    }
    if report.is_json() {
        return Ok(Code::Done);
    }
    if page.items.is_empty() {
        report.note(match args.query.is_some() || args.jq.is_some() {
            true => "no capture matches",
            false => "the bin holds no captures there",
        });
    }
    for summary in &page.items {
        let line = capture::line(report, summary);
        report.line(line)?;
    }
    if let Some(next) = &page.next {
        report.note(format_args!("there may be more: --{resume} {next}, or a higher --limit"));
    }
    Ok(Code::Done)
}

/// Whether nothing matches because the filter fails on what it is applied to: asked of one more
/// page, where nothing was found.
async fn filter_holds(url: &Url, client: &Client, report: &mut Report) -> Result<(), Failure> {
    let Found { jq_failed: Some(failed), .. } = client.get(url).await? else { return Ok(()) };
    let JqFailed { captures, of, why } = failed;
    if captures == of {
        return Err(Failure::usage(format!(
            "apply the jq filter: on all {of} captures that were looked at it fails: {why}; \
             `show --json` tells what it gets, and `?` after a path lets it be absent"
        )));
    }
    report
        .note(format_args!("the jq filter fails on {captures} of {of} captures: {}", shown(&why)));
    Ok(())
}
