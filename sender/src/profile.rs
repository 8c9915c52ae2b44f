//! Profiles: an event as its exact bytes and headers on the wire. Pure.

mod php;
mod standard_webhooks;
mod ultimate_multisite;

use std::time::Duration;

use bytes::Bytes;
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::signature::{Keys, Secret};
use hooklab_shared::webhook::Profile;
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
    /// Where it goes.
    pub(crate) target: &'a Url,
    /// When the attempt begins.
    pub(crate) at: Timestamp,
    /// What it signs with, where the profile signs.
    pub(crate) keys: &'a Keys,
    /// hooklab's own `User-Agent`, where the profile has none of its own.
    pub(crate) user_agent: &'a str,
}

/// Puts an event on the wire as this profile does.
pub(crate) fn wire(profile: Profile, event: &Event, sending: &Sending<'_>) -> Wire {
    match profile {
        Profile::StandardWebhooks => standard_webhooks::wire(event, sending),
        Profile::UltimateMultisite => ultimate_multisite::wire(event, sending),
    }
}

/// Whether this profile signs what it sends.
pub(crate) fn signs(profile: Profile) -> bool {
    match profile {
        Profile::StandardWebhooks => true,
        Profile::UltimateMultisite => false,
    }
}

/// The header fields that this profile sends, by name.
pub(crate) fn names(profile: Profile) -> Vec<&'static str> {
    let Ok(target) = Url::parse("http://localhost/") else { return Vec::new() };
    let secret = Secret::from_key(&[0; 32]).ok();
    let keys = Keys { secrets: secret.into_iter().collect(), ..Keys::default() };
    let at = Timestamp::default();
    let event =
        Event { id: "evt".into(), kind: "test".into(), created_at: at, payload: "{}".into() };
    let sending = Sending { target: &target, at, keys: &keys, user_agent: "hooklab" };
    wire(profile, &event, &sending).fields.into_static_names()
}

/// From an attempt's first step to the answer's last byte.
pub(crate) fn timeout(profile: Profile, limits: &Limits) -> Duration {
    match profile {
        Profile::StandardWebhooks => limits.attempt_timeout,
        Profile::UltimateMultisite => limits.multisite_attempt_timeout,
    }
}
