//! The receiver's part of `/api/v1`.

mod bins;
mod captures;
mod live;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::routing::get;
use hooklab_shared::problem::Problem;

use crate::Receiver;

pub use live::OriginVetted;

/// Every route, with paths relative to `/api/v1`.
pub(crate) fn router(receiver: Receiver) -> Router {
    let body_bytes_max = DefaultBodyLimit::max(receiver.limits().api_body_bytes_max);
    Router::new()
        .route("/bins", get(bins::list).post(bins::create))
        .route("/bins/{bin}", get(bins::show).delete(bins::delete))
        .route("/bins/{bin}/captures", get(captures::list).delete(captures::clear))
        .route("/bins/{bin}/captures/{seq}", get(captures::show).delete(captures::delete))
        .route("/bins/{bin}/captures/{seq}/raw", get(captures::raw))
        .route("/bins/{bin}/captures/{seq}/body", get(captures::body))
        .route("/bins/{bin}/live", get(live::upgrade))
        .method_not_allowed_fallback(wrong_method)
        .layer(body_bytes_max)
        .with_state(receiver)
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
