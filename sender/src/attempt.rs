//! One HTTP/1.1 try: a request out, its answer in, its phases timed, its outcome told in plain
//! words. Connections are kept for the next try to the same target.

mod answer;
mod cause;
mod exchange;
mod pool;
mod stream;
mod tls;

use std::sync::Arc;
use std::time::Instant;

use hooklab_shared::capture::BodyDocument;
use hooklab_shared::delivery::{Attempt, AttemptOutcome, Phase, Phases, SentRequest};
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use tokio::time::timeout;
use url::{Position, Url};

use crate::egress::{ConnectError, Egress, ResolveError};
use crate::outgoing::{Manner, Outgoing};
use crate::profile::{self, Sending, Wire};
use crate::store::Due;
pub(crate) use answer::Answer;
use cause::Cause;
use exchange::Progress;
use pool::Pool;
use stream::Stream;
use tls::Tls;

/// Makes calls.
#[derive(Debug)]
pub(crate) struct Caller {
    egress: Egress,
    tls: Tls,
    pool: Arc<Pool>,
    limits: Limits,
    user_agent: String,
}

/// How a call went.
#[derive(Debug)]
pub(crate) struct Called {
    /// What was answered, as far as it came.
    pub(crate) answer: Option<Answer>,
    /// How long each phase took.
    pub(crate) phases: Phases,
    /// How it ended.
    pub(crate) outcome: AttemptOutcome,
}

/// What a call has seen so far, so that a timeout can tell where it struck.
#[derive(Debug)]
struct Trace {
    stage: Phase,
    phases: Phases,
    progress: Progress,
    is_reusable: bool,
}

impl Caller {
    pub(crate) fn new(egress: Egress, limits: Limits, user_agent: String) -> Self {
        let pool = Pool::new(&limits);
        Self { egress, tls: Tls::default(), pool, limits, user_agent }
    }

    /// Trusts these roots instead of the machine's.
    #[cfg(test)]
    pub(crate) fn trust(&mut self, roots: tokio_rustls::rustls::RootCertStore) {
        self.tls = Tls::with_roots(roots);
    }

    /// The door that it goes out by.
    pub(crate) fn egress(&self) -> &Egress {
        &self.egress
    }

    /// What hooklab calls itself to targets.
    pub(crate) fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// Tries a delivery once, within its timeout.
    pub(crate) async fn attempt(&self, due: &Due, at: Timestamp) -> Attempt {
        let Due { n, manual, .. } = *due;
        match self.outgoing(due, at) {
            Ok(outgoing) => {
                let called = self.call(&outgoing).await;
                let Called { answer, phases, outcome } = called;
                let response = answer.map(Answer::into_told);
                Attempt { n, manual, at, request: outgoing.into_told(), response, phases, outcome }
            }
            Err(cause) => {
                let (method, url) = ("POST".to_owned(), due.target.as_str().to_owned());
                let (headers, body) = (Vec::new(), BodyDocument::of(b""));
                let request = SentRequest { method, url, headers, body };
                let outcome = cause.failed(Phase::Policy);
                let phases = Phases::default();
                Attempt { n, manual, at, request, response: None, phases, outcome }
            }
        }
    }

    /// Sends a request as it is and reads the answer, within the request's timeout.
    pub(crate) async fn call(&self, outgoing: &Outgoing) -> Called {
        let began = Instant::now();
        let mut trace = Trace::new();
        let limit = outgoing.timeout;
        let outcome = match timeout(limit, self.run(outgoing, &mut trace)).await {
            Ok(Ok(())) => trace.judge(),
            Ok(Err(cause)) => cause.failed(trace.phase()),
            // It was only the rest of the request that the target did not take.
            Err(_) if trace.progress.answer.as_ref().is_some_and(Answer::has_ended) => {
                trace.judge()
            }
            Err(_) => Cause::Timeout(limit).failed(trace.phase()),
        };
        trace.end(began);
        Called { answer: trace.progress.answer, phases: trace.phases, outcome }
    }

