//! Watchers: hello, backlog, live, and what is told of what is gone.

use hooklab_shared::id::Seq;
use hooklab_shared::limits::Limits;
use hooklab_shared::live::{GapReason, Message};

use super::Home;
use crate::store::{Store, StoreError, Watch};

pub(super) async fn next(watch: &mut Watch) -> Option<Message> {
    let frame = tokio::time::timeout(std::time::Duration::from_secs(20), watch.next());
    let frame = frame.await.expect("a message in time")?;
    Some(serde_json::from_str(frame.as_str()).unwrap())
}

async fn seqs(watch: &mut Watch, count: usize) -> Vec<Seq> {
    let mut seqs = Vec::new();
    while seqs.len() < count {
        match next(watch).await {
            Some(Message::Capture { seq, summary }) if seq == summary.seq => seqs.push(seq),
            other => panic!("{other:?} after {seqs:?}"),
        }
    }
    seqs
}

pub(super) async fn watch(store: &Store, bin: &str, after: Option<Seq>) -> (Watch, Message) {
    let mut watch = store.watch(bin, after, None).unwrap().unwrap();
    let hello = next(&mut watch).await.unwrap();
    assert!(matches!(hello, Message::Hello { .. }), "{hello:?}");
    (watch, hello)
}

fn gap(from: Seq, to: Seq) -> Option<Message> {
    Some(Message::Gap { from, to, reason: GapReason::Deleted })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hello_then_the_backlog_then_live() {
    for home in Home::all() {
        let store = home.open();
        assert!(store.watch("a", None, None).unwrap().is_none());
        for _ in 0..200 {
            store.put("a", "x").await;
        }
        let (mut all, hello) = watch(&store, "a", Some(0)).await;
        let Message::Hello { oldest_seq, newest_seq, .. } = hello else { panic!("{hello:?}") };
        assert_eq!((oldest_seq, newest_seq), (Some(1), 200));
        let (mut some, _) = watch(&store, "a", Some(150)).await;
        let (mut live, _) = watch(&store, "a", None).await;
        let (mut beyond, _) = watch(&store, "a", Some(9_999)).await;
        assert_eq!(live.try_next(), None);
        store.put("a", "x").await;
        store.put("a", "x").await;
        assert!(seqs(&mut all, 202).await.into_iter().eq(1..=202));
        assert!(seqs(&mut some, 52).await.into_iter().eq(151..=202));
        assert_eq!(seqs(&mut live, 2).await, [201, 202]);
        assert_eq!(seqs(&mut beyond, 2).await, [201, 202]);
        assert_eq!((all.try_next(), live.try_next()), (None, None));
        assert_eq!(store.watchers(), 4);
        drop((all, some, live, beyond));
        assert_eq!(store.watchers(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletes_and_clears_are_told() {
    for home in Home::all() {
        let store = home.open();
        for _ in 0..4 {
            store.put("a", "x").await;
        }
        let (mut live, _) = watch(&store, "a", None).await;
        store.delete("a", 1).await.unwrap();
        let (mut late, _) = watch(&store, "a", Some(0)).await;
        assert_eq!(next(&mut late).await, gap(1, 1));
        assert_eq!(seqs(&mut late, 3).await, [2, 3, 4]);
        assert_eq!(late.try_next(), None, "it has caught up");
        store.put("a", "x").await;
        store.clear("a").await.unwrap();
        store.put("a", "x").await;
        for watch in [&mut live, &mut late] {
            assert_eq!(seqs(watch, 1).await, [5]);
            assert_eq!(next(watch).await, Some(Message::Cleared { to: 5 }));
            assert_eq!(seqs(watch, 1).await, [6]);
        }
        let (mut later, _) = watch(&store, "a", Some(2)).await;
        assert_eq!(next(&mut later).await, gap(3, 5));
        assert_eq!(seqs(&mut later, 1).await, [6]);
        let (mut level, _) = watch(&store, "a", Some(5)).await;
        assert_eq!(seqs(&mut level, 1).await, [6]);

        store.delete_bin("a").await.unwrap();
        store.put("a", "another bin").await;
        for watch in [&mut live, &mut late, &mut later, &mut level] {
            assert_eq!(next(watch).await, Some(Message::Deleted));
            assert_eq!(next(watch).await, None);
            assert_eq!(next(watch).await, None);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_bin_tells_its_gap() {
    for home in Home::all() {
        let store = home.open();
        store.put("a", "x").await;
        store.put("a", "x").await;
        store.clear("a").await.unwrap();
        let (mut watch, hello) = watch(&store, "a", Some(0)).await;
        assert!(matches!(hello, Message::Hello { oldest_seq: None, newest_seq: 2, .. }));
        assert_eq!(next(&mut watch).await, gap(1, 2));
        store.put("a", "x").await;
        assert_eq!(seqs(&mut watch, 1).await, [3]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_lags_is_caught_up_from_the_store() {
    for mut home in Home::all() {
        home.limits = Limits { live_messages_max: 8, ..Limits::default() };
        let store = home.open();
        store.put("a", "x").await;
        let (mut slow, _) = watch(&store, "a", None).await;
        for _ in 0..500 {
            store.put("a", "x").await;
        }
        assert!(seqs(&mut slow, 100).await.into_iter().eq(2..=101));
        for _ in 0..100 {
            store.put("a", "x").await;
        }
        assert!(seqs(&mut slow, 500).await.into_iter().eq(102..=601));
        assert_eq!(slow.try_next(), None);

        // A clear among what it missed.
        for _ in 0..50 {
            store.put("a", "x").await;
        }
        store.clear("a").await.unwrap();
        for _ in 0..50 {
            store.put("a", "x").await;
        }
        assert_eq!(next(&mut slow).await, gap(602, 651));
        assert_eq!(next(&mut slow).await, Some(Message::Cleared { to: 651 }));
        assert!(seqs(&mut slow, 50).await.into_iter().eq(652..=701));

        // The end among what it missed.
        for _ in 0..50 {
            store.put("a", "x").await;
        }
        store.delete_bin("a").await.unwrap();
        while let Some(message) = next(&mut slow).await {
            assert!(matches!(message, Message::Deleted | Message::Capture { .. }), "{message:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_are_bounded_and_end_with_the_store() {
    for mut home in Home::all() {
        home.limits = Limits { watchers_max: 2, ..Limits::default() };
        let store = home.open();
        store.put("a", "x").await;
        let (mut one, _) = watch(&store, "a", None).await;
        let (two, _) = watch(&store, "a", None).await;
        let third = store.watch("a", None, None).map(|_| ());
        assert_eq!(third, Err(StoreError::TooManyWatchers));
        drop(two);
        let (mut two, _) = watch(&store, "a", None).await;
        let waiting = tokio::spawn(async move { two.next().await });
        store.put("a", "x").await;
        assert!(waiting.await.unwrap().is_some());
        assert_eq!(seqs(&mut one, 1).await, [2]);
        let waiting = tokio::spawn(async move { one.next().await });
        store.close().await;
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(store.watchers(), 0);
    }
}
