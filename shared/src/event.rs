//! What happened at a sender: event types, and the guess which one a capture tells of.

use std::collections::HashSet;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::headers::Head;

/// Content above this length in bytes is not searched for an event: the guess is a courtesy, and
/// parsing megabytes for every row of a list is not.
pub const GUESS_BYTES_MAX: usize = 256 * 1024;

/// An event type of the catalogue, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventType {
    /// Its slug, such as `payment_received`.
    pub slug: String,
    /// Its name, such as *Payment Received*.
    pub name: String,
    /// When it happens.
    pub description: String,
    /// What the plugin really does with it.
    pub dispatch: Dispatch,
    /// Its fields, in payload order.
    pub payload: Vec<Field>,
    /// A payload, whole, as Send Test Event sends it.
    pub sample: Value,
    /// The JSON Schema that payloads of an own type must fit, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

/// An event type of the user's own, to be added. Unknown fields are refused, so that a typo is not
/// silence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEventType {
    /// Its slug: 1 to 100 of `A-Z`, `a-z`, `0-9`, `.`, `_` and `-`, the first a letter or digit.
    pub slug: String,
    /// Its name, at most 200 characters; its slug unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it happens, at most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A JSON Schema (2020-12 unless `$schema` names another draft) that payloads must fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Map<String, Value>>,
    /// A payload, as Send Test Event sends it; grown from the schema where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Value>,
}

/// What an event type of the user's own is to be: all but its slug.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventTypeBody {
    /// Its name, at most 200 characters; its slug unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it happens, at most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A JSON Schema (2020-12 unless `$schema` names another draft) that payloads must fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Map<String, Value>>,
    /// A payload, as Send Test Event sends it; grown from the schema where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Value>,
}

impl EventTypeBody {
    /// The same under this slug.
    #[must_use]
    pub fn named(self, slug: String) -> NewEventType {
        let Self { name, description, schema, sample } = self;
        NewEventType { slug, name, description, schema, sample }
    }
}

impl NewEventType {
    /// The slug, and all but it.
    #[must_use]
    pub fn into_parts(self) -> (String, EventTypeBody) {
        let Self { slug, name, description, schema, sample } = self;
        (slug, EventTypeBody { name, description, schema, sample })
    }
}

/// What Ultimate Multisite 2.4 really does with an event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dispatch {
    /// It is delivered.
    Delivered,
    /// It is declared, and lost to a race at start.
    Declared,
    /// It can be picked and tested, and never fires.
    TestOnly,
    /// It is not the plugin's: the user's own.
    Own,
}

/// One field of a payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Field {
    /// Its key.
    pub name: String,
    /// Its type, such as `integer|numeric-string`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A value it can have.
    pub example: Value,
    /// The model it comes from.
    pub from: String,
    /// Whether it can be null.
    #[serde(default)]
    pub nullable: bool,
    /// What else there is to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A guess at a capture's event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Guess {
    /// The event type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it was guessed from.
    pub by: GuessedBy,
}

/// What an event was guessed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuessedBy {
    /// A header that names it, such as `X-GitHub-Event`.
    Header,
    /// The content's own `type`.
    Type,
    /// Which keys are present (Ultimate Multisite sends no name).
    Keys,
}

/// Headers by which providers name the event.
const EVENT_HEADERS: [&str; 5] =
    ["x-github-event", "x-gitlab-event", "x-shopify-topic", "x-event-key", "ce-type"];

/// Guesses which event a request tells of; `None` where nothing points to one.
#[must_use]
pub fn guess(head: &Head, content: &[u8]) -> Option<Guess> {
    if let Some(kind) = EVENT_HEADERS.iter().find_map(|name| head.field(name)) {
        let kind = std::str::from_utf8(kind).ok().filter(|kind| !kind.is_empty())?;
        return Some(Guess { kind: kind.to_owned(), by: GuessedBy::Header });
    }
    let is_object = content.trim_ascii_start().first() == Some(&b'{');
    if !is_object || content.len() > GUESS_BYTES_MAX {
        return None;
    }
    if let Ok(Typed { kind: Some(Value::String(kind)) }) = serde_json::from_slice(content)
        && !kind.is_empty()
    {
        return Some(Guess { kind, by: GuessedBy::Type });
    }
    let keys: serde_json::Result<std::collections::HashMap<String, IgnoredAny>> =
        serde_json::from_slice(content);
    let keys: HashSet<String> = keys.ok()?.into_keys().collect();
    let kind = by_keys(&keys)?.to_owned();
    Some(Guess { kind, by: GuessedBy::Keys })
}

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: Option<Value>,
}

/// Ultimate Multisite's events differ only in their keys; the most telling key comes first.
fn by_keys(keys: &HashSet<String>) -> Option<&'static str> {
    let has = |key: &str| keys.contains(key);
    let payment = has("payment_id");
    let membership = has("membership_id");
    let customer = has("customer_id");
    // Created and updated differ in nothing: to name one of them would be to toss a coin.
    let either = ["company_name", "billing_email", "billing_address_line_1"];
    Some(match () {
        () if has("order_id") && has("order_items") => "subsite_woocommerce_order",
        () if has("new_user_login") => "subsite_user_registered",
        () if has("error_codes") => "checkout_failed",
        () if has("form_slug") && has("ip_address") => "checkout_started",
        () if has("cart_type") && has("gateway") => "checkout_completed",
        () if has("cart_type") => "checkout_step_completed",
        () if has("post_id") || either.iter().any(|key| has(key)) => return None,
        () if has("verification_link") => "confirm_email_address",
        () if has("default_payment_url") => "renewal_payment_created",
        () if has("payment_url") && has("invoice_message") => "invoice_sent",
        () if has("domain_id") => "domain_created",
        () if has("demo_expires_at") => "demo_site_expiring",
        () if payment && membership => "payment_received",
        () if has("site_id") && membership && customer => "site_published",
        () if membership && customer && has("payment_gateway") => "payment_failed",
        () if membership && customer => "membership_expired",
        () => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(head: &'static str, content: &str) -> Option<(String, GuessedBy)> {
        guess(&Head::from(head.as_bytes()), content.as_bytes()).map(|g| (g.kind, g.by))
    }

    #[test]
    fn headers_come_before_content_and_names_before_keys() {
        let plain = "POST / HTTP/1.1\r\n\r\n";
        let github = "POST / HTTP/1.1\r\nX-GitHub-Event: push\r\n\r\n";
        assert_eq!(kind(github, r#"{"type":"x"}"#), Some(("push".into(), GuessedBy::Header)));
        assert_eq!(kind(plain, r#"{"type":"x"}"#), Some(("x".into(), GuessedBy::Type)));
        let paid = r#"{"payment_id":"1","membership_id":"2","customer_id":"3"}"#;
        assert_eq!(kind(plain, paid), Some(("payment_received".into(), GuessedBy::Keys)));
        assert_eq!(kind(plain, r#"{"type":1}"#), None);
        assert_eq!(kind(plain, "{"), None);
        assert_eq!(kind(plain, "[]"), None);
    }
}
