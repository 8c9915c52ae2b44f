//! What a store on disk is after it has been closed, or left, and opened again.

use std::collections::BTreeMap;
use std::fs;

use hooklab_shared::bin::Config;
use hooklab_shared::directory::DirectoryError;
use hooklab_shared::id::Timestamp;

use super::{Home, capture, name};
use crate::store::{At, BinState, OpenError, Store};

/// A bit of everything.
async fn fill(store: &Store) {
    let labels = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    let config = Config { labels, ..Config::default() };
    store.create_bin(name("kept"), config, Timestamp::from_micros(7)).await.unwrap();
    for turn in 0..300 {
        store.put(["kept", "cleared", "gone", "again"][turn % 4], &"x".repeat(turn)).await;
    }
    store.delete("kept", 3).await.unwrap();
    store.clear("cleared").await.unwrap();
    store.delete_bin("gone").await.unwrap();
    store.delete_bin("again").await.unwrap();
    store.put("again", "new").await;
    for turn in 0..100 {
        store.put("kept", &"y".repeat(turn)).await;
    }
}

fn state(store: &Store) -> Vec<(BinState, Vec<u64>)> {
    let bins = store.bins(None, 100);
    bins.into_iter().map(|bin| (bin.clone(), store.seqs(bin.name.as_str()))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_state_and_no_seq_twice() {
    for home in Home::disks() {
        let mut store = home.open();
        fill(&store).await;
        let before = state(&store);
        assert_eq!(before.len(), 3);
        for _ in 0..3 {
            store = home.reopen(store).await;
            assert_eq!(state(&store), before);
        }
        assert_eq!(store.put("cleared", "").await, 76);
        assert_eq!(store.put("kept", "").await, 176);
        assert_eq!(store.put("gone", "").await, 1);
        assert_eq!(store.put("again", "").await, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seq_that_was_deleted_is_not_given_again() {
    for home in Home::disks() {
        let store = home.open();
        store.put("a", "").await;
        store.put("a", "").await;
        store.delete("a", 2).await.unwrap();
        let store = home.reopen(store).await;
        assert_eq!(store.put("a", "").await, 3);
        store.clear("a").await.unwrap();
        let store = home.reopen(store).await;
        assert_eq!(store.bin("a").unwrap().newest_seq, 3);
        assert_eq!(store.put("a", "").await, 4);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_store_at_a_time() {
    let home = Home::small_segments(16 * 1024);
    let store = home.open();
    let second = home.try_open().unwrap_err();
    assert!(matches!(second, OpenError::Directory(DirectoryError::Locked(_))), "{second}");
    store.put("a", "").await;
    drop(store);
    // Nobody closed it: the writer ends by itself, and gives the directory free.
    let mut tries = 0;
    while home.try_open().is_err() {
        tries += 1;
        assert!(tries < 1_000, "still locked");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_roll_over_and_large_records_have_room() {
    let home = Home::small_segments(4 * 1024);
    let store = home.open();
    let sizes = [100, 3_000, 50_000, 1, 4_096, 0, 300_000, 20];
    for (turn, size) in sizes.iter().cycle().take(80).enumerate() {
        assert_eq!(store.put("a", &"z".repeat(*size)).await, turn as u64 + 1);
    }
    assert!(home.files("seg").len() > 20);
    store.close().await;
    assert_eq!(home.files("side").len() + 1, home.files("seg").len());
    let store = home.reopen(store).await;
    for (turn, size) in sizes.iter().cycle().take(80).enumerate() {
        let read = store.read("a", At::Seq(turn as u64 + 1)).unwrap().unwrap();
        assert_eq!(read.body.wire.len(), *size);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sidecars_may_be_missing_damaged_or_another_segments() {
    let home = Home::small_segments(4 * 1024);
    let mut store = home.open();
    fill(&store).await;
    let before = state(&store);
    for round in 0..4 {
        store.close().await;
        let sidecars = home.files("side");
        assert!(sidecars.len() > 4, "{sidecars:?}");
        let first = fs::read(&sidecars[0]).unwrap();
        for sidecar in &sidecars {
            let mut bytes = fs::read(sidecar).unwrap();
            match round {
                0 => fs::remove_file(sidecar).unwrap(),
                1 => {
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                    fs::write(sidecar, bytes).unwrap();
                }
                2 => fs::write(sidecar, &bytes[..bytes.len() / 2]).unwrap(),
                _ => fs::write(sidecar, &first).unwrap(),
            }
        }
        store = home.open();
        assert_eq!(state(&store), before, "round {round}");
        assert_eq!(home.files("side").len(), sidecars.len(), "they are made again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_was_cut_off_is_no_obstacle() {
    let home = Home::small_segments(4 * 1024);
    let store = home.open();
    store.close().await;
    for cut in [0, 10, 23] {
        let only = home.files("seg").remove(0);
        let bytes = fs::read(&only).unwrap();
        fs::write(&only, &bytes[..cut.min(bytes.len())]).unwrap();
        let store = home.open();
        assert!(store.bins(None, 9).is_empty());
        store.close().await;
    }
    let store = home.open();
    store.append(capture("a", b"x"), true).await.unwrap();
    store.close().await;
    // The same where another segment is there already.
    fs::write(home.path().join("0000000002.seg"), b"hook").unwrap();
    fs::write(home.path().join("0000000001.side.new"), b"left over").unwrap();
    let store = home.open();
    assert_eq!(store.put("a", "y").await, 2);
    let store = home.reopen(store).await;
    assert_eq!(store.seqs("a"), [1, 2]);
    assert!(!home.path().join("0000000001.side.new").exists());
}
