//! Lanes: who may be attempted next. Pure.
//!
//! A lane is one webhook's deliveries; a second lane of each, its number negated, is for what
//! somebody waits for. Each has a bound of its own, a target has one over all its lanes, and what
//! is free goes round, so that no lane can take the others' turn.

mod bucket;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hooklab_shared::id::Timestamp;

use crate::clock::Clock;
use crate::schedule;
use bucket::Bucket;

/// Places kept for what somebody waits for, of all and of one webhook.
const URGENT_AT_ONCE: usize = 8;

/// Lanes that one turn looks at: each turn is one transaction, and the next one goes on from there.
const LANES_A_TURN: usize = 1_024;

/// How many attempts may be under way at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) all: usize,
    pub(crate) target: usize,
    pub(crate) webhook: usize,
}

/// So many of a lane's deliveries are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) lane: i64,
    pub(crate) most: usize,
}

/// How a webhook does, as the store has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Health {
    /// Scheme, host and port of its URL.
    pub(crate) target: Arc<str>,
    /// Deliveries a second at most.
    pub(crate) rate: Option<u32>,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// It is left alone until then.
    pub(crate) held_until: Option<Timestamp>,
}

impl Health {
    /// How a webhook does that has not failed.
    pub(crate) fn clean(url: &str, rate: Option<u32>) -> Self {
        // Scheme, host and port: up to the third slash. A stored URL is one that parses.
        let end = url.match_indices('/').nth(2).map_or(url.len(), |(at, _)| at);
        Self { target: url[..end].into(), rate, ..Self::default() }
    }
}

/// Every lane that has or had something to do: two for each webhook at most.
#[derive(Debug)]
pub(crate) struct Lanes {
    bounds: Bounds,
    clock: Clock,
    lanes: HashMap<i64, Lane>,
    /// Lanes that have something due, the one first that had its turn longest ago.
    ready: BTreeSet<(u64, i64)>,
    /// Lanes that will have, by when.
    later: BTreeSet<(Timestamp, i64)>,
    /// Lanes whose target has no room, by target.
    blocked: HashMap<Arc<str>, BTreeSet<(u64, i64)>>,
    /// Attempts under way, by target.
    targets: HashMap<Arc<str>, usize>,
    flying: usize,
    /// Rises with every lane that is served.
    served: u64,
}

#[derive(Debug, Default)]
struct Lane {
    /// When its next delivery is due.
    next: Option<Timestamp>,
    /// The same as others told it while the store was being asked: the store may not have seen it.
    stirred: Option<Timestamp>,
    /// How its webhook does; none before the first answer.
    health: Option<Health>,
    bucket: Option<Bucket>,
    held_until: Option<Timestamp>,
    /// Attempts under way, and places asked for.
    flying: usize,
    asked: usize,
    served: u64,
    place: Place,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Nowhere,
    Ready(u64),
    Later(Timestamp),
    Blocked(u64),
}

impl Lanes {
    pub(crate) fn new(bounds: Bounds, clock: Clock) -> Self {
        Self {
            bounds,
            clock,
            lanes: HashMap::new(),
            ready: BTreeSet::new(),
            later: BTreeSet::new(),
            blocked: HashMap::new(),
            targets: HashMap::new(),
            flying: 0,
            served: 0,
        }
    }

    /// Something of this lane is due then.
    pub(crate) fn stir(&mut self, lane: i64, due_at: Timestamp) {
        let found = self.lanes.entry(lane).or_default();
        let known = if found.asked > 0 { &mut found.stirred } else { &mut found.next };
        *known = earlier(*known, Some(due_at));
        self.place(lane);
    }

