//! What is under way: attempts, and the turn in the store.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hooklab_shared::delivery::{Attempt, AttemptOutcome, DeliveryState};
use tokio::task::{JoinError, JoinHandle, JoinSet, yield_now};
use tokio::time::Instant;

use super::lanes::{Bounds, Lanes, Wanted};
use super::stir::Stirred;
use super::{Health, STORE_PAUSE, Worker};
use crate::clock::Clock;
use crate::schedule::{self, FAILING_MAX, SILENCE_MAX, Verdict};
use crate::sender;
use crate::store::{Asked, Ended, Patience, StoreError, Taken, Turned};

/// The longest sleep.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// How long whoever waits for an attempt is kept waiting while the store fails.
const FAILING_FOR: Duration = Duration::from_secs(2);

/// Attempts between two looks at what is beyond the bounds: a log may exceed them by so many.
const RETAIN_EVERY: usize = 1_024;

/// A turn for as many attempts that are over need not wait for more of those under way.
const GATHERED: usize = 8;

/// Looks at the sockets that may find nothing, one after another: about a microsecond each, in
/// which a target that is near answers.
const MISSED_MAX: usize = 8;

/// What the worker has in hand.
pub(super) struct Round {
    lanes: Lanes,
    flying: JoinSet<(i64, Ended)>,
    /// Attempts that are over, and wait for the next turn.
    ended: Vec<Ended>,
    turning: Option<Turning>,
    /// How webhooks do that were renewed meanwhile: the turn may still have seen them as they were.
    renewed: HashMap<i64, Health>,
    /// The store failed, and is left alone until then.
    paused_until: Option<Instant>,
    /// Since when it has failed.
    failing_since: Option<Instant>,
    /// Attempts logged since retention was told of any.
    unkept: usize,
    /// No attempt begins any more.
    closed: bool,
}

/// A turn that the store makes.
struct Turning {
    ended: Arc<[Ended]>,
    wanted: Vec<Wanted>,
    answer: JoinHandle<Result<Turned, StoreError>>,
}

impl Round {
    pub(super) fn new(worker: &Worker) -> Self {
        let limits = &worker.limits;
        let bounds = Bounds {
            all: limits.attempts_max,
            target: limits.target_attempts_max,
            webhook: limits.webhook_attempts_max,
        };
        Self {
            lanes: Lanes::new(bounds, worker.clock),
            flying: JoinSet::new(),
            ended: Vec::new(),
            turning: None,
            renewed: HashMap::new(),
            paused_until: None,
            failing_since: None,
            unkept: 0,
            closed: false,
        }
    }

    /// Whether anything is under way or waits to be logged.
    pub(super) fn is_busy(&self) -> bool {
        !self.flying.is_empty() || !self.ended.is_empty() || self.turning.is_some()
    }

    /// From now on nothing is taken.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// When there is something to do again, if nothing is over before: at this instant, or when
    /// the next lane is due.
    pub(super) fn next(&self, worker: &Worker) -> Option<Instant> {
        if self.turning.is_some() {
            return None;
        }
        if self.paused_until.is_some() {
            return self.paused_until;
        }
        let micros = self.lanes.next()?.as_micros() - worker.clock.now().as_micros();
        // A clock that jumps must not delay a delivery for longer than this.
        let wait = Duration::from_micros(micros.max(0).unsigned_abs()).min(SLEEP_MAX);
        Some(Instant::now() + wait)
    }

    /// Takes in what others told.
    pub(super) fn stirred(&mut self, worker: &Worker) {
        let Stirred { lanes, renewed } = worker.stir.take();
        for (lane, due_at) in lanes {
            self.lanes.stir(lane, due_at);
        }
        self.renewed.extend(renewed);
        self.renew(worker);
    }

    /// Lets webhooks go that nothing holds any more, once no turn can bring back what held them.
    fn renew(&mut self, worker: &Worker) {
        if self.turning.is_none() {
            for (webhook, health) in self.renewed.drain() {
                self.lanes.health(webhook, &health, worker.clock.now());
            }
        }
    }

    /// Lets others land that are about to: a turn of many costs little more than a turn of one. It
    /// ends when none does any more, so a slow target keeps nobody waiting.
    pub(super) async fn gather(&mut self) {
        let mut missed = 0;
        while self.turning.is_none()
            && (1..GATHERED.min(self.flying.len())).contains(&self.ended.len())
            && missed < MISSED_MAX
        {
            let before = self.ended.len();
            yield_now().await;
            self.land_all();
            missed = if self.ended.len() == before { missed + 1 } else { 0 };
        }
    }

    fn land_all(&mut self) {
        while let Some(landed) = self.flying.try_join_next() {
            self.land(landed);
        }
    }

    /// Begins a turn, if none is under way and there is something to do.
    pub(super) fn turn(&mut self, worker: &Worker) {
        let is_paused = self.paused_until.is_some_and(|until| Instant::now() < until);
        if self.turning.is_some() || is_paused {
            return;
        }
        self.paused_until = None;
        let now = worker.clock.now();
        let wanted = if self.closed { Vec::new() } else { self.lanes.wanted(now) };
        if wanted.is_empty() && self.ended.is_empty() {
            return;
        }
        let ended: Arc<[Ended]> = std::mem::take(&mut self.ended).into();
        let asked = Asked {
            ended: ended.clone(),
            wanted: wanted.clone(),
            patience: Patience {
                now,
                failing_since_min: schedule::before(now, worker.clock.wait(FAILING_MAX)),
                silence_max: worker.clock.wait(SILENCE_MAX),
            },
        };
        let store = worker.store.clone();
        let answer = tokio::spawn(async move { store.turn(asked).await });
        self.turning = Some(Turning { ended, wanted, answer });
    }

