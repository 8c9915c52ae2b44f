//! `export`: a bin's captures in a form that other tools read, or that can be imported again.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use hooklab_shared::id::BinName;

use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::{Pieces, Report};

/// What, how and where to.
#[derive(Args)]
pub(crate) struct ExportArgs {
    /// The bin
    bin: BinName,
    /// As what
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Ndjson)]
    format: Format,
    /// Only captures that this asks for; a bundle holds all
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    query: Option<String>,
    /// Into this file, whole or not at all [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What captures are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// An HTTP Archive, which browsers and proxies open
    Har,
    /// One object a line; can be imported again without loss
    Ndjson,
    /// A curl command each, safe under any POSIX shell
    Curl,
    /// The bin and all its captures, with a digest; can be imported again
    Bundle,
}

impl Format {
    /// As the API names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Har => "har",
            Self::Ndjson => "ndjson",
            Self::Curl => "curl",
            Self::Bundle => "bundle",
        }
    }
}

/// Runs it.
pub(crate) async fn run(
    args: &ExportArgs,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    if args.format == Format::Bundle && args.query.is_some() {
        return Err(Failure::usage(
            "export a part of a bundle: it holds all captures; leave --query out, or take ndjson",
        ));
    }
    let parameters = [("format", Some(args.format.as_str().to_owned())), ("q", args.query.clone())];
    let url = client.asking(["bins", args.bin.as_str(), "export"], parameters);
    let Some(path) = &args.output else {
        let mut pieces = Pieces::default();
        client.get_pieces(&url, |piece| report.piece(&mut pieces, piece)).await?;
        report.last_piece(&pieces)?;
        return Ok(Code::Done);
    };
    let mut file = Unfinished::create(path)?;
    client.get_pieces(&url, |piece| file.write(piece)).await?;
    let bytes = file.finish()?;
    report.note(format_args!("{} written to {}", crate::report::size(bytes), path.display()));
    Ok(Code::Done)
}

/// A file that takes its name when it is whole, and goes away when it never is.
struct Unfinished<'a> {
    path: &'a Path,
    beside: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
}

impl<'a> Unfinished<'a> {
    fn create(path: &'a Path) -> Result<Self, Failure> {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(name);
        let file = File::create(&beside).map_err(|error| told(path, &error))?;
        Ok(Self { path, beside, file: BufWriter::new(file), bytes: 0 })
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.bytes += piece.len() as u64;
        self.file.write_all(piece).map_err(|error| told(self.path, &error))
    }

    fn finish(mut self) -> Result<u64, Failure> {
        let written = self.file.flush().and_then(|()| fs::rename(&self.beside, self.path));
        written.map_err(|error| told(self.path, &error)).map(|()| self.bytes)
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.beside);
    }
}

fn told(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("write {}: {error}; give another by --output", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_not_there() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("e.har");
        let mut torn = Unfinished::create(&path).unwrap();
        torn.write(b"half").unwrap();
        drop(torn);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
        let mut whole = Unfinished::create(&path).unwrap();
        whole.write(b"all").unwrap();
        assert_eq!(whole.finish().unwrap(), 3);
        assert_eq!(fs::read(&path).unwrap(), b"all");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        assert!(
            Unfinished::create(Path::new("/no/such/e")).err().unwrap().told.contains("--output")
        );
    }
}
