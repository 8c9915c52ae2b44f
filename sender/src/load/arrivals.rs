//! What a bin captured of a run, read over its API.

use std::time::Duration;

use bytes::BytesMut;
use hooklab_shared::capture::{Outcome, Replied};
use hooklab_shared::headers::Octets;
use hooklab_shared::id::{Seq, Timestamp};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::account::{Account, Accounted, Arrival};
use super::content;
use super::record::Sent;
use crate::source::{Source, SourceError};

/// How long what is on its way is waited for: whatever stands between sender and bin may hold it.
const SETTLE: Duration = Duration::from_secs(2);

/// Between two looks.
const SETTLE_PAUSE: Duration = Duration::from_millis(100);

/// A line in bytes at most: the largest capture, told and in base64, with room.
const LINE_BYTES_MAX: usize = 192 * 1024 * 1024;

/// Where a bin stands before a run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    newest_seq: Seq,
    dropped: u64,
}

impl Standing {
    /// A bin that is not there yet is made by the first request, and then holds nothing else.
    pub(super) async fn of(bin: &Source) -> Result<Self, SourceError> {
        match bin.bin().await {
            Ok(bin) => Ok(Self { newest_seq: bin.newest_seq, dropped: bin.dropped }),
            Err(error) if error.is_absent() => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }
}

/// What an account needs of a line of an export.
#[derive(Deserialize)]
struct Line {
    seq: Seq,
    received_at: Timestamp,
    outcome: Outcome,
    reply: Replied,
    headers: Vec<(Octets, Octets)>,
}

/// Accounts for what was sent from `began` on.
pub(super) async fn account(
    bin: &Source,
    before: Standing,
    run: u64,
    sent: Vec<Sent>,
    began: Timestamp,
    late: Duration,
) -> Result<Accounted, SourceError> {
    let mut account = Account::new(sent, began, late);
    let settled = Instant::now() + SETTLE;
    let mut after = before.newest_seq;
    loop {
        let is_last = Instant::now() >= settled;
        match read(bin, after, run, &mut account).await {
            Ok(seen) => after = seen,
            // Nothing has arrived there yet.
            Err(error) if error.is_absent() => {}
            Err(error) => return Err(error),
        }
        if is_last || account.missing() == 0 {
            break;
        }
        sleep(SETTLE_PAUSE).await;
    }
    let dropped = Standing::of(bin).await?.dropped.saturating_sub(before.dropped);
    Ok(account.close(bin.name().as_str(), dropped))
}

/// Takes every capture after this one; the last that was seen.
async fn read(
    bin: &Source,
    after: Seq,
    run: u64,
    account: &mut Account,
) -> Result<Seq, SourceError> {
    let mut body = bin.export(after).await?;
    let mut seen = after;
    let mut pending = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| bin.broken(&error.to_string()))?;
        let Some(piece) = frame.data_ref() else { continue };
        // What was there already holds no end of a line.
        let mut searched = pending.len();
        pending.extend_from_slice(piece);
        while let Some(end) = pending[searched..].iter().position(|&byte| byte == b'\n') {
            let line = pending.split_to(searched + end + 1);
            searched = 0;
            let line: Line = serde_json::from_slice(&line)
                .map_err(|error| bin.broken(&format!("a capture does not parse: {error}")))?;
            seen = line.seq;
            account.take(arrival(run, &line));
        }
        if pending.len() > LINE_BYTES_MAX {
            return Err(bin.broken("a capture is longer than any can be"));
        }
    }
    Ok(seen)
}

fn arrival(run: u64, line: &Line) -> Option<Arrival> {
    let named = |name: &Octets| name.as_bytes().eq_ignore_ascii_case(content::HEADER.as_bytes());
    let name = line.headers.iter().find(|(name, _)| named(name))?.1.as_bytes();
    let number = content::number(run, name)?;
    let whole = line.outcome == Outcome::Complete;
    let accepted = whole && (200..300).contains(&line.reply.status);
    Some(Arrival { number, at: line.received_at, accepted })
}
