//! Crashes in the middle of what retention does: copies of the directory, opened.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use hooklab_shared::bin::{Config, Keep};
use hooklab_shared::id::Timestamp;

use super::{Home, name};
use crate::store::{Durability, Store};

const KEPT: u64 = 20;

fn home(level: Durability) -> Home {
    let mut home = Home::small_segments(4 * 1024);
    home.level = level;
    home
}

/// A copy as a crash leaves it, while the keeper may still be at work: what was read twice alike
/// was there at one moment, between the two.
pub(super) fn copied(from: &Path, into: &Home) {
    fs::create_dir_all(into.path()).unwrap();
    let mut before = BTreeMap::new();
    for _ in 0..1_000 {
        let now = contents(from);
        if now == before {
            for (name, bytes) in now {
                fs::write(into.path().join(name), bytes).unwrap();
            }
            return;
        }
        before = now;
    }
    panic!("the store never held still");
}

fn contents(directory: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    // What goes just now is missing once, and then it is gone.
    let read = |path: PathBuf| Some((path.file_name()?.to_owned(), fs::read(&path).ok()?));
    paths.filter_map(read).collect()
}

pub(super) async fn sliding(store: &Store) {
    let keep = Keep { captures: Some(KEPT), ..Keep::default() };
    let config = Config { keep, ..Config::default() };
    store.create_bin(name("a"), config, Timestamp::default()).await.unwrap();
}

/// Whether a store that was opened on a copy holds the newest, and all that was acknowledged
/// before the copy was made, up to what may be kept.
pub(super) fn assert_whole(store: &Store, acknowledged: u64, when: &str) {
    let bin = store.bin("a").unwrap();
    let seqs = store.seqs("a");
    assert!(bin.newest_seq >= acknowledged, "{when}: {} < {acknowledged}", bin.newest_seq);
    let oldest = bin.newest_seq.saturating_sub(KEPT) + 1;
    assert!(seqs.iter().copied().eq(oldest..=bin.newest_seq), "{when}: {seqs:?}");
    assert_eq!(bin.dropped + bin.captures, bin.newest_seq, "{when}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_at_any_time_opens_to_what_may_be_kept() {
    for level in [Durability::Process, Durability::Disk] {
        let home = home(level);
        let store = home.open();
        sliding(&store).await;
        for round in 0..40 {
            let mut acknowledged = 0;
            for _ in 0..7 {
                acknowledged = store.put("a", &"x".repeat(300)).await;
            }
            let crash = self::home(level);
            super::space::eventually("it is tidy", || home.files("seg").len() <= 5).await;
            copied(&home.path(), &crash);
            let copy = crash.open();
            assert_whole(&copy, acknowledged, &format!("round {round}"));
            assert_eq!(copy.put("a", "x").await, acknowledged + 1);
            copy.close().await;
            assert_whole(&crash.open(), acknowledged + 1, "again");
        }
    }
}

/// The log cut off anywhere in its newest segment. More than a crash does, since what is cut off
/// may have been the reason why older segments went: then less is left, but no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_cut_anywhere_opens_to_a_stretch_of_the_newest() {
    let home = home(Durability::Process);
    let store = home.open();
    sliding(&store).await;
    for _ in 0..60 {
        store.put("a", &"x".repeat(100)).await;
    }
    store.close().await;
    let newest = home.files("seg").pop().unwrap();
    let whole = fs::read(&newest).unwrap();
    for cut in (24..=whole.len()).rev().step_by(13) {
        let crash = self::home(Durability::Process);
        copied(&home.path(), &crash);
        let last = crash.files("seg").pop().unwrap();
        fs::write(&last, &whole[..cut]).unwrap();
        let copy = crash.open();
        let seqs = copy.seqs("a");
        let bin = copy.bin("a");
        let newest = bin.as_ref().map_or(0, |bin| bin.newest_seq);
        // The bin's own record may be in what is cut off, and with it what the bin may keep.
        let is_told = bin.is_some_and(|bin| bin.config.keep.captures == Some(KEPT));
        assert!(!is_told || seqs.len() as u64 <= KEPT, "cut at {cut}: {seqs:?}");
        // A bin's record may know of later seqs than the cut has left.
        let last = seqs.last().copied().unwrap_or(newest);
        let stretch = last + 1 - seqs.len() as u64..=last;
        assert!(last <= newest && seqs.iter().copied().eq(stretch), "cut at {cut}: {seqs:?}");
        assert_eq!(copy.put("a", "x").await, newest + 1);
        copy.close().await;
    }
}
