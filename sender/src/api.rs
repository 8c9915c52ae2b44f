//! The sender's part of `/api/v1`.

mod deliveries;
mod event_types;
mod events;
mod live;
mod replays;
mod resends;
mod sends;
mod webhooks;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use hooklab_shared::extract::bad_parameter;
use hooklab_shared::problem::Problem;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::sender::Sender;
use crate::store::StoreError;

/// Paths of this router that name nothing. A fallback would be simpler, and would keep the router
/// from being merged with another that has one.
const BELOW: [&str; 14] = [
    "/event-types/",
    "/event-types/{slug}/{*rest}",
    "/webhooks/",
    "/webhooks/{id}/{*rest}",
    "/events/",
    "/events/{*rest}",
    "/deliveries/",
    "/deliveries/{id}/{*rest}",
    "/live/",
    "/live/{*rest}",
    "/sends/",
    "/sends/{*rest}",
    "/replays/",
    "/replays/{*rest}",
];

/// The routes, relative to `/api/v1`.
pub(crate) fn router(sender: Sender) -> Router {
    let mut router = Router::from(routes())
        .route_layer(middleware::from_fn(json_only))
        .method_not_allowed_fallback(wrong_method);
    for below in BELOW {
        router = router.route(below, any(unknown_route));
    }
    let body_bytes_max = DefaultBodyLimit::max(sender.limits().api_body_bytes_max);
    router.layer(body_bytes_max).with_state(sender)
}

/// The same, as the OpenAPI document tells it.
pub(crate) fn openapi() -> OpenApi {
    routes().into_openapi()
}

fn routes() -> OpenApiRouter<Sender> {
    OpenApiRouter::default()
        .routes(routes!(event_types::list, event_types::add))
        .routes(routes!(event_types::one, event_types::put, event_types::delete))
        .routes(routes!(webhooks::list, webhooks::add))
        .routes(routes!(webhooks::one, webhooks::change, webhooks::delete))
        .routes(routes!(webhooks::bulk))
        .routes(routes!(webhooks::test))
        .routes(routes!(webhooks::rotate))
        .routes(routes!(events::fire))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::one))
        .routes(routes!(resends::one))
        .routes(routes!(resends::many))
        .routes(routes!(resends::cancel))
        .routes(routes!(live::all))
        .routes(routes!(sends::send))
        .routes(routes!(replays::replay))
}

/// A form cannot send JSON without the browser asking first, so nothing else is taken.
async fn json_only(request: Request, next: Next) -> Response {
    let changes = matches!(*request.method(), Method::POST | Method::PATCH | Method::PUT);
    if changes && !is_json(request.headers().get(header::CONTENT_TYPE)) {
        let detail = "this API takes JSON: send the header `content-type: application/json`";
        return Problem::new(415, "json-required", detail).into_response();
    }
    next.run(request).await
}

fn is_json(value: Option<&HeaderValue>) -> bool {
    let Some(Ok(value)) = value.map(HeaderValue::to_str) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

async fn wrong_method(request: Request) -> Problem {
    let (method, path) = (request.method(), request.uri().path());
    let detail = format!("{path} does not take {method}: the header `allow` names what it takes");
    Problem::new(405, "wrong-method", detail)
}

async fn unknown_route(request: Request) -> Problem {
    let detail = format!("there is nothing at {}: check the path", request.uri().path());
    Problem::new(404, "unknown-route", detail)
}

fn unknown_delivery(id: &str) -> Problem {
    let id: String = id.chars().take(40).collect();
    let detail = format!("there is no delivery `{id}`: GET /api/v1/deliveries lists them");
    Problem::new(404, "unknown-delivery", detail)
}

fn unknown_webhook(id: &str) -> Problem {
    let id: String = id.chars().take(40).collect();
    let detail = format!("there is no webhook `{id}`: `hooklab webhook list` names them all");
    Problem::new(404, "unknown-webhook", detail)
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::new(503, "store-failed", format!("failed to {error}")).retry_after(1)
    }
}

/// A cursor: what an earlier page gave as `next`.
fn cursor(after: Option<&str>) -> Result<Option<i64>, Problem> {
    after.filter(|after| !after.is_empty()).map_or(Ok(None), |after| {
        after.parse().map(Some).map_err(|_| {
            bad_parameter("after", "takes what an earlier page gave as `next`".to_owned())
        })
    })
}
