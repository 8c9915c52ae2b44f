//! Webhooks: what may be registered, and what may be changed.

mod bulk;

use std::time::Duration;

use hooklab_shared::problem::{FieldError, Problem};
use hooklab_shared::signature::standard_webhooks::{BadSecret, Secret};
use hooklab_shared::webhook::{
    CreatedWebhook, NewWebhook, Profile, RotatedSecret, Rotation, Webhook, WebhookPatch,
    headers_error, name_error, overlap_error, rate_error, schedule_error, timeout_error, url_error,
};

use tokio::sync::MutexGuard;

use crate::catalogue::Catalogue;
use crate::profile;
use crate::sender::{Sender, now, random};
use crate::store::{NewRow, Registered};

pub(crate) use bulk::bulk;

/// The longest integration in characters: the name of an app.
const INTEGRATION_CHARS_MAX: usize = 100;

/// Who makes a webhook, unless told otherwise.
const INTEGRATION: &str = "manual";

/// How long an old secret signs beside the new one, unless told otherwise: whoever verifies has a
/// day to take the new one over.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);

/// Registers a webhook; its secret is told here and never again.
pub(crate) async fn add(sender: &Sender, new: NewWebhook) -> Result<CreatedWebhook, Problem> {
    let _held = held(sender, &new.event).await;
    let row = checked(sender.catalogue(), new)?;
    let secret = row.secret.clone();
    let webhooks_max = sender.limits().webhooks_max;
    let added = sender.store().add_webhook(row, now(), webhooks_max).await?;
    let Some(webhook) = added else {
        let detail =
            format!("there are {webhooks_max} webhooks, and no room for more: delete some");
        return Err(Problem::new(409, "too-many-webhooks", detail));
    };
    sender.live().webhook(&webhook);
    let secret = secret.filter(|_| profile::signs(webhook.profile)).map(|secret| secret.reveal());
    Ok(CreatedWebhook { webhook, secret })
}

/// So that nobody deletes an own event type between the check and the commit.
async fn held<'a>(sender: &'a Sender, event: &str) -> Option<MutexGuard<'a, ()>> {
    let catalogue = sender.catalogue();
    if catalogue.is_plugins(event) { None } else { Some(catalogue.hold().await) }
}

/// Changes a webhook; `None` where there is none of this number.
pub(crate) async fn change(
    sender: &Sender,
    id: i64,
    patch: WebhookPatch,
) -> Result<Option<Webhook>, Problem> {
    let _held = match &patch.event {
        Some(event) => held(sender, event).await,
        None => None,
    };
    let event_error = patch.event.as_ref().and_then(|slug| event_error(sender.catalogue(), slug));
    let change = move |found: &Registered| changed(found, patch, event_error);
    match sender.store().change_webhook(id, now(), change).await? {
        None => Ok(None),
        Some(Ok(changed)) => {
            sender.changed(&changed.webhook);
            sender.cancelled(&changed.cancelled);
            Ok(Some(changed.webhook))
        }
        Some(Err(errors)) => Err(invalid(errors)),
    }
}

/// Gives a webhook another secret, told here and never again; `None` where there is no such
/// webhook.
pub(crate) async fn rotate(
    sender: &Sender,
    id: i64,
    rotation: Rotation,
) -> Result<Option<RotatedSecret>, Problem> {
    let Some(found) = sender.store().webhook(id).await? else { return Ok(None) };
    let profile = found.webhook.profile;
    if !profile::signs(profile) {
        let profile = profile.as_str();
        let detail = format!("webhook {id} has the profile {profile}, which signs nothing");
        return Err(Problem::new(409, "unsigned-profile", detail));
    }
    let overlap = rotation.overlap.unwrap_or(OVERLAP.into());
    let mut errors: Vec<FieldError> = overlap_error(overlap).into_iter().collect();
    let secret = match rotation.secret.as_deref().map(|text| profile::secret(profile, text)) {
        None => generated(profile)?,
        Some(Ok(secret)) => secret,
        Some(Err(bad)) => {
            errors.push(bad_secret(&bad));
            return Err(invalid(errors));
        }
    };
    if !errors.is_empty() {
        return Err(invalid(errors));
    }
    let (at, overlap) = (now(), overlap.as_duration());
    let old_until = (!overlap.is_zero()).then(|| at + overlap);
    let rotated = sender.store().rotate_secret(id, at, secret.clone(), old_until).await?;
    match rotated {
        None => Ok(None),
        Some(Ok(webhook)) => Ok(Some(RotatedSecret {
            secret: secret.reveal(),
            old_secret_until: webhook.old_secret_until,
        })),
        Some(Err(until)) => {
            let detail = format!(
                "webhook {id} has an older secret that was promised to sign until {until}, and two \
                 sign at most: rotate after that, or with an overlap of 0s, which ends both now"
            );
            Err(Problem::new(409, "old-secret-signs", detail))
        }
    }
}

