//! Logs: lines on stderr, written by a thread of their own, so that whoever reads them slowly holds
//! up no request.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::exit::Failure;

/// What is logged unless more is asked for.
pub(crate) const LEVEL: &str = "warn";

/// Lines that wait to be written: a burst of a second; what comes beyond is counted and left out.
const LINES_MAX: usize = 4_096;

/// How long the end of a process waits for its last lines.
const LAST_LINES_WAIT: Duration = Duration::from_millis(200);

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: one object a line
    Json,
}

/// Logging, for as long as it is held; its end writes what still waits.
pub(crate) struct Log(SyncSender<Entry>);

enum Entry {
    Line(Vec<u8>),
    /// Everything before it has been written.
    End(SyncSender<()>),
}

/// Where the subscriber writes: each call is one whole line.
#[derive(Clone)]
struct Lines {
    entries: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

impl Log {
    /// Begins to log at this level, such as `info` or `hooklab_receiver=debug`.
    pub(crate) fn start(level: &str, format: Format) -> Result<Self, Failure> {
        let filter = EnvFilter::builder().parse(level).map_err(|error| {
            Failure::usage(format!("log at `{level}`: {error}; try --log info, or off"))
        })?;
        let (entries, waiting) = sync_channel(LINES_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let lines = Lines { entries: entries.clone(), lost: lost.clone() };
        let write = move || write_all(&waiting, &lost, format, &mut io::stderr());
        thread::Builder::new()
            .name("log".into())
            .spawn(write)
            .map_err(|error| Failure::usage(format!("start the thread that logs: {error}")))?;
        let subscriber =
            tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || lines.clone());
        let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        // Only one can be set, and the first one goes on.
        let _ = match format {
            Format::Text => subscriber.with_ansi(colour).try_init(),
            Format::Json => subscriber.json().flatten_event(true).try_init(),
        };
        Ok(Self(entries))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (written, wait) = sync_channel(1);
        if self.0.try_send(Entry::End(written)).is_ok() {
            let _ = wait.recv_timeout(LAST_LINES_WAIT);
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.entries.try_send(Entry::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes until nobody logs any more; a stderr that nobody reads is no reason to stop.
fn write_all(waiting: &Receiver<Entry>, lost: &AtomicU64, format: Format, out: &mut impl Write) {
    while let Ok(entry) = waiting.recv() {
        match entry {
            Entry::Line(line) => {
                let _ = out.write_all(&line);
            }
            Entry::End(written) => {
                let _ = written.send(());
            }
        }
        let left_out = lost.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            let _ = match format {
                Format::Text => writeln!(out, "{left_out} log lines were left out"),
                Format::Json => {
                    writeln!(
                        out,
                        r#"{{"level":"WARN","message":"lost log lines","lines":{left_out}}}"#
                    )
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_loses_lines_and_says_how_many() {
        let (entries, waiting) = sync_channel(2);
        let lost = Arc::new(AtomicU64::new(0));
        let mut lines = Lines { entries, lost: lost.clone() };
        for line in ["a\n", "b\n", "c\n", "d\n"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        drop(lines);
        let mut out = Vec::new();
        write_all(&waiting, &lost, Format::Text, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "a\n2 log lines were left out\nb\n");
    }

    #[test]
    fn a_level_that_is_none_is_refused() {
        assert!(Log::start("a=b=c", Format::Text).err().unwrap().told.contains("--log info"));
    }
}
