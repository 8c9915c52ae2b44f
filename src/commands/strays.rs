//! `strays`: requests that belong to no bin, or that were not HTTP.

use clap::Args;
use hooklab_shared::bin::Page;
use hooklab_shared::stray::Stray;

use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::paint::Ink;
use crate::report::table::{Cell, Table};
use crate::report::{Report, shown_bytes, size};

/// What of a stray's first line a table shows.
const BEGINNING_CHARS: usize = 60;

/// Which strays.
#[derive(Args)]
pub(crate) struct StraysArgs {
    /// Those after this one, the oldest first
    #[arg(long, value_name = "SEQ", conflicts_with = "before")]
    after: Option<u64>,
    /// Those before this one, the newest first
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
    /// How many
    #[arg(long, value_name = "N", default_value = "20")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// Runs it.
pub(crate) async fn run(
    args: &StraysArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    let seq = |seq: Option<u64>| seq.map(|seq| seq.to_string());
    let url = client.asking(["strays"], [("after", seq(args.after)), ("before", seq(args.before))]);
    let resume = if args.after.is_some() { "after" } else { "before" };
    let most = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let page: Page<Stray> = client.get_some(&url, resume, most).await?;
    if report.is_json() {
        report.json(&page)?;
        return Ok(Code::Done);
    }
    if page.items.is_empty() {
        report.note("no strays: whatever came is in a bin");
        return Ok(Code::Done);
    }
    let mut table = Table::new(&["SEQ", "AT", "REASON", "ANSWER", "FROM", "BYTES", "BEGINNING"]);
    for stray in &page.items {
        let answer = match stray.status {
            0 => "none".to_owned(),
            status => status.to_string(),
        };
        table.row([
            Cell::number(stray.seq),
            stray.received_at.to_string().into(),
            Cell::from(stray.reason.as_str()).ink(Ink::Yellow),
            Cell::number(answer),
            stray.peer.to_string().into(),
            Cell::number(size(stray.bytes)),
            beginning(stray.head.as_bytes()).into(),
        ]);
    }
    report.table(&table)?;
    if let Some(next) = &page.next {
        report.note(format_args!("there are more: --{resume} {next}, or a higher --limit"));
    }
    Ok(Code::Done)
}

/// The first line, as far as a table shows it.
fn beginning(head: &[u8]) -> String {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let shown = shown_bytes(line.strip_suffix(b"\r").unwrap_or(line));
    let cut = shown.chars().nth(BEGINNING_CHARS).is_some();
    let mut shown: String = shown.chars().take(BEGINNING_CHARS).collect();
    if cut {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_short_and_safe() {
        assert_eq!(beginning(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "GET / HTTP/1.1");
        assert_eq!(beginning(b"\x16\x03\x01"), "\\u{16}\\u{3}\\u{1}");
        assert_eq!(beginning(&[b'a'; 100]).chars().count(), BEGINNING_CHARS + 1);
        assert_eq!(beginning(b""), "");
    }
}
