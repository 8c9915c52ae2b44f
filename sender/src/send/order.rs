//! What was asked for, checked: everything after may trust it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::problem::FieldError;
use hooklab_shared::send::NewSend;
use hooklab_shared::signature::{BadSecret, Keys, Scheme, Secret};
use hooklab_shared::span::Span;
use hooklab_shared::webhook::Profile;
use serde_json::{Map, Value};
use url::Url;

use super::Terms;
use crate::catalogue::Catalogue;
use crate::catalogue::random::Draw;
use crate::fault::{self, Fault, Step};
use crate::outgoing::is_token;
use crate::profile;

/// Header fields of the user's own at most: above what anybody types.
const HEADERS_MAX: usize = 20;

/// An attempt's time at most: what sender and receiver keep a connection open for.
const TIMEOUT_MAX: Duration = Duration::from_secs(600);

/// A send, checked.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) targets: Vec<Url>,
    pub(super) kind: Option<String>,
    pub(super) contents: Vec<Content>,
    pub(super) set: Map<String, Value>,
    pub(super) is_invalid: bool,
    pub(super) repeat: usize,
    pub(super) profile: Profile,
    /// How it is signed, in the place of the profile's own way.
    pub(super) own_scheme: Option<Scheme>,
    pub(super) keys: Keys,
    pub(super) method: String,
    pub(super) content_type: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) id: Option<String>,
    /// When it begins, and what time is signed at first.
    pub(super) at: Timestamp,
    /// Whether that time was given, so that it stands still.
    pub(super) is_at_given: bool,
    pub(super) rate: Option<f64>,
    pub(super) concurrency: usize,
    pub(super) retries: Vec<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) seed: u64,
    pub(super) faults: Vec<Fault>,
    pub(super) catalogue: Catalogue,
    pub(super) user_agent: String,
}

/// What an event's content is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A payload of the event's type, grown from the seed.
    Generated,
    /// A payload that was given, as it is spelled.
    Payload(String),
    /// A body as it is.
    Raw(Bytes),
}

/// What is wrong, field by field.
#[derive(Default)]
struct Errors(Vec<FieldError>);

impl Errors {
    fn add(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), detail: detail.into() });
    }

    fn check(&mut self, holds: bool, field: &str, detail: impl Into<String>) {
        if !holds {
            self.add(field, detail);
        }
    }
}

impl Order {
    pub(super) fn checked(
        send: NewSend,
        terms: &Terms,
        catalogue: Catalogue,
        user_agent: String,
    ) -> Result<Self, Vec<FieldError>> {
        let mut errors = Errors::default();
        let order = Self {
            targets: targets(&send.to, &mut errors),
            contents: contents(&send, &catalogue, &mut errors),
            keys: keys(&send, &mut errors),
            faults: faults(&send.faults, &mut errors),
            kind: send.kind,
            set: send.set,
            is_invalid: send.invalid,
            repeat: send.repeat.unwrap_or(1) as usize,
            profile: send.profile,
            own_scheme: send.scheme,
            method: send.method.unwrap_or_else(|| "POST".to_owned()),
            content_type: send.content_type,
            headers: send.headers,
            id: send.id,
            at: send.at.unwrap_or(terms.now),
            is_at_given: send.at.is_some(),
            rate: send.rate,
            concurrency: send.concurrency.unwrap_or(match send.rate {
                Some(_) => Limits::SEND_CONCURRENCY_MAX,
                None => 1,
            }),
            retries: send.retries.into_iter().map(Span::as_duration).collect(),
            timeout: send.timeout.map(Span::as_duration),
            seed: send.seed.unwrap_or(terms.seed),
            catalogue,
            user_agent,
        };
        order.check_headers(&mut errors);
        order.check_terms(&mut errors);
        order.check_faults(&mut errors);
        if errors.0.is_empty() { Ok(order) } else { Err(errors.0) }
    }

    /// The scheme in force.
    pub(super) fn scheme(&self) -> Option<Scheme> {
        self.own_scheme.or_else(|| profile::scheme(self.profile))
    }

    /// The deliveries to each target, in order; the plan must have been checked.
    pub(super) fn steps(&self) -> Vec<Step> {
        let events = self.contents.len().saturating_mul(self.repeat);
        fault::plan(events, &self.faults, &mut Draw::new(self.seed, PLAN))
    }

    /// Whether the plan is one that can be sent: its number, before there are steps of it, and
    /// every content whole.
    pub(super) fn check_plan(&self, deliveries_max: usize) -> Result<(), Vec<FieldError>> {
        let mut errors = Errors::default();
        let steps = fault::planned(self.contents.len().saturating_mul(self.repeat), &self.faults);
        let count = steps.saturating_mul(self.targets.len());
        errors.check(
            count <= deliveries_max,
            "repeat",
            format!("makes {count} deliveries, of at most {deliveries_max} in one send"),
        );
        let is_ordered = self.faults.contains(&Fault::Reorder) && steps < 2;
        errors.check(!is_ordered, "faults", "reorder takes two events or more: give repeat");
        if errors.0.is_empty() {
            self.check_contents(&mut errors);
        }
        if errors.0.is_empty() { Ok(()) } else { Err(errors.0) }
    }

