//! What API handlers take from a request; what does not fit is refused as a [`Problem`].

use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body, coming or going.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // A form can be sent from any web page without asking; JSON can not.
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let media = content_type.and_then(|v| v.split(';').next()).map(str::trim);
        if !media.is_some_and(|media| media.eq_ignore_ascii_case("application/json")) {
            let detail = "the body must be JSON: send `Content-Type: application/json`";
            return Err(Problem::new(415, "content-type", detail));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            let status = rejection.status().as_u16();
            Problem::new(status, "body", format!("the body cannot be read: {rejection}"))
        })?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let kind = if error.is_data() { "field" } else { "json" };
            let status = if error.is_data() { 422 } else { 400 };
            Problem::new(status, kind, format!("the JSON body does not fit: {error}"))
        })
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// Query parameters.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Query::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection: QueryRejection| {
                let detail = format!("the query does not fit: {}", rejection.body_text());
                Problem::new(400, "query", detail)
            })
    }
}

/// Path parameters.
#[derive(Clone, Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(path)| Self(path))
            .map_err(|rejection: PathRejection| {
                let detail = format!("the path does not fit: {}", rejection.body_text());
                Problem::new(404, "path", detail)
            })
    }
}
