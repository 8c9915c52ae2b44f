//! Webhooks: what may be registered, and what may be changed.

use hooklab_shared::problem::{FieldError, Problem};
use hooklab_shared::signature::standard_webhooks::Secret;
use hooklab_shared::webhook::{
    CreatedWebhook, NewWebhook, Webhook, WebhookPatch, name_error, url_error,
};

use crate::catalogue::Catalogue;
use crate::profile;
use crate::sender::{Sender, now, random};
use crate::store::{NewRow, Registered};

/// The longest integration in characters: the name of an app.
const INTEGRATION_CHARS_MAX: usize = 100;

/// Who makes a webhook, unless told otherwise.
const INTEGRATION: &str = "manual";

/// A secret's key in bytes, of the 24 to 64 that the specification asks for.
const KEY_BYTES: usize = 32;

/// Registers a webhook; its secret is told here and never again.
pub(crate) async fn add(sender: &Sender, new: NewWebhook) -> Result<CreatedWebhook, Problem> {
    let row = checked(sender.catalogue(), new)?;
    let secret = row.secret.clone();
    let webhooks_max = sender.limits().webhooks_max;
    let added = sender.store().add_webhook(row, now(), webhooks_max).await?;
    let Some(webhook) = added else {
        let detail =
            format!("there are {webhooks_max} webhooks, and no room for more: delete some");
        return Err(Problem::new(409, "too-many-webhooks", detail));
    };
    let secret = secret.filter(|_| profile::signs(webhook.profile)).map(|secret| secret.reveal());
    Ok(CreatedWebhook { webhook, secret })
}

/// Changes a webhook; `None` where there is none of this number.
pub(crate) async fn change(
    sender: &Sender,
    id: i64,
    patch: WebhookPatch,
) -> Result<Option<Webhook>, Problem> {
    let event_error = patch.event.as_ref().and_then(|slug| event_error(sender.catalogue(), slug));
    let change = move |found: &Registered| changed(found, patch, event_error);
    match sender.store().change_webhook(id, now(), change).await? {
        None => Ok(None),
        Some(Ok(webhook)) => Ok(Some(webhook)),
        Some(Err(errors)) => Err(invalid(errors)),
    }
}

fn checked(catalogue: &Catalogue, new: NewWebhook) -> Result<NewRow, Problem> {
    let integration = new.integration.unwrap_or_else(|| INTEGRATION.to_owned());
    let mut errors: Vec<FieldError> = name_error(&new.name)
        .into_iter()
        .chain(url_error(&new.url))
        .chain(event_error(catalogue, &new.event))
        .chain(integration_error(&integration))
        .collect();
    let given = new.secret.as_deref().map(Secret::parse).transpose();
    let given = given.unwrap_or_else(|bad| {
        errors.push(FieldError { field: "secret".into(), detail: format!("failed to {bad}") });
        None
    });
    if !errors.is_empty() {
        return Err(invalid(errors));
    }
    let secret = match given {
        None if profile::signs(new.profile) => Some(generated()?),
        given => given,
    };
    Ok(NewRow {
        name: new.name.trim().to_owned(),
        url: new.url,
        event: new.event,
        profile: new.profile,
        secret,
        active: new.active.unwrap_or(true),
        integration,
    })
}

fn generated() -> Result<Secret, Problem> {
    Secret::from_key(&random::<KEY_BYTES>()?)
        .map_err(|bad| Problem::new(500, "no-secret", format!("failed to {bad}")))
}

/// The webhook as the patch leaves it, or what is wrong with the patch.
fn changed(
    found: &Registered,
    patch: WebhookPatch,
    event_error: Option<FieldError>,
) -> Result<Webhook, Vec<FieldError>> {
    let unsigned = patch.profile.is_some_and(profile::signs) && !found.has_secret;
    let no_secret = unsigned.then(|| FieldError {
        field: "profile".into(),
        detail: "signs, and this webhook was made without a secret: make a new webhook".into(),
    });
    let errors: Vec<FieldError> = patch
        .name
        .as_deref()
        .and_then(name_error)
        .into_iter()
        .chain(patch.url.as_deref().and_then(url_error))
        .chain(event_error)
        .chain(patch.integration.as_deref().and_then(integration_error))
        .chain(no_secret)
        .collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut webhook = found.webhook.clone();
    if patch.active == Some(true) {
        webhook.deactivated_because = None;
    }
    webhook.name = patch.name.map_or(webhook.name, |name| name.trim().to_owned());
    webhook.url = patch.url.unwrap_or(webhook.url);
    webhook.event = patch.event.unwrap_or(webhook.event);
    webhook.profile = patch.profile.unwrap_or(webhook.profile);
    webhook.active = patch.active.unwrap_or(webhook.active);
    webhook.integration = patch.integration.unwrap_or(webhook.integration);
    Ok(webhook)
}

fn event_error(catalogue: &Catalogue, slug: &str) -> Option<FieldError> {
    catalogue.slug_error(slug).map(|detail| FieldError { field: "event".into(), detail })
}

fn integration_error(integration: &str) -> Option<FieldError> {
    let chars = integration.trim().chars().count();
    (!(1..=INTEGRATION_CHARS_MAX).contains(&chars)).then(|| FieldError {
        field: "integration".into(),
        detail: format!(
            "has {chars} characters: the name of an app takes 1 to {INTEGRATION_CHARS_MAX}"
        ),
    })
}

fn invalid(errors: Vec<FieldError>) -> Problem {
    let told: Vec<String> =
        errors.iter().map(|error| format!("`{}` {}", error.field, error.detail)).collect();
    Problem::new(422, "invalid-field", told.join("; ")).with_errors(errors)
}
