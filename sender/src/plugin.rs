//! The plugin's REST API, `/wp-json/wu/v2`: what a client that was written for Ultimate Multisite
//! needs to learn of events, subscribe and unsubscribe. The webhooks are those of `/api/v1`.

mod credentials;
mod model;
mod parameters;
mod refusal;
mod routes;

use axum::Router;
use axum::extract::{FromRef, FromRequestParts, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::sender::Sender;
pub use credentials::{BadCredentials, Credentials};
use refusal::{Refusal, Unidentified};

/// What the routes work with.
#[derive(Clone)]
struct Plugin {
    sender: Sender,
    credentials: Credentials,
}

impl FromRef<Plugin> for Sender {
    fn from_ref(plugin: &Plugin) -> Self {
        plugin.sender.clone()
    }
}

/// The routes, relative to `/wp-json/wu/v2`; each asks for these credentials.
pub(crate) fn router(sender: Sender, credentials: Credentials) -> Router {
    let plugin = Plugin { sender, credentials };
    Router::from(documented())
        .fallback(Refusal::no_route)
        .method_not_allowed_fallback(Refusal::no_route)
        .layer(middleware::from_fn_with_state(plugin.clone(), identified))
        .with_state(plugin)
}

/// The same, as the OpenAPI document tells it.
pub(crate) fn openapi() -> OpenApi {
    documented().into_openapi()
}

fn documented() -> OpenApiRouter<Plugin> {
    OpenApiRouter::default()
        .routes(routes!(routes::auth))
        .routes(routes!(routes::hooks))
        .routes(routes!(routes::list, routes::add))
        .routes(routes!(
            routes::one,
            routes::change,
            routes::change_put,
            routes::change_patch,
            routes::delete
        ))
}

/// Nothing is told to whoever does not show the credentials, not even what is there.
async fn identified(State(plugin): State<Plugin>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION);
    if plugin.credentials.are_shown(shown) {
        return next.run(request).await;
    }
    Unidentified::refused().into_response()
}

/// The number in the path; WordPress's route takes digits alone.
struct Number(i64);

impl FromRequestParts<Plugin> for Number {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Plugin) -> Result<Self, Refusal> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        let text = path.map(|axum::extract::Path(text)| text).unwrap_or_default();
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Refusal::no_route().await);
        }
        // Beyond what numbers go to there is no webhook either.
        Ok(Self(text.parse().unwrap_or(i64::MAX)))
    }
}
