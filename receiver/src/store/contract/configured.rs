//! Configurations: changed while a bin works, kept, told, and counted anew.

use hooklab_shared::bin::{BinPatch, Config};
use hooklab_shared::id::Timestamp;
use hooklab_shared::live::Message;

use super::failures::failed;
use super::live::{next, watch};
use super::{Home, capture, name};
use crate::store::{Durability, Store};

fn config(json: &str) -> Config {
    serde_json::from_str(json).unwrap()
}

fn kept(store: &Store, bin: &str) -> Config {
    Config::clone(&store.configured(bin).unwrap().config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_kept_and_told_and_begins_the_counts_anew() {
    for home in Home::all() {
        let mut store = home.open();
        assert_eq!(store.update_bin("a", Config::default()).await, Ok(None));
        assert!(store.configured("a").is_none());
        let busy = config(r#"{"reply":"busy","labels":{"k":"v"}}"#);
        let made = store.create_bin(name("a"), busy.clone(), Timestamp::from_micros(7)).await;
        assert_eq!(*made.unwrap().config, busy);
        store.put("a", "x").await;
        let before = store.configured("a").unwrap();
        let (mut watch, _) = watch(&store, "a", None).await;
        let patch: BinPatch = serde_json::from_str(r#"{"reply":"fail-twice"}"#).unwrap();
        let patched = before.config.patched(patch);
        let state = store.update_bin("a", patched.clone()).await.unwrap().unwrap();
        assert_eq!((&*state.config, state.captures, state.newest_seq), (&patched, 1, 1));
        let Some(Message::Bin { bin }) = next(&mut watch).await else { panic!("no bin") };
        assert_eq!((&bin.url[..], bin.captures), ("http://127.0.0.1:4665/a", 1));
        let after = store.configured("a").unwrap();
        assert!(!std::sync::Arc::ptr_eq(&before, &after));
        assert_eq!(kept(&store, "a"), patched);
        if home.level != Durability::Memory {
            for _ in 0..2 {
                store = home.reopen(store).await;
                assert_eq!(kept(&store, "a"), patched);
                let bin = store.bin("a").unwrap();
                assert_eq!((bin.created_at, bin.captures), (Timestamp::from_micros(7), 1));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_could_not_be_written_has_not_happened() {
    for home in Home::disks() {
        let store = home.open();
        store.put("a", "x").await;
        store.faults().short_writes.store(1, std::sync::atomic::Ordering::SeqCst);
        assert!(failed(&store.update_bin("a", config(r#"{"reply":"busy"}"#)).await));
        assert_eq!(kept(&store, "a"), Config::default());
        // Nor does a later record of the bin say that it has.
        store.clear("a").await.unwrap();
        let gone = config(r#"{"reply":"gone"}"#);
        store.update_bin("a", gone.clone()).await.unwrap();
        let store = home.reopen(store).await;
        assert_eq!(kept(&store, "a"), gone);
    }
}

/// The keeper writes bins again all the while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_change_wins_while_old_segments_go() {
    let home = Home::small_segments(2 * 1024);
    let store = home.open();
    let clearing = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..60 {
                store.put("b", &"x".repeat(900)).await;
                store.clear("b").await.unwrap();
            }
        })
    };
    store.append(capture("a", b"x"), true).await.unwrap();
    let last = |turn: usize| config(&format!(r#"{{"labels":{{"turn":"{turn}"}}}}"#));
    for turn in 0..120 {
        store.update_bin("a", last(turn)).await.unwrap().unwrap();
    }
    clearing.await.unwrap();
    assert_eq!(kept(&store, "a"), last(119));
    let store = home.reopen(store).await;
    assert_eq!(kept(&store, "a"), last(119));
    assert_eq!(store.seqs("a"), [1]);
}
