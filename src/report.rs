//! What reaches the user: data on stdout, notes on stderr, escape bytes only on a terminal.

pub(crate) mod capture;
pub(crate) mod delivery;
pub(crate) mod diff;
mod json;
pub(crate) mod paint;
pub(crate) mod table;
pub(crate) mod view;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use hooklab_shared::escape;
use serde::Serialize;

use crate::exit::{Code, Failure};
use paint::{ColorWhen, Ink, Paint};
use table::Table;

/// Where a command writes its data and its notes.
pub(crate) struct Report {
    out: Box<dyn Write + Send>,
    notes: Box<dyn Write + Send>,
    json: bool,
    terminal: bool,
    notes_terminal: bool,
    paint: Paint,
    notes_paint: Paint,
    server: String,
}

/// The beginning of a line whose end has not come yet.
#[derive(Default)]
pub(crate) struct Pieces(Vec<u8>);

impl Report {
    /// Reports to stdout and stderr.
    pub(crate) fn standard(json: bool, color: ColorWhen) -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            out: Box::new(io::stdout()),
            notes: Box::new(io::stderr()),
            json,
            terminal,
            notes_terminal: io::stderr().is_terminal(),
            paint: Paint::new(color, terminal),
            notes_paint: Paint::new(color, io::stderr().is_terminal()),
            server: String::new(),
        }
    }

    /// Says which server is talked to, as a flag: none where a command finds it without.
    pub(crate) fn at_server(&mut self, flag: String) {
        self.server = flag;
    }

    /// A command to try next, at the server that was talked to.
    pub(crate) fn command(&self, line: impl Display) -> String {
        format!("hooklab {line}{}", self.server)
    }

    /// Whether data is told as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Text in this ink, if stdout shows colours.
    pub(crate) fn ink(&self, ink: Ink, text: impl Display) -> String {
        self.paint.ink(ink, text)
    }

    /// One line of our own text.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        self.write(format!("{text}\n").as_bytes())
    }

    /// One line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::new(Code::Bug, format!("write JSON: {error}")))?;
        self.json_text(&text)
    }

    /// One line of JSON that is text already; to a terminal, nothing in it is sent that could act.
    pub(crate) fn json_text(&mut self, text: &str) -> Result<(), Failure> {
        if self.terminal {
            return self.line(escape::json(text));
        }
        self.line(text)
    }

    /// A table, its columns aligned.
    pub(crate) fn table(&mut self, table: &Table) -> Result<(), Failure> {
        self.write(table.render(self.paint).as_bytes())
    }

    /// Captured bytes, exactly; to a terminal they go escaped, since they are not ours.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.terminal {
            return self.line(escape::terminal_bytes(bytes, true));
        }
        self.write(bytes)
    }

    /// Captured bytes that come piece by piece; to a terminal they go line by line, escaped.
    pub(crate) fn piece(&mut self, pieces: &mut Pieces, piece: &[u8]) -> Result<(), Failure> {
        if !self.terminal {
            return self.write(piece);
        }
        pieces.0.extend_from_slice(piece);
        let Some(end) = pieces.0.iter().rposition(|&byte| byte == b'\n') else { return Ok(()) };
        let lines: Vec<u8> = pieces.0.drain(..=end).collect();
        self.line(escape::terminal_bytes(&lines[..end], true))
    }

    /// The end of what came piece by piece.
    pub(crate) fn last_piece(&mut self, pieces: &Pieces) -> Result<(), Failure> {
        match pieces.0.is_empty() {
            true => Ok(()),
            false => self.bytes(&pieces.0),
        }
    }

    /// A line for people, on stderr; lost where nobody reads it.
    pub(crate) fn note(&mut self, text: impl Display) {
        let _ = writeln!(self.notes, "{}", self.notes_paint.ink(Ink::Dim, text));
    }

    /// Whether somebody sees a line on stderr that is written over and over.
    pub(crate) fn shows_progress(&self) -> bool {
        self.notes_terminal
    }

    /// A line on stderr in the place of the one before it; an empty one takes it away.
    pub(crate) fn progress(&mut self, text: impl Display) {
        if self.notes_terminal {
            let _ = write!(self.notes, "\r\x1b[K{}", self.notes_paint.ink(Ink::Dim, text));
            let _ = self.notes.flush();
        }
    }

    /// Tells a failure on stderr; `failed to …`.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        if !failure.told.is_empty() {
            let error = self.notes_paint.ink(Ink::Red, "error:");
            let told = escape::terminal(&failure.told, true);
            let _ = writeln!(self.notes, "{error} failed to {told}");
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).and_then(|()| self.out.flush()).map_err(|error| {
            match error.kind() {
                io::ErrorKind::BrokenPipe => Failure::nobody_reads(),
                _ => Failure::usage(format!("write to standard output: {error}")),
            }
        })
    }
}