    /// Composes the first delivery of each content; the first that cannot be is told.
    fn check_contents(&self, errors: &mut Errors) {
        for event in 0..self.contents.len() {
            let step = Step { event, id: event, is_other: false };
            let refusal = match self.compose(step, 0, 1, self.at) {
                Err(refusal) => refusal,
                Ok(composed) if composed.outgoing.body.is_empty() && self.takes_away() => {
                    let detail =
                        "truncated takes half of a body away: give one of two bytes at least";
                    ("faults", detail.to_owned())
                }
                Ok(_) => continue,
            };
            let (field, detail) = refusal;
            match self.contents.len() {
                1 => errors.add(field, detail),
                _ => errors.add(format!("lines[{event}]"), format!("({field}) {detail}")),
            }
            return;
        }
    }

    /// Whether a fault takes a part of the body away.
    fn takes_away(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault, Fault::Truncated | Fault::Cut))
    }

    fn check_headers(&self, errors: &mut Errors) {
        errors.check(is_token(&self.method), "method", "is no method: a word such as PUT");
        let is_line = |text: &str| !text.contains(['\r', '\n', '\0']);
        let content_type = self.content_type.as_deref().unwrap_or_default();
        errors.check(is_line(content_type), "content_type", "holds a line break");
        errors.check(is_line(self.id.as_deref().unwrap_or_default()), "id", "holds a line break");
        let kind = self.kind.as_deref().unwrap_or_default();
        errors.check(is_line(kind), "type", "holds a line break");
        let count = self.headers.len();
        errors.check(count <= HEADERS_MAX, "headers", format!("has {count}, of at most 20"));
        for (place, (name, value)) in self.headers.iter().enumerate() {
            if !is_token(name) || !is_line(value) {
                errors
                    .add(format!("headers[{place}]"), "is no header: NAME and a value of one line");
            }
        }
    }

    fn check_terms(&self, errors: &mut Errors) {
        errors.check(self.repeat > 0, "repeat", "is 0: give at least 1");
        let is_one = self.contents.len() * self.repeat < 2;
        errors.check(
            self.id.is_none() || is_one,
            "id",
            "is one event's: leave out repeat and lines",
        );
        let rate = self.rate.unwrap_or(1.0);
        let (min, max) = (Limits::SEND_RATE_MIN, Limits::SEND_RATE_MAX);
        let is_rate = (min..=max).contains(&rate);
        errors.check(is_rate, "rate", format!("takes {min} to {max} a second"));
        let max = Limits::SEND_CONCURRENCY_MAX;
        let is_within = (1..=max).contains(&self.concurrency);
        errors.check(is_within, "concurrency", format!("takes 1 to {max}"));
        let huge = |fault: &Fault| if let Fault::Huge(bytes) = fault { Some(*bytes) } else { None };
        let huge = self.faults.iter().find_map(huge).unwrap_or_default();
        let max = Limits::SEND_IN_FLIGHT_BYTES_MAX;
        errors.check(
            huge.saturating_mul(self.concurrency) <= max,
            "concurrency",
            format!(
                "keeps {} bodies of {huge} bytes in memory, of at most {max} bytes in all: send \
                 fewer at once",
                self.concurrency
            ),
        );
        let max = Limits::SEND_ATTEMPTS_MAX - 1;
        errors.check(self.retries.len() <= max, "retries", format!("takes at most {max} waits"));
        let timeout = self.timeout.unwrap_or(TIMEOUT_MAX);
        let is_within = !timeout.is_zero() && timeout <= TIMEOUT_MAX;
        errors.check(is_within, "timeout", "takes more than 0s, and at most 10m");
    }

    fn check_faults(&self, errors: &mut Errors) {
        for (place, fault) in self.faults.iter().enumerate() {
            let against = |before: &Fault| Some((*before, fault.contradicts(*before)?));
            if let Some((before, why)) = self.faults[..place].iter().find_map(against) {
                let detail = format!("({fault}) contradicts {before}: {why}");
                errors.add(format!("faults[{place}]"), detail);
                continue;
            }
            let detail = match self.scheme() {
                _ if fault.needs_secret() && self.keys.secrets.is_empty() => {
                    "needs a secret: nobody could notice it in what is not signed"
                }
                Some(Scheme::Stripe) if matches!(fault, Fault::Future(_)) => {
                    "does not say much: Stripe's libraries take timestamps in the future"
                }
                Some(scheme) if fault.needs_timestamp() && !has_timestamp(scheme) => {
                    "needs a scheme that signs a timestamp: standard-webhooks, stripe or slack"
                }
                None if *fault == Fault::WrongSignature => {
                    "needs a scheme: this profile signs nothing"
                }
                _ => continue,
            };
            errors.add(format!("faults[{place}]"), format!("({fault}) {detail}"));
        }
    }
}

