//! What a run sends: the same event again and again, each time with an id of its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hooklab_shared::id::Timestamp;
use hooklab_shared::signature::{BadSecret, Keys, Reason, Scheme};
use hooklab_shared::webhook::Profile;
use thiserror::Error;
use url::Url;

use super::Load;
use crate::catalogue::Catalogue;
use crate::forward::{Header, Signing};
use crate::outgoing::{Manner, Outgoing};
use crate::profile::{self, Event, Sending};

/// The header by which what arrives is found again.
pub(super) const HEADER: &str = "Hooklab-Load";

/// What goes out.
#[derive(Debug)]
pub struct Content {
    /// The event's payload, or a body.
    pub payload: Payload,
    /// How it is put on the wire.
    pub profile: Profile,
    /// How it is signed, in the place of the profile's own way.
    pub scheme: Option<Scheme>,
    /// What signs it; unsigned where there is none.
    pub secret: Option<String>,
    /// Fields of the user's own.
    pub headers: Vec<Header>,
    /// What calls itself the sender, such as `hooklab/0.1.0`.
    pub user_agent: String,
}

/// What is sent.
#[derive(Clone, Debug)]
pub enum Payload {
    /// An event of this type, with a payload that grows from a seed.
    Event {
        /// Its slug.
        kind: String,
        /// The seed.
        seed: u64,
        /// Where the type is described.
        catalogue: Arc<Catalogue>,
    },
    /// These bytes, as they are.
    Body {
        /// The bytes.
        bytes: Bytes,
        /// Their media type.
        content_type: String,
    },
}

/// Why there is nothing that could be sent.
#[derive(Debug, Error)]
pub enum BadContent {
    /// There is no such event type.
    #[error("make the event: {0}")]
    Event(String),
    /// There is a secret, and nothing to be signed with it.
    #[error(
        "sign with the secret: the profile {0} signs nothing; give --scheme, or another profile"
    )]
    Unsigned(&'static str),
    /// The secret is none of the profile's.
    #[error(transparent)]
    Secret(#[from] BadSecret),
    /// It cannot be signed.
    #[error("sign what is to be sent: {0}")]
    Signature(#[from] Reason),
}

/// Makes the requests of a run.
#[derive(Debug)]
pub(super) struct Maker {
    run: u64,
    target: Url,
    timeout: Duration,
    profile: Profile,
    scheme: Option<Scheme>,
    keys: Keys,
    content_type: Option<String>,
    headers: Vec<Header>,
    user_agent: String,
    event: Event,
    /// The body of every delivery; none where it holds the event's id.
    body: Option<Bytes>,
}

impl Maker {
    /// # Errors
    /// There is no such event type, or the content cannot be signed.
    pub(super) fn new(load: &Load, run: u64, at: Timestamp) -> Result<Self, BadContent> {
        let content = &load.content;
        let (event, body, content_type) = event(&content.payload, at)?;
        let by_id = matches!(content.profile, Profile::Stripe | Profile::Slack);
        let body = match body {
            None if by_id => None,
            None => Some(profile::body(content.profile, &event)),
            given => given,
        };
        // What is in the body already need not be copied for every delivery.
        let event = match body {
            Some(_) => Event { payload: String::new(), ..event },
            None => event,
        };
        let signs = content.scheme.or_else(|| profile::scheme(content.profile)).is_some();
        if content.secret.is_some() && !signs {
            return Err(BadContent::Unsigned(content.profile.as_str()));
        }
        let keys = content.secret.as_deref().map(|text| keys(content, text)).transpose()?;
        let maker = Self {
            run,
            target: load.target.clone(),
            timeout: load.timeout,
            profile: content.profile,
            scheme: content.scheme,
            keys: keys.unwrap_or_default(),
            content_type,
            headers: content.headers.clone(),
            user_agent: content.user_agent.clone(),
            event,
            body,
        };
        // What cannot be signed is said before anything is sent.
        maker.fill(&mut maker.template(), 0, 1, at)?;
        Ok(maker)
    }

    /// What tells this run's deliveries from those of another.
    pub(super) fn run(&self) -> u64 {
        self.run
    }

    /// A request to be filled.
    pub(super) fn template(&self) -> Outgoing {
        Outgoing {
            method: "POST".into(),
            target: self.target.clone(),
            fields: crate::outgoing::Fields::default(),
            body: Bytes::new(),
            timeout: self.timeout,
            manner: Manner::default(),
        }
    }

    /// Makes it the request of this attempt of this delivery.
    ///
    /// # Errors
    /// It cannot be signed.
    pub(super) fn fill(
        &self,
        outgoing: &mut Outgoing,
        number: u64,
        attempt: u32,
        at: Timestamp,
    ) -> Result<(), Reason> {
        let event =
            Event { id: format!("evt_{:016x}{number:016x}", self.run), ..self.event.clone() };
        let body = self.body.clone().unwrap_or_else(|| profile::body(self.profile, &event));
        let sending = Sending {
            method: "POST",
            target: &outgoing.target,
            at,
            n: attempt,
            keys: &self.keys,
            scheme: self.scheme,
            content_type: self.content_type.as_deref(),
            user_agent: &self.user_agent,
        };
        let mut fields = profile::fields(self.profile, &event, &body, &sending)?;
        for header in &self.headers {
            fields.remove(header.name());
        }
        for header in &self.headers {
            fields.push(header.name().to_owned(), header.value().to_owned());
        }
        fields.push(HEADER, name(self.run, number));
        (outgoing.fields, outgoing.body) = (fields, body);
        Ok(())
    }
}

/// A delivery as it is named in the header.
fn name(run: u64, number: u64) -> String {
    format!("{run:016x}-{number}")
}

/// The number of a delivery of this run, if that is what the header names.
pub(super) fn number(run: u64, name: &[u8]) -> Option<u64> {
    let (found, number) = std::str::from_utf8(name).ok()?.split_once('-')?;
    (u64::from_str_radix(found, 16).ok()? == run).then(|| number.parse().ok())?
}

fn keys(content: &Content, text: &str) -> Result<Keys, BadSecret> {
    match content.scheme {
        Some(scheme) => Signing::new(scheme, [text]).map(|signing| signing.keys),
        None => profile::secret(content.profile, text).map(Keys::from),
    }
}

/// The event, the body where it is given, and what that is.
fn event(
    payload: &Payload,
    at: Timestamp,
) -> Result<(Event, Option<Bytes>, Option<String>), BadContent> {
    let event = |kind: &str, payload| Event {
        id: String::new(),
        kind: kind.to_owned(),
        created_at: at,
        payload,
    };
    match payload {
        Payload::Body { bytes, content_type } => {
            let event = event("load", "null".to_owned());
            Ok((event, Some(bytes.clone()), Some(content_type.clone())))
        }
        Payload::Event { kind, seed, catalogue } => {
            let Some(payload) = catalogue.live_payload(kind, *seed) else {
                return Err(BadContent::Event(catalogue.slug_error(kind).unwrap_or_default()));
            };
            Ok((event(kind, payload.payload.to_string()), None, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_found_again_by_its_name_and_by_no_other() {
        assert_eq!(number(7, name(7, 42).as_bytes()), Some(42));
        assert_eq!(number(u64::MAX, name(u64::MAX, 0).as_bytes()), Some(0));
        assert_eq!(number(8, name(7, 42).as_bytes()), None);
        for other in ["", "x", "7", "-", "0000000000000007-", "0000000000000007-x", "\u{e9}-1"] {
            assert_eq!(number(7, other.as_bytes()), None, "{other}");
        }
    }
}
