//! `forward`: new captures of a bin to other URLs, as they come.

mod cursor;
pub(crate) mod drive;
pub(crate) mod outbound;
pub(crate) mod tell;

use std::path::PathBuf;

use clap::Args;
use hooklab_shared::id::{BinName, Seq};

use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::Report;
use crate::serve::Wish;
use cursor::Cursor;
use outbound::Outbound;

/// Which captures, and where to.
#[derive(Args)]
pub(crate) struct ForwardArgs {
    /// The bin
    bin: BinName,
    /// How they go out.
    #[command(flatten)]
    outbound: Outbound,
    /// Begin behind this capture, with what is there already [default: what comes from now on]
    #[arg(long, value_name = "SEQ", conflicts_with = "from_start")]
    after: Option<Seq>,
    /// Begin with the oldest capture that is there
    #[arg(long)]
    from_start: bool,
    /// Keep the place in this file, and go on from there when it is there already
    #[arg(long, value_name = "FILE")]
    cursor: Option<PathBuf>,
    /// Only captures that this asks for, such as 'method:POST event:payment_*'
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    query: Option<String>,
}

/// Runs it until Ctrl-C, or until the bin is deleted.
pub(crate) async fn run(
    args: &ForwardArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let source = client.source(args.bin.clone());
    let bin = source.bin().await?;
    let cursor = args.cursor.as_deref();
    let mut cursor =
        cursor.map(|path| Cursor::open(path, &args.bin, bin.created_at)).transpose()?;
    let kept = cursor.as_ref().and_then(Cursor::kept);
    let newest = bin.newest_seq;
    if let (None, Some(after)) = (kept, args.after.filter(|after| *after > newest)) {
        return Err(Failure::usage(format!(
            "begin behind #{after}: the newest capture of {} is #{newest}; leave --after out to \
             begin with what comes from now on",
            args.bin
        )));
    }
    let after = kept.or(args.after).or(args.from_start.then_some(0));
    let mut wish = Wish::listen(false)?;
    let plan = args.outbound.plan(source)?;
    let mut running = plan.forward(after, args.query.clone()).await?;
    let keep = |place| cursor.as_mut().map_or(Ok(()), |cursor| cursor.keep(place));
    let Some(tally) = drive::to_the_end(&mut running, &mut wish, report, keep).await? else {
        return Ok(Code::Forced);
    };
    let place = running.place();
    let ended = running.end().await;
    tell::end(report, &tally, Some(place))?;
    if !report.is_json() && args.cursor.is_none() {
        resume(args, place, report);
    }
    ended?;
    Ok(tell::code(&tally))
}

/// As a shell takes it back, quoted where it has to be.
fn quoted(target: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || ":/.-_%[]@".contains(c);
    if target.chars().all(is_safe) {
        return target.to_owned();
    }
    let word = hooklab_shared::shell::word(target.as_bytes()).unwrap_or_default();
    String::from_utf8_lossy(&word).into_owned()
}

fn resume(args: &ForwardArgs, place: Seq, report: &mut Report) {
    let targets = args.outbound.targets().map(|target| format!(" --to {}", quoted(target)));
    let targets = targets.collect::<String>();
    let bin = &args.bin;
    let others = if args.outbound.is_plain() && args.query.is_none() { "" } else { " …" };
    let command = report.command(format_args!("forward {bin}{targets}{others} --after {place}"));
    report.note(format_args!("go on with: {command}"));
}
