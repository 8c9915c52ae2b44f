//! One HTTP/1.1 try of a delivery: its phases timed, its outcome told in plain words.

mod cause;
mod exchange;
mod tls;

use std::time::Instant;

use bytes::BytesMut;
use hooklab_shared::capture::BodyDocument;
use hooklab_shared::delivery::{Attempt, AttemptOutcome, GotResponse, Phase, Phases, SentRequest};
use hooklab_shared::headers::Octets;
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::webhook::Profile;
use hyper::http::response::Parts;
use tokio::time::timeout;
use url::Url;

use crate::egress::{ConnectError, Egress, ResolveError};
use crate::profile::{self, Sending, Wire};
use crate::store::Due;
use cause::Cause;
use tls::Tls;

/// Makes attempts.
#[derive(Debug)]
pub(crate) struct Caller {
    egress: Egress,
    tls: Tls,
    limits: Limits,
    user_agent: String,
}

/// What an attempt has seen so far, so that a timeout can tell where it struck.
struct Trace {
    phase: Phase,
    phases: Phases,
    head: Option<Parts>,
    content: BytesMut,
    truncated: bool,
}

impl Caller {
    pub(crate) fn new(egress: Egress, limits: Limits, user_agent: String) -> Self {
        Self { egress, tls: Tls::default(), limits, user_agent }
    }

    /// Trusts these roots instead of the machine's.
    #[cfg(test)]
    pub(crate) fn trust(&mut self, roots: tokio_rustls::rustls::RootCertStore) {
        self.tls = Tls::with_roots(roots);
    }

    /// Tries a delivery once, within the profile's timeout.
    pub(crate) async fn attempt(&self, due: &Due, at: Timestamp) -> Attempt {
        let began = Instant::now();
        let mut trace = Trace::new();
        let (request, outcome) = match Url::parse(&due.target) {
            Ok(target) => self.try_once(due, &target, at, &mut trace).await,
            Err(why) => {
                (sent(&due.target, None), Cause::Unusable(why.to_string()).failed(Phase::Policy))
            }
        };
        trace.phases.total_us = micros(began);
        let phases = trace.phases;
        Attempt {
            n: due.n,
            manual: due.manual,
            at,
            request,
            response: trace.response(),
            phases,
            outcome,
        }
    }

    async fn try_once(
        &self,
        due: &Due,
        target: &Url,
        at: Timestamp,
        trace: &mut Trace,
    ) -> (SentRequest, AttemptOutcome) {
        let sending = Sending { target, at, keys: &due.keys, user_agent: &self.user_agent };
        let wire = profile::wire(due.profile, &due.event, &sending);
        let mut request = sent(&due.target, Some(&wire));
        let own = due.headers.iter().map(|(name, value)| (name, Octets::Text(value.clone())));
        request.headers.extend(own.map(|(name, value)| (name.clone(), value)));
        let limit = due.timeout.unwrap_or(match due.profile {
            Profile::StandardWebhooks => self.limits.attempt_timeout,
            Profile::UltimateMultisite => self.limits.multisite_attempt_timeout,
        });
        let ended = timeout(limit, self.call(target, wire, &due.headers, trace)).await;
        let outcome = match ended {
            Ok(Ok(())) => trace.judge(),
            Ok(Err(cause)) => cause.failed(trace.phase),
            Err(_) => Cause::Timeout(limit).failed(trace.phase),
        };
        (request, outcome)
    }

    async fn call(
        &self,
        target: &Url,
        wire: Wire,
        own: &[(String, String)],
        trace: &mut Trace,
    ) -> Result<(), Cause> {
        let clock = Instant::now();
        trace.phase = Phase::Dns;
        let vetted = match self.egress.resolve(target).await {
            Ok(vetted) => vetted,
            Err(ResolveError::Unresolved(name)) => return Err(Cause::Unresolved(name)),
            Err(ResolveError::Forbidden(ip)) => {
                trace.phase = Phase::Policy;
                return Err(Cause::Forbidden(ip));
            }
            Err(why @ ResolveError::NoHost) => {
                trace.phase = Phase::Policy;
                return Err(Cause::Unusable(why.to_string()));
            }
        };
        trace.phases.dns_us = target.domain().is_some().then(|| micros(clock));
        let clock = Instant::now();
        trace.phase = Phase::Connect;
        let stream = self.egress.connect(&vetted, self.limits.connect_timeout).await;
        let stream = stream.map_err(|error| match error {
            ConnectError::Io(error) => cause::of_io(&error),
            ConnectError::Timeout(limit) => Cause::Timeout(limit),
        })?;
        trace.phases.connect_us = Some(micros(clock));
        let request = exchange::request(target, wire, own)?;
        let answer_bytes_max = self.limits.answer_bytes_max;
        if target.scheme() != "https" {
            return exchange::exchange(stream, request, trace, answer_bytes_max).await;
        }
        let clock = Instant::now();
        trace.phase = Phase::Tls;
        let stream = self.tls.handshake(target, stream).await?;
        trace.phases.tls_us = Some(micros(clock));
        exchange::exchange(stream, request, trace, answer_bytes_max).await
    }
}

impl Trace {
    fn new() -> Self {
        Self {
            phase: Phase::Policy,
            phases: Phases::default(),
            head: None,
            content: BytesMut::new(),
            truncated: false,
        }
    }

    /// 2xx alone is success.
    fn judge(&self) -> AttemptOutcome {
        match &self.head {
            Some(head) if head.status.is_success() => AttemptOutcome::Delivered,
            Some(head) => {
                let status = head.status.as_u16();
                AttemptOutcome::Refused { status, hint: cause::status_hint(status, &head.headers) }
            }
            None => Cause::Closed.failed(self.phase),
        }
    }

    fn response(self) -> Option<GotResponse> {
        let head = self.head.as_ref()?;
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), Octets::from(value.as_bytes())))
            .collect();
        Some(GotResponse {
            status: head.status.as_u16(),
            headers,
            body: BodyDocument::of(self.told_content()),
            truncated: self.truncated,
        })
    }

    /// The content, cut back to a whole character where its end was cut off.
    fn told_content(&self) -> &[u8] {
        match std::str::from_utf8(&self.content) {
            Err(cut) if self.truncated && cut.error_len().is_none() => {
                &self.content[..cut.valid_up_to()]
            }
            _ => &self.content,
        }
    }
}

fn sent(url: &str, wire: Option<&Wire>) -> SentRequest {
    let headers = wire.map(|wire| wire.headers.as_slice()).unwrap_or_default();
    let body = wire.map(|wire| &*wire.body).unwrap_or_default();
    SentRequest {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Octets::Text(value.clone())))
            .collect(),
        body: BodyDocument::of(body),
    }
}

/// Microseconds since then.
fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