    /// What to take now; each lane that is named has asked, and has to be answered.
    pub(crate) fn wanted(&mut self, now: Timestamp) -> Vec<Wanted> {
        while let Some(&(at, lane)) = self.later.first()
            && at <= now
        {
            let served = self.lanes.get(&lane).map_or(0, |found| found.served);
            self.put(lane, Place::Ready(served));
        }
        let share = (self.bounds.all / self.ready.len().max(1)).max(1);
        let turn: Vec<i64> = self.ready.iter().map(|&(_, lane)| lane).take(LANES_A_TURN).collect();
        let mut wanted = Vec::new();
        for lane in turn {
            if lane > 0 && self.flying >= self.bounds.all {
                break;
            }
            let most = self.room(lane).min(share);
            if most == 0 {
                if lane > 0 {
                    self.block(lane);
                }
                continue;
            }
            let most = most.min(self.tokens(lane, now));
            if most > 0 {
                wanted.push(Wanted { lane, most });
                self.ask(lane, most);
            }
        }
        wanted
    }

    /// What came of it: so many were taken, and the next of this lane is due then.
    pub(crate) fn answered(&mut self, lane: i64, taken: usize, next: Option<Timestamp>) {
        let target = self.target(lane);
        let Some(found) = self.lanes.get_mut(&lane) else { return };
        let asked = std::mem::take(&mut found.asked);
        found.flying += taken;
        found.next = earlier(next, found.stirred.take());
        if let Some(bucket) = &mut found.bucket {
            bucket.take(taken);
        }
        self.flying = (self.flying + taken).saturating_sub(asked);
        let flying = self.targets.entry(target.clone()).or_default();
        *flying = (*flying + taken).saturating_sub(asked);
        self.place(lane);
        for _ in taken..asked {
            self.unblock(&target);
        }
    }

    /// An attempt of this lane is over.
    pub(crate) fn landed(&mut self, lane: i64) {
        let target = self.target(lane);
        let Some(found) = self.lanes.get_mut(&lane) else { return };
        found.flying = found.flying.saturating_sub(1);
        self.flying = self.flying.saturating_sub(1);
        if let Some(flying) = self.targets.get_mut(&target) {
            *flying = flying.saturating_sub(1);
        }
        self.place(lane);
        self.unblock(&target);
    }

    /// How a webhook does now; both its lanes learn of it.
    pub(crate) fn health(&mut self, webhook: i64, health: &Health, now: Timestamp) {
        let mut moved = Vec::new();
        for lane in [webhook, -webhook] {
            let target = self.target(lane);
            // It may be about to wait in another target's line.
            self.put(lane, Place::Nowhere);
            let Some(found) = self.lanes.get_mut(&lane) else { continue };
            let busy = found.flying + found.asked;
            if target != health.target {
                // Those under way count for where they are bound to from now on.
                if let Some(flying) = self.targets.get_mut(&target) {
                    *flying = flying.saturating_sub(busy);
                }
                *self.targets.entry(health.target.clone()).or_default() += busy;
                moved.push(target);
            }
            if found.health.as_ref().and_then(|known| known.rate) != health.rate {
                let mut bucket = health.rate.map(|rate| Bucket::new(rate, self.clock.scale(), now));
                // What went before the rate was known counts too.
                bucket.iter_mut().for_each(|bucket| bucket.take(found.flying));
                found.bucket = bucket;
            }
            if lane > 0 {
                let gap = self.clock.wait(schedule::gap(health.failures));
                let slowed = (!gap.is_zero()).then(|| now + gap);
                found.held_until = health.held_until.max(slowed);
            }
            found.health = Some(health.clone());
            self.place(lane);
        }
        for target in moved {
            self.unblock(&target);
        }
    }