fn checked(catalogue: &Catalogue, new: NewWebhook) -> Result<NewRow, Problem> {
    let integration = new.integration.unwrap_or_else(|| INTEGRATION.to_owned());
    let mut errors: Vec<FieldError> = name_error(&new.name)
        .into_iter()
        .chain(url_error(&new.url))
        .chain(event_error(catalogue, &new.event))
        .chain(integration_error(&integration))
        .chain(headers_error(&new.headers, new.profile, &profile::names(new.profile)))
        .chain(new.timeout.and_then(timeout_error))
        .chain(new.schedule.as_deref().and_then(schedule_error))
        .chain(new.rate.and_then(rate_error))
        .collect();
    let given = new.secret.as_deref().map(|text| profile::secret(new.profile, text)).transpose();
    let given = given.unwrap_or_else(|bad| {
        errors.push(bad_secret(&bad));
        None
    });
    if !errors.is_empty() {
        return Err(invalid(errors));
    }
    let secret = match given {
        None if profile::signs(new.profile) => Some(generated(new.profile)?),
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
        headers: new.headers,
        timeout: new.timeout,
        schedule: new.schedule,
        rate: new.rate,
    })
}

fn generated(profile: Profile) -> Result<Secret, Problem> {
    profile::generated(profile, &random()?)
        .map_err(|bad| Problem::new(500, "no-secret", format!("failed to {bad}")))
}

/// The webhook as the patch leaves it, or what is wrong with the patch.
fn changed(
    found: &Registered,
    patch: WebhookPatch,
    event_error: Option<FieldError>,
) -> Result<Webhook, Vec<FieldError>> {
    let no_secret = patch.profile.and_then(|profile| secret_error(profile, found));
    let mut errors: Vec<FieldError> = patch
        .name
        .as_deref()
        .and_then(name_error)
        .into_iter()
        .chain(patch.url.as_deref().and_then(url_error))
        .chain(event_error)
        .chain(patch.integration.as_deref().and_then(integration_error))
        .chain(no_secret)
        .collect();
    let webhook = patched(found.webhook.clone(), patch);
    errors.extend(terms_errors(&webhook));
    if errors.is_empty() { Ok(webhook) } else { Err(errors) }
}

fn patched(mut webhook: Webhook, patch: WebhookPatch) -> Webhook {
    if patch.active == Some(true) {
        webhook.deactivated_because = None;
    }
    // What is activated again, or goes elsewhere, begins with a clean record.
    if patch.active == Some(true) || patch.url.as_ref().is_some_and(|url| *url != webhook.url) {
        webhook.failing_since = None;
    }
    webhook.name = patch.name.map_or(webhook.name, |name| name.trim().to_owned());
    webhook.url = patch.url.unwrap_or(webhook.url);
    webhook.event = patch.event.unwrap_or(webhook.event);
    webhook.profile = patch.profile.unwrap_or(webhook.profile);
    webhook.active = patch.active.unwrap_or(webhook.active);
    webhook.integration = patch.integration.unwrap_or(webhook.integration);
    webhook.headers = patch.headers.unwrap_or(webhook.headers);
    webhook.timeout = patch.timeout.unwrap_or(webhook.timeout);
    webhook.schedule = patch.schedule.unwrap_or(webhook.schedule);
    webhook.rate = patch.rate.unwrap_or(webhook.rate);
    webhook
}

/// What is wrong with a webhook's terms, as a whole: another profile may send what was its own.
fn terms_errors(webhook: &Webhook) -> impl Iterator<Item = FieldError> {
    let headers =
        headers_error(&webhook.headers, webhook.profile, &profile::names(webhook.profile));
    let timeout = webhook.timeout.and_then(timeout_error);
    let schedule = webhook.schedule.as_deref().and_then(schedule_error);
    let rate = webhook.rate.and_then(rate_error);
    headers.into_iter().chain(timeout).chain(schedule).chain(rate)
}

/// Whether a webhook's secret is none that this profile could sign with.
fn secret_error(profile: Profile, found: &Registered) -> Option<FieldError> {
    let error = |detail: String| Some(FieldError { field: "profile".into(), detail });
    match &found.secret {
        _ if !profile::signs(profile) => None,
        None => {
            error("signs, and this webhook was made without a secret: make a new webhook".into())
        }
        Some(secret) => profile::secret(profile, &secret.reveal()).err().and_then(|bad| {
            error(format!("cannot sign with this webhook's secret: failed to {bad}"))
        }),
    }
}

fn event_error(catalogue: &Catalogue, slug: &str) -> Option<FieldError> {
    catalogue.slug_error(slug).map(|detail| FieldError { field: "event".into(), detail })
}

fn bad_secret(bad: &BadSecret) -> FieldError {
    let told = bad.to_string();
    let why = told.split_once(": ").map_or(told.as_str(), |(_, why)| why);
    let detail = format!("does not hold: {why}; leave it out, and one is generated");
    FieldError { field: "secret".into(), detail }
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