/// Captured text on one line, safe for a terminal.
pub(crate) fn shown(text: &str) -> String {
    escape::terminal(text, false)
}

/// Captured text over lines, safe for a terminal.
pub(crate) fn shown_lines(text: &str) -> String {
    escape::terminal(text, true)
}

/// Captured bytes on one line, safe for a terminal.
pub(crate) fn shown_bytes(bytes: &[u8]) -> String {
    escape::terminal_bytes(bytes, false)
}

/// A size for people, such as `612 B` or `9.0 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    let mut unit = "B";
    let mut tenths = u128::from(bytes) * 10;
    for bigger in ["KiB", "MiB", "GiB", "TiB"] {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = bigger;
    }
    match unit {
        "B" => format!("{bytes} B"),
        _ => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

/// A duration for people from microseconds, such as `0.8 ms` or `1.25 s`.
pub(crate) fn micros(us: u64) -> String {
    match us {
        0..=999_999 => format!("{}.{} ms", us / 1000, us % 1000 / 100),
        _ => format!("{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A writer whose text can be looked at.
    #[derive(Clone, Default)]
    pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

    impl Page {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A report without colour, and the page that it writes its data to.
    pub(crate) fn on_page(json: bool, terminal: bool) -> (Report, Page) {
        let page = Page::default();
        let plain = Paint::new(ColorWhen::Never, terminal);
        let report = Report {
            out: Box::new(page.clone()),
            notes: Box::new(io::sink()),
            json,
            terminal,
            notes_terminal: false,
            paint: plain,
            notes_paint: plain,
            server: String::new(),
        };
        (report, page)
    }

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_success() {
        let (mut report, _) = on_page(false, false);
        report.out = Box::new(Gone);
        assert_eq!(report.line("x").unwrap_err(), Failure::nobody_reads());
    }

    #[test]
    fn captured_bytes_are_exact_in_a_pipe_and_escaped_on_a_terminal() {
        let (mut report, page) = on_page(false, false);
        report.bytes(b"a\x1b[2J\r\n").unwrap();
        assert_eq!(page.text(), "a\x1b[2J\r\n");
        let (mut report, page) = on_page(false, true);
        report.bytes(b"a\x1b[2J\r\n").unwrap();
        assert_eq!(page.text(), "a\\u{1b}[2J\\r\n\n");
    }

    #[test]
    fn pieces_are_whole_lines_on_a_terminal() {
        for (terminal, want) in [(true, "a\\u{1b}\nbc\nd\n"), (false, "a\x1b\nbc\nd")] {
            let (mut report, page) = on_page(false, terminal);
            let mut pieces = Pieces::default();
            for piece in [&b"a\x1b"[..], b"\nb", b"c\nd"] {
                report.piece(&mut pieces, piece).unwrap();
            }
            report.last_piece(&pieces).unwrap();
            assert_eq!(page.text(), want);
        }
    }

    #[test]
    fn sizes_and_durations_read_well() {
        let sizes: Vec<_> = [0, 612, 1023, 1024, 9 << 20, u64::MAX].into_iter().map(size).collect();
        assert_eq!(sizes[..5], ["0 B", "612 B", "1023 B", "1.0 KiB", "9.0 MiB"]);
        assert_eq!(micros(840), "0.8 ms");
        assert_eq!(micros(12_345), "12.3 ms");
        assert_eq!(micros(1_250_000), "1.25 s");
    }
}
