//! Programs: what they refuse, and what they answer in which order.

use super::*;
use crate::body::Body;
use crate::headers::Head;

fn statuses(program: &Program, heads: &[&'static str]) -> Vec<u16> {
    let mut counts = Counts::default();
    let body = Body::default();
    let answer = |head: &&'static str| {
        let head = Head::from(head.as_bytes());
        let matching = program.matching(&Asked::new(&head, &body));
        let chosen = program.choose(&mut counts, matching);
        chosen.map_or(200, |(_, rule)| rule.status)
    };
    heads.iter().map(answer).collect()
}

fn program(json: &str) -> Program {
    serde_json::from_str(json).unwrap()
}

#[test]
fn rules_answer_in_order_and_are_used_up() {
    let plain = ["POST /a HTTP/1.1\r\n\r\n"; 5];
    let twice = program(r#"[{"times":2,"status":500},{"times":1,"status":503}]"#);
    assert_eq!(statuses(&twice, &plain), [500, 500, 503, 200, 200]);
    let again = program(r#""fail-twice""#);
    assert_eq!(statuses(&again, &plain), [500, 500, 200, 500, 500]);
    let only_get = program(r#"[{"match":{"method":"GET"},"status":405}]"#);
    let mixed = ["GET /a HTTP/1.1\r\n\r\n", plain[0]];
    assert_eq!(statuses(&only_get, &mixed), [405, 200]);
}

#[test]
fn deliveries_are_counted_apart() {
    let each = r#"{"per":"webhook-id","rules":[{"times":1,"status":500}]}"#;
    let a = "POST /a HTTP/1.1\r\nWebhook-Id: a\r\n\r\n";
    let b = "POST /a HTTP/1.1\r\nwebhook-id: b\r\n\r\n";
    assert_eq!(statuses(&program(each), &[a, b, a, b]), [500, 500, 200, 200]);
}

#[test]
fn chance_follows_the_seed_and_its_likelihood() {
    let plain = ["POST /a HTTP/1.1\r\n\r\n"; 10_000];
    let flaky =
        |seed| program(&format!(r#"{{"seed":{seed},"rules":[{{"chance":0.3,"status":503}}]}}"#));
    let first = statuses(&flaky(7), &plain);
    assert_eq!(first, statuses(&flaky(7), &plain));
    assert_ne!(first, statuses(&flaky(8), &plain));
    let failed = first.iter().filter(|&&status| status == 503).count();
    assert!((2_800..3_200).contains(&failed), "{failed}");
}

const T: bool = true;
const F: bool = false;

/// The draws of a seed are part of what is promised: a test that failed once fails again.
#[test]
fn the_sequence_of_a_seed_stays() {
    let plain = ["POST /a HTTP/1.1\r\nWebhook-Id: a\r\n\r\n"; 12];
    let flaky = program(r#"{"seed":7,"rules":[{"chance":0.5,"status":503}]}"#);
    let failed = statuses(&flaky, &plain).iter().map(|&status| status == 503).collect::<Vec<_>>();
    assert_eq!(failed, [T, F, F, F, T, T, F, F, F, T, T, T]);
    let each = program(r#"{"seed":7,"per":"webhook-id","rules":[{"chance":0.5,"status":503}]}"#);
    let failed = statuses(&each, &plain).iter().map(|&status| status == 503).collect::<Vec<_>>();
    assert_eq!(failed, [F, T, T, T, F, T, F, T, F, T, F, T]);
}

#[test]
fn chance_is_a_chance_for_each_delivery_too() {
    let each = r#"{"seed":1,"per":"webhook-id","rules":[{"chance":0.3,"status":503}]}"#;
    let head = |n| &*format!("POST /a HTTP/1.1\r\nWebhook-Id: {n}\r\n\r\n").leak();
    let heads = (0..2_000).map(head).collect::<Vec<&'static str>>();
    let first = statuses(&program(each), &heads);
    let failed = first.iter().filter(|&&status| status == 503).count();
    assert!((500..700).contains(&failed), "{failed}");
    assert_eq!(first, statuses(&program(each), &heads));
}

#[test]
fn a_rule_that_always_answers_hides_those_behind_it_and_no_other_does() {
    let rules = r#"[{"times":1,"status":500},{"chance":0,"status":501},
                    {"match":{"method":"GET"},"status":405},{"status":202},{"status":203}]"#;
    let (get, post) = ("GET /a HTTP/1.1\r\n\r\n", "POST /a HTTP/1.1\r\n\r\n");
    assert_eq!(statuses(&program(rules), &[post, post, get, post]), [500, 202, 405, 202]);
}

#[test]
fn a_new_program_waits_no_longer_than_clients_do_and_bends_a_body() {
    let refused = |json: &str| {
        let error = program(json).check_new().err();
        error.map(|error| error.to_string()).unwrap_or_default()
    };
    for (json, word) in [
        (r#"{"hold":"10h"}"#, "hold of 10h"),
        (r#"{"hold":"7d"}"#, "at most 10m"),
        (r#"[{"times":1},{"delay":"601s"}]"#, "rule 1: its delay"),
        (r#"{"fault":"truncate","status":204}"#, "no body"),
    ] {
        assert!(refused(json).contains(word), "{json}: {}", refused(json));
    }
    for json in [r#"{"hold":"10m","delay":"1s"}"#, r#"{"fault":"close","status":204}"#] {
        assert_eq!(refused(json), "", "{json}");
    }
}

#[test]
fn forgotten_keys_are_the_oldest() {
    let mut counts = Counts::default();
    for key in 0..=KEYS_MAX as u128 {
        counts.turn(key, 1).used[0] = 1;
    }
    assert_eq!(counts.turns.len(), KEYS_MAX);
    assert_eq!(counts.turn(1, 1).used[0], 1);
    assert_eq!(counts.turn(0, 1).used[0], 0);
}
