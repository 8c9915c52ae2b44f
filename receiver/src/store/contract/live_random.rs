//! Watchers that come and go at random while captures come in.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::Duration;

use hooklab_shared::id::Seq;
use hooklab_shared::limits::Limits;
use hooklab_shared::live::Message;

use super::Home;
use super::live::{next, watch};
use crate::store::Store;

const CAPTURES: u64 = 5_000;

/// A small generator (SplitMix64), so that a seed tells the whole run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Follows a bin to its last capture, coming anew a hundred times, sometimes slow.
async fn follow(store: Store, mut dice: Dice) -> Vec<Seq> {
    let mut told: Vec<Seq> = Vec::new();
    let mut comings = 0;
    while told.last() != Some(&CAPTURES) {
        let after = told.last().copied().unwrap_or(0);
        let (mut watch, _) = watch(&store, "a", Some(after)).await;
        comings += 1;
        let stay = if comings > 100 { u64::MAX } else { dice.below(100) };
        let mut taken = 0;
        while taken < stay && told.last() != Some(&CAPTURES) {
            if dice.below(200) == 0 {
                tokio::time::sleep(Duration::from_millis(dice.below(4))).await;
            }
            // Given up at random while it waits: nothing may be lost of that.
            let wait = Duration::from_micros(dice.below(3_000));
            let Ok(frame) = tokio::time::timeout(wait, watch.next()).await else { continue };
            match serde_json::from_str(frame.unwrap().as_str()).unwrap() {
                Message::Capture { seq, .. } => told.push(seq),
                other => panic!("{other:?} after {after}"),
            }
            taken += 1;
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coming_and_going_neither_loses_nor_repeats() {
    for mut home in Home::all() {
        home.limits = Limits { live_messages_max: 16, ..Limits::default() };
        let seed = RandomState::new().hash_one(0);
        println!("seed {seed}");
        let store = home.open();
        store.put("a", "x").await;
        let watchers: Vec<_> = (0..4)
            .map(|nth| tokio::spawn(follow(store.clone(), Dice(seed.wrapping_add(nth)))))
            .collect();
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    loop {
                        let newest = store.bin("a").unwrap().newest_seq;
                        // The last ones come one by one, so that none is beyond the end.
                        if newest + 8 >= CAPTURES {
                            break;
                        }
                        store.put("a", "x").await;
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        while store.bin("a").unwrap().newest_seq < CAPTURES {
            store.put("a", "x").await;
        }
        for watcher in watchers {
            assert!(watcher.await.unwrap().into_iter().eq(1..=CAPTURES), "seed {seed}");
        }
        assert_eq!(store.watchers(), 0);
        let (mut done, _) = watch(&store, "a", Some(CAPTURES - 1)).await;
        let last = next(&mut done).await;
        assert!(matches!(last, Some(Message::Capture { seq: CAPTURES, .. })), "{last:?}");
    }
}
