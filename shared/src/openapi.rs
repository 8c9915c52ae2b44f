//! How types whose JSON has a form of its own are told in the OpenAPI document, and how refusals
//! are.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::openapi::schema::{
    AdditionalProperties, KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type,
};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use crate::headers::Octets;
use crate::id::{BinName, Timestamp};
use crate::matching::TextMatch;
use crate::problem::Problem;
use crate::span::Span;

/// A refusal of this status in a handler's `responses(…)`: a [`Problem`].
///
/// ```
/// use hooklab_shared::openapi::Refused;
/// use utoipa::IntoResponses;
/// assert!(Refused::<404>::responses().contains_key("404"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Refused<const STATUS: u16>;

impl<const STATUS: u16> IntoResponses for Refused<STATUS> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([(STATUS.to_string(), refusal(STATUS).into())])
    }
}

/// A refusal of this status, as the document tells it.
#[must_use]
pub fn refusal(status: u16) -> Response {
    let told = match status {
        400 => "It cannot be read as HTTP, names no host, or ended early.",
        401 => "The token is missing or wrong.",
        403 => "Another page's request: its `Origin` is not this dashboard's.",
        404 => "There is no such thing.",
        409 => "The name is taken, or the state it is in does not allow it; `detail` says which.",
        413 => "The body is too long.",
        415 => "The body's media type is not taken here.",
        421 => "The `Host` is not a name of this dashboard.",
        422 => "A parameter or field does not hold; `errors` names it.",
        426 => "This is a live channel: open it as a WebSocket or as server-sent events.",
        500 => "A bug.",
        503 => {
            "The store cannot do it now, or there are too many at once: try again, unless `detail` \
             says that it was accepted and goes by itself."
        }
        507 => "There are too many bins.",
        _ => StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("Refused."),
    };
    let problem = Ref::from_schema_name(Problem::name());
    ResponseBuilder::new()
        .description(told)
        .content("application/problem+json", ContentBuilder::new().schema(Some(problem)).build())
        .build()
}

impl ToSchema for BinName {}

impl PartialSchema for BinName {
    fn schema() -> RefOr<Schema> {
        text("A bin's name.").pattern(Some("^[a-z0-9][a-z0-9_-]{0,62}$")).into()
    }
}

impl ToSchema for Timestamp {}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        text("An instant in RFC 3339, UTC, with microseconds.")
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Span {}

impl PartialSchema for Span {
    fn schema() -> RefOr<Schema> {
        text("A duration with its unit, at most 366 days.").examples(["10s", "1m 30s"]).into()
    }
}

impl ToSchema for Octets {}

impl PartialSchema for Octets {
    fn schema() -> RefOr<Schema> {
        let binary = object()
            .property("base64", ObjectBuilder::new().schema_type(Type::String))
            .required("base64");
        OneOfBuilder::new()
            .item(text("Bytes that are UTF-8."))
            .item(binary.description(Some("Bytes that are not.")))
            .into()
    }
}

impl ToSchema for TextMatch {
    fn name() -> Cow<'static, str> {
        "TextMatch".into()
    }
}

impl PartialSchema for TextMatch {
    fn schema() -> RefOr<Schema> {
        let string = ObjectBuilder::new().schema_type(Type::String);
        let flag = ObjectBuilder::new().schema_type(Type::Boolean);
        let own = Ref::from_schema_name(Self::name());
        OneOfBuilder::new()
            .item(text("Equal to this, or like it where it holds `*`."))
            .item(object().property("regex", string).required("regex"))
            .item(object().property("exists", flag).required("exists"))
            .item(object().property("not", own).required("not"))
            .into()
    }
}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

/// An object that takes nothing besides its properties.
pub(crate) fn object() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
}
