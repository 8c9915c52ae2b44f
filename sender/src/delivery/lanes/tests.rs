use std::time::Duration;

use super::*;

const BOUNDS: Bounds = Bounds { all: 64, target: 32, webhook: 16 };

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn lanes() -> Lanes {
    Lanes::new(BOUNDS, Clock::new(1))
}

fn health(target: &str) -> Health {
    Health { target: target.into(), ..Health::default() }
}

/// A lane that has more due than will ever be taken, its health known.
fn busy(lanes: &mut Lanes, lane: i64, target: &str) {
    lanes.stir(lane, at(0));
    for wanted in lanes.wanted(at(1)) {
        lanes.answered(wanted.lane, 0, Some(at(0)));
    }
    lanes.health(lane, &health(target), at(1));
}

fn wanted(lanes: &mut Lanes, now: i64) -> Vec<(i64, usize)> {
    lanes.wanted(at(now)).into_iter().map(|wanted| (wanted.lane, wanted.most)).collect()
}

#[test]
fn a_lane_is_asked_once_and_within_its_bound() {
    let mut lanes = lanes();
    lanes.stir(1, at(10));
    assert_eq!(wanted(&mut lanes, 9), []);
    assert_eq!(lanes.next(), Some(at(10)));
    assert_eq!(wanted(&mut lanes, 10), [(1, 1)], "one, to learn how it does");
    assert_eq!(wanted(&mut lanes, 10), [], "it has asked");
    lanes.answered(1, 1, Some(at(10)));
    lanes.health(1, &health("a"), at(10));
    assert_eq!(wanted(&mut lanes, 10), [(1, 15)]);
    lanes.answered(1, 15, Some(at(10)));
    assert_eq!((wanted(&mut lanes, 10), lanes.next()), (vec![], None));
    lanes.landed(1);
    assert_eq!(wanted(&mut lanes, 10), [(1, 1)]);
    lanes.answered(1, 0, None);
    assert_eq!((wanted(&mut lanes, 10), lanes.next()), (vec![], None));
}

#[test]
fn what_is_stirred_while_the_store_is_asked_is_not_lost() {
    let mut lanes = lanes();
    lanes.stir(1, at(0));
    assert_eq!(wanted(&mut lanes, 0), [(1, 1)]);
    lanes.stir(1, at(5));
    lanes.answered(1, 0, None);
    assert_eq!(lanes.next(), Some(at(5)));
}

#[test]
fn a_target_that_hangs_leaves_room_for_twenty_others() {
    let mut lanes = lanes();
    busy(&mut lanes, 1, "hangs");
    let mut taken = [0; 22];
    // The hanging one has all it can get before the others begin.
    for (lane, most) in wanted(&mut lanes, 2) {
        lanes.answered(lane, most, Some(at(0)));
    }
    for lane in 2..22 {
        busy(&mut lanes, lane, &format!("fast {lane}"));
    }
    for turn in 0..100 {
        for (lane, most) in wanted(&mut lanes, 3 + turn) {
            lanes.answered(lane, most, Some(at(0)));
            taken[usize::try_from(lane).unwrap()] += most;
            for _ in 0..most {
                lanes.landed(lane);
            }
        }
    }
    assert_eq!(taken[1], 0, "it never lands, so it never asks again");
    let (least, most) = (taken[2..].iter().min().unwrap(), taken[2..].iter().max().unwrap());
    assert!(*least >= 100 && most - least <= 3, "{taken:?}");
}

#[test]
fn webhooks_of_one_target_share_its_bound_and_take_turns() {
    let mut lanes = lanes();
    for lane in 1..=4 {
        busy(&mut lanes, lane, "a");
    }
    let first = wanted(&mut lanes, 2);
    assert_eq!(first.iter().map(|(_, most)| most).sum::<usize>(), BOUNDS.target);
    for &(lane, most) in &first {
        lanes.answered(lane, most, Some(at(0)));
    }
    assert_eq!(wanted(&mut lanes, 3), []);
    lanes.landed(1);
    let next = wanted(&mut lanes, 4);
    assert_eq!(next.len(), 1);
    busy(&mut lanes, 9, "b");
    assert!(wanted(&mut lanes, 5).iter().any(|(lane, most)| (*lane, *most) == (9, 16)));
}

