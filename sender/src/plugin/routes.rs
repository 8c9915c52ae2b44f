//! `auth`, `hooks`, `webhook`, as the plugin answers them.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::Response;
use hooklab_shared::webhook::{NewWebhook, Profile, WebhookPatch};
use serde_json::{Map, Value, json};

use super::Number;
use super::model::{Model, json_as_php};
use super::parameters::{Arguments, Parameters};
use super::refusal::{Fault, Refusal, Unidentified};
use crate::registry;
use crate::sender::Sender;
use crate::store::{Sort, WebhookFilter};

/// Webhooks of a page, unless told otherwise, and at most: WordPress's own numbers.
const PER_PAGE: u64 = 10;
const PER_PAGE_MAX: u64 = 100;

/// Whether the credentials are right, for whoever connects an app.
#[utoipa::path(
    get, path = "/auth", operation_id = "plugin_auth", tag = "plugin API",
    responses(
        (status = 200, description = "They are.", body = Object),
        Unidentified,
    )
)]
pub(super) async fn auth() -> Response {
    json_as_php(&json!({"success": true, "label": "hooklab", "message": "Welcome to our API"}))
}

/// Every event type by its slug, with a sample of its payload.
#[utoipa::path(
    get, path = "/hooks", operation_id = "plugin_hooks", tag = "plugin API",
    responses(
        (status = 200, description = "The types.", body = Object),
        Unidentified,
    )
)]
pub(super) async fn hooks(State(sender): State<Sender>) -> Response {
    let catalogue = sender.catalogue();
    let slugs = catalogue.slugs();
    let told = slugs.iter().filter_map(|slug| {
        let kind = catalogue.event_type(slug, None)?;
        // An empty array of PHP is a list.
        let deprecated = catalogue.deprecated_args(slug).cloned().unwrap_or_else(|| json!([]));
        let hook = json!({
            "name": kind.name,
            "desc": kind.description,
            "payload": kind.sample,
            "deprecated_args": deprecated,
        });
        Some((kind.slug, hook))
    });
    json_as_php(&Value::Object(told.collect::<Map<_, _>>()))
}

/// Lists webhooks, a page at a time.
#[utoipa::path(
    get, path = "/webhook", operation_id = "plugin_webhooks", tag = "plugin API",
    params(
        ("page" = Option<u64>, Query, description = "Which page, from 1.", minimum = 1),
        ("per_page" = Option<u64>, Query, description = "Webhooks of a page; 10 unless given.",
            minimum = 1, maximum = 100),
        ("search" = Option<String>, Query, description = "Text in name, URL, event, integration."),
        ("event" = Option<String>, Query, description = "Only those of this event type."),
        ("integration" = Option<String>, Query, description = "Only those of this integration."),
        ("active" = Option<bool>, Query, description = "Only those that are active, or are not."),
    ),
    responses(
        (status = 200, description = "A page of webhooks.", body = [Model],
            headers(("X-WP-Total" = u64, description = "How many there are."),
                    ("X-WP-TotalPages" = u64, description = "How many pages that makes."))),
        (status = 400, description = "A parameter does not hold.", body = Refusal),
        (status = 503, description = "The store cannot do it now.", body = Refusal),
        Unidentified,
    )
)]
pub(super) async fn list(
    State(sender): State<Sender>,
    given: Parameters,
) -> Result<Response, Refusal> {
    let page = given.within("page", (1, u64::MAX), 1);
    let per_page = given.within("per_page", (1, PER_PAGE_MAX), PER_PAGE);
    let (page, per_page) = match (page, per_page) {
        (Ok(page), Ok(per_page)) => (page, per_page),
        (page, per_page) => {
            let faults: Vec<Fault> = page.err().into_iter().chain(per_page.err()).collect();
            return Err(Refusal::invalid(&faults));
        }
    };
    let filter = WebhookFilter {
        search: given.text("search"),
        event: given.text("event"),
        active: given.flag("active"),
        integration: given.text("integration"),
    };
    let offset = (page - 1).saturating_mul(per_page);
    let limit = usize::try_from(per_page).unwrap_or(usize::MAX);
    let (total, found) =
        sender.store().webhooks_from(filter, Sort::default(), offset, limit).await?;
    let models: Vec<Model> = found.into_iter().map(Model::from).collect();
    let mut response = json_as_php(&models);
    let headers = response.headers_mut();
    headers.insert("x-wp-total", HeaderValue::from(total));
    headers.insert("x-wp-totalpages", HeaderValue::from(total.div_ceil(per_page)));
    Ok(response)
}

