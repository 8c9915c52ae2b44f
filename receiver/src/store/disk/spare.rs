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

/// How long it waits to be needed, and for how long none is kept once the disk was full.
const KEPT_FOR: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Spare {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Since when there is one.
    since: Option<Instant>,
    /// When the disk was last found full.
    full: Option<Instant>,
}

impl Spare {
    /// None is there yet; one that a crash left is removed.
    pub(super) fn new(directory: &Path) -> Self {
        let path = directory.join("spare");
        // Most often there is none; one that stays is replaced by the next.
        let _ = fs::remove_file(&path);
        Self { path, state: Mutex::default() }
    }

    /// Takes over a dead segment, or removes it where one is kept already or its room is asked for.
    ///
    /// # Errors
    /// The file system refuses it; the segment is still there.
    pub(super) fn keep(&self, dead: &Path, now: Instant) -> io::Result<()> {
        let mut state = self.state();
        let is_full = state.full.is_some_and(|full| now.saturating_duration_since(full) < KEPT_FOR);
        if is_full || state.since.is_some() {
            return fs::remove_file(dead);
        }
        fs::rename(dead, &self.path)?;
        state.since = Some(now);
        Ok(())
    }

    /// Gives it away under this name; says whether there was one.
    pub(super) fn take(&self, to: &Path) -> bool {
        self.state().since.take().is_some() && fs::rename(&self.path, to).is_ok()
    }

    /// Removes it; says whether that gave room back.
    pub(super) fn give_up(&self) -> bool {
        self.state().since.take().is_some() && fs::remove_file(&self.path).is_ok()
    }

    /// The disk is full: removes it, and what dies in the time that follows is removed as well.
    /// Says whether that gave room back.
    pub(super) fn make_room(&self, now: Instant) -> bool {
        self.state().full = Some(now);
        self.give_up()
    }

    /// For how long it is still kept, if there is one.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let kept = now.saturating_duration_since(self.state().since?);
        Some(KEPT_FOR.saturating_sub(kept))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn none_is_kept_where_the_disk_was_full() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let (spare, now) = (Spare::new(home.path()), Instant::now());
        let keep = |name: &str, now| {
            fs::write(at(name), name).unwrap();
            spare.keep(&at(name), now).unwrap();
            assert!(!at(name).exists(), "{name}");
            at("spare").exists()
        };
        assert!(!spare.make_room(now));
        assert!(!keep("1", now) && !keep("2", now + KEPT_FOR / 2));
        assert!(keep("3", now + KEPT_FOR));
        assert!(spare.make_room(now + KEPT_FOR));
        assert!(!keep("4", now + KEPT_FOR));
    }
}
