//! Which captures are asked for: `q`, and `jq` over what `q` leaves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hooklab_shared::bin::JqFailed;
use hooklab_shared::capture::{Capture, SignatureVerdict};
use hooklab_shared::extract::bad_parameter;
use hooklab_shared::id::Timestamp;
use hooklab_shared::problem::Problem;
use hooklab_shared::query::jq::{Jq, JqError, Match};
use hooklab_shared::query::{Query, SeqBounds, Subject};

use crate::Receiver;
use crate::store::{Filter, Range};
use crate::verdict::verdict;

/// A selection, ready to be asked.
pub(super) struct Selection {
    receiver: Receiver,
    query: Option<Query>,
    jq: Option<Jq>,
    tried: Mutex<Tried>,
}

/// What became of the jq filter so far.
#[derive(Default)]
struct Tried {
    captures: u64,
    failed: u64,
    why: Option<String>,
}

impl Selection {
    /// Reads `q` and `jq`. Compiling a filter takes a while: keep it off the runtime.
    pub(super) fn read(
        receiver: &Receiver,
        q: Option<&str>,
        jq: Option<&str>,
    ) -> Result<Self, Problem> {
        let now = Timestamp::from(SystemTime::now());
        let query = q
            .map(|q| Query::parse(q, now))
            .transpose()
            .map_err(|error| bad_parameter("q", format!("cannot be used: failed to {error}")))?;
        let jq = jq.map(Jq::compile).transpose().map_err(|error| jq_problem(&error))?;
        Ok(Self { receiver: receiver.clone(), query, jq, tried: Mutex::default() })
    }

    /// Whether every capture passes.
    pub(super) fn is_everything(&self) -> bool {
        self.query.is_none() && self.jq.is_none()
    }

    /// The part of this range that can hold what is asked for.
    pub(super) fn narrowed(&self, range: Range) -> Range {
        let SeqBounds { after, before } =
            self.query.as_ref().map(Query::seq_bounds).unwrap_or_default();
        let before = match (range.before, before) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Range { after: range.after.max(after), before, ..range }
    }

    /// Whether this capture is asked for. One that a filter fails on is not.
    pub(super) fn passes(&self, capture: &Capture) -> Result<bool, Problem> {
        let looks = self.jq.is_some() || self.query.as_ref().is_some_and(Query::needs_signature);
        let signature = looks.then(|| self.signature(capture)).flatten();
        let subject = Subject { capture, signature: signature.as_ref() };
        if self.query.as_ref().is_some_and(|query| !query.matches(&subject)) {
            return Ok(false);
        }
        let Some(jq) = &self.jq else { return Ok(true) };
        let mut document = capture.document();
        document.signature = signature;
        let found = jq.matches(&document).map_err(|error| jq_problem(&error))?;
        let passes = found == Match::Yes;
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).note(found);
        Ok(passes)
    }

    /// On how many captures the filter failed, and why on the first; nothing where it never did.
    pub(super) fn jq_failed(&self) -> Option<JqFailed> {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let why = tried.why.clone()?;
        Some(JqFailed { captures: tried.failed, of: tried.captures, why })
    }

    /// The same for a live channel, if there is anything to pass.
    pub(super) fn into_filter(self) -> Option<Arc<Filter>> {
        if self.is_everything() {
            return None;
        }
        let filter: Filter = Box::new(move |capture| self.passes(capture).unwrap_or(false));
        Some(Arc::new(filter))
    }

    /// What came of checking its signature, where its bin checks any.
    pub(super) fn signature(&self, capture: &Capture) -> Option<SignatureVerdict> {
        let configured = self.receiver.store.configured(capture.bin.as_str())?;
        let verify = configured.config.verify.as_ref()?;
        Some(verdict(verify, capture, self.receiver.capture_url()))
    }
}

impl Tried {
    fn note(&mut self, found: Match) {
        self.captures += 1;
        if let Match::Failed(why) = found {
            self.failed += 1;
            self.why.get_or_insert(why);
        }
    }
}

fn jq_problem(error: &JqError) -> Problem {
    match error {
        JqError::Thread(_) => {
            Problem::new(503, "busy", format!("failed to {error}")).retry_after(1)
        }
        JqError::Broken => Problem::new(500, "bug", format!("failed to {error}")),
        _ => bad_parameter("jq", format!("cannot be used: failed to {error}")),
    }
}