/// Registers a webhook with the profile `ultimate-multisite`.
#[utoipa::path(
    post, path = "/webhook", operation_id = "plugin_add_webhook", tag = "plugin API",
    request_body = Arguments,
    responses(
        (status = 200, description = "The webhook.", body = Model),
        (status = 400, description = "A parameter is missing or does not hold.", body = Refusal),
        (status = 409, description = "There are too many webhooks.", body = Refusal),
        (status = 413, description = "The body is too long.", body = Refusal),
        (status = 503, description = "The store cannot do it now.", body = Refusal),
        Unidentified,
    )
)]
pub(super) async fn add(
    State(sender): State<Sender>,
    given: Parameters,
) -> Result<Response, Refusal> {
    let Arguments { name, webhook_url, event, integration, active } = given.complete()?;
    let new = NewWebhook {
        name: name.unwrap_or_default(),
        url: webhook_url.unwrap_or_default(),
        event: event.unwrap_or_default(),
        profile: Profile::UltimateMultisite,
        active,
        integration,
        ..NewWebhook::default()
    };
    let created = registry::add(&sender, new).await?;
    Ok(json_as_php(&Model::from(created.webhook)))
}

/// Tells of one webhook.
#[utoipa::path(
    get, path = "/webhook/{id}", operation_id = "plugin_webhook", tag = "plugin API",
    params(("id" = u64, Path, description = "Its number.")),
    responses(
        (status = 200, description = "The webhook.", body = Model),
        (status = 404, description = "There is none.", body = Refusal),
        (status = 503, description = "The store cannot do it now.", body = Refusal),
        Unidentified,
    )
)]
pub(super) async fn one(
    State(sender): State<Sender>,
    Number(id): Number,
) -> Result<Response, Refusal> {
    let found = sender.store().webhook(id).await?.ok_or_else(Refusal::unknown_webhook)?;
    Ok(json_as_php(&Model::from(found.webhook)))
}

/// Changes a webhook; what is absent stays. PUT and PATCH are the same.
#[utoipa::path(
    post, path = "/webhook/{id}", operation_id = "plugin_change_webhook", tag = "plugin API",
    params(("id" = u64, Path, description = "Its number.")),
    request_body = Arguments,
    responses(
        (status = 200, description = "The webhook as it is now.", body = Model),
        (status = 400, description = "A parameter does not hold.", body = Refusal),
        (status = 404, description = "There is none.", body = Refusal),
        (status = 413, description = "The body is too long.", body = Refusal),
        (status = 503, description = "The store cannot do it now.", body = Refusal),
        Unidentified,
    )
)]
pub(super) async fn change(
    State(sender): State<Sender>,
    Number(id): Number,
    given: Parameters,
) -> Result<Response, Refusal> {
    let Arguments { name, webhook_url, event, integration, active } = given.changes()?;
    let patch = WebhookPatch {
        name,
        url: webhook_url,
        event,
        active,
        integration,
        ..WebhookPatch::default()
    };
    let changed = registry::change(&sender, id, patch).await?;
    Ok(json_as_php(&Model::from(changed.ok_or_else(Refusal::unknown_webhook)?)))
}

/// Changes a webhook; what is absent stays. The same as POST.
#[utoipa::path(
    put, path = "/webhook/{id}", operation_id = "plugin_put_webhook", tag = "plugin API",
    params(("id" = u64, Path, description = "Its number.")),
    request_body = Arguments,
    responses(
        (status = 200, description = "The webhook as it is now.", body = Model),
        (status = 400, description = "A parameter does not hold.", body = Refusal),
        (status = 404, description = "There is none.", body = Refusal),
        (status = 413, description = "The body is too long.", body = Refusal),
        (status = 503, description = "The store cannot do it now.", body = Refusal),
        Unidentified,
    )
)]
pub(super) async fn change_put(
    sender: State<Sender>,
    id: Number,
    given: Parameters,
) -> Result<Response, Refusal> {
    change(sender, id, given).await
}

/// Changes a webhook; what is absent stays. The same as POST.
#[utoipa::path(
    patch, path = "/webhook/{id}", operation_id = "plugin_patch_webhook", tag = "plugin API",
    params(("id" = u64, Path, description = "Its number.")),
    request_body = Arguments,
    responses(
        (status = 200, description = "The webhook as it is now.", body = Model),
        (status = 400, description = "A parameter does not hold.", body = Refusal),
        (status = 404, description = "There is none.", body = Refusal),
        (status = 413, description = "The body is too long.", body = Refusal),
        (status = 503, description = "The store cannot do it now.", body = Refusal),
        Unidentified,
    )
)]
pub(super) async fn change_patch(
    sender: State<Sender>,
    id: Number,
    given: Parameters,
) -> Result<Response, Refusal> {
    change(sender, id, given).await
}

/// Deletes a webhook.
#[utoipa::path(
    delete, path = "/webhook/{id}", operation_id = "plugin_delete_webhook", tag = "plugin API",
    params(("id" = u64, Path, description = "Its number.")),
    responses(
        (status = 200, description = "It is gone.", body = bool),
        (status = 404, description = "There was none.", body = Refusal),
        (status = 503, description = "The store cannot do it now.", body = Refusal),
        Unidentified,
    )
)]
pub(super) async fn delete(
    State(sender): State<Sender>,
    Number(id): Number,
) -> Result<Response, Refusal> {
    let cancelled = sender.store().delete_webhook(id).await?;
    sender.cancelled(&cancelled.ok_or_else(Refusal::unknown_webhook)?);
    sender.live().deleted(id);
    Ok(json_as_php(&true))
}
