//! Reply programs: what a bin answers, as an ordered list of rules.
//!
//! Choosing is pure: the same program, counts and requests give the same answers, chance
//! included, which is drawn from the program's seed.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use sha2::{Digest, Sha256};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::matching::{Asked, Match};
use crate::span::Span;

mod fault;
mod preset;
#[expect(unused_qualifications, reason = "utoipa's derive qualifies what is in scope here")]
mod told;

pub use fault::Fault;
pub use preset::PRESETS;

/// Rules in a program: what a person can still follow.
pub const RULES_MAX: usize = 64;

/// A rule's body in bytes, before it is rendered.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Values of the `per` header that are counted apart; the oldest is forgotten first.
pub const KEYS_MAX: usize = 10_000;

/// The longest that a rule delays or holds, or that a stall lasts: above any client's patience.
pub const WAIT_MAX: Duration = Duration::from_secs(600);

/// What a bin answers. In JSON also the name of a preset, or one rule alone.
///
/// ```
/// use hooklab_shared::reply::Program;
/// let program: Program = serde_json::from_str(r#""fail-twice""#).unwrap();
/// assert_eq!(program.rules.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Program {
    /// What chance is drawn from: the same seed, the same sequence.
    pub seed: u64,
    /// A header whose values are counted apart, such as `webhook-id`: `times` then holds for each
    /// delivery instead of for the bin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// Whether the counts begin anew when every counted rule is used up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub repeat: bool,
    /// The rules; the first that holds answers. Where none does, the default reply does.
    pub rules: Vec<Rule>,
}

/// One rule of a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "told::Written", into = "told::Written")]
pub struct Rule {
    /// Which requests it is for; all, where nothing is given.
    pub matches: Option<Match>,
    /// How many times it answers before it is used up.
    pub times: Option<u64>,
    /// How likely it is to answer, 0 to 1.
    pub chance: Option<f64>,
    /// The status, 200 to 999.
    pub status: u16,
    /// The header fields, repeats kept: a list of pairs, or an object.
    pub headers: Vec<(String, String)>,
    /// What it answers with.
    pub content: Content,
    /// How long it waits, after the capture was kept and told, before it answers.
    pub delay: Option<Span>,
    /// How long the request is kept waiting for an answer by hand; then the rule answers.
    pub hold: Option<Span>,
    /// How it misbehaves.
    pub fault: Option<Fault>,
}

/// What a rule answers with.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Content {
    /// The default reply's JSON, which names the capture.
    #[default]
    Captured,
    /// This text.
    Text(String),
    /// These bytes.
    Binary(Vec<u8>),
    /// A template that sees the request.
    Template(String),
    /// The request's own body, with its content type.
    Echo,
}

/// Why a program cannot be used.
#[derive(Debug, Error, PartialEq)]
pub enum BadProgram {
    /// Too many rules.
    #[error("take {0} rules: a program has at most {RULES_MAX}")]
    TooManyRules(usize),
    /// A rule that makes no sense.
    #[error("take rule {rule}: {why}")]
    Rule {
        /// Its place, from 0.
        rule: usize,
        /// What is wrong, and what it takes.
        why: String,
    },
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            matches: None,
            times: None,
            chance: None,
            status: 200,
            headers: Vec::new(),
            content: Content::default(),
            delay: None,
            hold: None,
            fault: None,
        }
    }
}

impl Program {
    /// Whether the default reply answers everything.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Checks what JSON alone cannot say.
    ///
    /// # Errors
    /// Which rule is wrong, and how.
    pub fn check(&self) -> Result<(), BadProgram> {
        if self.rules.len() > RULES_MAX {
            return Err(BadProgram::TooManyRules(self.rules.len()));
        }
        for (place, rule) in self.rules.iter().enumerate() {
            if let Some(why) = rule.error() {
                return Err(BadProgram::Rule { rule: place, why });
            }
        }
        Ok(())
    }

    /// Which rules are for a request, before any is counted: this may take its time, and
    /// [`choose`](Self::choose) then does not.
    #[must_use]
    pub fn matching(&self, asked: &Asked<'_>) -> Matching {
        let value = self.per.as_deref().and_then(|per| asked.head.field(per));
        let mut matching = Matching { rules: 0, key: value.map_or(0, key) };
        for (place, rule) in self.rules.iter().enumerate().take(RULES_MAX) {
            if rule.matches.as_ref().is_none_or(|matches| matches.holds(asked)) {
                matching.rules |= 1 << place;
                // It always answers: no rule behind it is ever asked.
                if rule.times.is_none() && rule.chance.is_none() {
                    break;
                }
            }
        }
        matching
    }

    /// Checks what a new program may not ask for; one that was kept before may have it still, and
    /// then waits no longer than [`WAIT_MAX`], or plays no fault.
    ///
    /// # Errors
    /// Which rule is wrong, and how.
    pub fn check_new(&self) -> Result<(), BadProgram> {
        let wrong = (self.rules.iter().enumerate())
            .find_map(|(place, rule)| rule.new_error().map(|why| (place, why)));
        wrong.map_or(Ok(()), |(rule, why)| Err(BadProgram::Rule { rule, why }))
    }