#[test]
fn failures_slow_a_lane_and_success_frees_it() {
    let mut lanes = lanes();
    busy(&mut lanes, 1, "a");
    lanes.health(1, &Health { failures: 12, ..health("a") }, at(0));
    assert_eq!(wanted(&mut lanes, 3_999_999), []);
    assert_eq!(wanted(&mut lanes, 4_000_000), [(1, 1)]);
    lanes.answered(1, 1, Some(at(0)));
    assert_eq!(wanted(&mut lanes, 9_000_000), []);
    lanes.landed(1);
    lanes.health(1, &health("a"), at(9_000_000));
    assert_eq!(wanted(&mut lanes, 9_000_000), [(1, 16)]);
    let held = Health { held_until: Some(at(20_000_000)), ..health("a") };
    lanes.answered(1, 0, Some(at(0)));
    lanes.health(1, &held, at(9_000_000));
    assert_eq!((wanted(&mut lanes, 19_999_999), lanes.next()), (vec![], Some(at(20_000_000))));
    assert_eq!(wanted(&mut lanes, 20_000_000).len(), 1);
}

#[test]
fn a_rate_holds_in_every_window() {
    let mut lanes = lanes();
    busy(&mut lanes, 1, "a");
    lanes.health(1, &Health { rate: Some(40), ..health("a") }, at(0));
    let mut sent = Vec::new();
    for ms in 0..5_000 {
        for (lane, most) in wanted(&mut lanes, ms * 1_000) {
            lanes.answered(lane, most, Some(at(0)));
            for _ in 0..most {
                lanes.landed(lane);
                sent.push(ms);
            }
        }
    }
    let window = |from: i64| sent.iter().filter(|&&ms| (from..from + 1_000).contains(&ms)).count();
    let most = (0..4_000).map(window).max().unwrap();
    assert!((40..=42).contains(&most), "{most}");
    assert!(sent.len() >= 195, "{}", sent.len());
}

#[test]
fn what_somebody_waits_for_goes_first_and_past_a_full_house() {
    let mut lanes = Lanes::new(Bounds { all: 2, target: 2, webhook: 2 }, Clock::new(1));
    busy(&mut lanes, 1, "a");
    for (lane, most) in wanted(&mut lanes, 2) {
        lanes.answered(lane, most, Some(at(0)));
    }
    lanes.health(1, &Health { held_until: Some(at(1_000)), ..health("a") }, at(2));
    lanes.stir(-1, at(0));
    assert_eq!(wanted(&mut lanes, 3), [(-1, 2)]);
    let mut idle = Lanes::new(Bounds { all: 0, target: 0, webhook: 0 }, Clock::new(1));
    idle.stir(1, at(0));
    idle.stir(-1, at(0));
    assert_eq!(wanted(&mut idle, 1), []);
    assert_eq!(idle.next(), None, "nothing to wait for, so nothing spins");
}

#[test]
fn ten_thousand_lanes_all_get_their_turn() {
    let mut lanes = lanes();
    for lane in 1..=10_000 {
        lanes.stir(lane, at(0));
    }
    let mut seen = std::collections::HashSet::new();
    for turn in 0..400 {
        for (lane, most) in wanted(&mut lanes, 1 + turn) {
            lanes.answered(lane, most, Some(at(0)));
            lanes.health(lane, &health(&lane.to_string()), at(1));
            (0..most).for_each(|_| lanes.landed(lane));
            seen.insert(lane);
        }
    }
    assert_eq!(seen.len(), 10_000);
    assert_eq!(Duration::ZERO, Clock::new(1).wait(schedule::gap(0)));
}
