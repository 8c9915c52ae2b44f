//! Space that is kept free for what frees space: on a full disk even a delete has to be written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What is kept, in bytes: enough for the records of deletes, and for what is written again before
/// the first dead segment goes.
const RESERVED_BYTES: u64 = 1024 * 1024;

/// What is written to see whether there is room, in bytes: more than the smallest capture takes.
const PROBE_BYTES: usize = 4096;

/// A file whose only use is the room it takes.
#[derive(Debug)]
pub(super) struct Reserve(PathBuf);

impl Reserve {
    /// Makes it as large as it is to be; where there is no room, there is none.
    pub(super) fn new(directory: &Path) -> Self {
        let reserve = Self(directory.join("reserve"));
        if let Err(error) = reserve.fill() {
            tracing::warn!(%error, "no space is kept for deletes on a full disk");
        }
        reserve
    }

    /// Makes it as large again as it was.
    ///
    /// # Errors
    /// There is no room for it yet.
    pub(super) fn fill(&self) -> io::Result<()> {
        if fs::metadata(&self.0).is_ok_and(|found| found.len() == RESERVED_BYTES) {
            return Ok(());
        }
        let filled = fs::write(&self.0, vec![0; RESERVED_BYTES as usize]);
        if filled.is_err() {
            self.spend();
        }
        filled
    }

    /// Whether there is room beside it: writes a little, and takes it back.
    ///
    /// # Errors
    /// There is none, or nothing can be written.
    pub(super) fn probe(&self) -> io::Result<()> {
        // Not in the reserve: that may be spent meanwhile.
        let path = self.0.with_file_name("probe");
        let written = fs::write(&path, [0; PROBE_BYTES]);
        fs::remove_file(&path).and(written)
    }

    /// Gives its room away; says whether it had any.
    pub(super) fn spend(&self) -> bool {
        let had = fs::metadata(&self.0).is_ok_and(|found| found.len() > 0);
        had && File::create(&self.0).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_spent_once_and_filled_again() {
        let home = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(home.path());
        let bytes = || fs::metadata(home.path().join("reserve")).unwrap().len();
        assert_eq!(bytes(), RESERVED_BYTES);
        assert!(reserve.spend());
        assert_eq!(bytes(), 0);
        assert!(!reserve.spend());
        reserve.fill().unwrap();
        reserve.probe().unwrap();
        assert_eq!(bytes(), RESERVED_BYTES);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
