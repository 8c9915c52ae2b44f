//! `tail`: captures as they come, through lost connections and restarts.

use std::collections::HashMap;
use std::time::Duration;

use clap::{ArgGroup, Args};
use hooklab_shared::bin::{Bin, Page};
use hooklab_shared::capture::{SignatureVerdict, Summary};
use hooklab_shared::id::{BinName, Seq};
use hooklab_shared::live::{GapReason, Message};
use tokio::time::sleep;

use crate::client::{Channel, Client, ClientError, Live};
use crate::exit::{Code, Failure};
use crate::report::{Report, capture};
use crate::serve::Wish;

/// The first wait before a lost connection is opened again, and the longest.
const WAIT_MIN: Duration = Duration::from_millis(50);
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Which bin, and from where.
#[derive(Args)]
#[command(group(ArgGroup::new("which").required(true).args(["bin", "all"])))]
pub(crate) struct TailArgs {
    /// The bin
    bin: Option<BinName>,
    /// All bins, those that come later too
    #[arg(long, conflicts_with = "after")]
    all: bool,
    /// Only captures that this asks for, such as 'method:POST -status:2xx'
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    query: Option<String>,
    /// Begin behind this capture, with what is there already; 0 is all of them
    #[arg(long, value_name = "SEQ")]
    after: Option<Seq>,
}

/// What to do after a message.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Read on.
    On,
    /// Open the channel again: the bin began anew, and has fewer captures than were seen.
    Anew,
    /// The bin is gone.
    End,
}

/// Runs it until Ctrl-C, or until the bin is deleted.
pub(crate) async fn run(
    args: &TailArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let mut wish = Wish::listen(false)?;
    let mut seen = args.after;
    let mut verdicts = Verdicts { client, verifying: HashMap::new() };
    let channel = Channel { bin: args.bin.clone(), query: args.query.clone() };
    let mut live = client.live(&channel, seen).await?;
    let mut is_first = true;
    loop {
        let next = tokio::select! {
            next = read(&mut live, &mut seen, &mut is_first, &mut verdicts, report) => next?,
            () = wish.made() => {
                live.close().await;
                return Ok(Code::Done);
            }
        };
        match next {
            Some(Next::On) => continue,
            Some(Next::End) => return Ok(Code::Done),
            Some(Next::Anew) => {}
            None if args.all => {
                seen = None;
                report.note("the connection was lost; what comes until it is back is not told");
            }
            None => report.note(format_args!(
                "the connection was lost; resuming after #{}",
                seen.unwrap_or_default()
            )),
        }
        live = tokio::select! {
            opened = reopen(client, &channel, seen) => opened?,
            () = wish.made() => return Ok(Code::Done),
        };
    }
}

/// Tells the next message; none when the connection is lost.
async fn read(
    live: &mut Live,
    seen: &mut Option<Seq>,
    is_first: &mut bool,
    verdicts: &mut Verdicts<'_>,
    report: &mut Report,
) -> Result<Option<Next>, Failure> {
    let Some(text) = live.next().await else { return Ok(None) };
    // A message that a newer server added is passed on as JSON, and skipped for people.
    let message = serde_json::from_str::<Message>(&text).ok();
    if report.is_json() {
        report.json_text(&text)?;
    }
    let Some(mut message) = message else { return Ok(Some(Next::On)) };
    if !report.is_json() {
        verdicts.add(&mut message).await;
        tell(&message, report)?;
    }
    if std::mem::take(is_first)
        && let Some((after, newest)) = begin(&message, seen)
    {
        report.note(format_args!("#{after} is not there yet: following from #{newest} on"));
    }
    Ok(Some(step(&message, seen)))
}

/// At the first hello a number that the bin has not reached is one that was typed, and counts as
/// its newest: which, and that.
fn begin(message: &Message, seen: &mut Option<Seq>) -> Option<(Seq, Seq)> {
    let Message::Hello { newest_seq, .. } = *message else { return None };
    let after = seen.filter(|&after| after > newest_seq)?;
    *seen = Some(newest_seq);
    Some((after, newest_seq))
}

/// Signatures of captures that are told as they come: the channel carries none, since they are
/// checked when somebody looks.
struct Verdicts<'a> {
    client: &'a Client,
    /// Whether a bin checks signatures.
    verifying: HashMap<BinName, bool>,
}

