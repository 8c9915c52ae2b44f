//! Ultimate Multisite 2.4: one flat object in PHP's JSON, WordPress' headers, no signature.

use serde_json::Value;

use super::{Event, Sending, Wire, php};
use crate::outgoing::{Fields, host};

/// What WordPress calls itself: its version, then the network's home.
const USER_AGENT: &str = "WordPress/6.9; https://network.example";

/// The plugin's version, which its event manager appends to every payload.
pub(crate) const VERSION: &str = "2.4.13";

pub(super) fn wire(event: &Event, sending: &Sending<'_>) -> Wire {
    let body = content(event);
    let mut fields = Fields::default();
    fields.push("Host", host(sending.target));
    fields.push("User-Agent", USER_AGENT);
    fields.push("Accept", "*/*");
    fields.push("Accept-Encoding", "deflate, gzip, br");
    fields.push("Content-Type", "application/json");
    fields.push("Content-Length", body.len().to_string());
    Wire { fields, body: body.into() }
}

fn content(event: &Event) -> String {
    let mut payload: Value = serde_json::from_str(&event.payload).unwrap_or_default();
    if let Value::Object(fields) = &mut payload {
        fields.entry("wu_version").or_insert_with(|| VERSION.into());
    }
    php::json(&payload)
}

#[cfg(test)]
mod tests {
    use hooklab_shared::id::Timestamp;
    use hooklab_shared::signature::Keys;
    use url::Url;

    use super::*;

    #[test]
    fn the_headers_are_wordpress_own_and_the_body_is_flat() {
        let event = Event {
            id: "evt_1".into(),
            kind: "payment_received".into(),
            created_at: Timestamp::from_micros(0),
            payload: r#"{"customer_name":"Zoë","payment_invoice_url":"https://a/b","x":29.0}"#
                .into(),
        };
        let target = Url::parse("https://h.localhost/orders").unwrap();
        let at = Timestamp::from_micros(0);
        let keys = Keys::default();
        let wire = wire(&event, &Sending { target: &target, at, keys: &keys, user_agent: "h" });
        assert_eq!(
            std::str::from_utf8(&wire.body).unwrap(),
            "{\"customer_name\":\"Zo\\u00eb\",\"payment_invoice_url\":\"https:\\/\\/a\\/b\",\
             \"x\":29,\"wu_version\":\"2.4.13\"}"
        );
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        let told: Vec<_> = wire.fields.iter().map(|(n, v)| format!("{n}: {}", text(v))).collect();
        assert_eq!(
            told,
            [
                "Host: h.localhost",
                "User-Agent: WordPress/6.9; https://network.example",
                "Accept: */*",
                "Accept-Encoding: deflate, gzip, br",
                "Content-Type: application/json",
                "Content-Length: 96",
            ]
        );
    }
}
