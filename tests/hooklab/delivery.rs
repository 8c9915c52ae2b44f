//! Deliveries through retries, crashes and by hand: what the log says is what the target saw.

mod ledger;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::http::Wire;
use crate::harness::random::{Random, seed};
use crate::harness::server::{Server, request};
use crate::harness::until;
use crate::harness::websocket::Watcher;
use ledger::Ledger;

/// Kills, and events of each target: those that only fail have fewer, since they are slowed down.
const KILLS: usize = 50;
const TARGETS: [(&str, &str, usize); 5] = [
    ("well", "payment_received", 2_000),
    ("flaky", "invoice_sent", 1_500),
    ("slow", "domain_created", 1_000),
    ("broken", "customer_created", 250),
    ("resets", "membership_expired", 250),
];

/// The schedule is run so fast that the test ends, and so slowly that nobody is deactivated.
const SCALE: &str = "2500";

/// Connections that fire at once.
const FIRING: usize = 4;

fn replies(target: &str) -> Value {
    match target {
        "flaky" => json!([{"status": 500, "chance": 0.5}]),
        "slow" => json!([{"status": 200, "delay": "20ms"}]),
        "broken" => json!([{"status": 500}]),
        "resets" => json!([{"fault": "reset"}]),
        _ => json!([]),
    }
}

fn receiver() -> Server {
    let receiver = Server::start_with(&["--only", "receiver"]);
    for (target, ..) in TARGETS {
        let reply = json!({"rules": replies(target), "seed": 7});
        receiver.create(&json!({"name": target, "reply": reply}));
    }
    receiver
}

fn sender(store: &Path) -> Server {
    Server::on(store, &["--only", "sender", "--time-scale", SCALE])
}

fn register(sender: &Server, url: &str, event: &str, terms: &Value) -> i64 {
    let mut new = json!({"name": "Orders", "url": url, "event": event});
    for (key, value) in terms.as_object().unwrap() {
        new[key] = value.clone();
    }
    let told = sender.api("POST", "/webhooks", Some(&new));
    assert_eq!(told.status, 201, "{}", told.text());
    told.json()["id"].as_i64().unwrap()
}

/// What is fired, by whom, and where to.
struct Firing {
    events: Mutex<Vec<&'static str>>,
    address: Mutex<String>,
    accepted: Mutex<HashSet<String>>,
    count: AtomicUsize,
}

impl Firing {
    /// Fires what is left, through every restart, and remembers what was accepted.
    fn run(&self) {
        let mut wire = None;
        loop {
            let Some(event) = self.events.lock().unwrap().pop() else { return };
            let address = self.address.lock().unwrap().clone();
            let told = fire(&mut wire, &address, event);
            match told {
                Some(id) => {
                    self.accepted.lock().unwrap().insert(id);
                    self.count.fetch_add(1, Ordering::SeqCst);
                }
                // Nobody said that it was accepted, so it is fired again.
                None => {
                    self.events.lock().unwrap().push(event);
                    wire = None;
                    thread::yield_now();
                }
            }
        }
    }
}

fn fire(wire: &mut Option<Wire>, address: &str, event: &str) -> Option<String> {
    if wire.is_none() {
        *wire = Wire::connect(address).ok();
    }
    let wire = wire.as_mut()?;
    let body = json!({"type": event});
    wire.send(&request(address, "POST", "/api/v1/events", Some(&body))).ok()?;
    let answer = wire.answer().ok().filter(|answer| answer.status == 202)?;
    answer.json()["id"].as_str().map(str::to_owned)
}

/// Fires everything while the sender is killed and started again; the one that lives at the end.
fn fire_and_kill(store: &Path, first: Server, firing: &Firing, random: &mut Random) -> Server {
    let all = firing.events.lock().unwrap().len();
    let mut sender = first;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..FIRING).map(|_| scope.spawn(|| firing.run())).collect();
        for kill in 1..=KILLS {
            // The last kills come when everything is fired, and retries are what is left.
            let at = (all * kill / (KILLS - 5)).min(all) - random.below(all / KILLS);
            until("enough is accepted", || {
                (firing.count.load(Ordering::SeqCst) >= at).then_some(())
            });
            sender.kill9();
            sender = self::sender(store);
            *firing.address.lock().unwrap() = sender.dashboard.clone();
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
    sender
}

