//! Programs by name, for what is asked for most often.

use super::{Content, Program, Rule};
use crate::span::Span;
use std::time::Duration;

/// Every preset's name and what it does.
pub const PRESETS: [(&str, &str); 8] = [
    ("ok", "200 with JSON that names the capture: the default"),
    ("empty", "204 and nothing"),
    ("echo", "200 with the request's own body"),
    ("fail-twice", "500, 500, then 200, and again from the start"),
    ("flaky", "503 for three requests in ten, drawn from the seed; else 200"),
    ("slow", "200 after 3 s"),
    ("gone", "410: the sender should give up for good"),
    ("busy", "429 with Retry-After: 5"),
];

/// The program of this name.
pub(super) fn named(name: &str) -> Option<Program> {
    let one = |rule: Rule| Program { rules: vec![rule], ..Program::default() };
    let status = |status: u16| Rule { status, ..Rule::default() };
    let content = |content: Content| Rule { content, ..Rule::default() };
    Some(match name {
        "ok" => Program::default(),
        "empty" => one(Rule { status: 204, ..content(Content::Text(String::new())) }),
        "echo" => one(content(Content::Echo)),
        "fail-twice" => Program {
            repeat: true,
            rules: vec![
                Rule { times: Some(2), ..status(500) },
                Rule { times: Some(1), ..status(200) },
            ],
            ..Program::default()
        },
        "flaky" => one(Rule { chance: Some(0.3), ..status(503) }),
        "slow" => one(Rule { delay: Some(Span::from(Duration::from_secs(3))), ..Rule::default() }),
        "gone" => one(status(410)),
        "busy" => one(Rule { headers: vec![("Retry-After".into(), "5".into())], ..status(429) }),
        _ => return None,
    })
}
