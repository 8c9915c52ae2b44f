//! Retention: sliding by count, bytes and age, of each bin and of all together.

use std::time::{Duration, SystemTime};

use hooklab_shared::bin::{Config, Keep};
use hooklab_shared::capture::Capture;
use hooklab_shared::id::{Seq, Timestamp};
use hooklab_shared::live::{GapReason, Message};
use tokio::time::{advance, sleep};

use super::live::{next, watch};
use super::{Home, capture, name};
use crate::store::{At, Durability, Store};

fn keep(captures: Option<u64>, bytes: Option<u64>, age_secs: Option<u64>) -> Keep {
    Keep { captures, bytes, age: age_secs.map(|secs| Duration::from_secs(secs).into()) }
}

async fn bin(store: &Store, bin: &str, keep: Keep) {
    let config = Config { keep, ..Config::default() };
    store.create_bin(name(bin), config, Timestamp::default()).await.unwrap();
}

/// A capture that came so many seconds ago.
fn aged(bin: &str, secs: u64) -> Capture {
    let at = SystemTime::now() - Duration::from_secs(secs);
    Capture { received_at: Timestamp::from(at), ..capture(bin, b"x") }
}

async fn put(store: &Store, bin: &str, times: usize) {
    for _ in 0..times {
        store.append(aged(bin, 0), true).await.unwrap();
    }
}

