//! Profiles: an event as its exact bytes and headers on the wire, one file a provider. Pure.

mod github;
pub(crate) mod php;
mod plain;
mod shopify;
mod slack;
mod standard_webhooks;
mod stripe;
mod ultimate_multisite;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::signature::{BadSecret, Keys, Message, Reason, Scheme, Secret, sign};
use hooklab_shared::webhook::Profile;
use serde_json::value::RawValue;
use url::Url;

use crate::outgoing::Fields;

/// An event, as far as a profile needs to know it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Its id, constant over deliveries and attempts.
    pub(crate) id: String,
    /// Its type's slug.
    pub(crate) kind: String,
    /// When it was accepted.
    pub(crate) created_at: Timestamp,
    /// Its payload as JSON text, spelled as it was given.
    pub(crate) payload: String,
}

/// What a profile makes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wire {
    /// Every header field.
    pub(crate) fields: Fields,
    /// The content.
    pub(crate) body: Bytes,
}

/// What an attempt adds to its event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending<'a> {
    /// The method.
    pub(crate) method: &'a str,
    /// Where it goes.
    pub(crate) target: &'a Url,
    /// When the attempt begins.
    pub(crate) at: Timestamp,
    /// The number of the attempt, from 1.
    pub(crate) n: u32,
    /// What it signs with, where the profile signs.
    pub(crate) keys: &'a Keys,
    /// How it signs, in the place of the profile's own way.
    pub(crate) scheme: Option<Scheme>,
    /// What the content is, in the place of what the profile says.
    pub(crate) content_type: Option<&'a str>,
    /// hooklab's own `User-Agent`, where the profile has none of its own.
    pub(crate) user_agent: &'a str,
}

/// What a profile's own file needs to put its headers together.
struct Dress<'a> {
    event: &'a Event,
    sending: &'a Sending<'a>,
    length_bytes: usize,
    /// The fields that sign the content, in their order.
    signature: Vec<(&'static str, String)>,
}

impl Dress<'_> {
    fn host(&self) -> String {
        crate::outgoing::host(self.sending.target)
    }

    fn content_type(&self, own: &'static str) -> Cow<'static, str> {
        self.sending.content_type.map_or(own.into(), |given| given.to_owned().into())
    }
}

/// Puts an event on the wire as this profile does.
///
/// # Errors
/// It has a key, and cannot be signed with it.
pub(crate) fn wire(profile: Profile, event: &Event, sending: &Sending<'_>) -> Result<Wire, Reason> {
    let body = body(profile, event);
    let fields = fields(profile, event, &body, sending)?;
    Ok(Wire { fields, body })
}

/// The content that this profile makes of an event.
pub(crate) fn body(profile: Profile, event: &Event) -> Bytes {
    match profile {
        Profile::StandardWebhooks => standard_webhooks::body(event),
        Profile::UltimateMultisite => ultimate_multisite::body(event),
        Profile::Stripe => stripe::body(event),
        Profile::Slack => slack::body(event),
        Profile::Github | Profile::Shopify | Profile::Plain => event.payload.clone().into_bytes(),
    }
    .into()
}

/// The header fields that this profile sends with a content, signed where there is a key.
///
/// # Errors
/// It has a key, and cannot be signed with it.
pub(crate) fn fields(
    profile: Profile,
    event: &Event,
    body: &[u8],
    sending: &Sending<'_>,
) -> Result<Fields, Reason> {
    let signature = signature(profile, event, body, sending)?;
    let dress = Dress { event, sending, length_bytes: body.len(), signature };
    Ok(match profile {
        Profile::StandardWebhooks => standard_webhooks::fields(dress),
        Profile::UltimateMultisite => ultimate_multisite::fields(dress),
        Profile::Github => github::fields(dress),
        Profile::Stripe => stripe::fields(dress),
        Profile::Slack => slack::fields(dress),
        Profile::Shopify => shopify::fields(dress),
        Profile::Plain => plain::fields(dress),
    })
}

/// The scheme that this profile signs by, if it signs.
pub(crate) fn scheme(profile: Profile) -> Option<Scheme> {
    match profile {
        Profile::StandardWebhooks => Some(Scheme::StandardWebhooks),
        Profile::Github => Some(Scheme::Github),
        Profile::Stripe => Some(Scheme::Stripe),
        Profile::Slack => Some(Scheme::Slack),
        Profile::Shopify => Some(Scheme::Shopify),
        Profile::UltimateMultisite | Profile::Plain => None,
    }
}

/// Whether this profile signs what it sends.
pub(crate) fn signs(profile: Profile) -> bool {
    scheme(profile).is_some()
}

