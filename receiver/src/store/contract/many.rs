//! Many captures at once: deleted, read whole.

use super::{Home, capture};
use crate::store::{Durability, Range};

const ALL: Range = Range { after: None, before: None, newest_first: false, limit: usize::MAX };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_deleted_as_one_change() {
    for home in Home::all() {
        let mut store = home.open();
        for _ in 0..20 {
            store.put("a", "x").await;
        }
        assert_eq!(store.delete_many("none", &[1]).await, Ok(None));
        assert_eq!(store.delete_many("a", &[]).await, Ok(Some(0)));
        assert_eq!(store.delete_many("a", &[9, 3, 4, 3, 20, 99]).await, Ok(Some(4)));
        assert_eq!(store.delete_many("a", &[3, 1, 2]).await, Ok(Some(2)));
        let bin = store.bin("a").unwrap();
        assert_eq!((bin.captures, bin.oldest_seq, bin.newest_seq), (14, Some(5), 20));
        assert_eq!((bin.dropped, bin.bytes % 14), (0, 0));
        for _ in 0..2 {
            let expected = [5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
            assert_eq!(store.seqs("a"), expected);
            assert_eq!(store.bin("a").unwrap(), bin);
            if home.level != Durability::Memory {
                store = home.reopen(store).await;
            }
        }
        assert_eq!(store.put("a", "x").await, 21);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_captures_come_in_lists_bounded_in_bytes() {
    for home in Home::all() {
        let store = home.open();
        assert_eq!(store.captures("none", ALL), Ok(None));
        let body = vec![7; 10 * 1024 * 1024];
        for _ in 0..6 {
            store.append(capture("a", &body), true).await.unwrap();
        }
        let first = store.captures("a", ALL).unwrap().unwrap();
        assert!(first.iter().map(|capture| capture.seq).eq(1..=4));
        assert!(first.iter().all(|capture| capture.body.wire == body));
        let after = Some(first.last().unwrap().seq);
        let rest = store.captures("a", Range { after, ..ALL }).unwrap().unwrap();
        assert!(rest.iter().map(|capture| capture.seq).eq(5..=6));
        let two = Range { limit: 2, newest_first: true, ..ALL };
        let two = store.captures("a", two).unwrap().unwrap();
        assert!(two.iter().map(|capture| capture.seq).eq([6, 5]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mostly_dead_segments_shrink_and_the_living_can_be_read_meanwhile() {
    let home = Home::small_segments(16 * 1024);
    let store = home.open();
    for seq in 1..=2_000_u32 {
        store.put("a", &format!("{seq}{}", "x".repeat(400))).await;
    }
    let bytes = || -> u64 {
        let length = |path: &std::path::PathBuf| path.metadata().map_or(0, |found| found.len());
        home.files("seg").iter().map(length).sum()
    };
    let before = bytes();
    let reading = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..40 {
                let found = store.captures("a", ALL).unwrap().unwrap();
                assert!(
                    found.iter().all(|c| c.body.wire.starts_with(c.seq.to_string().as_bytes()))
                );
                tokio::task::yield_now().await;
            }
        })
    };
    let most: Vec<u64> = (1..=2_000).filter(|seq| seq % 10 != 0).collect();
    for some in most.chunks(100) {
        store.delete_many("a", some).await.unwrap();
    }
    super::space::eventually("mostly dead ones shrink", || bytes() < before / 2).await;
    reading.await.unwrap();
    let living: Vec<u64> = (1..=200).map(|tens| tens * 10).collect();
    let mut store = store;
    for _ in 0..3 {
        assert_eq!(store.seqs("a"), living);
        let found = store.captures("a", ALL).unwrap().unwrap();
        assert_eq!(found.len(), 200);
        assert!(found.iter().all(|c| c.body.wire.starts_with(c.seq.to_string().as_bytes())));
        store = home.reopen(store).await;
    }
    assert_eq!(store.put("a", "x").await, 2_001);
}
