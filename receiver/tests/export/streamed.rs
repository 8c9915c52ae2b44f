//! An export holds one capture at a time, however many there are.

use std::cell::Cell;
use std::io::{self, Write};

use hooklab_receiver::export::{ExportError, Format, bundle, write};
use hooklab_shared::bin::NewBin;
use hooklab_shared::capture::Capture;

use super::hostile;

/// Counts what it takes, until it takes no more.
struct Counted<'a> {
    bytes: &'a Cell<usize>,
    most: usize,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.get() > self.most {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.bytes.set(self.bytes.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Captures that are given only when the one before has been written.
fn in_turn(written: &Cell<usize>) -> impl Iterator<Item = Capture> {
    let mut before = None;
    hostile::captures(1, 200).inspect(move |_| {
        assert!(before < Some(written.get()), "the capture before is still held");
        before = Some(written.get());
    })
}

#[test]
fn each_capture_is_written_before_the_next_is_taken() {
    let written = Cell::new(0);
    let out = || Counted { bytes: &written, most: usize::MAX };
    for format in Format::ALL {
        write(format, "http://h", in_turn(&written), &mut out()).unwrap();
    }
    bundle::write(&NewBin::default(), 200, in_turn(&written), &mut out()).unwrap();
}

#[test]
fn a_broken_pipe_ends_it_at_once() {
    for format in Format::ALL {
        let written = Cell::new(0);
        let taken = Cell::new(0);
        let captures = hostile::captures(1, 200).inspect(|_| taken.set(taken.get() + 1));
        let mut out = Counted { bytes: &written, most: 20_000 };
        let ended = write(format, "http://h", captures, &mut out);
        let Err(ExportError::Write(error)) = ended else { panic!("{format:?}") };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{format:?}");
        assert!(taken.get() < 100, "{format:?}");
    }
}
