//! `webhook`: add, list, show, edit, activate, deactivate, delete, test, and give a new secret.

mod given;
mod list;
mod many;

use std::time::SystemTime;

use clap::{Args, Subcommand};
use hooklab_shared::delivery::Delivery;
use hooklab_shared::id::Timestamp;
use hooklab_shared::span::Span;
use hooklab_shared::webhook::{
    BulkAction, CreatedWebhook, RotatedSecret, Rotation, Webhook, WebhookPatch,
};

use crate::args::value;
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::paint::Ink;
use crate::report::{Report, delivery, shown};
use given::{AddArgs, EditArgs};
use list::ListArgs;
use many::ManyArgs;

/// What to do with webhooks.
#[derive(Subcommand)]
pub(crate) enum WebhookCommand {
    /// Register a webhook: its name, its URL, its event
    Add(AddArgs),
    /// Webhooks: sorted, searched, filtered
    List(ListArgs),
    /// One webhook
    Show {
        /// Its number
        #[arg(value_parser = value::webhook)]
        id: i64,
    },
    /// Change a webhook; what is not given stays
    Edit(EditArgs),
    /// Let events trigger webhooks
    Activate(ManyArgs),
    /// Let events no longer trigger webhooks
    Deactivate(ManyArgs),
    /// Delete webhooks; their deliveries stay in the log
    Delete(ManyArgs),
    /// Send Test Event: a real delivery, told truthfully
    Test {
        /// Its number
        #[arg(value_parser = value::webhook)]
        id: i64,
    },
    /// Give a webhook a new secret; the old one signs beside it for a while
    Rotate(RotateArgs),
}

/// A new secret.
#[derive(Args)]
pub(crate) struct RotateArgs {
    /// The webhook's number
    #[arg(value_parser = value::webhook)]
    id: i64,
    /// How long the old secret signs too, at most 30d; 0s not at all [default: 24h]
    #[arg(long, value_name = "DURATION")]
    overlap: Option<Span>,
    /// A secret of your own: env:NAME, file:PATH or - (standard input) [default: a generated one]
    #[arg(long)]
    secret: Option<String>,
}

/// Runs it.
pub(crate) async fn run(
    command: &WebhookCommand,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    match command {
        WebhookCommand::Add(args) => add(args, client, report).await?,
        WebhookCommand::List(args) => list::run(args, client, report).await?,
        WebhookCommand::Show { id } => {
            let found: Webhook = client.get(&client.url(["webhooks", &id.to_string()])).await?;
            whole(report, &found)?;
        }
        WebhookCommand::Edit(args) => edit(args, client, report).await?,
        WebhookCommand::Activate(args) => {
            return many::run(BulkAction::Activate, args, client, report).await;
        }
        WebhookCommand::Deactivate(args) => {
            return many::run(BulkAction::Deactivate, args, client, report).await;
        }
        WebhookCommand::Delete(args) => {
            return many::run(BulkAction::Delete, args, client, report).await;
        }
        WebhookCommand::Test { id } => return test(*id, client, report).await,
        WebhookCommand::Rotate(args) => rotate(args, client, report).await?,
    }
    Ok(Code::Done)
}

async fn add(args: &AddArgs, client: &Client, report: &mut Report) -> Result<(), Failure> {
    let made: CreatedWebhook = client.post(&client.url(["webhooks"]), &args.wanted()?).await?;
    if report.is_json() {
        return report.json(&made);
    }
    whole(report, &made.webhook)?;
    if let Some(secret) = &made.secret {
        secret_once(report, secret)?;
    }
    let test = report.command(format_args!("webhook test {}", made.webhook.id));
    report.note(format_args!("test it: {test}"));
    Ok(())
}

fn secret_once(report: &mut Report, secret: &str) -> Result<(), Failure> {
    let secret = report.ink(Ink::Yellow, shown(secret));
    report.line(format_args!("secret       {secret}"))?;
    report.note("the secret is shown this once: keep it for whoever verifies");
    Ok(())
}

