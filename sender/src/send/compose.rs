//! One delivery's request: from the order and its step to the bytes, faults included. Pure.

use std::time::Duration;

use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::send::ToldFault;
use hooklab_shared::signature::twilio::url_with_digest;
use hooklab_shared::signature::{Keys, Scheme, Secret};
use serde_json::Value;
use url::Url;

use super::fields;
use super::order::{BEND, Content, ID, Order, SPOIL};
use crate::catalogue::random::Draw;
use crate::fault::{self, Fault, Step};
use crate::outgoing::{Fields, Manner, Outgoing};
use crate::profile::{self, Event, Sending};

/// The type of an event that has none, where a profile must name one.
const KIND: &str = "ping";

/// Chunks of a chunked body: small enough for several, large enough for few.
const CHUNK_BYTES: (u32, u32) = (16, 64);

/// A delivery, put together.
#[derive(Debug)]
pub(super) struct Composed {
    pub(super) about: About,
    pub(super) outgoing: Outgoing,
}

/// What a delivery tells of.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) id: String,
    pub(super) kind: Option<String>,
    pub(super) invalid: Option<String>,
    pub(super) faults: Vec<ToldFault>,
}

/// The field at fault, and what is wrong with it.
pub(super) type Refusal = (&'static str, String);

impl Order {
    /// The request of one attempt (`n` from 1) of a step to one target, signed at this time.
    ///
    /// # Errors
    /// A payload is not what the fields to set need, or the whole cannot be signed.
    pub(super) fn compose(
        &self,
        step: Step,
        target: usize,
        n: u32,
        at: Timestamp,
    ) -> Result<Composed, Refusal> {
        let (event, body, invalid) = self.event(step)?;
        let mut draw = Draw::new(self.seed.wrapping_add(step.event as u64), BEND);
        let body = self.bent_content(step, body);
        let keys = self.signing_keys(&mut draw);
        let target = self.target(target, &body);
        let sending = Sending {
            method: &self.method,
            target: &target,
            at: self.signed_at(at),
            n,
            keys: &keys,
            scheme: self.own_scheme,
            content_type: self.content_type.as_deref(),
            user_agent: &self.user_agent,
        };
        let fields = profile::fields(self.profile, &event, &body, &sending);
        let fields = fields.map_err(|why| ("secret", format!("cannot sign: failed to {why}")))?;
        let mut outgoing = Outgoing {
            method: self.method.clone().into(),
            target,
            fields,
            body: body.into(),
            timeout: self.timeout(),
            manner: Manner::default(),
        };
        self.bend(&mut outgoing, &mut draw);
        own_headers(&mut outgoing.fields, &self.headers);
        let faults = self.faults.iter().map(|fault| fault.told()).collect();
        let about = About { id: event.id, kind: self.kind.clone(), invalid, faults };
        Ok(Composed { about, outgoing })
    }

    /// How long this step waits before it is sent.
    pub(super) fn delay(&self) -> Duration {
        let delay = |fault: &Fault| if let Fault::Delay(by) = fault { Some(*by) } else { None };
        self.faults.iter().filter_map(delay).sum()
    }

    /// What slows a request down on purpose does not count.
    fn timeout(&self) -> Duration {
        let own =
            self.timeout.unwrap_or_else(|| profile::timeout(self.profile, &Limits::default()));
        let slow = |fault: &Fault| if let Fault::Slow(over) = fault { Some(*over) } else { None };
        own + self.faults.iter().filter_map(slow).sum::<Duration>()
    }

    /// The event, its body, and what is invalid in it.
    fn event(&self, step: Step) -> Result<(Event, Vec<u8>, Option<String>), Refusal> {
        let seed = self.seed.wrapping_add(step.event as u64);
        let mut event = Event {
            id: self.id.clone().unwrap_or_else(|| id(self.seed.wrapping_add(step.id as u64))),
            kind: self.kind.clone().unwrap_or_else(|| KIND.to_owned()),
            created_at: self.at,
            payload: String::new(),
        };
        let content = &self.contents[step.event % self.contents.len().max(1)];
        let given = match content {
            Content::Raw(body) => return Ok((event, body.to_vec(), None)),
            Content::Payload(payload) => Some(payload.as_str()),
            Content::Generated => None,
        };
        if let (Some(payload), true, false) = (given, self.set.is_empty(), self.is_invalid) {
            event.payload = payload.to_owned();
            serde_json::from_str::<Value>(payload)
                .map_err(|why| ("payload", format!("is not JSON: {why}")))?;
            let body = profile::body(self.profile, &event).to_vec();
            return Ok((event, body, None));
        }
        let mut payload: Value = match given {
            Some(text) => serde_json::from_str(text)
                .map_err(|why| ("payload", format!("is not JSON: {why}")))?,
            None => {
                let grown = self.catalogue.live_payload(&event.kind, seed);
                grown.map(|grown| grown.payload).unwrap_or_default()
            }
        };
        for (path, value) in &self.set {
            fields::set(&mut payload, path, value.clone()).map_err(|why| ("set", why))?;
        }
        let invalid = self.spoiled(&event.kind, &mut payload, seed)?;
        event.payload = payload.to_string();
        let body = profile::body(self.profile, &event).to_vec();
        Ok((event, body, invalid))
    }

    fn spoiled(
        &self,
        kind: &str,
        payload: &mut Value,
        seed: u64,
    ) -> Result<Option<String>, Refusal> {
        if !self.is_invalid {
            return Ok(None);
        }
        let spoiled = self.catalogue.spoil(kind, payload, &mut Draw::new(seed, SPOIL));
        spoiled.map(Some).ok_or_else(|| ("invalid", "needs a payload with fields".to_owned()))
    }

    /// The faults of what is signed.
    fn bent_content(&self, step: Step, body: Vec<u8>) -> Vec<u8> {
        let body = if step.is_other { fault::other(&body) } else { body };
        let huge = |fault: &Fault| if let Fault::Huge(bytes) = fault { Some(*bytes) } else { None };
        match self.faults.iter().find_map(huge) {
            Some(bytes) => fault::huge(&body, bytes),
            None => body,
        }
    }

    fn signing_keys(&self, draw: &mut Draw) -> Keys {
        if self.faults.contains(&Fault::MissingSignature) {
            return Keys::default();
        }
        if self.faults.contains(&Fault::WrongSignature) {
            // `whsec_` and base64 is a key in every scheme.
            let wrong = Secret::from_key(&draw.bytes::<32>());
            return wrong.map(Keys::from).unwrap_or_default();
        }
        self.keys.clone()
    }

    fn signed_at(&self, at: Timestamp) -> Timestamp {
        self.faults.iter().fold(at, |at, fault| match *fault {
            Fault::Stale(by) => moved(at, by, -1),
            Fault::Future(by) => moved(at, by, 1),
            _ => at,
        })
    }

    /// Twilio signs a body that is no form by its digest in the URL.
    fn target(&self, target: usize, body: &[u8]) -> Url {
        let target = &self.targets[target];
        let is_form = self.content_type.as_deref().is_some_and(|kind| kind.contains("form"));
        if self.scheme() != Some(Scheme::Twilio) || is_form {
            return target.clone();
        }
        Url::parse(&url_with_digest(target.as_str(), body)).unwrap_or_else(|_| target.clone())
    }

    /// The faults of what has been signed, and of the way it is written.
    fn bend(&self, outgoing: &mut Outgoing, draw: &mut Draw) {
        for fault in &self.faults {
            match *fault {
                Fault::Altered => outgoing.body = fault::altered(&outgoing.body, draw).into(),
                Fault::Truncated => outgoing.body.truncate(outgoing.body.len() / 2),
                Fault::Chunked => {
                    let (low, high) = CHUNK_BYTES;
                    outgoing.manner.chunk_bytes = Some(draw.number(low, high) as usize);
                    outgoing.fields.remove("content-length");
                    outgoing.fields.push("Transfer-Encoding", "chunked");
                }
                _ => {}
            }
        }
        if outgoing.fields.get("content-length").is_some() {
            outgoing.fields.set("content-length", outgoing.body.len().to_string());
        }
        let content_bytes = outgoing.content().len();
        for fault in &self.faults {
            match *fault {
                Fault::Cut => outgoing.manner.cut_bytes = Some(content_bytes / 2),
                Fault::Slow(over) => {
                    outgoing.manner.drip = Some(fault::drips(content_bytes, over));
                }
                _ => {}
            }
        }
    }
}

/// Fields of the user's own: in the place of one of the same name, or after all others; without a
/// value they take one away.
fn own_headers(fields: &mut Fields, own: &[(String, String)]) {
    for (place, (name, value)) in own.iter().enumerate() {
        let is_first = !own[..place].iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(name));
        match (value.is_empty(), is_first && fields.get(name).is_some()) {
            (true, _) => fields.remove(name),
            (false, true) => fields.set(name.clone(), value.clone()),
            (false, false) => fields.push(name.clone(), value.clone()),
        }
    }
}

/// An event's id; without a dot, which would end it where ids are signed.
fn id(seed: u64) -> String {
    let bytes = Draw::new(seed, ID).bytes::<16>();
    format!("evt_{}", uuid::Builder::from_random_bytes(bytes).into_uuid().simple())
}

fn moved(at: Timestamp, by: Duration, sign: i64) -> Timestamp {
    let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.as_micros().saturating_add(by.saturating_mul(sign)))
}
