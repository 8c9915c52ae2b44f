//! The sender's live channel.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use hooklab_shared::delivery::Message;
use hooklab_shared::extract::{Query, bad_parameter};
use hooklab_shared::listen::websocket::{self, Opening};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use serde::Deserialize;

use crate::sender::Sender;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Only what happens to this webhook, by its number.
    webhook: Option<String>,
}

/// Follows the sender from now on: what is fired, every attempt, how deliveries end, what becomes
/// of webhooks. A WebSocket, one message a frame; who falls behind is told of a `gap`.
#[utoipa::path(
    get, path = "/live", operation_id = "follow_sender", tag = "live",
    params(Which),
    responses(
        (status = 101, description = "A WebSocket.", body = Message),
        Refused<400>, Refused<422>, Refused<426>, Refused<503>,
    )
)]
pub(super) async fn all(
    State(sender): State<Sender>,
    Query(Which { webhook }): Query<Which>,
    mut request: Request,
) -> Result<Response<Body>, Problem> {
    let webhook = webhook.filter(|text| !text.is_empty());
    let webhook = webhook
        .map(|text| text.parse())
        .transpose()
        .map_err(|_| bad_parameter("webhook", "takes the number of a webhook".to_owned()))?;
    if !websocket::is_asked(request.headers()) {
        let detail = "this is a live channel: open it as a WebSocket, or use \
                      `hooklab deliveries --follow`";
        return Err(Problem::new(426, "websocket", detail));
    }
    let opening = Opening::of(&mut request)?;
    let watch = sender.live().watch(webhook, sender.clock().now()).ok_or_else(|| {
        let detail = "there are too many watchers, or hooklab is stopping: try again later";
        Problem::new(503, "too-many-watchers", detail).retry_after(1)
    })?;
    Ok(opening.accept(watch, sender.alive()))
}
