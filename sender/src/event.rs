//! Firing: an event is made, accepted with its deliveries, and, if wished, waited for.

use hooklab_shared::delivery::{Delivery, DeliveryState, FiredEvent, NewEvent};
use hooklab_shared::problem::{FieldError, Problem};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::profile::Event;
use crate::send::fields;
use crate::sender::{Sender, random};
use crate::store::{Recipients, StoreError};

/// Fires an event to every active webhook of its type. With `wait`, the first attempts are over
/// when this returns, unless the server stops meanwhile, or a webhook is held back for too long.
pub(crate) async fn fire(
    sender: &Sender,
    firing: NewEvent,
    wait: bool,
) -> Result<FiredEvent, Problem> {
    if let Some(detail) = sender.catalogue().slug_error(&firing.kind) {
        return Err(invalid("type", detail));
    }
    let (text, payload, seed) = payload(sender, &firing)?;
    let event = event(sender, firing.kind, text);
    let clock = sender.clock();
    let accepted = sender.store().accept(event.clone(), seed, Recipients::Active, clock).await?;
    let mut deliveries = accepted.unwrap_or_default();
    sender.accepted(&deliveries);
    let until = Instant::now() + sender.limits().fire_wait_timeout;
    for delivery in deliveries.iter_mut().filter(|_| wait) {
        match timeout_at(until, ended(sender, delivery.clone())).await {
            Ok(Ok(stands)) => *delivery = stands,
            Ok(Err(why)) => return Err(unknown_end(&format!("event {}", event.id), &why)),
            // It takes long, and goes on by itself.
            Err(_) => {}
        }
    }
    Ok(FiredEvent {
        id: event.id,
        kind: event.kind,
        created_at: event.created_at,
        seed,
        payload,
        deliveries,
    })
}

/// Sends a test event to one webhook, active or not, and waits for its attempt.
pub(crate) async fn test(
    sender: &Sender,
    webhook: i64,
    kind: String,
) -> Result<Option<Delivery>, Problem> {
    let Some(payload) = sender.catalogue().test_payload(&kind) else {
        let detail = sender.catalogue().slug_error(&kind).unwrap_or_default();
        return Err(Problem::new(409, "unknown-event-type", detail));
    };
    let event = event(sender, kind, payload.to_string());
    let recipients = Recipients::Test(webhook);
    let accepted = sender.store().accept(event, None, recipients, sender.clock()).await?;
    let Some(delivery) = accepted.and_then(|deliveries| deliveries.into_iter().next()) else {
        return Ok(None);
    };
    sender.accepted(std::slice::from_ref(&delivery));
    let name = format!("delivery {}", delivery.id);
    let delivery = ended(sender, delivery).await.map_err(|why| unknown_end(&name, &why))?;
    if delivery.attempts.is_empty() {
        let detail = format!("no attempt of delivery {} is logged: ask for it later", delivery.id);
        return Err(Problem::new(503, "no-attempt", detail).retry_after(1));
    }
    Ok(Some(delivery))
}

fn event(sender: &Sender, kind: String, payload: String) -> Event {
    // No dot in it: the signed text joins id, timestamp and body with dots.
    let id = format!("evt_{}", Uuid::now_v7().simple());
    Event { id, kind, created_at: sender.clock().now(), payload }
}

/// The payload as JSON text and as a value, and the seed it grew from.
fn payload(sender: &Sender, firing: &NewEvent) -> Result<(String, Value, Option<u64>), Problem> {
    if let Some(own) = &firing.payload {
        if firing.seed.is_some() {
            let detail = "a payload of your own is not generated: leave out the one or the other";
            return Err(invalid("seed", detail.to_owned()));
        }
        if !firing.set.is_empty() {
            let detail = "a payload of your own is sent as it is spelled: set its fields yourself";
            return Err(invalid("set", detail.to_owned()));
        }
        // What only passes through is not parsed on its way in: nesting and escapes may not hold.
        let value = serde_json::from_str(own.get());
        let value = value.map_err(|why| invalid("payload", format!("does not parse: {why}")))?;
        fit(sender, &firing.kind, &value)?;
        return Ok((own.get().to_owned(), value, None));
    }
    let seed = match firing.seed {
        Some(seed) => seed,
        // 53 bits, so that every JSON reader gives the same number back.
        None => u64::from_le_bytes(random()?) >> 11,
    };
    let Some(grown) = sender.catalogue().live_payload(&firing.kind, seed) else {
        let detail = sender.catalogue().slug_error(&firing.kind).unwrap_or_default();
        return Err(invalid("type", detail));
    };
    let mut payload = grown.payload;
    if !firing.set.is_empty() {
        for (path, value) in &firing.set {
            fields::set(&mut payload, path, value.clone()).map_err(|why| invalid("set", why))?;
        }
        fit(sender, &firing.kind, &payload)?;
    }
    Ok((payload.to_string(), payload, grown.from_seed.then_some(seed)))
}

/// Refuses a payload that does not fit its type's schema, saying where.
fn fit(sender: &Sender, kind: &str, payload: &Value) -> Result<(), Problem> {
    let misfits = sender.catalogue().misfits(kind, payload);
    if misfits.is_empty() {
        return Ok(());
    }
    let told: Vec<String> =
        misfits.iter().map(|error| format!("`{}` {}", error.field, error.detail)).collect();
    let detail = format!("the payload does not fit the schema of `{kind}`: {}", told.join("; "));
    Err(Problem::new(422, "payload-misfit", detail).with_errors(misfits))
}

/// Nobody can say how what was accepted ended, as the store fails. It is not to be tried again: it
/// goes by itself.
pub(crate) fn unknown_end(what: &str, why: &StoreError) -> Problem {
    let detail = format!(
        "{what} was accepted, and no attempt can be logged: failed to {why}; it goes by itself \
         once that works again, so do not ask for another"
    );
    Problem::new(503, "store-failed", detail)
}

/// The delivery once its attempt is over, or as it stands where that will not be.
///
/// # Errors
/// No attempt can be logged.
async fn ended(sender: &Sender, delivery: Delivery) -> Result<Delivery, StoreError> {
    let id = delivery.id;
    let over = sender.waiting().wait(id);
    // Where it cannot be read now, it was accepted all the same.
    let stands = sender.store().delivery(id).await.ok().flatten();
    let is_open =
        |stands: &Delivery| stands.attempts.is_empty() && stands.state == DeliveryState::Pending;
    if stands.as_ref().is_none_or(is_open) {
        // Whichever other way the wait ends, the store says how the delivery stands.
        if let Ok(error) = over.await {
            return Err(error);
        }
    } else {
        sender.waiting().ended(id);
    }
    Ok(sender.store().delivery(id).await.ok().flatten().unwrap_or(delivery))
}

fn invalid(field: &str, detail: String) -> Problem {
    let summary = format!("the field `{field}` is not right: {detail}");
    Problem::new(422, "invalid-field", summary)
        .with_errors(vec![FieldError { field: field.to_owned(), detail }])
}
