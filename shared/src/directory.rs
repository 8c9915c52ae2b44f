//! A data directory: its format, and the lock that keeps a second process out.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

const FORMAT_FILE: &str = "FORMAT";
const LOCK_FILE: &str = "LOCK";

/// A directory of ours, locked until it is dropped.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    _lock: File,
}

/// Why a directory cannot be used. Nothing in it has been changed.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// The file system said no.
    #[error(
        "use {path}: {error}; check its owner, its mode, and the space on the disk, or give \
         another place with --store"
    )]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// Another process has it.
    #[error(
        "use {0}: another hooklab has it open; stop that one, or give another place with --store"
    )]
    Locked(PathBuf),
    /// It is somebody else's.
    #[error("use {0}: it holds files that are not hooklab's; give an empty directory with --store")]
    Foreign(PathBuf),
    /// It was written by a newer release, or is damaged.
    #[error(
        "use {path}: its format is `{found}`, this release reads `{wanted}`; use the release that \
         wrote it, or give another place with --store"
    )]
    Format {
        /// The directory.
        path: PathBuf,
        /// What its format file says.
        found: String,
        /// What this release reads.
        wanted: String,
    },
}

impl Directory {
    /// Opens or makes a directory of this kind, such as `captures 1`, and locks it.
    ///
    /// An existing directory that is not empty must carry the same kind; else it is left untouched.
    ///
    /// # Errors
    /// It cannot be made or read, is locked, foreign, or of another format.
    pub fn open(path: &Path, kind: &str) -> Result<Self, DirectoryError> {
        let io = |at: &Path| {
            let path = at.to_owned();
            move |error| DirectoryError::Io { path, error }
        };
        let format = path.join(FORMAT_FILE);
        let wanted = format!("hooklab {kind}");
        match fs::read(&format) {
            Ok(found) => check(path, &found, &wanted)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => refuse_foreign(path)?,
            Err(error) => return Err(io(&format)(error)),
        }
        make(path).map_err(io(path))?;
        let at = path.join(LOCK_FILE);
        let lock =
            File::options().create(true).truncate(false).write(true).open(&at).map_err(io(&at))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DirectoryError::Locked(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(io(&at)(error)),
        }
        if !format.exists() {
            write_format(path, &format, &wanted).map_err(io(&format))?;
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Whether it can be opened, as far as can be told without making or changing anything: for
    /// whoever opens more than one and wants all of them or none.
    ///
    /// # Errors
    /// As [`Directory::open`], but for a place that cannot be written to.
    pub fn vet(path: &Path, kind: &str) -> Result<(), DirectoryError> {
        let io = |at: &Path| {
            let path = at.to_owned();
            move |error| DirectoryError::Io { path, error }
        };
        let format = path.join(FORMAT_FILE);
        match fs::read(&format) {
            Ok(found) => check(path, &found, &format!("hooklab {kind}"))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => refuse_foreign(path)?,
            Err(error) => return Err(io(&format)(error)),
        }
        let at = path.join(LOCK_FILE);
        match File::open(&at).map(|lock| lock.try_lock()) {
            Ok(Err(TryLockError::WouldBlock)) => Err(DirectoryError::Locked(path.to_owned())),
            Ok(Err(TryLockError::Error(error))) => Err(io(&at)(error)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io(&at)(error)),
            _ => Ok(()),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn check(path: &Path, found: &[u8], wanted: &str) -> Result<(), DirectoryError> {
    let found = String::from_utf8_lossy(&found[..found.len().min(80)]).trim().to_owned();
    if found == wanted {
        return Ok(());
    }
    if !found.starts_with("hooklab ") {
        return Err(DirectoryError::Foreign(path.to_owned()));
    }
    Err(DirectoryError::Format { path: path.to_owned(), found, wanted: wanted.to_owned() })
}

/// What was captured holds other people's credentials: nobody else may read it.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A crash between making the directory and naming its format leaves at most the lock.
fn refuse_foreign(path: &Path) -> Result<(), DirectoryError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(DirectoryError::Io { path: path.to_owned(), error }),
    };
    for entry in entries {
        let entry = entry.map_err(|error| DirectoryError::Io { path: path.to_owned(), error })?;
        let name = entry.file_name();
        if name != LOCK_FILE && name != "FORMAT.new" {
            return Err(DirectoryError::Foreign(path.to_owned()));
        }
    }
    Ok(())
}

/// Named whole or not at all: a half-written format would lock the user out.
fn write_format(path: &Path, format: &Path, wanted: &str) -> io::Result<()> {
    let new = path.join("FORMAT.new");
    let mut file = File::create(&new)?;
    writeln!(file, "{wanted}")?;
    file.sync_all()?;
    fs::rename(&new, format)?;
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_one_format_and_nothing_foreign() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b");
        let first = Directory::open(&path, "captures 1").unwrap();
        let error = Directory::open(&path, "captures 1").unwrap_err();
        assert!(matches!(error, DirectoryError::Locked(_)), "{error}");
        let error = Directory::vet(&path, "captures 1").unwrap_err();
        assert!(matches!(error, DirectoryError::Locked(_)), "{error}");
        drop(first);
        assert!(Directory::vet(&path, "captures 1").is_ok());
        assert!(Directory::vet(&path, "captures 2").is_err());
        assert!(Directory::vet(&home.path().join("new"), "captures 1").is_ok());
        assert!(!home.path().join("new").exists());
        let error = Directory::open(&path, "captures 2").unwrap_err();
        assert!(error.to_string().contains("captures 1"), "{error}");
        assert!(Directory::open(&path, "captures 1").is_ok());

        let foreign = home.path().join("foreign");
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("thesis.txt"), "x").unwrap();
        let error = Directory::open(&foreign, "captures 1").unwrap_err();
        assert!(matches!(error, DirectoryError::Foreign(_)), "{error}");
        assert!(Directory::vet(&foreign, "captures 1").is_err());
        assert_eq!(fs::read_dir(&foreign).unwrap().count(), 1);
    }
}
