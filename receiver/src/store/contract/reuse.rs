//! A dead segment becomes the next one, and nothing of what it was comes back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering::SeqCst;

use super::Home;
use super::dropping::{assert_whole, copied, sliding};
use super::space::eventually;
use crate::store::record::{HEADER_BYTES, stamp};
use crate::store::{At, Store};

/// A store that has gone through its segments several times, and the newest of its seqs.
async fn turned_over(home: &Home) -> (Store, u64) {
    let store = home.open();
    sliding(&store).await;
    let mut newest = 0;
    for _ in 0..20 {
        for _ in 0..10 {
            newest = store.put("a", &"x".repeat(300)).await;
        }
        eventually("it is tidy", || home.files("seg").len() <= 5).await;
    }
    (store, newest)
}

/// The newest segment: its path, and its bytes.
fn newest(home: &Home) -> (PathBuf, Vec<u8>) {
    let path = home.files("seg").pop().unwrap();
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_of_a_dead_one_is_written_again() {
    let home = Home::small_segments(4 * 1024);
    let store = home.open();
    sliding(&store).await;
    // Each is held open, so that no other file gets its inode.
    let mut held: BTreeMap<u64, (File, Vec<PathBuf>)> = BTreeMap::new();
    for seq in 1..=300 {
        assert_eq!(store.put("a", &"x".repeat(300)).await, seq);
        eventually("it is tidy", || home.files("seg").len() <= 5).await;
        for path in home.files("seg") {
            // It may be going just now.
            let Ok(file) = File::open(&path) else { continue };
            let (_, names) =
                held.entry(file.metadata().unwrap().ino()).or_insert((file, Vec::new()));
            if names.last() != Some(&path) {
                names.push(path);
            }
        }
    }
    let used = held.values().map(|(_, names)| names.len()).max();
    assert!(used > Some(3), "{used:?}");
    assert_whole(&store, 300, "while it is open");
    let store = home.reopen(store).await;
    assert_whole(&store, 300, "opened again");
}

/// A store that keeps a dead segment just now, and where that is; the newest has room left, so that
/// the next write does not need it.
async fn sparing(home: &Home) -> (Store, PathBuf) {
    let store = home.open();
    sliding(&store).await;
    let spare = home.path().join("spare");
    for _ in 0..1_000 {
        let before = home.files("seg").pop();
        store.put("a", &"x".repeat(300)).await;
        let has_begun = home.files("seg").pop() != before;
        eventually("it is tidy", || home.files("seg").len() <= 5).await;
        if has_begun && spare.exists() {
            return (store, spare);
        }
    }
    panic!("no segment was ever kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_closed_leaves_none_behind() {
    let home = Home::small_segments(4 * 1024);
    let (store, spare) = sparing(&home).await;
    store.close().await;
    assert!(!spare.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_it_goes_first_and_deletes_have_what_is_kept_for_them() {
    let home = Home::small_segments(4 * 1024);
    let (store, spare) = sparing(&home).await;
    store.faults().short_writes.store(1, SeqCst);
    let seq = store.put("a", "x").await;
    assert!(!spare.exists());
    assert_eq!(store.read("a", At::Latest).unwrap().unwrap().seq, seq);
    store.close().await;

    let home = Home::small_segments(4 * 1024);
    let (store, spare) = sparing(&home).await;
    store.faults().short_writes.store(2, SeqCst);
    assert!(store.clear("a").await.unwrap().is_some());
    assert!(!spare.exists());
}

/// As a crash leaves it: behind the newest record stand those of the segment that the file was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_was_stays_dead_after_a_crash() {
    let home = Home::small_segments(4 * 1024);
    let (mut store, mut acknowledged) = turned_over(&home).await;
    let mut left_over = 0;
    for round in 0..30 {
        acknowledged = store.put("a", &"x".repeat(300)).await;
        eventually("it is tidy", || home.files("seg").len() <= 5).await;
        let crash = Home::small_segments(4 * 1024);
        copied(&home.path(), &crash);
        let before = newest(&crash).1.len();
        let copy = crash.open();
        left_over += usize::from(newest(&crash).1.len() < before);
        assert_whole(&copy, acknowledged, &format!("round {round}"));
        assert_eq!(copy.put("a", "more").await, acknowledged + 1);
        let copy = crash.reopen(copy).await;
        assert_eq!(copy.read("a", At::Latest).unwrap().unwrap().body.wire, "more");
        copy.close().await;
        if round % 10 == 9 {
            store = home.reopen(store).await;
        }
    }
    assert!(left_over > 3, "no copy held anything of what the file was");
    assert_whole(&store, acknowledged, "at the end");
}

/// A power cut can keep the name that a file was given, and lose what was written to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_still_says_what_it_was_holds_nothing() {
    let home = Home::small_segments(4 * 1024);
    let (store, acknowledged) = turned_over(&home).await;
    store.close().await;
    let (newest, whole) = newest(&home);
    let number: u32 = newest.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    // The newest but one, under the name of the next.
    let next = newest.with_file_name(format!("{:010}.seg", number + 1));
    fs::write(&next, &whole).unwrap();
    let store = home.open();
    assert_whole(&store, acknowledged, "as the newest");
    assert_eq!(store.put("a", "x").await, acknowledged + 1);
    store.close().await;
    fs::write(next.with_file_name(format!("{:010}.seg", number + 2)), &whole).unwrap();
    let store = home.open();
    assert_whole(&store, acknowledged + 1, "once more");
}

/// In segments of the first kind the directory's number marks every record.
#[tokio::test]
async fn segments_of_the_first_kind_are_read_and_written_on() {
    let home = Home::small_segments(1 << 20);
    let store = home.open();
    for _ in 0..5 {
        store.put("a", "body").await;
    }
    store.close().await;
    let (path, mut bytes) = newest(&home);
    let directory: [u8; 8] = *bytes[8..].first_chunk().unwrap();
    bytes[7] = 1;
    let crc = crc32c::crc32c(&bytes[..20]);
    bytes[20..24].copy_from_slice(&crc.to_le_bytes());
    let mut at = 24;
    while at < bytes.len() {
        let length =
            |from: usize| u32::from_le_bytes(*bytes[from..].first_chunk().unwrap()) as usize;
        let record = HEADER_BYTES + length(at + 12) + length(at + 16);
        stamp(&mut bytes[at..at + record], u64::from_le_bytes(directory));
        at += record;
    }
    fs::write(&path, bytes).unwrap();
    let mut store = home.open();
    for seq in 6..9 {
        assert_eq!(store.put("a", "more").await, seq);
        store = home.reopen(store).await;
        assert!(store.seqs("a").into_iter().eq(1..=seq));
        assert_eq!(store.read("a", At::Seq(1)).unwrap().unwrap().body.wire, "body");
    }
    assert_eq!(newest(&home).1[7], 1);
}
