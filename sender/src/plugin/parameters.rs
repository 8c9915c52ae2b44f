//! A request's parameters as WordPress gathers and checks them: from JSON, a form or the query, by
//! the plugin's own table of arguments.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};
use url::form_urlencoded;
use utoipa::ToSchema;

use super::Plugin;
use super::refusal::{Fault, Refusal};

/// The arguments of `webhook`, with their types; the first four have to be given for a new one.
const ARGUMENTS: [(&str, Kind); 12] = [
    ("name", Kind::Text),
    ("webhook_url", Kind::Text),
    ("event", Kind::Text),
    ("integration", Kind::Text),
    ("event_count", Kind::Integer),
    ("active", Kind::Boolean),
    ("hidden", Kind::Boolean),
    ("date_created", Kind::Text),
    ("date_last_failed", Kind::Text),
    ("date_modified", Kind::Text),
    ("migrated_from_id", Kind::Integer),
    ("skip_validation", Kind::Boolean),
];

/// How many of them have to be given for a new webhook.
const REQUIRED: usize = 4;

/// Where clients of the plugin may leave what does not belong to the webhook.
const BESIDES: [&str; 6] = ["id", "slug", "api_key", "api_secret", "api-key", "api-secret"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Boolean,
}

/// What a body holds by name: JSON or a form, whichever it says it is; nothing where it says
/// neither.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters(Map<String, Value>);

impl FromRequest<Plugin> for Parameters {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &Plugin) -> Result<Self, Refusal> {
        let query = request.uri().query().map(form).unwrap_or_default();
        let kind = media_type(request.headers());
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            let told = "The request's body is too long, or ended early.";
            Refusal::new(rejection.status().as_u16(), "rest_invalid_body", told)
        })?;
        let mut found = query;
        if kind == "application/json" || kind.ends_with("+json") {
            found.extend(json(&body)?);
        } else if kind == "application/x-www-form-urlencoded" {
            found.extend(form(&String::from_utf8_lossy(&body)));
        }
        // To WordPress a null is nothing.
        found.retain(|_, value| !value.is_null());
        Ok(Self(found))
    }
}

/// The arguments of a webhook that are more than taken note of, as JSON or a form. For a new one
/// the first four have to be given.
#[derive(Clone, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(as = WordPressArguments)]
pub(super) struct Arguments {
    /// Its name, 2 to 200 characters.
    pub(super) name: Option<String>,
    /// Its target, `http` or `https`, at most 191 characters.
    pub(super) webhook_url: Option<String>,
    /// The slug of an event type.
    pub(super) event: Option<String>,
    /// The name of the app.
    pub(super) integration: Option<String>,
    /// Whether events trigger it: yes, unless told otherwise.
    pub(super) active: Option<bool>,
}

impl Parameters {
    /// For a new webhook: what has to be given is there, and everything is of its type.
    pub(super) fn complete(&self) -> Result<Arguments, Refusal> {
        let required = ARGUMENTS.iter().take(REQUIRED).map(|(name, _)| *name);
        let missing: Vec<&str> = required.filter(|name| !self.0.contains_key(*name)).collect();
        if missing.is_empty() { self.arguments() } else { Err(Refusal::missing(&missing)) }
    }

    /// For a change: what is absent stays, and the model takes nothing else.
    pub(super) fn changes(&self) -> Result<Arguments, Refusal> {
        let is_known = |name: &str| ARGUMENTS.iter().any(|(known, _)| *known == name);
        let odd = self.0.keys().find(|name| !is_known(name) && !BESIDES.contains(&name.as_str()));
        if let Some(odd) = odd {
            let odd: String = odd.chars().take(80).collect();
            let told =
                format!("The WP_Ultimo\\Models\\Webhook object does not have a set_{odd} method");
            return Err(Refusal::new(400, "wu_rest_webhook_invalid_set_method", told));
        }
        self.arguments()
    }

    /// A number of the query within these bounds, or what it is where it is not given.
    pub(super) fn within(
        &self,
        name: &str,
        (low, high): (u64, u64),
        default: u64,
    ) -> Result<u64, Fault> {
        let Some(value) = self.0.get(name) else { return Ok(default) };
        let fault = |code, message| Fault { parameter: name.to_owned(), code, message };
        let Some(number) = integer(value) else {
            return Err(fault("rest_invalid_type", format!("{name} is not of type integer.")));
        };
        match u64::try_from(number) {
            Ok(number) if (low..=high).contains(&number) => Ok(number),
            _ if high < u64::MAX => {
                let told =
                    format!("{name} must be between {low} (inclusive) and {high} (inclusive)");
                Err(fault("rest_out_of_bounds", told))
            }
            _ => {
                let told = format!("{name} must be greater than or equal to {low}");
                Err(fault("rest_out_of_bounds", told))
            }
        }
    }

