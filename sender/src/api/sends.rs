//! One-off sends.

use axum::Json as Told;
use axum::extract::State;
use hooklab_shared::extract::Json;
use hooklab_shared::limits::Limits;
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use hooklab_shared::send::{NewSend, SendReport};
use tokio::time::timeout;

use crate::send::{Plan, PlanError, Terms};
use crate::sender::{Sender, now, random};

/// Sends to any URL that may be dialled, nothing registered, and answers when all of it has ended:
/// at most 100 deliveries, in at most a minute.
#[utoipa::path(
    post, path = "/sends", operation_id = "send", tag = "sends",
    request_body = NewSend,
    responses(
        (status = 200, description = "What became of it.", body = SendReport),
        Refused<400>, Refused<413>, Refused<415>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn send(
    State(sender): State<Sender>,
    Json(new): Json<NewSend>,
) -> Result<Told<SendReport>, Problem> {
    let Ok(_permit) = sender.sends().try_acquire() else {
        let detail = format!(
            "there are {} sends under way already: try again when one of them has ended",
            Limits::SENDS_MAX
        );
        return Err(Problem::new(503, "too-many-sends", detail).retry_after(5));
    };
    let terms = Terms {
        // 53 bits, so that every JSON reader gives the same number back.
        seed: u64::from_le_bytes(random()?) >> 11,
        now: now(),
        deliveries_max: Limits::SEND_API_DELIVERIES_MAX,
    };
    let poster = sender.poster();
    // A type that is changed or deleted meanwhile does not change what is under way.
    let catalogue = sender.catalogue().snapshot();
    let plan = Plan::of(new, &terms, catalogue, poster.user_agent()).map_err(problem)?;
    let mut deliveries = Vec::new();
    // What is in flight when the time is over is cut off.
    let run = plan.run(poster, |delivery| deliveries.push(delivery));
    let _ = timeout(Limits::SEND_API_TIMEOUT, run).await;
    let unsent = plan.deliveries() - deliveries.len();
    Ok(Told(SendReport { seed: plan.seed(), deliveries, unsent }))
}

fn problem(error: PlanError) -> Problem {
    match error {
        PlanError::Invalid(errors) => {
            let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
            let detail = format!("{} is not right: see errors", fields.join(", "));
            Problem::new(422, "invalid-field", detail).with_errors(errors)
        }
        PlanError::Catalogue(_) => Problem::new(500, "bug", format!("failed to {error}")),
    }
}