async fn edit(args: &EditArgs, client: &Client, report: &mut Report) -> Result<(), Failure> {
    let patch = args.patch();
    if patch == WebhookPatch::default() {
        return Err(Failure::usage(
            "change the webhook: nothing is given; try --url or --inactive",
        ));
    }
    let url = client.url(["webhooks", &args.id.to_string()]);
    let changed: Webhook = client.patch(&url, &patch).await?;
    whole(report, &changed)
}

async fn rotate(args: &RotateArgs, client: &Client, report: &mut Report) -> Result<(), Failure> {
    let rotation = Rotation {
        secret: args.secret.as_deref().map(value::secret).transpose()?,
        overlap: args.overlap,
    };
    let url = client.url(["webhooks", &args.id.to_string(), "secret"]);
    let rotated: RotatedSecret = client.post(&url, &rotation).await?;
    if report.is_json() {
        return report.json(&rotated);
    }
    secret_once(report, &rotated.secret)?;
    match rotated.old_secret_until {
        Some(until) => report.line(format_args!("old secret   signs too until {until}")),
        None => report.line("old secret   signs no more"),
    }
}

fn whole(report: &mut Report, webhook: &Webhook) -> Result<(), Failure> {
    if report.is_json() {
        return report.json(webhook);
    }
    let url = report.ink(Ink::Cyan, shown(&webhook.url));
    report.line(format_args!("id           {}", webhook.id))?;
    report.line(format_args!("name         {}", shown(&webhook.name)))?;
    report.line(format_args!("url          {url}"))?;
    report.line(format_args!("event        {}", shown(&webhook.event)))?;
    report.line(format_args!("profile      {}", webhook.profile.as_str()))?;
    report.line(format_args!("active       {}", if webhook.active { "yes" } else { "no" }))?;
    if let Some(why) = &webhook.deactivated_because {
        report.line(format_args!("deactivated  {}", shown(why)))?;
    }
    report.line(format_args!("integration  {}", shown(&webhook.integration)))?;
    terms(report, webhook)?;
    report.line(format_args!("count        {}", webhook.count))?;
    if let Some(last) = &webhook.last {
        report.line(format_args!("last         {} at {}", shown(&last.told), last.at))?;
    }
    if let Some(since) = webhook.failing_since {
        report.line(format_args!("failing      since {since}"))?;
    }
    let now = Timestamp::from(SystemTime::now());
    if let Some(until) = webhook.held_until.filter(|&until| until > now) {
        report.line(format_args!("held         until {until}"))?;
    }
    report.line(format_args!("created      {}", webhook.created_at))
}

/// What a webhook has of its own: what it takes from its profile goes without saying.
fn terms(report: &mut Report, webhook: &Webhook) -> Result<(), Failure> {
    for (name, value) in &webhook.headers {
        report.line(format_args!("header       {}: {}", shown(name), shown(value)))?;
    }
    if let Some(timeout) = webhook.timeout {
        report.line(format_args!("timeout      {timeout}"))?;
    }
    if let Some(schedule) = &webhook.schedule {
        let waits: Vec<String> = schedule.iter().map(ToString::to_string).collect();
        report.line(format_args!("schedule     {}", waits.join(", ")))?;
    }
    if let Some(rate) = webhook.rate {
        report.line(format_args!("rate         {rate} a second"))?;
    }
    if let Some(until) = webhook.old_secret_until {
        report.line(format_args!("old secret   signs too until {until}"))?;
    }
    Ok(())
}

async fn test(id: i64, client: &Client, report: &mut Report) -> Result<Code, Failure> {
    let url = client.url(["webhooks", &id.to_string(), "test"]);
    let made: Delivery = client.post(&url, &serde_json::json!({})).await?;
    match report.is_json() {
        true => report.json(&made)?,
        false => delivery::confirm(report, &made, "")?,
    }
    Ok(delivery::code(&made))
}
