//! What a lost transaction held is told again by the log, to the letter.

use std::collections::BTreeSet;

use hooklab_shared::delivery::AttemptOutcome;

use super::*;
use crate::schedule::SILENCE_MAX;
use crate::store::recover::Log;
use crate::store::{attempts, schema};

const WEBHOOKS: i64 = 4;

/// Numbers that look random, the same ones each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % most
    }
}

/// A store as its thread has it, with deliveries of several webhooks, and tests of them.
struct Bench {
    connection: Connection,
    log: Log,
    ahead: Ahead,
    dice: Dice,
    flying: Vec<Taken>,
    now: i64,
    /// Deliveries that are under way or were delivered: none of them may be taken.
    seen: BTreeSet<i64>,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let connection = Connection::open_in_memory().unwrap();
        let log = Log::in_memory();
        schema::prepare(&connection, &log.attempts).unwrap();
        log.recover(&connection).unwrap();
        let sql = "INSERT INTO webhook (name, url, event, profile, active, integration, \
                   created_at, modified_at) \
                   VALUES ('a', ?1, 'e', 'standard-webhooks', 1, '', 0, 0)";
        for webhook in 1..=WEBHOOKS {
            connection.execute(sql, [format!("http://127.0.0.{webhook}/")]).unwrap();
        }
        connection
            .execute_batch(
                "INSERT INTO event (id, type, created_at, payload) VALUES ('1', 'e', 0, '{}')",
            )
            .unwrap();
        let sql = "INSERT INTO delivery (id, event_id, event, webhook, target, profile, test, \
                   state, created_at, due_at, lane) \
                   VALUES (?1, '1', 'e', ?2, '', 'standard-webhooks', ?3, \
                   'pending', 0, 0, iif(?3, -?2, ?2))";
        for count in 1..=400 {
            let (id, webhook) =
                (Uuid::from_u128(count).to_string(), i64::try_from(count).unwrap() % 4 + 1);
            connection.execute(sql, (id, webhook, count % 5 == 0)).unwrap();
        }
        let dice = Dice(seed);
        let (ahead, flying, seen) = (Ahead::default(), Vec::new(), BTreeSet::new());
        Self { connection, log, ahead, dice, flying, now: 1_000, seen }
    }

    fn sql(&self, sql: &str) {
        self.connection.execute_batch(sql).unwrap();
    }

    /// Every row, as text; of what is never told again what no longer means anything is left out.
    fn tables(&mut self) -> Vec<String> {
        self.ahead.tell(&self.connection).unwrap();
        let mut all = Vec::new();
        for sql in [
            "SELECT row, state, target, attempts, manual, because, began_at, lane, last_segment, \
             last_offset, last_bytes, first_segment, iif(state = 'pending', due_at, 0), \
             iif(state = 'delivered', 0, step) FROM delivery ORDER BY row",
            "SELECT id, active, count, last_at, last_ok, last_told, failures, failing_since, \
             held_until, deactivated_because FROM webhook ORDER BY id",
        ] {
            let mut statement = self.connection.prepare(sql).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let value = |at| row.get::<_, rusqlite::types::Value>(at).unwrap();
                all.push(format!("{:?}", (0..columns).map(value).collect::<Vec<_>>()));
            }
        }
        all
    }

    fn ended(&mut self, taken: &Taken) -> Ended {
        let due = &taken.due;
        let mut attempt = attempts::tests::attempt(due.n, due.target.as_str());
        let (at, roll) = (Timestamp::from_micros(self.now), self.dice.below(10));
        attempt.at = at;
        attempt.outcome = match roll {
            0..5 => AttemptOutcome::Delivered,
            _ => AttemptOutcome::Refused { status: 500, hint: String::new() },
        };
        let state = match roll {
            0..5 => DeliveryState::Delivered,
            5..8 if !due.test => DeliveryState::Pending,
            _ => DeliveryState::Exhausted,
        };
        let is_exhausted = state == DeliveryState::Exhausted;
        Ended {
            row: due.row,
            id: due.id,
            webhook: due.webhook,
            test: due.test,
            before: taken.before,
            attempt,
            state,
            step: taken.step + 1,
            due_at: Timestamp::from_micros(self.now + 3),
            because: is_exhausted.then(|| "no attempt succeeded".to_owned()),
            held_until: (roll == 6).then_some(Timestamp::from_micros(self.now + 2)),
            gone: is_exhausted && self.dice.below(15) == 0,
        }
    }

    /// A turn in which some of what is under way ends; says whether the log tells all of it.
    fn turn(&mut self) -> bool {
        self.now += 1;
        let mut ended = Vec::new();
        while !self.flying.is_empty() && self.dice.below(4) > 0 {
            let at = usize::try_from(self.dice.below(self.flying.len() as u64)).unwrap();
            let taken = self.flying.remove(at);
            self.seen.remove(&taken.due.row);
            ended.push(self.ended(&taken));
        }
        let wanted = (1..=WEBHOOKS)
            .flat_map(|webhook| [webhook, -webhook])
            .map(|lane| Wanted { lane, most: usize::try_from(self.dice.below(4)).unwrap() })
            .filter(|wanted| wanted.most > 0)
            .collect();
        let now = Timestamp::from_micros(self.now);
        let asked =
            Asked { ended: ended.into(), wanted, patience: Patience::endless(now, SILENCE_MAX) };
        let turned = turn(&self.connection, &mut self.ahead, &self.log.attempts, &asked).unwrap();
        for (ended, state) in asked.ended.iter().zip(&turned.states) {
            if *state == DeliveryState::Delivered {
                self.seen.insert(ended.row);
            }
        }
        for taken in &turned.taken {
            assert!(self.seen.insert(taken.due.row), "{} is taken twice", taken.due.row);
        }
        self.flying.extend(turned.taken);
        turned.cancelled.is_empty() && turned.deactivated.is_empty()
    }

    fn commit(&mut self) {
        self.ahead.tell(&self.connection).unwrap();
        self.log.told(&self.connection).unwrap();
        self.sql("COMMIT; BEGIN");
    }
}

