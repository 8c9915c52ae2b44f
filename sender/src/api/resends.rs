//! Deliveries sent again, and called off, by hand.

use axum::Json as Told;
use axum::extract::State;
use axum::http::StatusCode;
use hooklab_shared::delivery::{Delivery, Resend, Resent};
use hooklab_shared::extract::{Json, Path, Query};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use serde::Deserialize;

use super::{unknown_delivery, unknown_webhook};
use crate::resend;
use crate::sender::Sender;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wait {
    /// Whether to answer only when the attempt is over.
    #[serde(default)]
    wait: bool,
}

/// Sends a delivery again that has ended: the same event with the same id, at once, its schedule
/// from the beginning. The attempt is marked `manual`. The media type must be JSON; a body is not
/// needed.
#[utoipa::path(
    post, path = "/deliveries/{id}/resend", operation_id = "resend_delivery", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery's id."), Wait),
    request_body(content = Option<Object>, content_type = "application/json"),
    responses(
        (status = 200, description = "The attempt is over.", body = Delivery),
        (status = 202, description = "It is due.", body = Delivery),
        Refused<404>, Refused<409>, Refused<415>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn one(
    State(sender): State<Sender>,
    Path(id): Path<String>,
    Query(Wait { wait }): Query<Wait>,
) -> Result<(StatusCode, Told<Delivery>), Problem> {
    let number = id.parse().map_err(|_| unknown_delivery(&id))?;
    let resent = resend::one(&sender, number, wait).await?;
    let delivery = resent.ok_or_else(|| unknown_delivery(&id))?;
    Ok((if wait { StatusCode::OK } else { StatusCode::ACCEPTED }, Told(delivery)))
}

/// Sends every delivery again that was accepted since then and stands there, `exhausted` unless
/// told otherwise. Those of webhooks that are deleted or not active stay as they are.
#[utoipa::path(
    post, path = "/deliveries/resend", operation_id = "resend_deliveries", tag = "deliveries",
    request_body = Resend,
    responses(
        (status = 202, description = "They are due.", body = Resent),
        Refused<400>, Refused<404>, Refused<413>, Refused<415>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn many(
    State(sender): State<Sender>,
    Json(which): Json<Resend>,
) -> Result<(StatusCode, Told<Resent>), Problem> {
    if let Some(webhook) = which.webhook
        && !sender.store().knows_webhook(webhook).await?
    {
        return Err(unknown_webhook(&webhook.to_string()));
    }
    let resent = resend::many(&sender, which).await?;
    Ok((StatusCode::ACCEPTED, Told(Resent { resent })))
}

/// Calls a pending delivery off. An attempt that is under way goes on to its end, is logged, and
/// no other follows. The media type must be JSON; a body is not needed.
#[utoipa::path(
    post, path = "/deliveries/{id}/cancel", operation_id = "cancel_delivery", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery's id.")),
    request_body(content = Option<Object>, content_type = "application/json"),
    responses(
        (status = 200, description = "The delivery.", body = Delivery),
        Refused<404>, Refused<409>, Refused<415>, Refused<503>,
    )
)]
pub(super) async fn cancel(
    State(sender): State<Sender>,
    Path(id): Path<String>,
) -> Result<Told<Delivery>, Problem> {
    let number = id.parse().map_err(|_| unknown_delivery(&id))?;
    let cancelled = resend::cancel(&sender, number).await?;
    cancelled.map(Told).ok_or_else(|| unknown_delivery(&id))
}
