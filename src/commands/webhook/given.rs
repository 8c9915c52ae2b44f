//! What is given for a new webhook, and for a change of one.

use clap::Args;
use hooklab_shared::span::Span;
use hooklab_shared::webhook::{NewWebhook, Profile, WebhookPatch};

use crate::args::value::{self, Own, Schedule};
use crate::exit::Failure;

/// A new webhook.
#[derive(Args)]
pub(crate) struct AddArgs {
    /// Its name, 2 to 200 characters
    #[arg(long)]
    name: String,
    /// Where its deliveries go, http or https
    #[arg(long)]
    url: String,
    /// The event type that triggers it, such as payment_received
    #[arg(long, value_name = "SLUG")]
    event: String,
    /// How its events are put on the wire
    #[arg(long, value_parser = value::profile(), default_value = "standard-webhooks")]
    profile: Profile,
    /// A secret of your own: env:NAME, file:PATH or - (standard input) [default: a generated one]
    #[arg(long)]
    secret: Option<String>,
    /// Register it without events triggering it
    #[arg(long)]
    inactive: bool,
    /// Who makes it [default: manual]
    #[arg(long, value_name = "APP")]
    integration: Option<String>,
    /// A header field to send with every delivery; may be given more than once
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = value::header)]
    headers: Vec<(String, String)>,
    /// How long an attempt may take, 1s to 60s [default: the profile's]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<Span>,
    /// How long each attempt waits for the one before it, the first one too: 0s,5s,5m are three
    /// attempts [default: the profile's]
    #[arg(long, value_name = "WAIT,…")]
    schedule: Option<Schedule>,
    /// Deliveries a second at most
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
}

/// A webhook's changes.
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct EditArgs {
    /// Its number
    #[arg(value_parser = value::webhook)]
    pub(super) id: i64,
    /// A new name
    #[arg(long)]
    name: Option<String>,
    /// A new target
    #[arg(long)]
    url: Option<String>,
    /// Another event type
    #[arg(long, value_name = "SLUG")]
    event: Option<String>,
    /// Another profile
    #[arg(long, value_parser = value::profile())]
    profile: Option<Profile>,
    /// Let events trigger it
    #[arg(long, conflicts_with = "inactive")]
    active: bool,
    /// Let events no longer trigger it
    #[arg(long)]
    inactive: bool,
    /// Another integration
    #[arg(long, value_name = "APP")]
    integration: Option<String>,
    /// A header field in the place of all it has; may be given more than once
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = value::header)]
    headers: Vec<(String, String)>,
    /// Take away the header fields it has
    #[arg(long, conflicts_with = "headers")]
    no_headers: bool,
    /// How long an attempt may take, or none for the profile's time
    #[arg(long, value_name = "DURATION")]
    timeout: Option<Own<Span>>,
    /// How long each attempt waits for the one before it, or none for the profile's schedule
    #[arg(long, value_name = "WAIT,…")]
    schedule: Option<Own<Schedule>>,
    /// Deliveries a second at most, or none for as fast as it takes them
    #[arg(long, value_name = "N")]
    rate: Option<Own<u32>>,
}

impl AddArgs {
    /// What the API is asked for.
    pub(super) fn wanted(&self) -> Result<NewWebhook, Failure> {
        Ok(NewWebhook {
            name: self.name.clone(),
            url: self.url.clone(),
            event: self.event.clone(),
            profile: self.profile,
            active: self.inactive.then_some(false),
            integration: self.integration.clone(),
            secret: self.secret.as_deref().map(value::secret).transpose()?,
            headers: self.headers.clone(),
            timeout: self.timeout,
            schedule: self.schedule.clone().map(|schedule| schedule.0),
            rate: self.rate,
        })
    }
}

impl EditArgs {
    /// What the API is asked for.
    pub(super) fn patch(&self) -> WebhookPatch {
        let headers = match self.headers.is_empty() {
            true => self.no_headers.then(Vec::new),
            false => Some(self.headers.clone()),
        };
        WebhookPatch {
            name: self.name.clone(),
            url: self.url.clone(),
            event: self.event.clone(),
            profile: self.profile,
            active: (self.active || self.inactive).then_some(self.active),
            integration: self.integration.clone(),
            headers,
            timeout: self.timeout.clone().map(|own| own.0),
            schedule: self.schedule.clone().map(|own| own.0.map(|schedule| schedule.0)),
            rate: self.rate.clone().map(|own| own.0),
        }
    }
}
