//! What operators ask: alive, ready, how much, and what is where.

mod openapi;
mod process;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hooklab_receiver::Receiver;
use hooklab_sender::Sender;
use hooklab_shared::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Halves;
use crate::serve::ready::level;

/// What `/readyz` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether everything works.
    pub(crate) status: Status,
    /// The release.
    pub(crate) version: String,
    /// How far things are written before they are answered.
    pub(crate) durability: Levels,
    /// Why it is not ready.
    pub(crate) reasons: Vec<String>,
}

/// Whether a server can do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It can.
    Ready,
    /// A store has failed, or its last write has.
    Failing,
}

/// The level of each half that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Levels {
    /// Of captures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) captures: Option<String>,
    /// Of accepted events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<String>,
}

/// Prometheus' text format, version 0.0.4.
const METRICS: [(HeaderName, &str); 1] =
    [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];

/// `/`, `/livez`, `/readyz`, `/metrics`, and the OpenAPI document.
pub(super) fn routes(halves: &Halves, capture: Option<&str>) -> Router {
    let front = front(halves, capture);
    Router::from(documented()).route("/", get(|| async { front })).with_state(halves.clone())
}

/// All but the page, which is for people.
fn documented() -> OpenApiRouter<Halves> {
    OpenApiRouter::default()
        .routes(routes!(livez))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(document))
}

/// Whether the process is alive.
#[utoipa::path(
    get, path = "/livez", operation_id = "livez", tag = "operations",
    responses((status = 200, description = "It is.", body = String, content_type = "text/plain"))
)]
async fn livez() -> &'static str {
    "alive\n"
}

/// This document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", operation_id = "openapi", tag = "operations",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object))
)]
async fn document(State(halves): State<Halves>) -> Json<Value> {
    Json(openapi::document(&halves))
}

/// What was counted since the start, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "operations",
    responses((status = 200, description = "Prometheus' text format.", body = String,
        content_type = "text/plain"))
)]
async fn metrics(State(halves): State<Halves>) -> impl IntoResponse {
    let receiver = halves.receiver.as_ref().map(Receiver::metrics).unwrap_or_default();
    let sender = match &halves.sender {
        Some(sender) => sender.metrics().await,
        None => String::new(),
    };
    (METRICS, receiver + &sender + &process::metrics())
}

/// Whether the server can do its work, and at which levels of durability.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "operations",
    responses(
        (status = 200, description = "It can.", body = Readiness),
        (status = 503, description = "A store or its last write failed.", body = Readiness),
    )
)]
async fn readyz(State(halves): State<Halves>) -> Response {
    let failures = [
        halves.receiver.as_ref().and_then(Receiver::failure),
        halves.sender.as_ref().and_then(Sender::failure),
    ];
    let reasons: Vec<String> = failures.into_iter().flatten().collect();
    let (code, status) = match reasons.as_slice() {
        [] => (StatusCode::OK, Status::Ready),
        _ => (StatusCode::SERVICE_UNAVAILABLE, Status::Failing),
    };
    let durability = Levels {
        captures: halves.receiver.as_ref().map(|half| level(half.durability()).to_owned()),
        events: halves.sender.as_ref().map(|_| level(halves.events).to_owned()),
    };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    (code, Json(Readiness { status, version, durability, reasons })).into_response()
}

/// The page until there is one: plain text.
fn front(halves: &Halves, capture: Option<&str>) -> String {
    let mut text = String::from("hooklab: webhooks offline, both sides of the wire\n\n");
    if let Some(capture) = capture {
        text += &format!("{capture}/NAME      send anything here: bin NAME captures it\n\n");
    }
    if halves.receiver.is_some() {
        text += "/api/v1/bins               bins, and their captures below them\n";
        text += "/api/v1/bins/NAME/live     a WebSocket: captures as they come\n";
    }
    if halves.sender.is_some() {
        text += "/api/v1/event-types        the catalogue of event types\n";
        text += "/api/v1/webhooks           registered webhooks\n";
        text += "/api/v1/events             POST here fires an event\n";
        text += "/api/v1/deliveries         what was sent, and what came back\n";
    }
    if halves.plugin.is_some() {
        text += "/wp-json/wu/v2             the REST API of Ultimate Multisite\n";
    }
    text += "/api/v1/openapi.json       the API, for programs: OpenAPI 3.1\n";
    text + "/livez /readyz /metrics    for operators\n\nOn the command line: hooklab --help\n"
}

/// Something is there, and does not take this.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    let detail = format!("`{path}` does not take {method}: the Allow header says what it takes");
    Problem::new(405, "method-not-allowed", detail)
}
