//! Watchers with a filter, and watchers of all bins.

use std::sync::Arc;

use hooklab_shared::bin::Config;
use hooklab_shared::id::{Seq, Timestamp};
use hooklab_shared::limits::Limits;
use hooklab_shared::live::{GapReason, Message};

use super::live::next;
use super::{Home, capture, name};
use crate::store::{Filter, Store, StoreError, Watch};

fn holds(word: &'static str) -> Option<Arc<Filter>> {
    let filter: Filter = Box::new(move |capture| capture.body.wire.starts_with(word.as_bytes()));
    Some(Arc::new(filter))
}

async fn put(store: &Store, bin: &str, body: &str, times: usize) {
    for _ in 0..times {
        store.put(bin, body).await;
    }
}

async fn told(watch: &mut Watch) -> Option<(String, Seq)> {
    match next(watch).await? {
        Message::Capture { seq, summary } => Some((summary.bin.to_string(), seq)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_passes_is_told_and_control_messages() {
    for home in Home::all() {
        let store = home.open();
        for _ in 0..100 {
            put(&store, "a", "no", 2).await;
            put(&store, "a", "yes", 1).await;
        }
        let large = format!("yes{}", "x".repeat(100_000));
        let mut watch = store.watch("a", Some(150), holds("yes")).unwrap().unwrap();
        assert!(matches!(next(&mut watch).await, Some(Message::Hello { newest_seq: 300, .. })));
        for seq in (153..=300).step_by(3) {
            assert_eq!(told(&mut watch).await, Some(("a".into(), seq)));
            assert_eq!(watch.resume_after(), Some(seq));
        }
        assert_eq!(watch.try_next(), None);
        put(&store, "a", "no", 3).await;
        put(&store, "a", &large, 1).await;
        put(&store, "a", "yes", 1).await;
        assert_eq!(told(&mut watch).await, Some(("a".into(), 304)));
        assert_eq!(told(&mut watch).await, Some(("a".into(), 305)));
        store.clear("a").await.unwrap();
        assert_eq!(next(&mut watch).await, Some(Message::Cleared { to: 305 }));
        assert_eq!(watch.resume_after(), Some(305));
        put(&store, "a", "no", 200).await;
        let mut none = store.watch("a", Some(0), holds("nothing")).unwrap().unwrap();
        assert!(matches!(next(&mut none).await, Some(Message::Hello { .. })));
        let gap = Message::Gap { from: 1, to: 305, reason: GapReason::Deleted };
        assert_eq!(next(&mut none).await, Some(gap));
        store.delete_bin("a").await.unwrap();
        for watch in [&mut watch, &mut none] {
            assert_eq!(next(watch).await, Some(Message::Deleted));
            assert_eq!(next(watch).await, None);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filtered_watcher_that_lags_is_caught_up_too() {
    for mut home in Home::all() {
        home.limits = Limits { live_messages_max: 4, ..Limits::default() };
        let store = home.open();
        put(&store, "a", "no", 1).await;
        let mut watch = store.watch("a", None, holds("yes")).unwrap().unwrap();
        for _ in 0..200 {
            put(&store, "a", "no", 1).await;
            put(&store, "a", "yes", 1).await;
        }
        assert!(matches!(next(&mut watch).await, Some(Message::Hello { .. })));
        for seq in (3..=401).step_by(2) {
            assert_eq!(told(&mut watch).await, Some(("a".into(), seq)));
        }
        assert_eq!(watch.try_next(), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_bins_are_watched_together() {
    for home in Home::all() {
        let store = home.open();
        put(&store, "old", "x", 2).await;
        let mut all = store.watch_all(None).unwrap();
        let mut some = store.watch_all(holds("yes")).unwrap();
        for watch in [&mut all, &mut some] {
            let hello = Message::Hello { bin: None, oldest_seq: None, newest_seq: 0, dropped: 0 };
            assert_eq!(next(watch).await, Some(hello));
            assert_eq!(watch.try_next(), None);
        }
        put(&store, "old", "x", 1).await;
        put(&store, "new", "yes", 1).await;
        store.create_bin(name("third"), Config::default(), Timestamp::default()).await.unwrap();
        store.clear("old").await.unwrap();
        store.delete_bin("new").await.unwrap();
        assert_eq!(told(&mut all).await, Some(("old".into(), 3)));
        for (watch, _) in [(&mut all, 0), (&mut some, 1)] {
            let made = next(watch).await;
            assert!(matches!(&made, Some(Message::Bin { bin }) if bin.name == name("new")));
            assert_eq!(told(watch).await, Some(("new".into(), 1)));
            let made = next(watch).await;
            assert!(matches!(&made, Some(Message::Bin { bin }) if bin.name == name("third")));
            let cleared = Message::BinCleared { bin: name("old"), to: 3 };
            assert_eq!(next(watch).await, Some(cleared));
            assert_eq!(next(watch).await, Some(Message::BinDeleted { bin: name("new") }));
            assert_eq!((watch.try_next(), watch.resume_after()), (None, None));
        }
        assert_eq!(store.watchers(), 2);
        let waiting = tokio::spawn(async move { all.next().await });
        store.close().await;
        assert_eq!(waiting.await.unwrap(), None);
        drop(some);
        assert_eq!(store.watchers(), 0);
        assert!(matches!(store.watch_all(None), Err(StoreError::Closed)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_of_all_that_lags_is_told_what_it_missed() {
    for mut home in Home::all() {
        home.limits = Limits { live_messages_max: 8, watchers_max: 1, ..Limits::default() };
        let store = home.open();
        store.append(capture("a", b"x"), true).await.unwrap();
        let mut all = store.watch_all(None).unwrap();
        assert!(store.watch_all(None).is_err());
        put(&store, "a", "x", 20).await;
        assert!(matches!(next(&mut all).await, Some(Message::Hello { .. })));
        assert_eq!(next(&mut all).await, Some(Message::Missed { messages: 12 }));
        for seq in 14..=21 {
            assert_eq!(told(&mut all).await, Some(("a".into(), seq)));
        }
        assert_eq!(all.try_next(), None);
    }
}
