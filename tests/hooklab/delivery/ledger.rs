//! Two records of the same attempts, the sender's log and what the receiver captured, compared.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::http::Wire;
use crate::harness::server::{Server, request};

/// How long the last retries may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// One attempt as a receiver captured it.
struct Seen {
    /// Whether its body came whole: a kill can cut it off.
    is_whole: bool,
    body: String,
    /// What was answered, where an answer was.
    status: Option<u64>,
}

/// Both records.
pub(super) struct Ledger {
    deliveries: Vec<Value>,
    /// By target and event id.
    seen: HashMap<(String, String), Vec<Seen>>,
}

/// Waits until every delivery has ended.
pub(super) fn until_nothing_is_pending(sender: &Server) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = sender.get("/deliveries?status=pending&limit=1").json();
        if log["items"].as_array().unwrap().is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still pending: {log:#}");
        std::thread::yield_now();
    }
}

impl Ledger {
    pub(super) fn read<const N: usize>(
        sender: &Server,
        receiver: &Server,
        targets: [&str; N],
    ) -> Self {
        let mut seen: HashMap<_, Vec<Seen>> = HashMap::new();
        for target in targets {
            for capture in captures(receiver, target) {
                let id = header(&capture, "webhook-id").unwrap_or_default().to_owned();
                let is_reset = target == "resets";
                seen.entry((target.to_owned(), id)).or_default().push(Seen {
                    is_whole: capture["outcome"] == "complete",
                    body: capture["body"]["text"].as_str().unwrap_or_default().to_owned(),
                    status: capture["reply"]["status"].as_u64().filter(|_| !is_reset),
                });
            }
        }
        Self { deliveries: deliveries(sender), seen }
    }

    /// Everything in which they differ.
    pub(super) fn wrong(&self, accepted: &HashSet<String>) -> Vec<String> {
        let mut wrong = Vec::new();
        let known: HashSet<&str> =
            self.deliveries.iter().filter_map(|one| one["event_id"].as_str()).collect();
        wrong.extend(
            accepted
                .iter()
                .filter(|id| !known.contains(id.as_str()))
                .map(|id| format!("{id} is lost")),
        );
        if known.len() != self.deliveries.len() {
            wrong.push("an event has two deliveries to one webhook".to_owned());
        }
        for delivery in &self.deliveries {
            let id = delivery["event_id"].as_str().unwrap();
            let target = delivery["target"].as_str().unwrap().rsplit('/').next().unwrap();
            let seen = self.seen.get(&(target.to_owned(), id.to_owned()));
            let seen = seen.map(Vec::as_slice).unwrap_or_default();
            wrong.extend(differs(delivery, seen).map(|why| format!("{target} {id}: {why}")));
        }
        let strangers = self.seen.keys().filter(|(_, id)| !known.contains(id.as_str()));
        wrong.extend(strangers.map(|(target, id)| format!("{target} saw {id}, which nobody sent")));
        wrong
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut logged, mut interrupted) = (0, 0);
        for delivery in &self.deliveries {
            *states.entry(delivery["state"].as_str().unwrap()).or_default() += 1;
            let attempts = delivery["attempts"].as_array().unwrap();
            logged += attempts.len();
            interrupted += attempts.iter().filter(|one| is_interrupted(one)).count();
        }
        let seen: usize = self.seen.values().map(Vec::len).sum();
        write!(f, "{states:?}; {logged} attempts logged, {interrupted} interrupted, {seen} seen")
    }
}

/// How a delivery's log differs from what its target saw, if it does.
fn differs(delivery: &Value, seen: &[Seen]) -> Option<String> {
    let attempts = delivery["attempts"].as_array().unwrap();
    if !attempts.iter().zip(1..).all(|(attempt, n)| attempt["n"] == n) {
        return Some("its attempts are not numbered 1, 2, 3, …".to_owned());
    }
    let interrupted = attempts.iter().filter(|one| is_interrupted(one)).count();
    let (logged, count) = (attempts.len(), seen.len());
    // One that was interrupted was seen or not: nobody can know, and so the log says so.
    if count > logged || count + interrupted < logged {
        return Some(format!("{logged} logged, {interrupted} of them interrupted, {count} seen"));
    }
    let whole: Vec<&Seen> = seen.iter().filter(|seen| seen.is_whole).collect();
    if whole.windows(2).any(|pair| pair[0].body != pair[1].body) {
        return Some("its body changed between attempts".to_owned());
    }
    let mut answered: Vec<u64> = whole.iter().filter_map(|seen| seen.status).collect();
    for attempt in attempts {
        let Some(status) = attempt["response"]["status"].as_u64() else { continue };
        let Some(at) = answered.iter().position(|&one| one == status) else {
            return Some(format!("attempt {} is logged with {status}", attempt["n"]));
        };
        answered.swap_remove(at);
    }
    let is_delivered = attempts.iter().any(|one| one["outcome"]["kind"] == "delivered");
    let state = delivery["state"].as_str().unwrap();
    let is_right = match state {
        "delivered" => is_delivered && whole.iter().any(|seen| seen.status == Some(200)),
        "exhausted" => !is_delivered && attempts.len() - interrupted == 3,
        _ => false,
    };
    (!is_right).then(|| format!("it is {state}: {attempts:?}"))
}

fn is_interrupted(attempt: &Value) -> bool {
    attempt["outcome"]["kind"] == "interrupted"
}

fn header<'a>(capture: &'a Value, name: &str) -> Option<&'a str> {
    let headers = capture["headers"].as_array()?;
    headers.iter().find(|field| field[0] == name).and_then(|field| field[1].as_str())
}

fn captures(receiver: &Server, bin: &str) -> Vec<Value> {
    let mut wire = Wire::connect(&receiver.dashboard).unwrap();
    wire.be_patient(PATIENCE);
    let path = format!("/api/v1/bins/{bin}/export?format=ndjson");
    wire.send(&request(&receiver.dashboard, "GET", &path, None)).unwrap();
    let answer = wire.answer().unwrap();
    assert_eq!(answer.status, 200);
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn deliveries(sender: &Server) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let mut log = sender.get(&format!("/deliveries?limit=500&after={after}")).json();
        all.append(log["items"].as_array_mut().unwrap());
        match log["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return all,
        }
    }
}
