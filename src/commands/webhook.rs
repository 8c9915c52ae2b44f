//! `webhook`: add, list, show, edit, delete and test registered webhooks.

use clap::{Args, Subcommand};
use hooklab_shared::bin::Page;
use hooklab_shared::delivery::Delivery;
use hooklab_shared::webhook::{CreatedWebhook, NewWebhook, Profile, Webhook, WebhookPatch};

use crate::args::value;
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::report::paint::Ink;
use crate::report::table::{Cell, Table};
use crate::report::{Report, delivery, shown};

/// What to do with webhooks.
#[derive(Subcommand)]
pub(crate) enum WebhookCommand {
    /// Register a webhook: its name, its URL, its event
    Add(AddArgs),
    /// Every webhook
    List,
    /// One webhook
    Show {
        /// Its number
        id: i64,
    },
    /// Change a webhook; what is not given stays
    Edit(EditArgs),
    /// Delete a webhook; its deliveries stay in the log
    Delete {
        /// Its number
        id: i64,
    },
    /// Send Test Event: a real delivery, told truthfully
    Test {
        /// Its number
        id: i64,
    },
}

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
}

/// A webhook's changes.
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct EditArgs {
    /// Its number
    id: i64,
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
}

/// Runs it.
pub(crate) async fn run(
    command: &WebhookCommand,
    client: &Client,
    report: &mut Report,
) -> Result<Code, Failure> {
    match command {
        WebhookCommand::Add(args) => add(args, client, report).await?,
        WebhookCommand::List => list(client, report).await?,
        WebhookCommand::Show { id } => {
            let found: Webhook = client.get(&client.url(["webhooks", &id.to_string()])).await?;
            whole(report, &found)?;
        }
        WebhookCommand::Edit(args) => edit(args, client, report).await?,
        WebhookCommand::Delete { id } => {
            client.delete(&client.url(["webhooks", &id.to_string()])).await?;
            match report.is_json() {
                true => report.json(&serde_json::json!({"deleted": id}))?,
                false => report.line(format_args!("webhook {id}: deleted"))?,
            }
        }
        WebhookCommand::Test { id } => return test(*id, client, report).await,
    }
    Ok(Code::Done)
}

async fn add(args: &AddArgs, client: &Client, report: &mut Report) -> Result<(), Failure> {
    let new = NewWebhook {
        name: args.name.clone(),
        url: args.url.clone(),
        event: args.event.clone(),
        profile: args.profile,
        active: args.inactive.then_some(false),
        integration: args.integration.clone(),
        secret: args.secret.as_deref().map(value::secret).transpose()?,
        ..NewWebhook::default()
    };
    let made: CreatedWebhook = client.post(&client.url(["webhooks"]), &new).await?;
    if report.is_json() {
        return report.json(&made);
    }
    whole(report, &made.webhook)?;
    if let Some(secret) = &made.secret {
        let secret = report.ink(Ink::Yellow, shown(secret));
        report.line(format_args!("secret       {secret}"))?;
        report.note("the secret is shown this once: keep it for whoever verifies");
    }
    report.note(format_args!("test it: hooklab webhook test {}", made.webhook.id));
    Ok(())
}

async fn edit(args: &EditArgs, client: &Client, report: &mut Report) -> Result<(), Failure> {
    let patch = WebhookPatch {
        name: args.name.clone(),
        url: args.url.clone(),
        event: args.event.clone(),
        profile: args.profile,
        active: (args.active || args.inactive).then_some(args.active),
        integration: args.integration.clone(),
        ..WebhookPatch::default()
    };
    if patch == WebhookPatch::default() {
        return Err(Failure::usage(
            "change the webhook: nothing is given; try --url or --inactive",
        ));
    }
    let url = client.url(["webhooks", &args.id.to_string()]);
    let changed: Webhook = client.patch(&url, &patch).await?;
    whole(report, &changed)
}

async fn list(client: &Client, report: &mut Report) -> Result<(), Failure> {
    let items: Vec<Webhook> = client.get_all(&client.url(["webhooks"])).await?;
    if report.is_json() {
        return report.json(&Page { items, next: None });
    }
    if items.is_empty() {
        report.note("there is no webhook yet; add one: hooklab webhook add --help");
        return Ok(());
    }
    let headings = ["ID", "NAME", "EVENT", "TARGET", "COUNT", "INTEGRATION", "ACTIVE", "LAST"];
    let mut table = Table::new(&headings);
    for webhook in &items {
        table.row([
            Cell::number(webhook.id),
            webhook.name.as_str().into(),
            webhook.event.as_str().into(),
            Cell::from(&webhook.url).ink(Ink::Cyan),
            Cell::number(webhook.count),
            webhook.integration.as_str().into(),
            if webhook.active { "yes" } else { "no" }.into(),
            last(webhook),
        ]);
    }
    report.table(&table)
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
    report.line(format_args!("count        {}", webhook.count))?;
    if let Some(last) = &webhook.last {
        report.line(format_args!("last         {} at {}", shown(&last.told), last.at))?;
    }
    report.line(format_args!("created      {}", webhook.created_at))
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

fn last(webhook: &Webhook) -> Cell {
    match &webhook.last {
        Some(last) => Cell::from(&last.told).ink(if last.ok { Ink::Green } else { Ink::Red }),
        None => "".into(),
    }
}