    /// A text of the query.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// A yes or no of the query.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        boolean(self.0.get(name)?)
    }

    fn arguments(&self) -> Result<Arguments, Refusal> {
        let faults: Vec<Fault> = ARGUMENTS
            .into_iter()
            .filter_map(|(name, kind)| kind.fault(name, self.0.get(name)?))
            .collect();
        if !faults.is_empty() {
            return Err(Refusal::invalid(&faults));
        }
        let text = |name: &str| self.0.get(name)?.as_str().map(str::to_owned);
        Ok(Arguments {
            name: text("name"),
            webhook_url: text("webhook_url"),
            event: text("event"),
            integration: text("integration"),
            active: self.flag("active"),
        })
    }
}

impl Kind {
    /// What WordPress says of a value that is not of this type.
    fn fault(self, name: &str, value: &Value) -> Option<Fault> {
        let (named, fits) = match self {
            Self::Text => ("string", value.is_string()),
            Self::Integer => ("integer", integer(value).is_some()),
            Self::Boolean => ("boolean", boolean(value).is_some()),
        };
        (!fits).then(|| Fault {
            parameter: name.to_owned(),
            code: "rest_invalid_type",
            message: format!("{name} is not of type {named}."),
        })
    }
}

/// A whole number, or a text that is one.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// What WordPress takes for yes and no.
fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match number.as_i64()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" | "" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = value.unwrap_or_default().split(';').next().unwrap_or_default();
    media.trim().to_ascii_lowercase()
}

/// An object, or nothing where nothing was sent.
fn json(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(Refusal::bad_json(&error)),
    }
}

fn form(text: &str) -> Map<String, Value> {
    form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn given(value: &Value) -> Parameters {
        Parameters(value.as_object().unwrap().clone())
    }

    fn told(refused: Result<Arguments, Refusal>) -> Value {
        serde_json::to_value(refused.unwrap_err()).unwrap()
    }

    #[test]
    fn what_is_missing_is_told_as_wordpress_tells_it() {
        let told = told(given(&json!({"name": "Orders", "event": "x"})).complete());
        let want = json!({
            "code": "rest_missing_callback_param",
            "message": "Missing parameter(s): webhook_url, integration",
            "data": {"status": 400, "params": ["webhook_url", "integration"]}
        });
        assert_eq!(told, want);
    }

    #[test]
    fn what_is_of_another_type_is_told_as_wordpress_tells_it() {
        let all = json!({"name": 7, "webhook_url": "u", "event": "e", "integration": "zapier",
                         "active": "maybe", "event_count": "3"});
        let told = told(given(&all).complete());
        assert_eq!(told["code"], "rest_invalid_param");
        assert_eq!(told["message"], "Invalid parameter(s): name, active");
        assert_eq!(told["data"]["params"]["name"], "name is not of type string.");
        let detail = json!({"code": "rest_invalid_type",
                            "message": "active is not of type boolean.", "data": null});
        assert_eq!(told["data"]["details"]["active"], detail);
    }

    #[test]
    fn a_change_takes_what_the_model_has_and_nothing_else() {
        let arguments = given(&json!({"active": "0", "api_key": "k", "id": 7})).changes().unwrap();
        assert_eq!(arguments, Arguments { active: Some(false), ..Arguments::default() });
        let told = told(given(&json!({"colour": 1})).changes());
        assert_eq!(told["code"], "wu_rest_webhook_invalid_set_method");
        assert!(told["message"].as_str().unwrap().contains("set_colour"));
    }

    #[test]
    fn pages_are_within_bounds() {
        let page = |value: Value| given(&json!({ "p": value })).within("p", (1, 100), 10);
        assert_eq!(page(json!("100")).ok(), Some(100));
        assert_eq!(given(&json!({})).within("p", (1, 100), 10).ok(), Some(10));
        for bad in ["0", "101", "-1"] {
            let told = page(json!(bad)).unwrap_err();
            assert_eq!(told.code, "rest_out_of_bounds");
            assert_eq!(told.message, "p must be between 1 (inclusive) and 100 (inclusive)");
        }
        assert_eq!(page(json!("x")).unwrap_err().code, "rest_invalid_type");
        let none = given(&json!({"p": "0"})).within("p", (1, u64::MAX), 1).unwrap_err();
        assert_eq!(none.message, "p must be greater than or equal to 1");
    }
}
