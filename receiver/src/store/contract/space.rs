//! The space of what is dead comes back, and nothing living goes with it.

use std::time::Duration;

use hooklab_shared::live::{GapReason, Message};

use super::Home;
use super::live::{next, watch};
use crate::store::Store;

/// The keeper works in the background.
pub(super) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never came true: {what}");
}

fn bytes(home: &Home) -> u64 {
    home.files("seg").iter().filter_map(|path| path.metadata().ok()).map(|found| found.len()).sum()
}

async fn fill(store: &Store, bin: &str, count: usize) {
    for _ in 0..count {
        store.put(bin, &"x".repeat(400)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cleared_comes_back_and_bins_and_seqs_stay() {
    let home = Home::small_segments(8 * 1024);
    let store = home.open();
    store.put("old", "stays").await;
    store.clear("old").await.unwrap();
    fill(&store, "a", 200).await;
    assert!(home.files("seg").len() > 10);
    store.clear("a").await.unwrap();
    store.put("b", "x").await;
    eventually("two segments at most", || home.files("seg").len() <= 2).await;
    let store = home.reopen(store).await;
    assert_eq!(store.bin("old").unwrap().newest_seq, 1);
    let (mut watch, _) = watch(&store, "old", Some(0)).await;
    let gap = Message::Gap { from: 1, to: 1, reason: GapReason::Deleted };
    assert_eq!(next(&mut watch).await, Some(gap));
    assert_eq!(store.put("old", "x").await, 2);
    assert_eq!(store.put("a", "x").await, 201);
    assert_eq!(store.put("b", "x").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_old_capture_does_not_pin_the_dead_behind_it() {
    let home = Home::small_segments(8 * 1024);
    let store = home.open();
    store.put("old", "stays").await;
    for _ in 0..5 {
        fill(&store, "a", 100).await;
        store.clear("a").await.unwrap();
        fill(&store, "gone", 100).await;
        fill(&store, "quiet", 100).await;
        store.clear("quiet").await.unwrap();
        store.delete_bin("gone").await.unwrap();
    }
    // So that the last clear of the quiet one is in a segment that dies whole.
    fill(&store, "padding", 100).await;
    store.clear("padding").await.unwrap();
    fill(&store, "a", 3).await;
    eventually("dead segments shrink", || bytes(&home) < 40 * 1024).await;
    for segment in home.files("seg") {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&segment.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    let a = store.bin("a").unwrap();
    for _ in 0..2 {
        let store = home.reopen(store.clone()).await;
        assert_eq!(store.seqs("old"), [1]);
        assert_eq!(store.seqs("a"), [501, 502, 503]);
        assert_eq!(store.bin("a").unwrap(), a);
        assert!(store.bin("gone").is_none());
        let quiet = store.bin("quiet").unwrap();
        assert_eq!((quiet.newest_seq, quiet.captures), (500, 0));
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_while_reading_is_no_error() {
    let home = Home::small_segments(4 * 1024);
    let store = home.open();
    fill(&store, "a", 300).await;
    let reading = {
        let store = store.clone();
        tokio::spawn(async move {
            loop {
                match store.seqs("a").is_empty() {
                    true => break,
                    false => tokio::task::yield_now().await,
                }
            }
        })
    };
    for seq in 1..=300 {
        assert_eq!(store.delete("a", seq).await, Ok(true));
    }
    reading.await.unwrap();
    eventually("two segments at most", || home.files("seg").len() <= 2).await;
    let store = home.reopen(store).await;
    assert_eq!(store.put("a", "x").await, 301);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_bins_in_small_segments_do_not_chase_their_own_tail() {
    let home = Home::small_segments(2 * 1024);
    let store = home.open();
    for bin in 0..200 {
        store.put(&format!("bin-{bin}"), "x").await;
    }
    for bin in 0..200 {
        store.clear(&format!("bin-{bin}")).await.unwrap();
    }
    let mut before = Vec::new();
    let mut quiet = 0;
    eventually("it comes to rest", || {
        let now = home.files("seg");
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
        quiet == 100
    })
    .await;
    let store = home.reopen(store).await;
    assert_eq!(store.bins(None, 1_000).len(), 200);
    for bin in 0..200 {
        assert_eq!(store.put(&format!("bin-{bin}"), "x").await, 2);
    }
}
