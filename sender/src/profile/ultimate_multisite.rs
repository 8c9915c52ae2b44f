//! Ultimate Multisite 2.4: one flat object in PHP's JSON, WordPress' headers, no signature.

use serde_json::Value;

use super::{Dress, Event, php};
use crate::outgoing::Fields;

/// What WordPress calls itself: its version, then the network's home.
const USER_AGENT: &str = "WordPress/6.9; https://network.example";

/// The plugin's version, which its event manager appends to every payload.
pub(crate) const VERSION: &str = "2.4.13";

pub(super) fn fields(dress: Dress<'_>) -> Fields {
    let mut fields = Fields::default();
    fields.push("Host", dress.host());
    fields.push("User-Agent", USER_AGENT);
    fields.push("Accept", "*/*");
    fields.push("Accept-Encoding", "deflate, gzip, br");
    fields.push("Content-Type", dress.content_type("application/json"));
    fields.push("Connection", "close");
    fields.push("Content-Length", dress.length_bytes.to_string());
    fields.extend(dress.signature);
    fields
}

pub(super) fn body(event: &Event) -> Vec<u8> {
    let mut payload: Value = serde_json::from_str(&event.payload).unwrap_or_default();
    if let Value::Object(fields) = &mut payload {
        fields.entry("wu_version").or_insert_with(|| VERSION.into());
    }
    php::json(&payload).into_bytes()
}