fn dropped(store: &Store, bin: &str) -> (u64, Option<Seq>, u64) {
    let bin = store.bin(bin).unwrap();
    (bin.captures, bin.oldest_seq, bin.dropped)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_of_a_bin_stay_and_the_rest_is_counted() {
    for home in Home::all() {
        let mut store = home.open();
        bin(&store, "a", keep(Some(3), None, None)).await;
        for seq in 1..=50 {
            assert_eq!(store.put("a", "x").await, seq);
            let (captures, oldest, gone) = dropped(&store, "a");
            assert!(captures <= 3, "never more than may be kept");
            assert_eq!((captures + gone, oldest), (seq, Some(seq.saturating_sub(2).max(1))));
        }
        put(&store, "other", 20).await;
        for round in 0..3 {
            assert_eq!(store.seqs("a"), [48, 49, 50], "round {round}");
            assert_eq!(dropped(&store, "a"), (3, Some(48), 47));
            assert_eq!(dropped(&store, "other"), (20, Some(1), 0));
            assert_eq!(store.read("a", At::Seq(47)), Ok(None));
            if home.level != Durability::Memory {
                store = home.reopen(store).await;
            }
        }
        assert_eq!(store.put("a", "x").await, 51);
        assert_eq!(store.seqs("a"), [49, 50, 51]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_slide_and_the_newest_stays_however_large() {
    for home in Home::all() {
        let store = home.open();
        let one = crate::store::record::capture_bytes(&capture("a", b"x")) as u64;
        bin(&store, "a", keep(None, Some(one * 4), None)).await;
        put(&store, "a", 9).await;
        assert_eq!(store.seqs("a"), [6, 7, 8, 9]);
        store.append(capture("a", &[7; 5_000]), true).await.unwrap();
        assert_eq!(store.seqs("a"), [10]);
        put(&store, "a", 1).await;
        assert_eq!(store.seqs("a"), [11]);
        assert_eq!(dropped(&store, "a"), (1, Some(11), 10));
        let wider = Config { keep: keep(None, Some(one * 2), None), ..Config::default() };
        store.update_bin("a", wider).await.unwrap();
        put(&store, "a", 5).await;
        assert_eq!(store.seqs("a"), [15, 16]);
        let narrower = Config { keep: keep(Some(1), None, None), ..Config::default() };
        let state = store.update_bin("a", narrower).await.unwrap().unwrap();
        assert_eq!((state.captures, state.oldest_seq), (1, Some(16)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_all_the_oldest_goes_whosever_it_is() {
    for mut home in Home::all() {
        home.keep = keep(Some(6), None, None);
        let mut store = home.open();
        for _ in 0..4 {
            put(&store, "a", 1).await;
            put(&store, "b", 1).await;
        }
        assert_eq!((store.seqs("a"), store.seqs("b")), (vec![2, 3, 4], vec![2, 3, 4]));
        put(&store, "c", 4).await;
        assert_eq!((store.seqs("a"), store.seqs("b")), (vec![4], vec![4]));
        store.delete("a", 4).await.unwrap();
        put(&store, "c", 1).await;
        assert_eq!(store.seqs("b"), [4], "there was room");
        store.delete_bin("c").await.unwrap();
        put(&store, "a", 5).await;
        assert_eq!((store.seqs("a"), store.seqs("b")), (vec![5, 6, 7, 8, 9], vec![4]));
        put(&store, "b", 2).await;
        for _ in 0..3 {
            assert_eq!((store.seqs("a"), store.seqs("b")), (vec![6, 7, 8, 9], vec![5, 6]));
            let (a, b) = (dropped(&store, "a"), dropped(&store, "b"));
            assert_eq!((a, b), ((4, Some(6), 4), (2, Some(5), 4)));
            if home.level != Durability::Memory {
                store = home.reopen(store).await;
            }
        }
        put(&store, "b", 1).await;
        assert_eq!(store.seqs("a"), [7, 8, 9], "the count goes on after a restart");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_in_all_are_bounded_over_many_bins() {
    for mut home in Home::all() {
        home.keep = keep(None, Some(40_000), None);
        let store = home.open();
        for turn in 0..300 {
            store.append(capture(&format!("bin-{}", turn % 7), &[1; 1_000]), true).await.unwrap();
            let bytes: u64 = store.bins(None, 9).iter().map(|bin| bin.bytes).sum();
            assert!(bytes <= 40_000, "{bytes}");
        }
        let left: u64 = store.bins(None, 9).iter().map(|bin| bin.captures).sum();
        assert!(left >= 30, "{left}");
        let gone: u64 = store.bins(None, 9).iter().map(|bin| bin.dropped).sum();
        assert_eq!(left + gone, 300);
    }
}

/// Lets the timer's task run as often as it wants to.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn captures_go_when_they_are_old_enough_and_no_sooner() {
    let home = Home::at(Durability::Memory);
    let store = home.open();
    bin(&store, "a", keep(None, None, Some(60))).await;
    put(&store, "a", 2).await;
    put(&store, "young", 1).await;
    settle().await;
    advance(Duration::from_secs(30)).await;
    put(&store, "a", 1).await;
    advance(Duration::from_millis(29_500)).await;
    settle().await;
    assert_eq!(store.seqs("a"), [1, 2, 3]);
    sleep(Duration::from_secs(1)).await;
    settle().await;
    assert_eq!(store.seqs("a"), [3]);
    assert_eq!(dropped(&store, "a"), (1, Some(3), 2));
    sleep(Duration::from_secs(30)).await;
    settle().await;
    assert_eq!(dropped(&store, "a"), (0, None, 3));
    assert_eq!(store.seqs("young"), [1]);
    assert_eq!(store.put("a", "x").await, 4);
}

#[tokio::test(start_paused = true)]
async fn an_age_that_is_set_later_counts_from_when_they_came() {
    let home = Home::at(Durability::Memory);
    let store = home.open();
    put(&store, "a", 3).await;
    store.append(aged("b", 100), true).await.unwrap();
    put(&store, "b", 1).await;
    advance(Duration::from_secs(50)).await;
    let hour = Config { keep: keep(None, None, Some(3_600)), ..Config::default() };
    let minute = Config { keep: keep(None, None, Some(60)), ..Config::default() };
    for bin in ["a", "b"] {
        store.update_bin(bin, hour.clone()).await.unwrap();
    }
    settle().await;
    store.update_bin("a", minute.clone()).await.unwrap();
    store.update_bin("b", minute).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    settle().await;
    assert_eq!((store.seqs("a"), store.seqs("b")), (vec![1, 2, 3], vec![2]));
    store.delete_bin("b").await.unwrap();
    sleep(Duration::from_secs(10)).await;
    settle().await;
    assert!(store.seqs("a").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_too_old_while_it_was_closed_goes_at_the_start() {
    for mut home in Home::disks() {
        let store = home.open();
        for secs in [500, 400, 100, 0] {
            store.append(aged("a", secs), true).await.unwrap();
        }
        store.close().await;
        home.keep = keep(None, None, Some(300));
        let store = home.open();
        super::space::eventually("old ones go", || store.seqs("a") == [3, 4]).await;
        let store = home.reopen(store).await;
        assert_eq!(dropped(&store, "a"), (2, Some(3), 2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_resumes_behind_it_is_told_a_gap() {
    for home in Home::all() {
        let mut store = home.open();
        bin(&store, "a", keep(Some(5), None, None)).await;
        put(&store, "a", 20).await;
        for _ in 0..2 {
            let (mut watch, hello) = watch(&store, "a", Some(3)).await;
            let Message::Hello { oldest_seq, dropped, .. } = hello else { panic!("{hello:?}") };
            assert_eq!((oldest_seq, dropped), (Some(16), 15));
            let gap = Message::Gap { from: 4, to: 15, reason: GapReason::Retention };
            assert_eq!(next(&mut watch).await, Some(gap));
            assert_eq!(watch.resume_after(), Some(15));
            let first = next(&mut watch).await;
            assert!(matches!(first, Some(Message::Capture { seq: 16, .. })), "{first:?}");
            drop(watch);
            if home.level != Durability::Memory {
                store = home.reopen(store).await;
            }
        }
    }
}

/// A restart agrees also where the segments of what was dropped have gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_and_space_hold_over_many_segments() {
    let home = Home::small_segments(8 * 1024);
    let mut store = home.open();
    bin(&store, "a", keep(Some(10), None, None)).await;
    put(&store, "still", 1).await;
    for round in 1..=4_u64 {
        put(&store, "a", 300).await;
        let newest = round * 300;
        super::space::eventually("segments go", || home.files("seg").len() <= 6).await;
        assert_eq!(dropped(&store, "a"), (10, Some(newest - 9), newest - 10));
        store = home.reopen(store).await;
        assert_eq!(dropped(&store, "a"), (10, Some(newest - 9), newest - 10));
        assert_eq!(store.seqs("still"), [1]);
    }
}
