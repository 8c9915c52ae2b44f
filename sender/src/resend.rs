//! What is asked for by hand: the same event again, or no more of it.

use hooklab_shared::delivery::{Delivery, DeliveryState, Resend};
use hooklab_shared::problem::{FieldError, Problem};
use uuid::Uuid;

use crate::event;
use crate::sender::Sender;
use crate::store::{Again, CalledOff, SentAgain};

/// Makes a delivery due again that has ended; with `wait`, the attempt is over when this returns.
/// None where there is no such delivery.
pub(crate) async fn one(
    sender: &Sender,
    id: Uuid,
    wait: bool,
) -> Result<Option<Delivery>, Problem> {
    let over = wait.then(|| sender.waiting().wait(id));
    let now = sender.clock().now();
    let sent_again = sender.store().resend(id, now).await;
    let over = over.filter(|_| matches!(sent_again, Ok(SentAgain::Due { .. })));
    // Others may wait for the same delivery, and go on.
    sender.waiting().tidy(id);
    let refused = |kind, detail| Err(Problem::new(409, kind, detail));
    match sent_again? {
        SentAgain::Due { lane } => sender.stir(lane, now),
        SentAgain::Unknown => return Ok(None),
        SentAgain::Pending => {
            return refused("pending", "it is pending: it goes by itself, or cancel it".to_owned());
        }
        SentAgain::UnderWay => {
            let detail = "an attempt of it is still under way: try again when that is over";
            return refused("under-way", detail.to_owned());
        }
        SentAgain::Inactive { webhook } => {
            let detail = format!("webhook {webhook} is not active, or was deleted: activate it");
            return refused("inactive-webhook", detail);
        }
    }
    let Some(delivery) = sender.store().delivery(id).await? else { return Ok(None) };
    sender.live().fired(&delivery);
    let Some(over) = over else { return Ok(Some(delivery)) };
    // Whichever other way the wait ends, the store says how the delivery stands.
    if let Ok(why) = over.await {
        return Err(event::unknown_end(&format!("the resend of delivery {id}"), &why));
    }
    Ok(sender.store().delivery(id).await?)
}

/// Makes every delivery due again that is asked for; tells how many.
pub(crate) async fn many(sender: &Sender, which: Resend) -> Result<u64, Problem> {
    let state = which.status.unwrap_or(DeliveryState::Exhausted);
    if state == DeliveryState::Pending {
        let detail = "takes delivered, exhausted or cancelled: what is pending goes by itself";
        let error = FieldError { field: "status".into(), detail: detail.into() };
        let told = format!("the field `status` is not right: it {detail}");
        return Err(Problem::new(422, "invalid-field", told).with_errors(vec![error]));
    }
    let until = sender.clock().now();
    let again = Again { since: which.since, until, webhook: which.webhook, state };
    let (mut resent, mut after) = (0, 0);
    loop {
        let now = sender.clock().now();
        let part = sender.store().resend_some(again, after, now).await?;
        resent += part.resent;
        part.webhooks.iter().for_each(|&webhook| sender.stir(webhook, now));
        match part.last {
            Some(last) => after = last,
            None => return Ok(resent),
        }
    }
}

/// Calls a delivery off; none where there is no such delivery.
pub(crate) async fn cancel(sender: &Sender, id: Uuid) -> Result<Option<Delivery>, Problem> {
    match sender.store().cancel(id, "it was cancelled by hand".to_owned()).await? {
        CalledOff::Cancelled(cancelled) => sender.cancelled(&[cancelled]),
        CalledOff::Ended => {
            let detail = "it has ended: there is nothing to call off; resend sends it again";
            return Err(Problem::new(409, "not-pending", detail));
        }
        CalledOff::Unknown => return Ok(None),
    }
    Ok(sender.store().delivery(id).await?)
}
