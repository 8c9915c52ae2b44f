//! The OpenAPI document: both halves', the operations, and what the walls answer.

use hooklab_receiver::Receiver;
use hooklab_sender::Sender;
use hooklab_shared::openapi::refusal;
use hooklab_shared::problem::Problem;
use serde_json::{Value, json};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use super::super::PLUGIN_API;
use super::Halves;

/// The name of the plugin API's credentials in the document.
const PLUGIN: &str = "plugin";

/// Where the APIs are.
const API: &str = "/api/v1";

/// What the walls answer to any request.
const WALLS: [u16; 4] = [400, 401, 403, 421];

/// What is answered, without a body, before anything is looked at.
const UNREAD: [(u16, &str); 2] =
    [(414, "The target is over 65,534 bytes."), (431, "The head is over 64 KiB or 100 fields.")];

/// The token's name in the document.
const TOKEN: &str = "token";

/// The document of a server with these halves.
pub(super) fn document(halves: &Halves) -> Value {
    let mut document = serde_json::to_value(whole(halves)).unwrap_or_default();
    name_unsigned(&mut document);
    document
}

/// Seqs and counts take all 64 bits, and utoipa has no format for that.
fn name_unsigned(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.get("format") == Some(&json!("int64")) && object.contains_key("minimum") {
                object.insert("format".to_owned(), json!("uint64"));
            }
            object.values_mut().for_each(name_unsigned);
        }
        Value::Array(items) => items.iter_mut().for_each(name_unsigned),
        _ => {}
    }
}

fn whole(halves: &Halves) -> OpenApi {
    let mut whole = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("hooklab")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some("Webhooks offline, both sides of the wire."))
                .build(),
        )
        .components(Some(components(halves.plugin.is_some())))
        .security(Some([SecurityRequirement::default(), token()]))
        .build();
    whole.merge(super::documented().into_openapi());
    if halves.receiver.is_some() {
        whole = whole.nest(API, Receiver::openapi());
    }
    if halves.sender.is_some() {
        whole = whole.nest(API, Sender::openapi());
    }
    if halves.plugin.is_some() {
        whole = whole.nest(PLUGIN_API, plugin());
    }
    for operation in whole.paths.paths.values_mut().flat_map(methods) {
        for status in WALLS {
            let told = operation.responses.responses.entry(status.to_string());
            told.or_insert_with(|| refusal(status).into());
        }
        for (status, why) in UNREAD {
            let told = operation.responses.responses.entry(status.to_string());
            told.or_insert_with(|| ResponseBuilder::new().description(why).build().into());
        }
    }
    whole
}

/// The plugin's API: it asks for its own credentials, whatever the rest asks for.
fn plugin() -> OpenApi {
    let mut plugin = Sender::plugin_openapi();
    for operation in plugin.paths.paths.values_mut().flat_map(methods) {
        operation.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>(PLUGIN, [])]);
    }
    plugin
}

fn token() -> SecurityRequirement {
    SecurityRequirement::new::<_, [&str; 0], &str>(TOKEN, [])
}

fn components(with_plugin: bool) -> Components {
    let mut components = Components::new();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("What `--token` was given, where it was."))
        .build();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(bearer));
    if with_plugin {
        let basic = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("The pair that `--plugin-api` was given."))
            .build();
        components.add_security_scheme(PLUGIN, SecurityScheme::Http(basic));
    }
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components
}

fn methods(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete]
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hooklab_receiver::store::{Durability, Where};
    use hooklab_shared::limits::Limits;

    #[tokio::test]
    async fn the_document_tells_of_operations_halves_and_walls() {
        let receiver = Receiver::open(hooklab_receiver::Settings {
            place: Where::Memory,
            durability: Durability::Memory,
            auto_create: true,
            limits: Limits::default(),
            keep: hooklab_shared::bin::Keep::default(),
            trusted_proxies: Vec::new(),
            tls: None,
            capture_url: "http://127.0.0.1:4665".to_owned(),
        });
        let receiver = Some(receiver.unwrap());
        let halves = Halves { receiver, sender: None, plugin: None, events: Durability::Memory };
        let document = document(&halves);
        assert_eq!(document["openapi"], "3.1.0");
        for path in ["/livez", "/readyz", "/metrics", "/api/v1/openapi.json", "/api/v1/bins"] {
            let responses = &document["paths"][path]["get"]["responses"];
            assert!(responses["200"].is_object(), "{path}");
            for status in WALLS {
                assert!(responses[status.to_string()].is_object(), "{path} {status}");
            }
        }
        assert!(document["paths"]["/api/v1/webhooks"].is_null());
        assert!(document["components"]["schemas"]["FieldError"].is_object());
        let newest =
            &document["components"]["schemas"]["Bin"]["allOf"][1]["properties"]["newest_seq"];
        assert_eq!(newest["format"], "uint64");
    }
}
