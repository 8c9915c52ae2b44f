//! Captures: in, out, in order, and every byte of them.

use std::collections::BTreeSet;
use std::net::{Ipv6Addr, SocketAddrV6};

use bytes::Bytes;
use hooklab_shared::body::Framing;
use hooklab_shared::capture::{Capture, Outcome, Protocol, Replied};
use hooklab_shared::headers::Head;
use hooklab_shared::reply::Fault;

use super::{Home, capture};
use crate::store::{At, Range, StoreError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seqs_rise_from_one_in_every_bin() {
    for home in Home::all() {
        let store = home.open();
        for seq in 1..=5 {
            assert_eq!(store.put("a", "x").await, seq);
            assert_eq!(store.put("b", "x").await, seq);
        }
        let unknown = store.append(capture("c", b""), false).await;
        assert_eq!(unknown, Err(StoreError::UnknownBin));
        assert!(store.bin("c").is_none());
        assert_eq!(store.append(capture("a", b""), false).await, Ok(6));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_appends_get_each_seq_once() {
    for home in Home::all() {
        let store = home.open();
        let tasks: Vec<_> = (0..32)
            .map(|task| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut given = Vec::new();
                    for turn in 0..500 {
                        let seq = store.put("orders", &format!("{task}/{turn}")).await;
                        let read = store.read("orders", At::Seq(seq)).unwrap().unwrap();
                        assert_eq!(read.body.wire, format!("{task}/{turn}"));
                        given.push(seq);
                    }
                    assert!(given.is_sorted());
                    given
                })
            })
            .collect();
        let mut all = BTreeSet::new();
        for task in tasks {
            for seq in task.await.unwrap() {
                assert!(all.insert(seq), "{seq} was given twice");
            }
        }
        assert!(all.iter().copied().eq(1..=16_000));
        assert!(store.seqs("orders").iter().copied().eq(1..=16_000));
        let bin = store.bin("orders").unwrap();
        assert_eq!((bin.captures, bin.oldest_seq, bin.newest_seq), (16_000, Some(1), 16_000));
    }
}

/// One of each kind, and bodies of every byte, of none, and of nine mebibytes.
fn odd_captures() -> Vec<Capture> {
    let every_byte: Vec<u8> = (0..=255).collect();
    let huge: Vec<u8> =
        (0..9 * 1024 * 1024_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut captures: Vec<Capture> =
        [&every_byte[..], b"", &huge].map(|body| capture("odd", body)).into();
    for protocol in [Protocol::Http10, Protocol::Http11, Protocol::Http2] {
        captures.push(Capture { protocol, ..capture("odd", b"p") });
    }
    for outcome in [Outcome::Complete, Outcome::Aborted, Outcome::TimedOut, Outcome::OverLimit] {
        captures.push(Capture { outcome, content_bytes: u64::MAX, ..capture("odd", b"o") });
    }
    let v6 = |ip: Ipv6Addr| SocketAddrV6::new(ip, 443, 7, 9).into();
    for peer in [v6(Ipv6Addr::LOCALHOST), v6("::ffff:127.0.0.1".parse().unwrap())] {
        captures.push(Capture { peer, ..capture("odd", b"6") });
        let client = Some(peer.ip().to_canonical());
        captures.push(Capture { peer, client, ..capture("odd", b"proxied") });
    }
    let mut chunked = capture("odd", b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n");
    chunked.body.framing = Framing::Chunked;
    chunked.content_bytes = 3;
    captures.push(chunked);
    let fault = Some(Fault::Endless);
    let reply =
        Replied { status: 599, rule: Some(u32::MAX), fault, held: true, template_failed: true };
    captures.push(Capture {
        reply,
        head: Head::from(Bytes::from(every_byte)),
        ..capture("odd", b"")
    });
    captures
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_is_what_was_kept() {
    for home in Home::all() {
        let mut store = home.open();
        let mut kept = odd_captures();
        for capture in &mut kept {
            capture.seq = store.append(capture.clone(), true).await.unwrap();
        }
        for round in 0..2 {
            for capture in &kept {
                let read = store.read("odd", At::Seq(capture.seq)).unwrap().unwrap();
                assert!(read == *capture, "{:?} in round {round}", capture.seq);
            }
            let latest = store.read("odd", At::Latest).unwrap().unwrap();
            assert_eq!(Some(&latest), kept.last());
            let all = Range { after: None, before: None, newest_first: false, limit: 100 };
            let listed = store.summaries("odd", all).unwrap().unwrap();
            assert!(listed.iter().eq(kept.iter().map(Capture::summary).collect::<Vec<_>>().iter()));
            if home.level != crate::store::Durability::Memory {
                store = home.reopen(store).await;
            }
        }
        assert_eq!(store.read("odd", At::Seq(999)), Ok(None));
        assert_eq!(store.read("none", At::Latest), Ok(None));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_is_not_searched_for_an_event() {
    for home in Home::all() {
        let store = home.open();
        let filler = "x".repeat(400 * 1024);
        store.put("big", &format!(r#"{{"type":"x","filler":"{filler}"}}"#)).await;
        let head = format!(
            "POST /big HTTP/1.1\r\nX-GitHub-Event: push\r\nX: {}\r\n\r\n",
            "y".repeat(60_000)
        );
        let mut named = capture("big", filler.as_bytes());
        named.head = Head::from(Bytes::from(head));
        store.append(named, true).await.unwrap();
        let all = Range { after: None, before: None, newest_first: false, limit: 9 };
        let listed = store.summaries("big", all).unwrap().unwrap();
        assert_eq!(listed[0].event, None);
        assert_eq!(listed[0].size, filler.len() as u64 + 24);
        assert_eq!(listed[1].event.as_ref().unwrap().kind, "push");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_go_both_ways_with_exclusive_bounds() {
    for home in Home::all() {
        let store = home.open();
        for _ in 0..9 {
            store.put("a", "x").await;
        }
        store.delete("a", 4).await.unwrap();
        let list = |after, before, newest_first, limit| {
            let range = Range { after, before, newest_first, limit };
            let found = store.summaries("a", range).unwrap().unwrap();
            found.iter().map(|summary| summary.seq).collect::<Vec<_>>()
        };
        assert_eq!(list(None, None, false, 3), [1, 2, 3]);
        assert_eq!(list(Some(3), None, false, 3), [5, 6, 7]);
        assert_eq!(list(None, None, true, 2), [9, 8]);
        assert_eq!(list(None, Some(6), true, 2), [5, 3]);
        assert_eq!(list(Some(2), Some(5), false, 9), [3]);
        assert!(list(Some(9), None, false, 9).is_empty());
        assert!(list(None, None, false, 0).is_empty());
        let all = Range { after: None, before: None, newest_first: false, limit: 9 };
        assert_eq!(store.summaries("none", all), Ok(None));
    }
}
