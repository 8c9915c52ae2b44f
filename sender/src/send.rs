//! `send`: deliveries to any URL, nothing registered, any body, any signature, any planned fault.

mod compose;
mod curl;
pub(crate) mod fields;
mod order;
mod run;

use std::sync::Arc;

use bytes::Bytes;
use hooklab_shared::delivery::SentRequest;
use hooklab_shared::headers::Octets;
use hooklab_shared::id::Timestamp;
use hooklab_shared::problem::FieldError;
use hooklab_shared::send::{DryRun, NewSend, SentDelivery};
use thiserror::Error;

use crate::attempt::Caller;
use crate::catalogue::Catalogue;
use crate::fault::Step;
use crate::outgoing::Outgoing;
use crate::sender::Settings;
use compose::Composed;
use order::Order;

/// What a plan is made with, besides what was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// What everything grows from, unless the send says so itself.
    pub seed: u64,
    /// Now.
    pub now: Timestamp,
    /// Deliveries at most.
    pub deliveries_max: usize,
}

/// Why there is no plan.
#[derive(Debug, Error)]
pub enum PlanError {
    /// What was asked for does not hold: each field at fault.
    #[error("send this: {}", told(.0))]
    Invalid(Vec<FieldError>),
    /// The binary's own catalogue does not parse: a bug.
    #[error("read the event catalogue: {0}")]
    Catalogue(#[from] serde_json::Error),
}

/// A send, checked: every delivery of it is decided, down to its bytes.
///
/// ```
/// use hooklab_sender::{Plan, Terms};
/// use hooklab_shared::send::NewSend;
/// let send = NewSend {
///     to: vec!["http://127.0.0.1:4665/orders".into()],
///     kind: Some("payment_received".into()),
///     ..NewSend::default()
/// };
/// let terms = Terms { seed: 7, now: Default::default(), deliveries_max: 10 };
/// let plan = Plan::new(send, &terms, "hooklab/0.1.0").unwrap();
/// let raw = plan.dry().next().unwrap().unwrap().raw();
/// assert!(raw.starts_with(b"POST /orders HTTP/1.1\r\nhost: 127.0.0.1:4665\r\n"));
/// ```
#[derive(Debug)]
pub struct Plan {
    order: Arc<Order>,
    steps: Vec<Step>,
}

/// A delivery as it would go out.
#[derive(Debug)]
pub struct Draft {
    n: usize,
    composed: Composed,
}

/// Sends plans; connections are kept between them.
#[derive(Clone, Debug)]
pub struct Poster(Arc<Caller>);

impl Plan {
    /// Checks what was asked for, and decides every delivery; the event types are those that the
    /// binary carries. `user_agent` is what hooklab calls itself.
    ///
    /// # Errors
    /// A field does not hold, or what it asks for cannot be signed.
    pub fn new(send: NewSend, terms: &Terms, user_agent: &str) -> Result<Self, PlanError> {
        Self::of(send, terms, Catalogue::built_in()?, user_agent)
    }

    /// The same, with the event types of this catalogue.
    ///
    /// # Errors
    /// As those of [`Plan::new`].
    pub fn of(
        send: NewSend,
        terms: &Terms,
        catalogue: Catalogue,
        user_agent: &str,
    ) -> Result<Self, PlanError> {
        let order = Order::checked(send, terms, catalogue, user_agent.to_owned());
        let order = order.map_err(PlanError::Invalid)?;
        order.check_plan(terms.deliveries_max).map_err(PlanError::Invalid)?;
        let steps = order.steps();
        Ok(Self { order: Arc::new(order), steps })
    }

    /// What everything grows from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.order.seed
    }

    /// Whether nothing signs it, although its profile or scheme would.
    #[must_use]
    pub fn lacks_secret(&self) -> bool {
        self.order.scheme().is_some() && self.order.keys.secrets.is_empty()
    }

    /// How many deliveries there are.
    #[must_use]
    pub fn deliveries(&self) -> usize {
        self.steps.len() * self.order.targets.len()
    }

    /// Every delivery as its first attempt would go out, in order; or why it would not.
    pub fn dry(&self) -> impl Iterator<Item = Result<Draft, PlanError>> {
        let targets = 0..self.order.targets.len();
        let places = self
            .steps
            .iter()
            .flat_map(move |&step| targets.clone().map(move |target| (step, target)));
        places.enumerate().map(|(place, (step, target))| {
            let n = place + 1;
            let composed = self.order.compose(step, target, 1, self.order.at);
            composed.map(|composed| Draft { n, composed }).map_err(|(field, detail)| {
                let detail = format!("of delivery {n} {detail}");
                PlanError::Invalid(vec![FieldError { field: field.to_owned(), detail }])
            })
        })
    }

    /// Sends it; `told` hears of each delivery that ended, and of nothing else.
    pub async fn run(&self, poster: &Poster, told: impl FnMut(SentDelivery)) {
        run::run(&self.order, &self.steps, &poster.0, told).await;
    }
}

impl Poster {
    /// Posts to what `settings` allow, within their limits; their store is not opened.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let egress = crate::egress::Egress::new(settings.allow_targets);
        Self(Arc::new(Caller::new(egress, settings.limits, settings.user_agent)))
    }

    pub(crate) fn of(caller: Arc<Caller>) -> Self {
        Self(caller)
    }

    pub(crate) fn caller(&self) -> Arc<Caller> {
        self.0.clone()
    }

    /// What it calls itself to targets.
    pub(crate) fn user_agent(&self) -> &str {
        self.0.user_agent()
    }
}

impl Draft {
    /// The exact bytes of the request.
    #[must_use]
    pub fn raw(&self) -> Vec<u8> {
        let outgoing = self.outgoing();
        [outgoing.head(), outgoing.content().to_vec()].concat()
    }

    /// A curl command that sends the same, safe under any POSIX shell.
    #[must_use]
    pub fn curl(&self) -> Vec<u8> {
        curl::command(self.n, self.outgoing())
    }

    /// As it is told.
    #[must_use]
    pub fn told(&self) -> DryRun {
        let Composed { about, outgoing } = &self.composed;
        let request: SentRequest = outgoing.told();
        DryRun {
            n: self.n,
            id: about.id.clone(),
            kind: about.kind.clone(),
            invalid: about.invalid.clone(),
            faults: about.faults.clone(),
            request,
            raw: Octets::from(&*Bytes::from(self.raw())),
        }
    }

    fn outgoing(&self) -> &Outgoing {
        &self.composed.outgoing
    }
}

fn told(errors: &[FieldError]) -> String {
    let told = errors.iter().map(|error| format!("`{}` {}", error.field, error.detail));
    told.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
