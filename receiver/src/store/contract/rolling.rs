//! A segment in which nothing lives any more goes before it is full, and takes nothing with it.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use hooklab_shared::bin::{Config, Keep};
use hooklab_shared::id::Timestamp;

use super::dropping::copied;
use super::space::eventually;
use super::{Home, name};
use crate::store::{Durability, Store};

const LARGE: usize = 50_000;

/// Segments of the usual size, of which no test fills one.
fn homes() -> [Home; 2] {
    [Home::at(Durability::Process), Home::at(Durability::Disk)]
}

async fn fill(store: &Store, bin: &str, count: usize) -> u64 {
    let mut newest = 0;
    for _ in 0..count {
        newest = store.put(bin, &"x".repeat(LARGE)).await;
    }
    newest
}

/// What the segments take; what became the spare is on its way out.
fn bytes(home: &Home) -> u64 {
    let bytes = |path: &PathBuf| fs::metadata(path).map_or(0, |found| found.len());
    home.files("seg").iter().map(bytes).sum()
}

async fn given_back(home: &Home) {
    eventually("its space comes back", || bytes(home) < LARGE as u64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_the_last_of_it_goes_its_space_comes_back() {
    for home in homes() {
        let store = home.open();
        store.put("other", "is empty soon").await;
        store.delete("other", 1).await.unwrap();
        assert_eq!(fill(&store, "a", 3).await, 3);
        store.clear("a").await.unwrap();
        given_back(&home).await;
        for _ in 0..3 {
            let newest = fill(&store, "a", 1).await;
            fill(&store, "gone", 1).await;
            store.delete("a", newest).await.unwrap();
            store.delete_bin("gone").await.unwrap();
            given_back(&home).await;
        }
        fill(&store, "a", 2).await;
        store.delete_many("a", &[7, 8]).await.unwrap();
        given_back(&home).await;
        let store = home.reopen(store).await;
        assert!(store.seqs("a").is_empty() && store.bin("gone").is_none());
        assert_eq!(store.put("a", "x").await, 9);
        assert_eq!(store.put("other", "x").await, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_grew_too_old_gives_its_space_back() {
    let home = Home::at(Durability::Process);
    let store = home.open();
    let keep = Keep { age: Some(Duration::from_millis(200).into()), ..Keep::default() };
    let config = Config { keep, ..Config::default() };
    store.create_bin(name("a"), config, Timestamp::default()).await.unwrap();
    fill(&store, "a", 2).await;
    given_back(&home).await;
    assert_eq!(store.put("a", "x").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lives_in_it_keeps_it_and_little_is_not_worth_a_file() {
    let home = Home::at(Durability::Process);
    let store = home.open();
    store.put("old", "stays").await;
    fill(&store, "a", 3).await;
    store.clear("a").await.unwrap();
    for _ in 0..20 {
        store.put("little", "x").await;
        store.clear("little").await.unwrap();
    }
    let only = home.files("seg");
    store.delete("old", 1).await.unwrap();
    given_back(&home).await;
    assert!(only.len() == 1 && only != home.files("seg"));
    assert_eq!(store.put("old", "x").await, 2);
    let one = home.files("seg");
    store.put("little", "x").await;
    store.clear("little").await.unwrap();
    // Whatever the keeper has to do with it is done when the store is closed.
    store.close().await;
    assert_eq!(home.files("seg"), one);
}

/// Segments go in their order, so one that cannot go holds those behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_one_that_stays_files_do_not_pile_up() {
    let home = Home::small_segments(1024 * 1024);
    let store = home.open();
    store.put("old", "stays").await;
    fill(&store, "a", 24).await;
    for _ in 0..60 {
        store.clear("a").await.unwrap();
        fill(&store, "a", 2).await;
    }
    store.clear("a").await.unwrap();
    let store = home.reopen(store).await;
    let files = home.files("seg").len();
    assert!((2..25).contains(&files), "{files}");
    store.delete("old", 1).await.unwrap();
    given_back(&home).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_go_goes_at_the_next_start() {
    for home in homes() {
        let store = home.open();
        fill(&store, "a", 3).await;
        store.faults().no_create.store(true, SeqCst);
        store.clear("a").await.unwrap();
        store.close().await;
        assert!(bytes(&home) > LARGE as u64);
        let store = home.open();
        given_back(&home).await;
        assert_eq!(store.put("a", "x").await, 4);
        store.close().await;
    }
}

/// Copies as kill -9 leaves them, made while it clears, rolls and drops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_at_any_time_loses_doubles_and_renumbers_nothing() {
    for home in homes() {
        let store = home.open();
        store.put("quiet", "stays").await;
        store.clear("quiet").await.unwrap();
        for round in 0..12 {
            let newest = fill(&store, "a", 2).await;
            let clearing = {
                let store = store.clone();
                tokio::spawn(async move { store.clear("a").await })
            };
            for moment in 0..3 {
                let was_cleared = clearing.is_finished();
                let crash = Home::at(home.level);
                copied(&home.path(), &crash);
                let copy = crash.open();
                let (when, seqs) = (format!("{round}.{moment}"), copy.seqs("a"));
                let is_whole = !was_cleared && seqs == [newest - 1, newest];
                assert!(is_whole || seqs.is_empty(), "{when}: {seqs:?}");
                assert_eq!(copy.put("a", "x").await, newest + 1, "{when}");
                let copy = crash.reopen(copy).await;
                assert_eq!(copy.seqs("a").last(), Some(&(newest + 1)), "{when}");
                assert_eq!(copy.put("quiet", "x").await, 2, "{when}");
                copy.close().await;
            }
            clearing.await.unwrap().unwrap();
        }
        given_back(&home).await;
    }
}

/// Captures that are written, and not yet committed, while all before them goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_it_goes_is_kept() {
    for home in homes() {
        let store = home.open();
        let mut kept = Vec::new();
        for _ in 0..30 {
            fill(&store, "a", 2).await;
            let (cleared, first, second) =
                tokio::join!(store.clear("a"), store.put("kept", "x"), async {
                    tokio::task::yield_now().await;
                    store.put("kept", "y").await
                },);
            cleared.unwrap();
            kept.extend([first, second]);
        }
        kept.sort_unstable();
        assert_eq!(store.seqs("kept"), kept);
        let store = home.reopen(store).await;
        assert_eq!(store.seqs("kept"), kept);
    }
}