    /// Waits until the turn or an attempt is over, and takes in what came of it; for ever, where
    /// nothing is under way.
    pub(super) async fn over(&mut self, worker: &Worker) {
        tokio::select! {
            biased;
            (turning, answer) = answered(&mut self.turning) => {
                self.turned(worker, turning, answer);
                self.renew(worker);
            }
            landed = landed(&mut self.flying) => {
                self.land(landed);
                self.land_all();
            }
        }
    }

    fn turned(
        &mut self,
        worker: &Worker,
        turning: Turning,
        answer: Result<Result<Turned, StoreError>, JoinError>,
    ) {
        let why = match answer {
            Ok(Ok(turned)) => {
                self.failing_since = None;
                turning.ended.iter().for_each(|ended| worker.waiting.ended(ended.id));
                return self.apply(worker, &turning.ended, turned);
            }
            Ok(Err(error)) => error,
            Err(_) => StoreError::Bug,
        };
        tracing::warn!(%why, "attempts cannot be logged, so none is made");
        // What was to be logged waits for the next turn; what was wanted is wanted again.
        self.ended.splice(0..0, turning.ended.iter().cloned());
        for wanted in turning.wanted {
            self.lanes.answered(wanted.lane, 0, Some(worker.clock.now()));
        }
        let now = Instant::now();
        self.paused_until = Some(now + STORE_PAUSE);
        // Whoever waits is told the truth soon rather than kept until the store is well again.
        if now.duration_since(*self.failing_since.get_or_insert(now)) >= FAILING_FOR {
            worker.waiting.failed(&why);
        }
    }

    fn apply(&mut self, worker: &Worker, ended: &[Ended], turned: Turned) {
        let now = worker.clock.now();
        for (lane, taken, next) in turned.lanes {
            self.lanes.answered(lane, taken, next);
        }
        for (webhook, health) in turned.health {
            self.lanes.health(webhook, &health, now);
        }
        for taken in turned.taken {
            self.start(worker, taken);
        }
        for (ended, state) in ended.iter().zip(turned.states) {
            if state == DeliveryState::Pending {
                self.lanes.stir(ended.webhook, ended.due_at);
            }
            worker.live.attempted(ended, state);
            worker.metrics.attempted(&ended.attempt, state);
        }
        for delivery in &turned.cancelled {
            worker.waiting.ended(delivery.id);
            worker.live.cancelled(delivery);
            worker.metrics.cancelled();
        }
        for (webhook, because) in &turned.deactivated {
            tracing::warn!(webhook, because, "a webhook was deactivated");
            worker.live.deactivated(*webhook, because);
        }
        self.unkept += ended.len();
        if self.unkept >= RETAIN_EVERY {
            self.unkept = 0;
            worker.bell.notify_one();
        }
    }

    fn start(&mut self, worker: &Worker, taken: Taken) {
        let (caller, clock) = (worker.caller.clone(), worker.clock);
        let under_way = worker.metrics.begin();
        self.flying.spawn(async move {
            let _under_way = under_way;
            let attempt = Box::pin(caller.attempt(&taken.due, clock.now())).await;
            (taken.lane, ended(&taken, attempt, clock))
        });
    }

    fn land(&mut self, landed: Result<(i64, Ended), JoinError>) {
        match landed {
            Ok((lane, ended)) => {
                self.lanes.landed(lane);
                self.ended.push(ended);
            }
            // It keeps its place until the next start: a bug must not send again and again.
            Err(error) => tracing::error!(%error, "an attempt ended by itself"),
        }
    }
}

/// The turn that is over, and its answer.
async fn answered(
    turning: &mut Option<Turning>,
) -> (Turning, Result<Result<Turned, StoreError>, JoinError>) {
    loop {
        if let Some(under_way) = turning {
            let answer = (&mut under_way.answer).await;
            if let Some(turning) = turning.take() {
                return (turning, answer);
            }
        }
        std::future::pending::<()>().await;
    }
}

async fn landed(flying: &mut JoinSet<(i64, Ended)>) -> Result<(i64, Ended), JoinError> {
    match flying.join_next().await {
        Some(landed) => landed,
        None => std::future::pending().await,
    }
}

/// From 0 to 1.
fn random() -> f64 {
    let random = sender::random().map_or(0, u32::from_le_bytes);
    f64::from(random) / f64::from(u32::MAX)
}

/// What the attempt means for its delivery and its webhook.
fn ended(taken: &Taken, attempt: Attempt, clock: Clock) -> Ended {
    let (due, now) = (&taken.due, clock.now());
    // Somebody waits for a test and is told how it went, so it is not tried again.
    let schedule = if due.test { &taken.schedule[..0] } else { &taken.schedule[..] };
    let step = usize::try_from(taken.step).unwrap_or(usize::MAX);
    let random = if attempt.outcome == AttemptOutcome::Delivered { 0.0 } else { random() };
    let Verdict { state, wait, hold, gone } =
        schedule::judge(&attempt, schedule, step, now, random);
    let because = (state == DeliveryState::Exhausted).then(|| match (due.test, gone) {
        (_, true) => "its target answered 410 Gone".to_owned(),
        (true, _) => "a test is tried once".to_owned(),
        (false, _) if step == 0 => "its only attempt failed".to_owned(),
        (false, _) => format!("none of its {} attempts succeeded", step.saturating_add(1)),
    });
    Ended {
        row: due.row,
        id: due.id,
        webhook: due.webhook,
        test: due.test,
        before: taken.before,
        attempt,
        state,
        step: taken.step + 1,
        due_at: now + clock.wait(wait.unwrap_or_default()),
        because,
        held_until: hold.map(|hold| now + clock.wait(hold)),
        gone,
    }
}
