//! Strays: the newest, in order, through restarts, and never too many.

use std::net::SocketAddr;
use std::time::Duration;

use hooklab_shared::headers::Octets;
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::stray::{HEAD_BYTES_MAX, Stray, StrayReason};

use super::Home;
use crate::store::{Durability, Store};

fn stray(head: &[u8]) -> Stray {
    Stray {
        seq: 0,
        received_at: Timestamp::from_micros(1_790_000_000_123_456),
        peer: SocketAddr::from(([127, 0, 0, 1], 53_122)),
        reason: StrayReason::MalformedHead,
        status: 400,
        head: Octets::from(head),
        bytes: head.len() as u64,
    }
}

fn seqs(store: &Store) -> Vec<u64> {
    store.strays(None, None, false, 1_000_000).iter().map(|stray| stray.seq).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_is_what_is_listed_both_ways() {
    for home in Home::all() {
        let mut store = home.open();
        assert_eq!((store.strays_dropped(), seqs(&store)), (0, vec![]));
        for seq in 1..=5 {
            let sent = stray(&[0, 0xff, b'G', seq]);
            assert_eq!(store.stray(sent).await, Ok(seq.into()));
        }
        for round in 0..3 {
            let list = |after, before, newest_first, limit| -> Vec<u64> {
                let found = store.strays(after, before, newest_first, limit);
                found.iter().map(|stray| stray.seq).collect()
            };
            assert_eq!(list(None, None, true, 2), [5, 4]);
            assert_eq!(list(Some(1), Some(5), false, 9), [2, 3, 4]);
            assert!(list(Some(4), Some(5), false, 9).is_empty());
            assert!(list(Some(u64::MAX), None, false, 9).is_empty());
            let third = store.strays(Some(2), None, false, 1).remove(0);
            assert_eq!(third, Stray { seq: 3, ..stray(&[0, 0xff, b'G', 3]) }, "{round}");
            if home.level != Durability::Memory {
                store = home.reopen(store).await;
            }
        }
        assert_eq!(store.stray(stray(b"x")).await, Ok(6));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_go_and_long_heads_are_cut() {
    for mut home in Home::all() {
        home.limits = Limits { strays_max: 10, ..Limits::default() };
        let mut store = home.open();
        for _ in 0..100 {
            store.stray(stray(&[b'x'; 300])).await.unwrap();
        }
        store.stray(stray(&[b'y'; 2 * HEAD_BYTES_MAX])).await.unwrap();
        for _ in 0..2 {
            assert!(seqs(&store).into_iter().eq(92..=101));
            assert_eq!(store.strays_dropped(), 91);
            let last = store.strays(Some(100), None, false, 1).remove(0);
            assert_eq!(last.head.as_bytes().len(), HEAD_BYTES_MAX);
            assert_eq!(last.bytes, 2 * HEAD_BYTES_MAX as u64);
            if home.level != Durability::Memory {
                store = home.reopen(store).await;
            }
        }
    }
}

/// Their records move on as old segments go, and take no more room than they are worth.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_neither_fills_the_disk_nor_loses_the_newest() {
    let mut home = Home::small_segments(8 * 1024);
    home.limits = Limits { strays_max: 5, ..Limits::default() };
    let store = home.open();
    for _ in 0..4 {
        store.stray(stray(b"early")).await.unwrap();
    }
    for _ in 0..300 {
        store.put("a", &"x".repeat(500)).await;
    }
    store.clear("a").await.unwrap();
    store.put("a", "stays").await;
    super::space::eventually("segments go", || home.files("seg").len() <= 3).await;
    let store = home.reopen(store).await;
    assert_eq!(seqs(&store), [1, 2, 3, 4]);
    for _ in 0..500 {
        store.stray(stray(&[b'x'; 300])).await.unwrap();
    }
    store.put("a", &"x".repeat(9_000)).await;
    store.delete("a", 302).await.unwrap();
    super::space::eventually("dead strays go", || {
        let bytes = |path: &std::path::PathBuf| path.metadata().map_or(0, |found| found.len());
        home.files("seg").iter().map(bytes).sum::<u64>() < 60 * 1024
    })
    .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..2 {
        assert!(seqs(&store).into_iter().eq(500..=504));
        assert_eq!(store.strays_dropped(), 499);
    }
    let store = home.reopen(store).await;
    assert!(seqs(&store).into_iter().eq(500..=504));
}
