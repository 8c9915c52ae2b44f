//! What the plugin's API tells: its webhook model, and JSON as PHP writes it.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use hooklab_shared::id::Timestamp;
use hooklab_shared::webhook::Webhook;
use serde::Serialize;
use utoipa::ToSchema;

use crate::profile::php;

/// The date of what never was, as MySQL has it.
const NEVER: &str = "0000-00-00 00:00:00";

/// A webhook as the plugin's model tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WordPressWebhook)]
pub(super) struct Model {
    /// Its name.
    name: String,
    /// Where its deliveries go.
    webhook_url: String,
    /// The event type that triggers it.
    event: String,
    /// How many deliveries succeeded.
    event_count: u64,
    /// Whether events trigger it.
    active: bool,
    /// Always `false`: no webhook hides.
    hidden: bool,
    /// Who made it.
    integration: String,
    /// When it was made, `Y-m-d H:i:s` in UTC.
    date_created: String,
    /// When its last delivery failed, if it did: zeros where it did not.
    date_last_failed: String,
    /// Its number.
    id: i64,
    /// Always `webhook`.
    model: &'static str,
    /// Always empty: webhooks have none.
    slug: &'static str,
    /// When it was last changed.
    date_modified: String,
    /// Always null: nothing was migrated.
    migrated_from_id: Option<i64>,
}

impl From<Webhook> for Model {
    fn from(webhook: Webhook) -> Self {
        let failed = webhook.last.as_ref().filter(|last| !last.ok).map(|last| last.at);
        Self {
            name: webhook.name,
            webhook_url: webhook.url,
            event: webhook.event,
            event_count: webhook.count,
            active: webhook.active,
            hidden: false,
            integration: webhook.integration,
            date_created: mysql(webhook.created_at),
            date_last_failed: failed.map_or_else(|| NEVER.to_owned(), mysql),
            id: webhook.id,
            model: "webhook",
            slug: "",
            date_modified: mysql(webhook.modified_at),
            migrated_from_id: None,
        }
    }
}

/// An instant as MySQL writes it, in UTC and without fractions.
fn mysql(at: Timestamp) -> String {
    at.to_string().chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// An answer whose JSON is spelled as WordPress spells it.
pub(super) fn json_as_php(value: &impl Serialize) -> Response {
    let text = match serde_json::to_value(value) {
        Ok(value) => php::json(&value),
        Err(_) => "null".to_owned(),
    };
    let mut response = Body::from(text).into_response();
    let kind = HeaderValue::from_static("application/json; charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_mysql() {
        assert_eq!(mysql(Timestamp::from_micros(1_000_001)), "1970-01-01 00:00:01");
        assert_eq!(mysql(Timestamp::default()).len(), NEVER.len());
    }
}
