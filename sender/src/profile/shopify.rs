//! Shopify: the payload as it is, its topic, shop and ids in headers.

use std::time::Duration;

use super::{Dress, uuid};
use crate::outgoing::Fields;

/// What Shopify gives a target to answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

const USER_AGENT: &str = "Shopify-Captain-Hook";

pub(super) fn fields(dress: Dress<'_>) -> Fields {
    let mut fields = Fields::default();
    fields.push("Host", dress.host());
    fields.push("User-Agent", USER_AGENT);
    fields.push("Content-Length", dress.length_bytes.to_string());
    fields.push("Accept", "*/*");
    fields.push("Accept-Encoding", "gzip;q=1.0,deflate;q=0.6,identity;q=0.3");
    fields.push("Content-Type", dress.content_type("application/json"));
    fields.push("X-Shopify-API-Version", "2025-01");
    fields.push("X-Shopify-Event-Id", uuid(&dress.event.id));
    fields.extend(dress.signature);
    fields.push("X-Shopify-Shop-Domain", "hooklab.myshopify.com");
    fields.push("X-Shopify-Topic", dress.event.kind.clone());
    fields.push("X-Shopify-Triggered-At", dress.event.created_at.to_string());
    fields.push("X-Shopify-Webhook-Id", uuid(&dress.event.id));
    fields
}
