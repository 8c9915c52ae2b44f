//! A webhook: a registration of a name, a URL and an event.

mod bulk;
mod terms;

use serde::{Deserialize, Deserializer, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::id::Timestamp;
use crate::problem::FieldError;
use crate::span::Span;
pub use bulk::{Bulk, BulkAction, BulkItem, BulkResult};
pub use terms::{headers_error, overlap_error, rate_error, schedule_error, timeout_error};

/// The longest target URL in characters: what Ultimate Multisite's table holds.
pub const URL_CHARS_MAX: usize = 191;

/// The longest name in characters.
pub const NAME_CHARS_MAX: usize = 200;

/// A registered webhook as it is told. Its secret is not part of it: that is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Where its deliveries go.
    pub url: String,
    /// The event type that triggers it.
    pub event: String,
    /// How its events are put on the wire.
    pub profile: Profile,
    /// Whether events trigger it.
    pub active: bool,
    /// Who made it: `manual`, or the name of an app.
    pub integration: String,
    /// Header fields of its own, sent with every delivery, in order.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// How long an attempt may take; the profile's time where there is none.
    #[serde(default)]
    pub timeout: Option<Span>,
    /// How long each attempt waits for the one before it; the profile's where there is none.
    #[serde(default)]
    pub schedule: Option<Vec<Span>>,
    /// Deliveries a second at most; as fast as it takes them where there is none.
    #[serde(default)]
    pub rate: Option<u32>,
    /// Until when the secret that was replaced signs too, beside the new one.
    #[serde(default)]
    pub old_secret_until: Option<Timestamp>,
    /// Since when every attempt has failed.
    #[serde(default)]
    pub failing_since: Option<Timestamp>,
    /// Until when it is left alone, because its target has too much to do; what is past holds no
    /// more.
    #[serde(default)]
    pub held_until: Option<Timestamp>,
    /// How many deliveries succeeded; test events do not count.
    pub count: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// How its last delivery ended.
    pub last: Option<LastResult>,
    /// Why it is not active, where hooklab deactivated it.
    pub deactivated_because: Option<String>,
}

/// How a webhook's last delivery ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastResult {
    /// When.
    pub at: Timestamp,
    /// Whether it was delivered.
    pub ok: bool,
    /// The status, or the phase and cause of the failure.
    pub told: String,
}

/// How a provider puts an event on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The Standard Webhooks specification, version 1.0.0: the default.
    #[default]
    StandardWebhooks,
    /// Ultimate Multisite 2.4's exact form: no signature, no retry.
    UltimateMultisite,
    /// GitHub: type and delivery id in headers, the payload as it is.
    Github,
    /// Stripe: an event object around the payload.
    Stripe,
    /// Slack's Events API: an envelope around the event.
    Slack,
    /// Shopify: topic and ids in headers, the payload as it is.
    Shopify,
    /// The payload as it is and no more headers than HTTP asks for, unsigned.
    Plain,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 7] = [
        Self::StandardWebhooks,
        Self::UltimateMultisite,
        Self::Github,
        Self::Stripe,
        Self::Slack,
        Self::Shopify,
        Self::Plain,
    ];

    /// As it is named in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StandardWebhooks => "standard-webhooks",
            Self::UltimateMultisite => "ultimate-multisite",
            Self::Github => "github",
            Self::Stripe => "stripe",
            Self::Slack => "slack",
            Self::Shopify => "shopify",
            Self::Plain => "plain",
        }
    }
}

/// What a webhook is made from. Unknown fields are refused, so that a typo is not silence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Its name, 2 to 200 characters.
    pub name: String,
    /// Its target, `http` or `https`, at most 191 characters.
    pub url: String,
    /// The slug of an event type of the catalogue.
    pub event: String,
    /// How its events are put on the wire.
    #[serde(default)]
    pub profile: Profile,
    /// Whether it begins active: yes, unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Who makes it; `manual` unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<String>,
    /// A secret of the user's own, `whsec_…`; one is generated where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Header fields of its own, at most 20; none may take the place of one that a delivery has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// How long an attempt may take, `1s` to `60s`; the profile's time where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// How long each attempt waits for the one before it, the first one for the event: 1 to 20
    /// durations of at most 7 days; the profile's where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 20)]
    pub schedule: Option<Vec<Span>>,
    /// Deliveries a second at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub rate: Option<u32>,
}

/// A webhook just made, with the secret that is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedWebhook {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// Its signing secret; none where the profile signs nothing.
    pub secret: Option<String>,
}

/// A new secret, in the place of the one there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// A secret of the user's own; one is generated where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// How long the old one signs too, at most 30 days; `24h` unless given, `0s` not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Span>,
}

/// A secret just made, shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RotatedSecret {
    /// The secret that signs from now on.
    pub secret: String,
    /// Until when the old one signs too, after it in the same header.
    pub old_secret_until: Option<Timestamp>,
}

/// What to change of a webhook; what is absent stays, and `null` takes a limit of its own away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookPatch {
    /// A new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A new target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Another event type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Another profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Activate or deactivate it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Another integration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<String>,
    /// Other header fields of its own, in the place of those it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<(String, String)>>,
    /// Another timeout, or `null` for the profile's.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<Span>)]
    pub timeout: Option<Option<Span>>,
    /// Another schedule, or `null` for the profile's.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Span>>)]
    pub schedule: Option<Option<Vec<Span>>>,
    /// Another rate, or `null` for none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    pub rate: Option<Option<u32>>,
}

/// Tells `null` from absent.
fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// What is wrong with a name.
#[must_use]
pub fn name_error(name: &str) -> Option<FieldError> {
    let chars = name.trim().chars().count();
    (!(2..=NAME_CHARS_MAX).contains(&chars)).then(|| FieldError {
        field: "name".into(),
        detail: format!("has {chars} characters: a name takes 2 to {NAME_CHARS_MAX}"),
    })
}

/// What is wrong with a target's spelling; whether it may be dialled is the sender's to say.
#[must_use]
pub fn url_error(url: &str) -> Option<FieldError> {
    let error = |detail: String| Some(FieldError { field: "url".into(), detail });
    let chars = url.chars().count();
    if chars > URL_CHARS_MAX {
        return error(format!("has {chars} characters: a target takes at most {URL_CHARS_MAX}"));
    }
    let parsed = match Url::parse(url) {
        Ok(parsed) => parsed,
        Err(why) => {
            return error(format!("is not a URL ({why}): try http://127.0.0.1:4665/orders"));
        }
    };
    if !matches!(parsed.scheme(), "http" | "https") {
        return error(format!("has the scheme `{}`: use http or https", parsed.scheme()));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return error("holds a user name or password: URLs end up in logs, leave them out".into());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_targets_are_checked() {
        assert_eq!(name_error("ab"), None);
        assert!(name_error(" a ").is_some());
        assert!(name_error(&"x".repeat(201)).is_some());
        assert_eq!(url_error("http://127.0.0.1:4665/orders"), None);
        assert_eq!(url_error("https://[::1]/x?y#z"), None);
        for bad in ["", "orders", "ftp://host/", "javascript:alert(1)", "http://", "http://a@b/"] {
            assert!(url_error(bad).is_some(), "{bad}");
        }
        assert!(url_error(&format!("http://h/{}", "x".repeat(191))).is_some());
    }
}
