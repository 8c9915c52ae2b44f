//! Own event types: what may be added, put in another's place, and deleted.

use std::thread;
use std::time::Duration;

use hooklab_shared::event::{EventType, NewEventType};
use hooklab_shared::problem::{FieldError, Problem};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::catalogue::{OwnParts, OwnType};
use crate::sender::{Sender, now};
use crate::store::DeletedType;

/// How long a schema may take until a payload has grown from it: most take a millisecond.
const MAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// What a put did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// There is a type more.
    Added,
    /// It stands in the place of an earlier one.
    Replaced,
}

/// Adds an own type of a slug that is free.
pub(crate) async fn add(sender: &Sender, new: NewEventType) -> Result<EventType, Problem> {
    let made = checked(sender, new).await?;
    let catalogue = sender.catalogue();
    let _held = catalogue.hold().await;
    if catalogue.own_type(made.slug()).is_some() {
        let slug = made.slug();
        let detail = format!(
            "there is an event type `{slug}` already: put another in its place with PUT \
             (hooklab events add {slug} --replace)"
        );
        return Err(Problem::new(409, "event-type-exists", detail));
    }
    keep(sender, made).await
}

/// Adds an own type, or puts it in the place of the one of its slug.
pub(crate) async fn put(sender: &Sender, new: NewEventType) -> Result<(Put, EventType), Problem> {
    let made = checked(sender, new).await?;
    let catalogue = sender.catalogue();
    let _held = catalogue.hold().await;
    let (did, made) = match catalogue.own_type(made.slug()) {
        None => (Put::Added, made),
        Some(earlier) => (Put::Replaced, made.since(earlier.parts().created_at)),
    };
    Ok((did, keep(sender, made).await?))
}

/// Deletes an own type that no webhook uses.
pub(crate) async fn delete(sender: &Sender, slug: &str) -> Result<(), Problem> {
    let catalogue = sender.catalogue();
    if catalogue.is_plugins(slug) {
        return Err(not_own(slug, "deleted"));
    }
    let _held = catalogue.hold().await;
    match sender.store().delete_event_type(slug.to_owned()).await? {
        DeletedType::Gone => {
            catalogue.remove(slug);
            Ok(())
        }
        DeletedType::Unknown => {
            let detail = catalogue.slug_error(slug).unwrap_or_default();
            Err(Problem::new(404, "unknown-event-type", detail))
        }
        DeletedType::Used(ids, count) => {
            let told: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let more = count - ids.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let detail = format!(
                "the event type `{slug}` is used by webhook {}{more}: delete what uses it, or give \
                 it another event, first",
                told.join(", ")
            );
            Err(Problem::new(409, "event-type-in-use", detail))
        }
    }
}

async fn checked(sender: &Sender, new: NewEventType) -> Result<OwnType, Problem> {
    if sender.catalogue().is_plugins(&new.slug) {
        return Err(not_own(&new.slug, "changed"));
    }
    let parts = OwnParts::check(new, now(), sender.limits().event_type_bytes_max);
    let parts = parts.map_err(invalid)?;
    let Ok(room) = timeout(MAKE_TIMEOUT, sender.catalogue().room_to_try()).await else {
        let detail =
            "schemas that take long are still being tried: try again, or restart the server";
        return Err(Problem::new(503, "schemas-busy", detail).retry_after(5));
    };
    // A schema may take long to try; a thread of its own is nobody else's wait.
    let (made, wait) = oneshot::channel();
    let began = thread::Builder::new().name("schema".into()).spawn(move || {
        let _ = made.send(OwnType::make(parts));
        drop(room);
    });
    if began.is_err() {
        let detail = "no thread is left to try the schema on: try again";
        return Err(Problem::new(503, "no-thread", detail).retry_after(1));
    }
    match timeout(MAKE_TIMEOUT, wait).await {
        Ok(Ok(made)) => made.map_err(invalid),
        Ok(Err(_)) => Err(Problem::new(500, "bug", "failed to try the schema; report it")),
        Err(_) => Err(invalid(vec![FieldError {
            field: "schema".into(),
            detail: "takes over 5 s to try: let its parts refer to one another less".into(),
        }])),
    }
}

async fn keep(sender: &Sender, made: OwnType) -> Result<EventType, Problem> {
    let catalogue = sender.catalogue();
    let most = sender.limits().event_types_max;
    if catalogue.own_type(made.slug()).is_none() && catalogue.own_count() >= most {
        let detail = format!("there are {most} own event types, and no room for more: delete some");
        return Err(Problem::new(409, "too-many-event-types", detail));
    }
    sender.store().put_event_type(made.parts().clone()).await?;
    let told = made.event_type(None);
    catalogue.put(made);
    Ok(told)
}

fn not_own(slug: &str, done: &str) -> Problem {
    let detail = format!(
        "`{slug}` is an event type of Ultimate Multisite and cannot be {done}: take another slug \
         for one of your own"
    );
    Problem::new(409, "event-type-built-in", detail)
}

fn invalid(errors: Vec<FieldError>) -> Problem {
    let told: Vec<String> =
        errors.iter().map(|error| format!("`{}` {}", error.field, error.detail)).collect();
    Problem::new(422, "invalid-field", told.join("; ")).with_errors(errors)
}