impl Verdicts<'_> {
    /// Adds the verdict to a capture's message; without one where it cannot be had.
    async fn add(&mut self, message: &mut Message) {
        match message {
            Message::Bin { bin } => {
                self.verifying.insert(bin.name.clone(), bin.config.verify.is_some());
            }
            Message::BinDeleted { bin } => {
                self.verifying.remove(bin);
            }
            Message::Capture { seq, summary } => {
                summary.signature = self.verdict(&summary.bin, *seq).await;
            }
            _ => {}
        }
    }

    async fn verifies(&mut self, name: &BinName) -> bool {
        if let Some(verifies) = self.verifying.get(name) {
            return *verifies;
        }
        let url = self.client.url(["bins", name.as_str()]);
        let Ok(Bin { config, .. }) = self.client.get(&url).await else { return false };
        let verifies = config.verify.is_some();
        self.verifying.insert(name.clone(), verifies);
        verifies
    }

    async fn verdict(&mut self, bin: &BinName, seq: Seq) -> Option<SignatureVerdict> {
        if !self.verifies(bin).await {
            return None;
        }
        let (after, before) = (seq.saturating_sub(1), seq.saturating_add(1));
        let parameters = [("after", Some(after.to_string())), ("before", Some(before.to_string()))];
        let url = self.client.asking(["bins", bin.as_str(), "captures"], parameters);
        let page: Page<Summary> = self.client.get(&url).await.ok()?;
        page.items.into_iter().find(|found| found.seq == seq)?.signature
    }
}

/// What is seen after this message, and what to do then.
fn step(message: &Message, seen: &mut Option<Seq>) -> Next {
    match message {
        Message::Hello { newest_seq, .. } => match *seen {
            Some(after) if after > *newest_seq => {
                *seen = Some(0);
                return Next::Anew;
            }
            Some(_) => {}
            None => *seen = Some(*newest_seq),
        },
        Message::Capture { seq, .. } => *seen = (*seen).max(Some(*seq)),
        Message::Gap { to, .. } | Message::Cleared { to } => *seen = (*seen).max(Some(*to)),
        Message::Bin { .. }
        | Message::BinCleared { .. }
        | Message::BinDeleted { .. }
        | Message::Missed { .. } => {}
        Message::Deleted => return Next::End,
    }
    Next::On
}

fn tell(message: &Message, report: &mut Report) -> Result<(), Failure> {
    match message {
        Message::Capture { summary, .. } => {
            let line = capture::line(report, summary);
            report.line(line)?;
        }
        Message::Gap { from, to, reason } => {
            let why = match reason {
                GapReason::Retention => "dropped by retention",
                GapReason::Deleted => "deleted",
            };
            report.note(format_args!("#{from} to #{to} are gone: {why}"));
        }
        Message::Cleared { to } => report.note(format_args!("cleared up to #{to}")),
        Message::Deleted => report.note("the bin was deleted"),
        Message::BinCleared { bin, to } => {
            report.note(format_args!("{bin}: cleared up to #{to}"));
        }
        Message::BinDeleted { bin } => report.note(format_args!("the bin {bin} was deleted")),
        Message::Missed { messages } => {
            report.note(format_args!("{messages} messages were missed; the bins have them"));
        }
        Message::Hello { .. } | Message::Bin { .. } => {}
    }
    Ok(())
}

/// Opens the channel again, however long the server is away.
async fn reopen(
    client: &Client,
    channel: &Channel,
    seen: Option<Seq>,
) -> Result<Live, ClientError> {
    let mut wait = WAIT_MIN;
    loop {
        match client.live(channel, seen).await {
            Err(ClientError::Unreachable { .. }) => {}
            Err(ClientError::Problem { problem, .. }) if problem.status == 503 => {}
            opened => return opened,
        }
        sleep(wait).await;
        wait = (wait * 2).min(WAIT_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(newest_seq: Seq) -> Message {
        let bin = "orders".parse().ok();
        Message::Hello { bin, oldest_seq: None, newest_seq, dropped: 0 }
    }

    #[test]
    fn resumes_after_what_was_seen() {
        let mut seen = None;
        assert_eq!(step(&hello(7), &mut seen), Next::On);
        assert_eq!(seen, Some(7));
        let gap = Message::Gap { from: 8, to: 9, reason: GapReason::Retention };
        step(&gap, &mut seen);
        assert_eq!(seen, Some(9));
        step(&Message::Cleared { to: 5 }, &mut seen);
        assert_eq!(seen, Some(9));
        assert_eq!(step(&Message::Deleted, &mut seen), Next::End);
    }

    #[test]
    fn a_number_that_is_not_reached_yet_is_no_beginning() {
        let mut seen = Some(999);
        assert_eq!(begin(&hello(3), &mut seen), Some((999, 3)));
        assert_eq!((step(&hello(3), &mut seen), seen), (Next::On, Some(3)));
        assert_eq!(begin(&hello(3), &mut Some(2)), None);
        assert_eq!(begin(&hello(3), &mut None), None);
    }

    #[test]
    fn a_bin_that_began_anew_is_told_from_its_beginning() {
        let mut seen = Some(100);
        assert_eq!(step(&hello(3), &mut seen), Next::Anew);
        assert_eq!(seen, Some(0));
        assert_eq!(step(&hello(3), &mut seen), Next::On);
    }
}