    /// When the next lane has something to do that has nothing now.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.later.first().map(|&(at, _)| at)
    }

    /// Where a lane is bound to; nowhere yet, before its health is known.
    fn target(&self, lane: i64) -> Arc<str> {
        let health = self.lanes.get(&lane).and_then(|lane| lane.health.as_ref());
        health.map(|health| health.target.clone()).unwrap_or_default()
    }

    fn urgent(&self) -> usize {
        URGENT_AT_ONCE.min(self.bounds.all)
    }

    /// How many of this lane may be under way; one, before its health is known.
    fn own(&self, lane: i64, found: &Lane) -> usize {
        match &found.health {
            _ if lane < 0 => self.urgent(),
            None => self.bounds.webhook.min(1),
            Some(health) => schedule::attempts_at_once(health.failures, self.bounds.webhook),
        }
    }

    /// How many more of this lane may be under way.
    fn room(&self, lane: i64) -> usize {
        let Some(found) = self.lanes.get(&lane) else { return 0 };
        let mut room = self.own(lane, found).saturating_sub(found.flying + found.asked);
        if lane < 0 {
            return room.min((self.bounds.all + self.urgent()).saturating_sub(self.flying));
        }
        if let Some(health) = &found.health {
            let taken = self.targets.get(&health.target).copied().unwrap_or(0);
            room = room.min(self.bounds.target.saturating_sub(taken));
        }
        room.min(self.bounds.all.saturating_sub(self.flying))
    }

    /// How many its rate allows; a lane that has to wait for that is put off.
    fn tokens(&mut self, lane: i64, now: Timestamp) -> usize {
        let Some(found) = self.lanes.get_mut(&lane) else { return 0 };
        let bucket = found.bucket.as_mut().filter(|_| lane > 0);
        bucket.map_or(Ok(usize::MAX), |bucket| bucket.tokens(now)).unwrap_or_else(|at| {
            self.put(lane, Place::Later(at));
            0
        })
    }

    /// A lane whose target has no room waits for a landing there, out of the others' way.
    fn block(&mut self, lane: i64) {
        let served = self.lanes.get(&lane).map_or(0, |found| found.served);
        self.put(lane, Place::Blocked(served));
    }

    /// A place at this target is free: the lane may have it that had its turn longest ago. Where
    /// nothing lands any more, all may.
    fn unblock(&mut self, target: &Arc<str>) {
        let is_idle = self.targets.get(target).is_none_or(|&flying| flying == 0);
        if is_idle {
            self.targets.remove(target);
        }
        while let Some(&(served, lane)) =
            self.blocked.get(target).and_then(|blocked| blocked.first())
        {
            self.put(lane, Place::Ready(served));
            if !is_idle {
                return;
            }
        }
    }

    fn ask(&mut self, lane: i64, most: usize) {
        let target = self.target(lane);
        *self.targets.entry(target).or_default() += most;
        self.flying += most;
        self.served += 1;
        if let Some(found) = self.lanes.get_mut(&lane) {
            found.asked = most;
            // Whoever waits for something always goes first.
            found.served = if lane < 0 { 0 } else { self.served };
        }
        self.put(lane, Place::Nowhere);
    }

    /// Puts a lane where it belongs: one whose own bound is reached waits for a landing.
    fn place(&mut self, lane: i64) {
        let Some(found) = self.lanes.get(&lane) else { return };
        let is_full = found.asked > 0 || found.flying >= self.own(lane, found);
        let place = match found.next {
            Some(next) if !is_full => Place::Later(found.held_until.unwrap_or(next).max(next)),
            _ => Place::Nowhere,
        };
        self.put(lane, place);
    }

    fn put(&mut self, lane: i64, place: Place) {
        let Some(found) = self.lanes.get_mut(&lane) else { return };
        match std::mem::replace(&mut found.place, place) {
            was if was == place => return,
            Place::Nowhere => {}
            Place::Ready(served) => drop(self.ready.remove(&(served, lane))),
            Place::Later(at) => drop(self.later.remove(&(at, lane))),
            Place::Blocked(served) => {
                let target = self.target(lane);
                if let Some(blocked) = self.blocked.get_mut(&target) {
                    blocked.remove(&(served, lane));
                    if blocked.is_empty() {
                        self.blocked.remove(&target);
                    }
                }
            }
        }
        match place {
            Place::Nowhere => {}
            Place::Ready(served) => drop(self.ready.insert((served, lane))),
            Place::Later(at) => drop(self.later.insert((at, lane))),
            Place::Blocked(served) => {
                let target = self.target(lane);
                self.blocked.entry(target).or_default().insert((served, lane));
            }
        }
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}
