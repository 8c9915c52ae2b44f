//! One bin with its captures in one file: a line that tells of the bin, the captures as NDJSON, a
//! line that ends it with a digest, so that a torn file is seen before anything of it is imported.

use std::fmt::Write as _;
use std::io::{self, BufRead, Seek, SeekFrom, Write};

use hooklab_shared::bin::NewBin;
use hooklab_shared::capture::Capture;
use hooklab_shared::limits::Limits;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::import::{ImportError, Lines, Refusal};
use super::{ExportError, Exported, ndjson};

/// The version that is written, and the only one that is read.
const VERSION: u64 = 1;

/// How an end begins, and no capture: it saves reading every capture twice.
const END: &[u8] = b"{\"end\":";

/// Writes a bundle: what the bin is made from, and its captures, of which there are `count`; what
/// the iterator gives beyond that is left in it.
///
/// # Errors
/// Those of `out`, and [`ExportError::Shrank`] when there are fewer captures; then the bundle has
/// no end, and no import takes it.
pub fn write(
    bin: &NewBin,
    count: u64,
    captures: impl Iterator<Item = impl Into<Exported>>,
    out: &mut impl Write,
) -> Result<(), ExportError> {
    let mut out = Digesting { out, digest: Sha256::new() };
    let begin = Begin { hooklab: "bundle".into(), v: VERSION, bin, count };
    serde_json::to_writer(&mut out, &begin).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    let mut given = 0;
    let mut captures = captures;
    while given < count {
        let Some(capture) = captures.next() else {
            return Err(ExportError::Shrank { told: count, given });
        };
        ndjson::write(&capture.into(), &mut out)?;
        given += 1;
    }
    let Digesting { out, digest } = out;
    let end = End { end: true, count, sha256: hex(digest) };
    serde_json::to_writer(&mut *out, &end).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// A bundle that has been read to its end once and found whole; iterate over it for its captures.
///
/// ```
/// use hooklab_receiver::export::{Exported, bundle::{self, Bundle}};
/// use hooklab_shared::{bin::NewBin, limits::Limits};
/// let bin = NewBin { name: "orders".parse().ok(), ..NewBin::default() };
/// let mut file = Vec::new();
/// bundle::write(&bin, 0, std::iter::empty::<Exported>(), &mut file).unwrap();
/// let bundle = Bundle::open(std::io::Cursor::new(file), Limits::default()).unwrap();
/// assert_eq!((bundle.bin, bundle.count), (bin, 0));
/// ```
#[derive(Debug)]
pub struct Bundle<R> {
    /// What the bin is made from.
    pub bin: NewBin,
    /// How many captures it holds.
    pub count: u64,
    lines: Lines<R>,
    limits: Limits,
    given: u64,
}

impl<R: BufRead + Seek> Bundle<R> {
    /// Reads a bundle to its end, from where the reader stands, and goes back.
    ///
    /// # Errors
    /// What is wrong with it: it breaks off, was damaged, holds a line that is no capture, is of
    /// another version, or is no bundle. Nothing has been imported then.
    pub fn open(mut reader: R, limits: Limits) -> Result<Self, ImportError> {
        let unread = |error| Refusal::Read(error).at(1);
        let start = reader.stream_position().map_err(unread)?;
        let mut lines = Lines::new(reader, &limits);
        let begin = check(&mut lines, &limits)?;
        let mut reader = lines.into_inner();
        reader.seek(SeekFrom::Start(start)).map_err(unread)?;
        let mut lines = Lines::new(reader, &limits);
        lines.next()?;
        Ok(Self { bin: begin.bin, count: begin.count, lines, limits, given: 0 })
    }
}

/// The captures, in order. An error means that the file was changed after it had been opened.
impl<R: BufRead> Iterator for Bundle<R> {
    type Item = Result<Capture, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.given == self.count {
            return None;
        }
        let number = self.lines.number() + 1;
        let torn = Refusal::Torn { held: self.given, told: self.count };
        self.given += 1;
        let failed = match self.lines.next() {
            Ok(Some(line)) => return Some(ndjson::read(line, number, &self.limits)),
            Ok(None) => torn.at(number),
            Err(error) => error,
        };
        self.given = self.count;
        Some(Err(failed))
    }
}

#[derive(Serialize, Deserialize)]
struct Begin<B> {
    hooklab: String,
    v: u64,
    bin: B,
    count: u64,
}

#[derive(Deserialize)]
struct Version {
    hooklab: String,
    v: u64,
}

#[derive(Serialize, Deserialize)]
struct End {
    end: bool,
    count: u64,
    sha256: String,
}

fn check<R: BufRead>(lines: &mut Lines<R>, limits: &Limits) -> Result<Begin<NewBin>, ImportError> {
    let first = lines.next()?.ok_or_else(|| Refusal::NotABundle.at(1))?;
    let begin = begin(first).map_err(|refusal| refusal.at(1))?;
    let mut digest = Sha256::new_with_prefix(first);
    let mut held = 0;
    loop {
        let number = lines.number() + 1;
        match lines.next()? {
            None => return Err(Refusal::Torn { held, told: begin.count }.at(number)),
            Some(line) if line.starts_with(END) => {
                end(line, digest, held, begin.count).map_err(|refusal| refusal.at(number))?;
                break;
            }
            // A line without its newline was cut: what is missing of it would be told instead.
            Some(line) if !line.ends_with(b"\n") => {
                return Err(Refusal::Torn { held, told: begin.count }.at(number));
            }
            Some(line) => {
                ndjson::read(line, number, limits)?;
                digest.update(line);
                held += 1;
            }
        }
    }
    match lines.next()? {
        None => Ok(begin),
        Some(_) => Err(Refusal::Overlong.at(lines.number())),
    }
}

/// The version is looked at before the rest, which another version may have otherwise.
fn begin(line: &[u8]) -> Result<Begin<NewBin>, Refusal> {
    match serde_json::from_slice::<Version>(line) {
        Ok(Version { hooklab, v }) if hooklab == "bundle" => {
            if v != VERSION {
                return Err(Refusal::OtherVersion { v });
            }
        }
        _ => return Err(Refusal::NotABundle),
    }
    serde_json::from_slice(line).map_err(|error| Refusal::BadBundle(ndjson::why(&error)))
}

fn end(line: &[u8], digest: Sha256, held: u64, told: u64) -> Result<(), Refusal> {
    let Ok(end) = serde_json::from_slice::<End>(line) else {
        return Err(Refusal::Torn { held, told });
    };
    if end.sha256 != hex(digest) {
        return Err(Refusal::Damaged);
    }
    if end.count != held || told != held {
        return Err(Refusal::Miscounted { held, told });
    }
    Ok(())
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Digests what it writes.
struct Digesting<'a, W> {
    out: &'a mut W,
    digest: Sha256,
}

impl<W: Write> Write for Digesting<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
