//! Torn tails and flipped bits: only what is damaged is lost, and nothing else.

use std::fs;
use std::path::Path;

use super::{Home, capture};
use crate::store::record::{HEADER_BYTES, capture_bytes};
use crate::store::{At, OpenError, StoreError};

/// Where the captures of `fill` begin in their one segment, and where the last ends.
fn places(segment: &[u8], captures: usize) -> Vec<usize> {
    let one = capture_bytes(&capture("a", b"body"));
    (0..=captures).rev().map(|back| segment.len() - back * one).collect()
}

async fn fill(home: &Home, captures: usize) -> Vec<u8> {
    let store = home.open();
    for _ in 0..captures {
        store.put("a", "body").await;
    }
    store.close().await;
    fs::read(segment(home)).unwrap()
}

fn segment(home: &Home) -> std::path::PathBuf {
    home.files("seg").remove(0)
}

fn flip(path: &Path, bytes: &[u8], at: usize) {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_costs_the_last_record_alone() {
    let home = Home::small_segments(1 << 20);
    let whole = fill(&home, 4).await;
    let last = places(&whole, 4)[3];
    for cut in last..whole.len() {
        for filler in [&b""[..], &[0; 50]] {
            fs::write(segment(&home), [&whole[..cut], filler].concat()).unwrap();
            let store = home.open();
            assert_eq!(store.seqs("a"), [1, 2, 3], "{cut}");
            if filler.is_empty() {
                assert_eq!(segment(&home).metadata().unwrap().len(), last as u64, "cut off");
            }
            // A record that seems to have its length has used its seq.
            let next = store.put("a", "more").await;
            assert!(next == 4 || next == 5 && !filler.is_empty(), "{next} at {cut}");
            store.close().await;
            let store = home.open();
            assert_eq!(store.seqs("a"), [1, 2, 3, next], "{cut}");
            assert_eq!(store.read("a", At::Latest).unwrap().unwrap().body.wire, "more");
            store.close().await;
        }
    }
}

#[tokio::test]
async fn a_bit_flipped_in_the_middle_costs_that_record_alone() {
    let home = Home::small_segments(1 << 20);
    let whole = fill(&home, 4).await;
    let places = places(&whole, 4);
    for at in places[1]..places[2] {
        flip(&segment(&home), &whole, at);
        let store = home.open();
        assert_eq!(store.seqs("a"), [1, 3, 4], "{at}");
        assert_eq!(store.put("a", "").await, 5);
        store.close().await;
    }
}

#[tokio::test]
async fn a_bit_flipped_in_the_last_record_keeps_the_others() {
    let home = Home::small_segments(1 << 20);
    let whole = fill(&home, 4).await;
    for at in places(&whole, 4)[3]..whole.len() {
        flip(&segment(&home), &whole, at);
        let store = home.open();
        assert_eq!(store.seqs("a"), [1, 2, 3], "{at}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_bins_own_record_may_be_damaged() {
    let home = Home::small_segments(1 << 20);
    let whole = fill(&home, 3).await;
    for at in 24..places(&whole, 3)[0] {
        flip(&segment(&home), &whole, at);
        let store = home.open();
        assert_eq!(store.seqs("a"), [1, 2, 3], "{at}");
        assert_eq!(store.put("a", "").await, 4);
        store.close().await;
    }
}

#[tokio::test]
async fn a_body_that_holds_records_makes_none() {
    let home = Home::small_segments(1 << 20);
    let forged = fill(&home, 2).await;
    let other = Home::small_segments(1 << 20);
    let store = other.open();
    store.append(capture("a", &forged), true).await.unwrap();
    store.put("a", "body").await;
    store.close().await;
    let whole = fs::read(segment(&other)).unwrap();
    let first =
        whole.len() - capture_bytes(&capture("a", b"body")) - capture_bytes(&capture("a", &forged));
    flip(&segment(&other), &whole, first + HEADER_BYTES - 1);
    let store = other.open();
    assert_eq!(store.seqs("a"), [2]);
}

#[tokio::test]
async fn damage_behind_a_sidecar_is_found_by_reading() {
    let home = Home::small_segments(2 * 1024);
    let store = home.open();
    for _ in 0..40 {
        store.put("a", "body").await;
    }
    store.close().await;
    let first = segment(&home);
    let whole = fs::read(&first).unwrap();
    flip(&first, &whole, whole.len() - 1);
    let store = home.open();
    let seqs = store.seqs("a");
    assert_eq!(seqs.len(), 39);
    let lost = (1..=40).find(|seq| !seqs.contains(seq)).unwrap();
    let error = store.read("a", At::Seq(lost)).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("0000000001.seg"), "{error}");
    assert!(store.read("a", At::Seq(lost + 1)).unwrap().is_some());

    // A page that is short of the damaged one is filled from behind it.
    let range = crate::store::Range { after: None, before: None, newest_first: true, limit: 39 };
    assert_eq!(store.summaries("a", range).unwrap().unwrap().len(), 39);
    store.close().await;

    // The same by a scan, and again at the next start: it is not forgotten.
    for _ in 0..2 {
        let _ = fs::remove_file(first.with_extension("side"));
        let store = home.open();
        assert_eq!(store.seqs("a"), seqs);
        assert!(!first.with_extension("side").exists());
        store.close().await;
    }
}

#[tokio::test]
async fn a_segment_nobody_can_read_is_named() {
    let home = Home::small_segments(1 << 20);
    let whole = fill(&home, 2).await;
    flip(&segment(&home), &whole, 3);
    let damaged = fs::read(segment(&home)).unwrap();
    let error = home.try_open().unwrap_err();
    assert!(matches!(error, OpenError::Segment { .. }), "{error}");
    assert!(error.to_string().contains("0000000001.seg"), "{error}");
    assert_eq!(fs::read(segment(&home)).unwrap(), damaged, "nothing has been changed");
}