#[test]
fn every_accepted_event_is_accounted_for_through_fifty_kills() {
    let mut random = Random::new(seed("delivery"));
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    let receiver = receiver();
    let first = sender(&store);
    let mut events = Vec::new();
    for (target, event, count) in TARGETS {
        let url = format!("http://{}/{target}", receiver.capture);
        register(&first, &url, event, &json!({"schedule": ["0s", "2s", "5s"]}));
        events.extend([event].repeat(count));
    }
    for at in (1..events.len()).rev() {
        events.swap(at, random.below(at + 1));
    }
    let firing = Firing {
        address: Mutex::new(first.dashboard.clone()),
        events: Mutex::new(events),
        accepted: Mutex::default(),
        count: AtomicUsize::new(0),
    };
    let began = Instant::now();
    let sender = fire_and_kill(&store, first, &firing, &mut random);
    println!("fired and killed after {:?}", began.elapsed());
    ledger::until_nothing_is_pending(&sender);
    println!("nothing is pending after {:?}", began.elapsed());
    let accepted = firing.accepted.into_inner().unwrap();
    assert_eq!(accepted.len(), TARGETS.iter().map(|(_, _, count)| count).sum::<usize>());
    let ledger = Ledger::read(&sender, &receiver, TARGETS.map(|(target, ..)| target));
    let wrong = ledger.wrong(&accepted);
    println!("{ledger}; compared after {:?}", began.elapsed());
    let some = &wrong[..wrong.len().min(20)];
    assert!(wrong.is_empty(), "{} wrong: {some:#?}", wrong.len());
}

#[test]
fn the_real_schedule_is_run_by_the_binary_under_a_scale() {
    let scale = 50_000;
    let server = Server::start_with(&["--time-scale", &scale.to_string()]);
    server.create(&json!({"name": "broken", "reply": {"rules": [{"status": 500}]}}));
    let url = format!("http://{}/broken", server.capture);
    register(&server, &url, "payment_received", &json!({}));
    let event = json!({"type": "payment_received"});
    assert_eq!(server.api("POST", "/events", Some(&event)).status, 202);
    ledger::until_nothing_is_pending(&server);
    let log = server.get("/deliveries").json();
    let delivery = &log["items"][0];
    assert_eq!(delivery["state"], "exhausted");
    let attempts = delivery["attempts"].as_array().unwrap();
    let at = |attempt: &Value| -> i64 {
        let at: hooklab_shared::id::Timestamp = attempt["at"].as_str().unwrap().parse().unwrap();
        at.as_micros()
    };
    let seconds = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
    let gaps: Vec<i64> = attempts.windows(2).map(|pair| at(&pair[1]) - at(&pair[0])).collect();
    assert_eq!(gaps.len(), seconds.len());
    for (gap, second) in gaps.iter().zip(seconds) {
        assert!(*gap >= second * 1_000_000 / scale, "{gaps:?}");
    }
    let seen = server.summaries("broken");
    assert_eq!(seen.len(), 10);
}

#[test]
fn deliveries_are_followed_listed_sent_again_and_called_off() {
    let mut server = Server::start_with(&["--time-scale", "10"]);
    server.create(&json!({"name": "twice", "reply": {"rules": [{"status": 500, "times": 2}]}}));
    let url = format!("http://{}/twice", server.capture);
    let hook = register(&server, &url, "payment_received", &json!({"schedule": ["0s", "1h"]}));
    let mut watched = Watcher::upgrade(&server, &format!("/live?webhook={hook}"), &[]).unwrap();
    assert_eq!(watched.next()["type"], "hello");

    let fired = server.run(&["fire", "payment_received", "--json"]);
    assert_eq!(fired.code, Some(3));
    let fired: Value = serde_json::from_str(&fired.stdout).unwrap();
    let id = fired["deliveries"][0]["id"].as_str().unwrap().to_owned();
    let told: Vec<Value> = (0..2).map(|_| watched.next()).collect();
    assert_eq!((&told[0]["type"], &told[0]["id"]), (&"fired".into(), &id.as_str().into()));
    assert_eq!((&told[1]["type"], &told[1]["attempt"]["status"]), (&"attempt".into(), &500.into()));

    let cancelled = server.run_json(&["deliveries", "cancel", &id]);
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(watched.next()["type"], "cancelled");
    server.run(&["deliveries", "cancel", &id]).assert_refused(2, &["has ended"]);
    let again = server.run(&["deliveries", "resend", &id]);
    assert_eq!(again.code, Some(3), "the second of the two that fail");
    assert!(again.stdout.contains("again at"), "{}", again.stdout);
    server.run(&["deliveries", "resend", &id]).assert_refused(2, &["pending"]);
    server.run(&["deliveries", "cancel", &id]);
    let many = ["deliveries", "resend", "--since", "1h", "--status", "cancelled"];
    assert_eq!(server.run_json(&many)["resent"], 1);
    until("it is delivered", || {
        let state = server.run_json(&["deliveries", "show", &id])["state"].clone();
        (state == "delivered").then_some(())
    });
    let log = server.run(&["deliveries", "--status", "delivered"]);
    assert!(log.stdout.contains(&id), "{}", log.stdout);
    assert_eq!(server.summaries("twice").len(), 3);
    assert_eq!(Watcher::upgrade(&server, "/live?webhook=x", &[]).err(), Some(422));
    let foreign = [("origin", "http://evil.example")];
    assert_eq!(Watcher::upgrade(&server, "/live", &foreign).err(), Some(403));
    assert_eq!(server.terminate().0, Some(0));
    assert_eq!(watched.closed(), Some(1001));
}
