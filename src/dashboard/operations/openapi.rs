//! The OpenAPI document: both halves', the operations, and what the walls answer.

use hooklab_receiver::Receiver;
use hooklab_sender::Sender;
use hooklab_shared::openapi::refusal;
use hooklab_shared::problem::Problem;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema, ToSchema};

use super::Halves;

/// Where the APIs are.
const API: &str = "/api/v1";

/// What the walls answer to any request.
const WALLS: [u16; 4] = [400, 401, 403, 421];

/// The token's name in the document.
const TOKEN: &str = "token";

/// The document of a server with these halves.
pub(super) fn document(halves: &Halves) -> OpenApi {
    let mut whole = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("hooklab")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some("Webhooks offline, both sides of the wire."))
                .build(),
        )
        .components(Some(components()))
        .security(Some([SecurityRequirement::default(), token()]))
        .build();
    whole.merge(super::documented().into_openapi());
    if halves.receiver.is_some() {
        whole = whole.nest(API, Receiver::openapi());
    }
    if halves.sender.is_some() {
        whole = whole.nest(API, Sender::openapi());
    }
    for operation in whole.paths.paths.values_mut().flat_map(methods) {
        for status in WALLS {
            let told = operation.responses.responses.entry(status.to_string());
            told.or_insert_with(|| refusal(status).into());
        }
    }
    whole
}

fn token() -> SecurityRequirement {
    SecurityRequirement::new::<_, [&str; 0], &str>(TOKEN, [])
}

fn components() -> Components {
    let mut components = Components::new();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("What `--token` was given, where it was."))
        .build();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(bearer));
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