fn assert_alike(found: &[String], wanted: &[String], seed: u64) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert_eq!(found, wanted, "seed {seed}");
    }
}

#[test]
fn what_a_lost_transaction_held_is_told_again_by_the_log() {
    let (mut lost, mut differed, mut ended) = (0, 0, 0);
    for seed in 1..=8 {
        let mut bench = Bench::new(seed);
        bench.sql("BEGIN");
        for _ in 0..120 {
            let is_told = bench.turn();
            match bench.dice.below(6) {
                _ if !is_told => bench.commit(),
                0 => bench.commit(),
                1 => {
                    let before = bench.tables();
                    bench.sql("ROLLBACK");
                    bench.ahead.clear();
                    differed += usize::from(bench.tables() != before);
                    bench.sql("BEGIN");
                    lost += bench.log.tell(&bench.connection).unwrap();
                    assert_alike(&bench.tables(), &before, seed);
                }
                // Somebody else changes something.
                2 => bench.ahead.settle(&bench.connection).unwrap(),
                _ => {}
            }
        }
        let states: i64 = bench
            .connection
            .query_row("SELECT count(*) FROM delivery WHERE state <> 'pending'", [], |row| {
                row.get(0)
            })
            .unwrap();
        ended += states;
        // As a start after a crash finds it: what is still under way is interrupted.
        let flying = bench.flying.len();
        bench.sql("ROLLBACK");
        bench.log.recover(&bench.connection).unwrap();
        let mut interrupted = 0;
        bench
            .log
            .attempts
            .each_from(attempts::Place::default(), |_, told| {
                if let attempts::Told::Over(line) = told {
                    interrupted += usize::from(line.attempt.outcome == AttemptOutcome::Interrupted);
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(interrupted, flying, "seed {seed}");
        let after = bench.tables();
        bench.log.recover(&bench.connection).unwrap();
        assert_alike(&bench.tables(), &after, seed);
    }
    assert!(lost > 300 && differed > 60 && ended > 1_000, "{lost} {differed} {ended}");
}
