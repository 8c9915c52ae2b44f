//! Disks that say no: nothing is acknowledged that is not kept, and it goes on when they say yes.

use std::sync::atomic::Ordering::SeqCst;

use futures_util::future::join_all;
use hooklab_shared::id::Seq;

use super::{Home, capture};
use crate::store::{Durability, Store, StoreError};

pub(super) fn failed<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Failed(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_write_is_not_acknowledged_and_recovers() {
    for home in Home::disks() {
        let store = home.open();
        store.put("a", "one").await;
        let mut watch = store.watch("a", None, None).unwrap().unwrap();
        assert!(watch.next().await.is_some());
        store.faults().short_writes.store(4, SeqCst);
        assert!(failed(&store.append(capture("a", &[b'x'; 10_000]), true).await));
        assert!(failed(&store.append(capture("new", b"x"), true).await));
        // It fails again with the room that is kept for it.
        assert!(failed(&store.delete_bin("a").await));
        assert_eq!(store.failure(), None);
        let trouble = store.trouble().unwrap();
        assert!(trouble.contains("a write failed") && trouble.contains("free some"), "{trouble}");
        assert_eq!((store.seqs("a"), store.bin("new")), (vec![1], None));
        assert_eq!(watch.try_next(), None);

        let next = store.put("a", "two").await;
        assert!(next > 1);
        assert_eq!(store.trouble(), None, "a write succeeded");
        assert_eq!(store.put("new", "x").await, 1);
        let store = home.reopen(store).await;
        assert_eq!(store.seqs("a"), [1, next]);
        assert_eq!(store.seqs("new"), [1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_what_frees_space_is_done_all_the_same() {
    for home in Home::disks() {
        let store = home.open();
        store.put("a", "one").await;
        let reserve = home.path().join("reserve");
        let bytes = || std::fs::metadata(&reserve).unwrap().len();
        let reserved = bytes();
        store.faults().short_writes.store(1, SeqCst);
        assert!(failed(&store.append(capture("a", b"two"), true).await));
        assert_eq!(bytes(), reserved, "no capture has it");
        store.faults().short_writes.store(1, SeqCst);
        assert_eq!(store.clear("a").await, Ok(Some(1)));
        super::space::eventually("it is kept again", || bytes() == reserved).await;
        let store = home.reopen(store).await;
        assert!(store.seqs("a").is_empty());
    }
}

/// Every capture of every bin.
fn there(store: &Store) -> Vec<(String, Seq)> {
    let bins = store.bins(None, 1_000).into_iter().map(|bin| bin.name.to_string());
    bins.flat_map(|bin| store.seqs(&bin).into_iter().map(move |seq| (bin.clone(), seq))).collect()
}

/// Appends to bins that are made on the way, some of them in batches that fail.
async fn append_among_failures(store: Store, fails: bool) -> Vec<(String, Seq)> {
    let mut kept = Vec::new();
    for turn in 0..100 {
        if fails && turn % 3 == 0 {
            store.faults().short_writes.fetch_add(1, SeqCst);
        }
        let bin = format!("bin-{:02}", turn / 2);
        match store.append(capture(&bin, b"x"), true).await {
            Ok(seq) => kept.push((bin, seq)),
            Err(StoreError::Failed(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    kept
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_what_was_acknowledged_is_there_and_what_failed_is_not() {
    for home in Home::disks() {
        let store = home.open();
        let tasks: Vec<_> = (0..16)
            .map(|task| tokio::spawn(append_among_failures(store.clone(), task == 0)))
            .collect();
        let mut kept = Vec::new();
        for task in tasks {
            kept.extend(task.await.unwrap());
        }
        kept.sort_unstable();
        assert!(kept.len() < 1_600, "some failed");
        assert_eq!(there(&store), kept);
        let store = home.reopen(store).await;
        assert_eq!(there(&store), kept);
    }
}

/// On one thread, so that all of them are in one batch.
#[tokio::test]
async fn of_a_failed_batch_not_even_the_written_half_stays() {
    for home in Home::disks() {
        let store = home.open();
        store.put("a", "kept").await;
        store.faults().short_writes.store(1, SeqCst);
        let appends = (0..16).map(|_| store.append(capture("a", b"lost"), true));
        for refused in join_all(appends).await {
            assert!(failed(&refused));
        }
        let store = home.reopen(store).await;
        assert_eq!(store.seqs("a"), [1]);
    }
}

/// On one thread: while a batch fails, others that build upon it are queued.
#[tokio::test]
async fn what_builds_upon_a_failed_batch_fails_with_it() {
    let home = Home::at(Durability::Disk);
    let store = home.open();
    store.put("other", "x").await;
    store.faults().short_writes.store(1, SeqCst);
    let first = store.append(capture("new", b"first"), true);
    let second = async {
        // The first is being written, and waits for the syncs before it.
        tokio::task::yield_now().await;
        store.append(capture("new", b"second"), true).await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(failed(&first));
    match second {
        Ok(seq) => assert_eq!(store.seqs("new"), [seq]),
        Err(_) => assert_eq!(store.bin("new"), None),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_cannot_be_made_recovers() {
    let home = Home::small_segments(2 * 1024);
    let store = home.open();
    store.put("a", &"x".repeat(2_000)).await;
    store.faults().no_create.store(true, SeqCst);
    assert!(failed(&store.append(capture("a", b"x"), true).await));
    store.faults().no_create.store(false, SeqCst);
    let next = store.put("a", "x").await;
    let store = home.reopen(store).await;
    assert_eq!(store.seqs("a"), [1, next]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_cut_off_stops_the_store() {
    for home in Home::disks() {
        let store = home.open();
        store.put("a", "one").await;
        store.faults().no_cut.store(true, SeqCst);
        store.faults().short_writes.store(1, SeqCst);
        assert!(failed(&store.append(capture("a", b"two"), true).await));
        store.faults().no_cut.store(false, SeqCst);
        assert!(failed(&store.append(capture("a", b"three"), true).await));
        assert!(store.failure().is_some_and(|why| why.contains("restart")));
        assert_eq!(store.seqs("a"), [1]);
        let store = home.reopen(store).await;
        assert_eq!((store.failure(), store.seqs("a")), (None, vec![1]));
        assert!(store.put("a", "four").await > 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_stops_the_store_and_is_never_acknowledged() {
    let home = Home::at(Durability::Disk);
    let store = home.open();
    store.put("a", "one").await;
    store.faults().no_sync.store(true, SeqCst);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { failed(&store.append(capture("a", b"x"), true).await) })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    store.faults().no_sync.store(false, SeqCst);
    assert!(failed(&store.append(capture("a", b"x"), true).await));
    assert!(failed(&store.clear("a").await));
    assert!(store.failure().is_some_and(|why| why.contains("sync")));
    assert_eq!(store.seqs("a"), [1]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_when_much_is_waiting_waits() {
    for mut home in Home::disks() {
        home.sizes.batch_bytes = 64 * 1024;
        let store = home.open();
        let body = vec![7; 40 * 1024];
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let (store, body) = (store.clone(), body.clone());
                tokio::spawn(async move { store.append(capture("a", &body), true).await.unwrap() })
            })
            .collect();
        let mut seqs = Vec::new();
        for task in tasks {
            seqs.push(task.await.unwrap());
        }
        seqs.sort_unstable();
        assert!(seqs.into_iter().eq(1..=64));
    }
}

#[test]
fn a_writer_that_has_gone_leaves_nobody_waiting() {
    let home = Home::at(Durability::Disk);
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let first = runtime();
    let store = first.block_on(async { home.open() });
    assert_eq!(first.block_on(store.put("a", "x")), 1);
    drop(first);
    let soon = std::time::Duration::from_secs(20);
    let late = runtime().block_on(async {
        tokio::time::timeout(soon, store.append(capture("a", b"x"), true)).await
    });
    assert!(failed(&late.unwrap()));
    assert!(store.failure().is_some());
}