/// A secret that this profile can sign with.
///
/// # Errors
/// It is none of the profile's scheme.
pub(crate) fn secret(profile: Profile, text: &str) -> Result<Secret, BadSecret> {
    match profile {
        Profile::StandardWebhooks => Secret::parse(text),
        _ => Secret::shared(text),
    }
}

/// The keys without an old one that this profile cannot use: a webhook may have had another
/// profile when it was in force, and that is no reason not to sign with the new one.
pub(crate) fn usable(profile: Profile, keys: &Keys) -> Cow<'_, Keys> {
    let fits = |key: &Secret| secret(profile, &key.reveal()).is_ok();
    if keys.secrets.iter().skip(1).all(fits) {
        return Cow::Borrowed(keys);
    }
    let mut keys = keys.clone();
    let mut place = 0;
    keys.secrets.retain(|key| {
        place += 1;
        place == 1 || fits(key)
    });
    Cow::Owned(keys)
}

/// A new secret in the form that this profile's provider gives out, from random bytes.
///
/// # Errors
/// None, with 32 bytes.
pub(crate) fn generated(profile: Profile, random: &[u8; 32]) -> Result<Secret, BadSecret> {
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    match profile {
        Profile::StandardWebhooks => Secret::from_key(random),
        Profile::Stripe => Ok(Secret::from_text(&format!("whsec_{hex}"))),
        _ => Ok(Secret::from_text(&hex)),
    }
}

/// The header fields that this profile sends, by name.
pub(crate) fn names(profile: Profile) -> Vec<&'static str> {
    let Ok(target) = Url::parse("http://localhost/") else { return Vec::new() };
    let secret = generated(profile, &[0; 32]).ok();
    let keys = Keys { secrets: secret.into_iter().collect(), ..Keys::default() };
    let at = Timestamp::default();
    let event =
        Event { id: "evt".into(), kind: "test".into(), created_at: at, payload: "{}".into() };
    let sending = Sending {
        method: "POST",
        target: &target,
        at,
        n: 2,
        keys: &keys,
        scheme: None,
        content_type: None,
        user_agent: "hooklab",
    };
    fields(profile, &event, b"{}", &sending).map(Fields::into_static_names).unwrap_or_default()
}

/// From an attempt's first step to the answer's last byte: what the provider gives a target, where
/// that is known.
pub(crate) fn timeout(profile: Profile, limits: &Limits) -> Duration {
    match profile {
        Profile::UltimateMultisite => limits.multisite_attempt_timeout,
        Profile::Github => github::TIMEOUT,
        Profile::Slack => slack::TIMEOUT,
        Profile::Shopify => shopify::TIMEOUT,
        Profile::StandardWebhooks | Profile::Stripe | Profile::Plain => limits.attempt_timeout,
    }
}

/// The fields that sign a content; without a key, those that still say which event this is.
fn signature(
    profile: Profile,
    event: &Event,
    body: &[u8],
    sending: &Sending<'_>,
) -> Result<Vec<(&'static str, String)>, Reason> {
    let Some(scheme) = sending.scheme.or_else(|| scheme(profile)) else { return Ok(Vec::new()) };
    let timestamp = sending.at.as_secs();
    let content_type = sending.content_type.unwrap_or("application/json");
    let message = Message {
        method: sending.method.as_bytes(),
        url: sending.target.as_str().as_bytes(),
        headers: &[(b"content-type", content_type.as_bytes())],
        body,
        id: &event.id,
        timestamp,
    };
    let mut signed = match sign(scheme, sending.keys, &message) {
        Ok(signed) => signed,
        Err(Reason::NoKey) => return Ok(unsigned(scheme, &event.id, timestamp)),
        Err(reason) => return Err(reason),
    };
    // GitHub sends its old signature beside the new one.
    if profile == Profile::Github && scheme == Scheme::Github {
        let old = sign(Scheme::GithubSha1, sending.keys, &message)?;
        signed.splice(0..0, old);
    }
    Ok(signed)
}

fn unsigned(scheme: Scheme, id: &str, timestamp: i64) -> Vec<(&'static str, String)> {
    match scheme {
        Scheme::StandardWebhooks => {
            vec![("webhook-id", id.to_owned()), ("webhook-timestamp", timestamp.to_string())]
        }
        _ => Vec::new(),
    }
}

/// A payload as it is spelled, inside of another document. A stored payload was parsed before it
/// was accepted, so the fallback never shows.
fn raw(event: &Event) -> &RawValue {
    serde_json::from_str(&event.payload).unwrap_or(RawValue::NULL)
}

/// An event's id in the form of a UUID, which it holds; any other is told as it is.
fn uuid(id: &str) -> String {
    let hex = id.rsplit('_').next().unwrap_or(id);
    uuid::Uuid::try_parse(hex).map_or_else(|_| id.to_owned(), |uuid| uuid.to_string())
}

#[cfg(test)]
mod tests;
