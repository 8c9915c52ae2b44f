//! Refusals as WordPress's REST API tells them: `{"code":…,"message":…,"data":{"status":…}}`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hooklab_shared::problem::Problem;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::model::json_as_php;
use crate::store::StoreError;

/// What WordPress tells of a request that it refuses.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = WordPressError)]
pub(super) struct Refusal {
    /// What kind it is; stable, for programs.
    code: String,
    /// What it is, for people.
    message: String,
    /// The status, and which parameters are at fault.
    #[schema(value_type = Object)]
    data: Value,
}

/// The refusal that every route has.
#[derive(utoipa::IntoResponses)]
#[response(status = 401, description = "The credentials are missing or wrong.")]
pub(super) struct Unidentified(Refusal);

/// A parameter at fault: its name, WordPress's code for it, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) parameter: String,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), data: json!({ "status": status }) }
    }

    /// There is nothing at this path, or it does not take this method: to WordPress both is one.
    pub(super) async fn no_route() -> Self {
        let told = "No route was found matching the URL and request method.";
        Self::new(404, "rest_no_route", told)
    }

    pub(super) fn unknown_webhook() -> Self {
        Self::new(404, "wu_rest_webhook_invalid_id", "Item not found.")
    }

    pub(super) fn missing(names: &[&str]) -> Self {
        let told = format!("Missing parameter(s): {}", names.join(", "));
        let mut refusal = Self::new(400, "rest_missing_callback_param", told);
        refusal.data["params"] = json!(names);
        refusal
    }

    pub(super) fn invalid(faults: &[Fault]) -> Self {
        let names: Vec<&str> = faults.iter().map(|fault| fault.parameter.as_str()).collect();
        let told = format!("Invalid parameter(s): {}", names.join(", "));
        let mut refusal = Self::new(400, "rest_invalid_param", told);
        let params: Map<String, Value> = faults
            .iter()
            .map(|fault| (fault.parameter.clone(), fault.message.as_str().into()))
            .collect();
        let details: Map<String, Value> = faults
            .iter()
            .map(|fault| {
                let told = json!({"code": fault.code, "message": fault.message, "data": null});
                (fault.parameter.clone(), told)
            })
            .collect();
        refusal.data["params"] = params.into();
        refusal.data["details"] = details.into();
        refusal
    }

    pub(super) fn bad_json(error: &serde_json::Error) -> Self {
        let mut refusal = Self::new(400, "rest_invalid_json", "Invalid JSON body passed.");
        // PHP's JSON_ERROR_SYNTAX; what it says of all of them is less than ours says.
        refusal.data["json_error_code"] = json!(4);
        refusal.data["json_error_message"] = format!("Syntax error: {error}").into();
        refusal
    }

    fn status(&self) -> StatusCode {
        let status = self.data["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl Unidentified {
    pub(super) fn refused() -> Self {
        let told = "Sorry, you are not allowed to do that.";
        Self(Refusal::new(401, "rest_forbidden", told))
    }
}

impl IntoResponse for Unidentified {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        let scheme = HeaderValue::from_static("Basic realm=\"Ultimate Multisite API\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        response
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = json_as_php(&self);
        *response.status_mut() = status;
        response
    }
}

/// What the registry says of fields, under the plugin's names of them.
impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        if problem.status != 422 {
            return Self::new(problem.status, "wu_rest_webhook", problem.detail);
        }
        let faults: Vec<Fault> = problem
            .errors
            .into_iter()
            .map(|error| Fault {
                message: format!("{} {}", named(&error.field), error.detail),
                parameter: named(&error.field).to_owned(),
                code: "rest_invalid_param",
            })
            .collect();
        Self::invalid(&faults)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

fn named(field: &str) -> &str {
    if field == "url" { "webhook_url" } else { field }
}