    /// The request that this attempt of a delivery sends.
    fn outgoing(&self, due: &Due, at: Timestamp) -> Result<Outgoing, Cause> {
        let target = due.target.url().map_err(|why| Cause::Unusable(why.to_string()))?;
        let keys = profile::usable(due.profile, &due.keys);
        let sending = Sending {
            method: "POST",
            target,
            at,
            n: due.n,
            keys: &keys,
            scheme: None,
            content_type: None,
            user_agent: &self.user_agent,
        };
        let wire = profile::wire(due.profile, &due.event, &sending);
        let Wire { mut fields, body } = wire.map_err(|why| Cause::Unsigned(why.to_string()))?;
        for (name, value) in &*due.headers {
            fields.push(name.clone(), value.clone());
        }
        let timeout = due.timeout.unwrap_or_else(|| profile::timeout(due.profile, &self.limits));
        let (method, target) = ("POST".into(), target.clone());
        Ok(Outgoing { method, target, fields, body, timeout, manner: Manner::default() })
    }

    async fn run(&self, outgoing: &Outgoing, trace: &mut Trace) -> Result<(), Cause> {
        outgoing.check().map_err(|why| Cause::Unusable(why.to_string()))?;
        let origin = &outgoing.target[..Position::BeforePath];
        if let Some(stream) = self.pool.take(origin).await {
            trace.phases.reused = true;
            let ended = self.exchange(origin, stream, outgoing, trace).await;
            if ended.is_ok() || trace.progress.sent_bytes > 0 {
                return ended;
            }
            // The idle connection had ended, and nothing was sent on it.
            *trace = Trace::new();
        }
        let stream = self.connect(&outgoing.target, trace).await?;
        self.exchange(origin, stream, outgoing, trace).await
    }

    async fn exchange(
        &self,
        origin: &str,
        mut stream: Stream,
        outgoing: &Outgoing,
        trace: &mut Trace,
    ) -> Result<(), Cause> {
        trace.stage = Phase::Send;
        let answer_bytes_max = self.limits.answer_bytes_max;
        exchange::exchange(&mut stream, outgoing, trace, answer_bytes_max).await?;
        if trace.is_reusable {
            self.pool.put(origin, stream);
        }
        Ok(())
    }

    async fn connect(&self, target: &Url, trace: &mut Trace) -> Result<Stream, Cause> {
        let clock = Instant::now();
        trace.stage = Phase::Dns;
        let vetted = self.egress.resolve(target).await.map_err(|error| {
            if !matches!(error, ResolveError::Unresolved(_)) {
                trace.stage = Phase::Policy;
            }
            Cause::from(error)
        })?;
        trace.phases.dns_us = target.domain().is_some().then(|| micros(clock, Instant::now()));
        let clock = Instant::now();
        trace.stage = Phase::Connect;
        let stream = self.egress.connect(&vetted, self.limits.connect_timeout).await;
        let stream = stream.map_err(|error| match error {
            ConnectError::Io(error) => cause::of_io(&error),
            ConnectError::Timeout(limit) => Cause::Timeout(limit),
        })?;
        trace.phases.connect_us = Some(micros(clock, Instant::now()));
        if target.scheme() != "https" {
            return Ok(Stream::Plain(stream));
        }
        let clock = Instant::now();
        trace.stage = Phase::Tls;
        let stream = self.tls.handshake(target, stream).await?;
        trace.phases.tls_us = Some(micros(clock, Instant::now()));
        Ok(Stream::Tls(Box::new(stream)))
    }
}

impl Trace {
    fn new() -> Self {
        Self {
            stage: Phase::Policy,
            phases: Phases::default(),
            progress: Progress::default(),
            is_reusable: false,
        }
    }

    /// Where it stands now.
    fn phase(&self) -> Phase {
        match self.stage {
            Phase::Send if self.progress.answer.is_some() => Phase::Body,
            Phase::Send if self.progress.is_sent => Phase::FirstByte,
            stage => stage,
        }
    }

    /// Takes the time, which a timeout must not lose either.
    fn end(&mut self, began: Instant) {
        let now = Instant::now();
        self.phases.total_us = micros(began, now);
        if let Progress { began: Some(began), first_byte: Some(first), .. } = self.progress {
            self.phases.first_byte_us = Some(micros(began, first));
            self.phases.body_us = Some(micros(first, now));
        }
    }

    fn judge(&self) -> AttemptOutcome {
        match &self.progress.answer {
            Some(answer) if answer.is_success() => AttemptOutcome::Delivered,
            Some(answer) => {
                let hint = cause::status_hint(answer.status, answer.field("location"));
                AttemptOutcome::Refused { status: answer.status, hint }
            }
            None => Cause::Closed.failed(self.phase()),
        }
    }
}

/// Microseconds from one to the other.
fn micros(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX)
}
