//! Which rule answers; decided before the capture is kept, so that it is part of it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hooklab_shared::body::Body;
use hooklab_shared::capture::{Outcome, Replied};
use hooklab_shared::headers::Head;
use hooklab_shared::matching::Asked;
use hooklab_shared::reply::{Fault, Rule};

use crate::store::Configured;

/// The rule that answers, or what is answered without one.
pub(crate) enum Chosen {
    /// The default reply, with this status.
    Default(u16),
    /// The rule at this place of the bin's program.
    Rule(Arc<Configured>, usize),
}

impl Chosen {
    /// A request that did not come whole is answered with what went wrong, whatever the program.
    pub(crate) fn of(
        configured: Option<Arc<Configured>>,
        head: &Head,
        body: &Body,
        outcome: Outcome,
    ) -> Self {
        match outcome {
            Outcome::Complete => {}
            Outcome::Aborted => return Self::Default(400),
            Outcome::TimedOut => return Self::Default(408),
            Outcome::OverLimit => return Self::Default(413),
        }
        let Some(configured) = configured else { return Self::Default(200) };
        let program = &configured.config.reply;
        if program.rules.is_empty() {
            return Self::Default(200);
        }
        let matching = program.matching(&Asked::new(head, body));
        let place = {
            let mut counts = configured.counts.lock().unwrap_or_else(PoisonError::into_inner);
            program.choose(&mut counts, matching).map(|(place, _)| place)
        };
        place.map_or(Self::Default(200), |place| Self::Rule(configured, place))
    }

    /// The rule, if one answers.
    pub(crate) fn rule(&self) -> Option<&Rule> {
        match self {
            Self::Default(_) => None,
            Self::Rule(configured, place) => configured.config.reply.rules.get(*place),
        }
    }

    /// As the capture tells it; 0 where no status is sent at all.
    pub(crate) fn replied(&self) -> Replied {
        match self {
            Self::Default(status) => Replied { status: *status, rule: None },
            Self::Rule(_, place) => Replied {
                status: self.rule().map_or(200, told_status),
                rule: u32::try_from(*place).ok(),
            },
        }
    }

    /// How long the request is kept waiting for an answer by hand.
    pub(crate) fn hold(&self) -> Option<Duration> {
        self.rule().and_then(|rule| rule.hold).map(|hold| hold.as_duration())
    }
}

fn told_status(rule: &Rule) -> u16 {
    match rule.fault {
        Some(Fault::Reset | Fault::Close | Fault::Stall | Fault::Garbage) => 0,
        Some(Fault::Drip | Fault::Truncate | Fault::Endless) | None => rule.status,
    }
}
