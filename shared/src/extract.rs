//! What API handlers take from a request; what does not fit is refused as a [`Problem`].

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::Limits;
use crate::problem::{FieldError, Problem};

/// Items of a page where nobody says how many.
const PAGE_ITEMS: usize = 50;

/// A JSON body, coming or going. Its length is bounded by the router's `DefaultBodyLimit`.
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
        let body = Bytes::from_request(request, state).await.map_err(|error| unread(&error))?;
        parse(&body).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn unread(rejection: &BytesRejection) -> Problem {
    match rejection.status().as_u16() {
        413 => Problem::new(413, "body-too-large", "the body is too large: send less"),
        _ => Problem::new(400, "body-cut-off", "the body ended early: send it whole"),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // A struct can be read from an array too, field by field, and nobody means that.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(bad_field(".", "expected an object, not an array"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json);
    let value = read.map_err(|error| {
        let field = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() { bad_field(&field, &error.to_string()) } else { bad_json(&error) }
    })?;
    json.end().map_err(|error| bad_json(&error))?;
    Ok(value)
}

fn bad_json(error: &serde_json::Error) -> Problem {
    Problem::new(400, "bad-json", format!("the body is not JSON: {error}"))
}

/// The field of a missing or unknown one stands in the message, not in the path.
fn bad_field(path: &str, told: &str) -> Problem {
    let named = ["missing field `", "unknown field `"].iter().find_map(|start| {
        let rest = told.strip_prefix(start)?;
        rest.split_once('`').map(|(field, _)| field)
    });
    let field = match (named, path) {
        (Some(named), _) => named,
        (None, ".") => "body",
        (None, path) => path,
    };
    let errors = vec![FieldError { field: field.to_owned(), detail: told.to_owned() }];
    Problem::new(422, "invalid-field", format!("`{field}`: {told}")).with_errors(errors)
}

/// Query parameters.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::try_from_uri(&parts.uri);
        read.map(|axum::extract::Query(query)| Self(query)).map_err(|error| {
            let told = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            Problem::new(422, "invalid-parameter", format!("the query is not right: {told}"))
                .with_errors(vec![FieldError { field: "query".into(), detail: told }])
        })
    }
}

/// Path parameters.
#[derive(Clone, Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        read.map(|axum::extract::Path(path)| Self(path)).map_err(|rejection| {
            let detail = format!("the path does not fit: {}", rejection.body_text());
            Problem::new(404, "unknown-route", detail)
        })
    }
}

/// How many items a page has: `limit`, or 50.
///
/// # Errors
/// It is 0 or above the limit of pages.
pub fn page_items(limit: Option<usize>, limits: &Limits) -> Result<usize, Problem> {
    let most = limits.page_captures_max;
    match limit {
        None => Ok(PAGE_ITEMS.min(most)),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(bad_parameter("limit", format!("is {limit}: it takes 1 to {most}"))),
    }
}

/// A parameter that does not hold: which, and what it takes.
#[must_use]
pub fn bad_parameter(field: &str, detail: String) -> Problem {
    Problem::new(422, "invalid-parameter", format!("`{field}` {detail}"))
        .with_errors(vec![FieldError { field: field.to_owned(), detail }])
}
