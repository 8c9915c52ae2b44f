//! Bins: made, listed, emptied, deleted, made again.

use std::collections::BTreeMap;

use hooklab_shared::bin::{Config, Keep};
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;

use super::{Home, capture, name};
use crate::store::{At, Durability, OpenError, Store, StoreError, Where};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bins_are_made_once_and_listed_by_name() {
    for home in Home::all() {
        let store = home.open();
        let labels = BTreeMap::from([("team".to_owned(), "böse ✓".to_owned())]);
        let config = Config { labels, ..Config::default() };
        let at = Timestamp::from_micros(42);
        let made = store.create_bin(name("m"), config.clone(), at).await.unwrap();
        assert_eq!((&*made.config, made.created_at, made.newest_seq), (&config, at, 0));
        let again = store.create_bin(name("m"), Config::default(), at).await;
        assert_eq!(again, Err(StoreError::Exists));
        for bin in ["z", "a", "q"] {
            store.put(bin, "").await;
        }
        let names = |after, limit| {
            let bins = store.bins(after, limit);
            bins.iter().map(|bin| bin.name.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(None, 9), "a m q z");
        assert_eq!(names(None, 2), "a m");
        assert_eq!(names(Some("m"), 1), "q");
        assert_eq!(names(Some("n"), 9), "q z");
        assert_eq!(names(None, 0), "");
        if home.level != Durability::Memory {
            let store = home.reopen(store).await;
            let kept = store.bin("m").unwrap();
            assert_eq!((&*kept.config, kept.created_at), (&config, at));
            assert_eq!(store.bins(None, 9).len(), 4);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletes_and_clears_take_what_they_say() {
    for home in Home::all() {
        let store = home.open();
        for _ in 0..5 {
            store.put("a", "body").await;
        }
        let before = store.bin("a").unwrap();
        assert_eq!(store.delete("a", 2).await, Ok(true));
        assert_eq!(store.delete("a", 2).await, Ok(false));
        assert_eq!(store.delete("a", 77).await, Ok(false));
        assert_eq!(store.delete("none", 1).await, Ok(false));
        assert_eq!(store.read("a", At::Seq(2)), Ok(None));
        assert_eq!(store.seqs("a"), [1, 3, 4, 5]);
        let after = store.bin("a").unwrap();
        assert_eq!((after.captures, after.bytes), (4, before.bytes / 5 * 4));

        assert_eq!(store.clear("a").await, Ok(Some(4)));
        assert_eq!(store.clear("a").await, Ok(Some(0)));
        assert_eq!(store.clear("none").await, Ok(None));
        let empty = store.bin("a").unwrap();
        assert_eq!((empty.captures, empty.bytes, empty.oldest_seq), (0, 0, None));
        assert_eq!((empty.newest_seq, empty.dropped), (5, 0));
        assert_eq!(store.read("a", At::Latest), Ok(None));
        assert_eq!(store.put("a", "").await, 6);

        assert_eq!(store.delete_bin("a").await, Ok(true));
        assert_eq!(store.delete_bin("a").await, Ok(false));
        assert!(store.bin("a").is_none());
        assert_eq!(store.put("a", "new").await, 1);
        assert_eq!(store.seqs("a"), [1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_change_hands_in_the_order_of_the_log() {
    for home in Home::all() {
        let store = home.open();
        // All at once, so that many of them share a batch.
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let store = store.clone();
                tokio::spawn(async move {
                    for turn in 0..60 {
                        match (task + turn) % 4 {
                            0 => drop(store.delete_bin("a").await.unwrap()),
                            1 => drop(store.clear("a").await.unwrap()),
                            _ => drop(store.put("a", "x").await),
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        store.put("a", "last").await;
        let (before, seqs) = (store.bin("a"), store.seqs("a"));
        assert!(seqs.is_sorted_by(|a, b| a < b));
        if home.level != Durability::Memory {
            let store = home.reopen(store).await;
            assert_eq!((store.bin("a"), store.seqs("a")), (before, seqs));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bins_are_bounded() {
    for mut home in Home::all() {
        home.limits = Limits { bins_max: 2, ..Limits::default() };
        let store = home.open();
        store.put("a", "").await;
        store.put("b", "").await;
        let third = store.create_bin(name("c"), Config::default(), Timestamp::default()).await;
        assert_eq!(third, Err(StoreError::TooManyBins));
        let third = store.append(capture("c", b""), true).await;
        assert_eq!(third, Err(StoreError::TooManyBins));
        store.delete_bin("a").await.unwrap();
        assert_eq!(store.put("c", "").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_store_refuses_and_can_still_be_read() {
    for home in Home::all() {
        let store = home.open();
        store.put("a", "x").await;
        tokio::join!(store.close(), store.close());
        assert_eq!(store.append(capture("a", b""), true).await, Err(StoreError::Closed));
        assert!(store.watch("a", None, None).is_err());
        assert!(store.read("a", At::Latest).unwrap().is_some());
        assert_eq!(store.failure(), None);
    }
}

#[tokio::test]
async fn a_level_that_the_place_cannot_keep_is_refused() {
    let (limits, keep) = (Limits::default(), Keep::default());
    let refused = Store::open(&Where::Memory, Durability::Process, limits, keep, "").unwrap_err();
    assert!(matches!(refused, OpenError::Level { .. }), "{refused}");
    let home = Home::at(Durability::Process);
    let refused = Store::open(&home.place(), Durability::Memory, limits, keep, "").unwrap_err();
    assert!(refused.to_string().contains("`process` or `disk`"), "{refused}");
    assert!(!home.path().exists());
}
