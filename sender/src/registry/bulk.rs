//! Many webhooks at once: activate, deactivate, delete.

use hooklab_shared::problem::{FieldError, Problem};
use hooklab_shared::webhook::{Bulk, BulkAction, BulkItem, BulkResult, WebhookPatch};

use super::patched;
use crate::sender::{Sender, now};
use crate::store::{Done, Picked, WebhookFilter};

/// Does it with each of those that are meant, all in one transaction.
pub(crate) async fn bulk(sender: &Sender, bulk: Bulk) -> Result<BulkResult, Problem> {
    let action = bulk.action;
    let picked = picked(bulk, sender.limits().webhooks_max)?;
    let done = match action {
        BulkAction::Delete => sender.store().delete_webhooks(picked).await?,
        BulkAction::Activate | BulkAction::Deactivate => {
            let active = Some(action == BulkAction::Activate);
            let patch = WebhookPatch { active, ..WebhookPatch::default() };
            let change = move |found: &crate::store::Registered| {
                patched(found.webhook.clone(), patch.clone())
            };
            sender.store().change_webhooks(picked, now(), change).await?
        }
    };
    for webhook in &done.changed {
        sender.changed(webhook);
    }
    sender.cancelled(&done.cancelled);
    if action == BulkAction::Delete {
        for &(id, _) in done.each.iter().filter(|(_, ok)| *ok) {
            sender.live().deleted(id);
        }
    }
    Ok(told(action, &done))
}

fn picked(bulk: Bulk, webhooks_max: usize) -> Result<Picked, Problem> {
    match (bulk.ids, bulk.search, bulk.all) {
        (Some(ids), None, false) if ids.len() > webhooks_max => {
            Err(bad("ids", format!("has {} numbers: it takes {webhooks_max}", ids.len())))
        }
        (Some(ids), None, false) => Ok(Picked::Ids(ids)),
        (None, Some(search), false) if search.is_empty() => {
            Err(bad("search", "is empty, which is every webhook: say `all` if you mean it".into()))
        }
        (None, Some(search), false) => {
            Ok(Picked::Filter(WebhookFilter { search: Some(search), ..WebhookFilter::default() }))
        }
        (None, None, true) => Ok(Picked::Filter(WebhookFilter::default())),
        _ => Err(bad("ids", "says which, or `search`, or `all`: give exactly one of them".into())),
    }
}

fn bad(field: &str, detail: String) -> Problem {
    Problem::new(422, "invalid-field", format!("`{field}` {detail}"))
        .with_errors(vec![FieldError { field: field.to_owned(), detail }])
}

fn told(action: BulkAction, done: &Done) -> BulkResult {
    let items: Vec<BulkItem> = done
        .each
        .iter()
        .map(|&(id, ok)| BulkItem {
            id,
            ok,
            detail: (!ok).then(|| format!("there is no webhook {id}")),
        })
        .collect();
    let failed = items.iter().filter(|item| !item.ok).count();
    BulkResult { action, done: (items.len() - failed) as u64, failed: failed as u64, items }
}
