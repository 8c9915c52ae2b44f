//! Slack's Events API: an envelope around the event, whose own object begins with its type.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Dress, Event};
use crate::outgoing::Fields;

/// What Slack gives a target to answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);

const USER_AGENT: &str = "Slackbot 1.0 (+https://api.slack.com/robots)";

#[derive(Serialize)]
struct Content<'a> {
    /// Slack's old token, which nobody should look at any more.
    token: &'static str,
    team_id: &'static str,
    api_app_id: &'static str,
    event: Map<String, Value>,
    #[serde(rename = "type")]
    kind: &'static str,
    event_id: &'a str,
    event_time: i64,
}

pub(super) fn fields(dress: Dress<'_>) -> Fields {
    let mut fields = Fields::default();
    fields.push("Host", dress.host());
    fields.push("User-Agent", USER_AGENT);
    fields.push("Content-Length", dress.length_bytes.to_string());
    fields.push("Accept", "*/*");
    fields.push("Accept-Encoding", "gzip,deflate");
    fields.push("Content-Type", dress.content_type("application/json"));
    if let retries @ 1.. = dress.sending.n.saturating_sub(1) {
        fields.push("X-Slack-Retry-Num", retries.to_string());
        fields.push("X-Slack-Retry-Reason", "http_error");
    }
    fields.extend(dress.signature);
    fields
}

/// The payload's own `type`, if it has one, gives way to the event's.
pub(super) fn body(event: &Event) -> Vec<u8> {
    let mut about = Map::from_iter([("type".to_owned(), Value::from(event.kind.as_str()))]);
    match serde_json::from_str(&event.payload).unwrap_or_default() {
        Value::Object(payload) => {
            about.extend(payload.into_iter().filter(|(name, _)| name != "type"));
        }
        other => drop(about.insert("data".to_owned(), other)),
    }
    let content = Content {
        token: "hooklab",
        team_id: "T0HOOKLAB0",
        api_app_id: "A0HOOKLAB0",
        event: about,
        kind: "event_callback",
        event_id: &event.id,
        event_time: event.created_at.as_secs(),
    };
    serde_json::to_vec(&content).unwrap_or_default()
}
