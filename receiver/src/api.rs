//! The receiver's part of `/api/v1`.

mod bins;
mod capture;
mod captures;
mod export;
mod held;
mod import;
mod live;
mod looking;
mod scan;
mod schema;
mod select;
mod strays;
#[cfg(test)]
pub(crate) mod tests;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use hooklab_shared::problem::Problem;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Receiver;

/// Every route, with paths relative to `/api/v1`.
pub(crate) fn router(receiver: Receiver) -> Router {
    let body_bytes_max = DefaultBodyLimit::max(receiver.limits().api_body_bytes_max);
    Router::from(routes())
        .method_not_allowed_fallback(wrong_method)
        .layer(body_bytes_max)
        .with_state(receiver)
}

/// The same, as the OpenAPI document tells it.
pub(crate) fn openapi() -> OpenApi {
    routes().into_openapi()
}

fn routes() -> OpenApiRouter<Receiver> {
    OpenApiRouter::default()
        .routes(routes!(bins::list, bins::create))
        .routes(routes!(bins::show, bins::change, bins::delete))
        .routes(routes!(captures::list, captures::clear))
        .routes(routes!(capture::show, capture::delete))
        .routes(routes!(capture::raw))
        .routes(routes!(capture::body))
        .routes(routes!(capture::view))
        .routes(routes!(capture::diff))
        .routes(routes!(schema::infer))
        .routes(routes!(export::export))
        .routes(routes!(import::import))
        .routes(routes!(live::one))
        .routes(routes!(live::all))
        .routes(routes!(held::list))
        .routes(routes!(held::answer))
        .routes(routes!(strays::list))
}

async fn wrong_method(method: Method) -> Problem {
    let detail = format!("this route does not take {method}: see the Allow header");
    Problem::new(405, "method", detail)
}

fn unknown_bin(bin: &str) -> Problem {
    let bin: String = bin.chars().take(80).collect();
    let detail = format!(
        "there is no bin `{bin}`: send something to it, create it with `hooklab bin create`, or \
         list what there is with `hooklab bin list`"
    );
    Problem::new(404, "unknown-bin", detail)
}

fn unknown_capture(receiver: &Receiver, bin: &str, seq: &str) -> Problem {
    let Some(state) = receiver.store.bin(bin) else { return unknown_bin(bin) };
    let detail = match state.oldest_seq {
        Some(oldest) => format!(
            "bin `{bin}` has no capture {seq}: it holds {} of them, from {oldest} to {}",
            state.captures, state.newest_seq
        ),
        None => format!("bin `{bin}` is empty: send something to it first"),
    };
    Problem::new(404, "unknown-capture", detail)
}
