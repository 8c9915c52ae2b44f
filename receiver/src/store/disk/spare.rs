//! A dead segment that becomes the next one instead of being removed: where its pages and blocks
//! are there already, writing costs a third and syncing half of what a new file asks for.
//!
//! It is kept for a moment only, and goes with the store's end: what was deleted is not to lie
//! about, and nothing is gained by it where segments fill slowly.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long it waits to be needed.
const KEPT_FOR: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Spare {
    path: PathBuf,
    /// Since when there is one.
    since: Mutex<Option<Instant>>,
}

impl Spare {
    /// None is there yet; one that a crash left is removed.
    pub(super) fn new(directory: &Path) -> Self {
        let path = directory.join("spare");
        // Most often there is none; one that stays is replaced by the next.
        let _ = fs::remove_file(&path);
        Self { path, since: Mutex::default() }
    }

    /// Takes over a dead segment, or removes it where one is kept already.
    ///
    /// # Errors
    /// The file system refuses it; the segment is still there.
    pub(super) fn keep(&self, dead: &Path, now: Instant) -> io::Result<()> {
        let mut since = self.since();
        if since.is_some() {
            return fs::remove_file(dead);
        }
        fs::rename(dead, &self.path)?;
        *since = Some(now);
        Ok(())
    }

    /// Gives it away under this name; says whether there was one.
    pub(super) fn take(&self, to: &Path) -> bool {
        self.since().take().is_some() && fs::rename(&self.path, to).is_ok()
    }

    /// Removes it; says whether that gave room back.
    pub(super) fn give_up(&self) -> bool {
        self.since().take().is_some() && fs::remove_file(&self.path).is_ok()
    }

    /// For how long it is still kept, if there is one.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let kept = now.saturating_duration_since((*self.since())?);
        Some(KEPT_FOR.saturating_sub(kept))
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_kept_for_a_while_and_given_away_once() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::write(at("spare"), "left by a crash").unwrap();
        let spare = Spare::new(home.path());
        assert!(!at("spare").exists());
        let now = Instant::now();
        assert_eq!(spare.left(now), None);
        assert!(!spare.take(&at("3")));
        for name in ["1", "2"] {
            fs::write(at(name), name).unwrap();
            spare.keep(&at(name), now).unwrap();
            assert!(!at(name).exists(), "{name}");
        }
        assert_eq!(spare.left(now), Some(KEPT_FOR));
        assert_eq!(spare.left(now + 2 * KEPT_FOR), Some(Duration::ZERO));
        assert!(spare.take(&at("3")));
        assert_eq!(fs::read(at("3")).unwrap(), b"1");
        assert!(!spare.give_up());
        spare.keep(&at("3"), now).unwrap();
        assert!(spare.give_up());
        assert!(!at("spare").exists() && !spare.take(&at("4")));
    }
}