    /// The rule that answers, and its place; none where the default reply does.
    ///
    /// What it says is counted at once: who asks is answered.
    pub fn choose(&self, counts: &mut Counts, matching: Matching) -> Option<(usize, &Rule)> {
        if self.rules.is_empty() {
            return None;
        }
        let turn = counts.turn(matching.key, self.rules.len());
        let holding = |place: usize| place < RULES_MAX && matching.rules & (1 << place) != 0;
        // Each delivery has draws of its own: the first of each would be the same otherwise.
        let seed = self.seed ^ matching.key as u64;
        let drawn = |place: usize, rule: &Rule, n: u64| {
            rule.chance.is_none_or(|chance| draw(seed, n, place) < chance)
        };
        let n = turn.asked;
        turn.asked += 1;
        if self.repeat && self.used_up(&turn.used) {
            turn.used.fill(0);
        }
        let used = &turn.used;
        let chosen = (self.rules.iter().enumerate())
            .filter(|&(place, rule)| rule.times.is_none_or(|times| used[place] < times))
            .find(|&(place, rule)| holding(place) && drawn(place, rule, n))?;
        turn.used[chosen.0] += 1;
        Some(chosen)
    }

    /// Whether no rule that counts has a turn left; an uncounted rule has one turn in a round.
    fn used_up(&self, used: &[u64]) -> bool {
        self.rules.iter().zip(used).all(|(rule, &used)| used >= rule.times.unwrap_or(1))
    }
}

impl Rule {
    fn new_error(&self) -> Option<String> {
        let waits = [("delay", self.delay), ("hold", self.hold)];
        let too_long = |(_, wait): &(&str, Option<Span>)| {
            wait.is_some_and(|wait| wait.as_duration() > WAIT_MAX)
        };
        if let Some((name, Some(wait))) = waits.into_iter().find(too_long) {
            let max = Span::from(WAIT_MAX);
            return Some(format!(
                "its {name} of {wait} is longer than any client waits: give at most {max}"
            ));
        }
        let bent = self.fault.is_some_and(Fault::bends_body);
        (bent && matches!(self.status, 204 | 205 | 304)).then(|| {
            let status = self.status;
            format!("an answer of {status} has no body to bend: take another status, or `close`")
        })
    }

    fn error(&self) -> Option<String> {
        let body = match &self.content {
            Content::Text(text) | Content::Template(text) => text.len(),
            Content::Binary(bytes) => bytes.len(),
            Content::Captured | Content::Echo => 0,
        };
        if !(200..=999).contains(&self.status) {
            return Some(format!("the status {} is not one of 200 to 999", self.status));
        }
        if self.chance.is_some_and(|chance| !(0.0..=1.0).contains(&chance)) {
            return Some("the chance must be from 0 to 1".into());
        }
        if self.times == Some(0) {
            return Some("0 times is never: leave the rule out".into());
        }
        if body > BODY_BYTES_MAX {
            return Some(format!("the body has {body} bytes, at most {BODY_BYTES_MAX} fit"));
        }
        let held = self.headers.iter().find_map(|(name, value)| header_error(name, value));
        held.map(|why| format!("the header {why}"))
    }
}

fn header_error(name: &str, value: &str) -> Option<String> {
    use hyper::header::{HeaderName, HeaderValue};
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Some(format!("`{}` is not a field name", name.escape_debug()));
    }
    if HeaderValue::from_str(value).is_err() {
        return Some(format!("`{name}` has a value with control characters"));
    }
    let framing = ["content-length", "transfer-encoding", "connection"];
    let framed = framing.iter().any(|reserved| name.eq_ignore_ascii_case(reserved));
    framed.then(|| format!("`{name}` frames the answer and is set by hooklab: use a fault instead"))
}

/// Which rules of a program are for a request, and what it is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matching {
    /// A bit for each rule, the first lowest.
    rules: u64,
    /// 0 where nothing is counted apart.
    key: u128,
}

/// A value of the `per` header in 16 bytes, however long it is: anyone may send 10,000 of them. The
/// same in every run, since chance is drawn from it too.
fn key(value: &[u8]) -> u128 {
    let digest = Sha256::digest(value);
    digest.iter().take(16).fold(0, |key, &byte| key << 8 | u128::from(byte))
}

/// How often each rule has answered, for the bin or for each value of the `per` header.
#[derive(Debug, Default)]
pub struct Counts {
    turns: HashMap<u128, Turn>,
    order: VecDeque<u128>,
}

#[derive(Debug, Default)]
struct Turn {
    asked: u64,
    used: Vec<u64>,
}

impl Counts {
    fn turn(&mut self, key: u128, rules: usize) -> &mut Turn {
        if !self.turns.contains_key(&key) {
            if self.order.len() >= KEYS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.turns.remove(&oldest);
            }
            self.order.push_back(key);
        }
        let turn = self.turns.entry(key).or_default();
        turn.used.resize(rules, 0);
        turn
    }
}

/// A number from 0 to below 1, the same for the same seed, turn and rule (splitmix64's mixing).
fn draw(seed: u64, n: u64, rule: usize) -> f64 {
    let mixed = mix(mix(seed ^ mix(n)) ^ rule as u64);
    // 53 bits are what a double holds exactly.
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests;
