//! `replay`: old captures of a bin to other URLs again.

use clap::{ArgGroup, Args, ValueEnum};
use hooklab_sender::forward::Tally;
use hooklab_sender::replay::{Pace, Rate, Replay, Speed, Which};
use hooklab_sender::source::Selection;
use hooklab_shared::id::{BinName, Seq};

use super::forward::outbound::Outbound;
use super::forward::{drive, tell};
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::Report;
use crate::serve::Wish;

/// Which captures, where to, and how fast.
#[derive(Args)]
#[command(group(
    ArgGroup::new("which").required(true).multiple(true).args(["seqs", "query", "where_jq", "all"])
))]
pub(crate) struct ReplayArgs {
    /// The bin
    bin: BinName,
    /// Captures, in this order
    #[arg(value_name = "SEQ", value_parser = seq)]
    #[arg(conflicts_with_all = ["query", "where_jq", "all"])]
    seqs: Vec<Seq>,
    /// Those that this asks for, the oldest first, such as 'status>=500 after:1h'
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    query: Option<String>,
    /// Those for which this jq filter is true, such as '.body.json.amount > 10'
    #[arg(long = "where", value_name = "FILTER", allow_hyphen_values = true)]
    where_jq: Option<String>,
    /// Every capture that is there
    #[arg(long)]
    all: bool,
    /// How they go out.
    #[command(flatten)]
    outbound: Outbound,
    /// As fast as the target takes them, or with the pauses that there were when they came
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Timing::Fast)]
    timing: Timing,
    /// How many times faster than it was; with --timing original
    #[arg(long, value_name = "TIMES", default_value = "1", requires = "timing")]
    speed: Speed,
    /// So many a second at most
    #[arg(long, value_name = "RATE", conflicts_with = "timing")]
    rate: Option<Rate>,
}

fn seq(text: &str) -> Result<Seq, &'static str> {
    let many = "give captures by their seqs, such as 42 43; for many there is --query 'after:1h'";
    text.parse().map_err(|_| many)
}

/// When captures go out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Timing {
    /// One after another
    Fast,
    /// As they came
    Original,
}

/// Runs it to its end, or until Ctrl-C.
pub(crate) async fn run(
    args: &ReplayArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let mut wish = Wish::listen(false)?;
    let plan = args.outbound.plan(client.source(args.bin.clone()))?;
    let replay = Replay { which: args.which(), pace: args.pace(), captures_max: u64::MAX };
    let mut running = plan.replay(replay).await?;
    let Some(tally) = drive::to_the_end(&mut running, &mut wish, report, |_| Ok(())).await? else {
        return Ok(Code::Forced);
    };
    let ended = running.end().await;
    tell::end(report, &tally, None)?;
    ended?;
    if tally == Tally::default() {
        report.note("no capture was sent");
    }
    Ok(tell::code(&tally))
}

impl ReplayArgs {
    fn which(&self) -> Which {
        if !self.seqs.is_empty() {
            return Which::Seqs(self.seqs.clone());
        }
        Which::Listed(Selection { query: self.query.clone(), jq: self.where_jq.clone() })
    }

    fn pace(&self) -> Pace {
        match (self.rate, self.timing) {
            (Some(rate), _) => Pace::Rate(rate),
            (None, Timing::Fast) => Pace::Fast,
            (None, Timing::Original) => Pace::Original(self.speed),
        }
    }
}
