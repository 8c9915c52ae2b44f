//! What requests bring: JSON bodies and query parameters, refused as problems.

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use hooklab_shared::problem::{FieldError, Problem};
use serde::de::DeserializeOwned;

use super::PAGE_ITEMS;
use crate::sender::Sender;

/// A JSON body.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Sender> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, sender: &Sender) -> Result<Self, Problem> {
        let bytes_max = sender.limits().api_body_bytes_max;
        let body = to_bytes(request.into_body(), bytes_max).await.map_err(|error| {
            let too_large = std::error::Error::source(&error)
                .is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
            if too_large {
                let detail = format!("the body is over {bytes_max} bytes: send less");
                Problem::new(413, "body-too-large", detail)
            } else {
                Problem::new(400, "body-cut-off", "the body ended early: send it whole")
            }
        })?;
        parse(&body).map(Self)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
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
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Sender> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Sender) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri).map(|Query(params)| Self(params)).map_err(|error| {
            let told = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            Problem::new(422, "invalid-parameter", format!("the query is not right: {told}"))
                .with_errors(vec![FieldError { field: "query".into(), detail: told }])
        })
    }
}

/// The part of the path that names one item.
pub(super) struct Named(pub(super) String);

impl FromRequestParts<Sender> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, sender: &Sender) -> Result<Self, Problem> {
        let path = Path::from_request_parts(parts, sender).await;
        path.map(|Path(name)| Self(name)).map_err(|_| {
            let detail = format!("{} is not UTF-8: check the path", parts.uri.path());
            Problem::new(404, "unknown-route", detail)
        })
    }
}

/// How many items a page has: `limit`, or the default.
pub(super) fn page_items(limit: Option<usize>, sender: &Sender) -> Result<usize, Problem> {
    let most = sender.limits().page_captures_max;
    match limit {
        None => Ok(PAGE_ITEMS.min(most)),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(bad_parameter("limit", format!("is {limit}: it takes 1 to {most}"))),
    }
}

/// A parameter that does not hold.
pub(super) fn bad_parameter(field: &str, detail: String) -> Problem {
    Problem::new(422, "invalid-parameter", format!("`{field}` {detail}"))
        .with_errors(vec![FieldError { field: field.to_owned(), detail }])
}

/// A cursor: what an earlier page gave as `next`.
pub(super) fn cursor(after: Option<&str>) -> Result<Option<i64>, Problem> {
    after.filter(|after| !after.is_empty()).map_or(Ok(None), |after| {
        after.parse().map(Some).map_err(|_| {
            bad_parameter("after", "takes what an earlier page gave as `next`".to_owned())
        })
    })
}