/// What a draw is for, so that one never shifts another's. The catalogue has 0 and 1.
pub(super) const PLAN: u64 = 2;
pub(super) const ID: u64 = 3;
pub(super) const BEND: u64 = 4;
pub(super) const SPOIL: u64 = 5;

fn targets(to: &[String], errors: &mut Errors) -> Vec<Url> {
    let max = Limits::SEND_TARGETS_MAX;
    errors.check((1..=max).contains(&to.len()), "to", format!("takes 1 to {max} URLs"));
    let mut targets = Vec::new();
    for (place, text) in to.iter().enumerate() {
        let field = format!("to[{place}]");
        match Url::parse(text) {
            Err(why) => {
                errors.add(field, format!("is not a URL ({why}): try http://127.0.0.1:4665/x"))
            }
            Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                errors.add(field, format!("has the scheme `{}`: use http or https", url.scheme()));
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                errors.add(field, "holds a user name or password: give an Authorization header");
            }
            Ok(url) => targets.push(url),
        }
    }
    targets
}

fn contents(send: &NewSend, catalogue: &Catalogue, errors: &mut Errors) -> Vec<Content> {
    let given = [send.payload.is_some(), send.data.is_some(), send.data_base64.is_some()];
    let given = given.into_iter().filter(|given| *given).count();
    if given + usize::from(!send.lines.is_empty()) > 1 {
        errors.add("data", "is one of several: give one of payload, data, data_base64 and lines");
        return Vec::new();
    }
    if let Some(payload) = &send.payload {
        errors.check(send.kind.is_some(), "type", "is missing: a payload is an event's");
        return vec![Content::Payload(payload.get().to_owned())];
    }
    if let Some(data) = &send.data {
        return raw(data.clone().into(), send, errors);
    }
    if let Some(data) = &send.data_base64 {
        let bytes = BASE64.decode(data);
        errors.check(bytes.is_ok(), "data_base64", "is not standard base64 with its padding");
        return raw(bytes.unwrap_or_default().into(), send, errors);
    }
    if !send.lines.is_empty() {
        let content = |line: &String| match send.kind {
            Some(_) => Content::Payload(line.clone()),
            None => Content::Raw(line.clone().into()),
        };
        return send.lines.iter().map(content).collect();
    }
    match &send.kind {
        None => errors.add("type", "is missing, and there is no data: give one of the two"),
        Some(kind) => {
            if let Some(detail) = catalogue.slug_error(kind) {
                errors.add("type", format!("names no payload: {detail}; or give one"));
            }
        }
    }
    vec![Content::Generated]
}

fn raw(bytes: Bytes, send: &NewSend, errors: &mut Errors) -> Vec<Content> {
    let max = Limits::SEND_BODY_BYTES_MAX;
    errors.check(bytes.len() <= max, "data", format!("has more than {max} bytes"));
    errors.check(send.set.is_empty(), "set", "is for an event's payload, not for data");
    errors.check(!send.invalid, "invalid", "is for an event's payload, not for data");
    vec![Content::Raw(bytes)]
}

fn keys(send: &NewSend, errors: &mut Errors) -> Keys {
    let Some(text) = &send.secret else { return Keys::default() };
    let Some(scheme) = send.scheme.or_else(|| profile::scheme(send.profile)) else {
        let profile = send.profile.as_str();
        errors.add("secret", format!("signs nothing: give a scheme, or a profile but {profile}"));
        return Keys::default();
    };
    match secret(scheme, text) {
        Ok(secret) => Keys::from(secret),
        Err(bad) => {
            errors.add("secret", format!("does not fit: failed to {bad}"));
            Keys::default()
        }
    }
}

fn secret(scheme: Scheme, text: &str) -> Result<Secret, BadSecret> {
    match scheme {
        Scheme::StandardWebhooks | Scheme::Svix => Secret::parse(text),
        _ => Secret::shared(text),
    }
}

fn faults(texts: &[String], errors: &mut Errors) -> Vec<Fault> {
    let max = Limits::SEND_FAULTS_MAX;
    errors.check(texts.len() <= max, "faults", format!("takes at most {max}"));
    let mut faults = Vec::new();
    for (place, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(fault) => faults.push(fault),
            Err(bad) => errors.add(format!("faults[{place}]"), format!("is none: failed to {bad}")),
        }
    }
    faults
}

fn has_timestamp(scheme: Scheme) -> bool {
    match scheme {
        Scheme::StandardWebhooks
        | Scheme::Svix
        | Scheme::Stripe
        | Scheme::Slack
        | Scheme::Zendesk
        | Scheme::HttpMessage => true,
        Scheme::Github
        | Scheme::GithubSha1
        | Scheme::Shopify
        | Scheme::Twilio
        | Scheme::Square
        | Scheme::Linear => false,
    }
}
