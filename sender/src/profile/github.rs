//! GitHub: the payload as it is, its type and a delivery id in headers, two signatures.

use std::time::Duration;

use super::{Dress, uuid};
use crate::outgoing::Fields;

/// What GitHub gives a target to answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// What GitHub calls itself: its hooks' name, and the build.
const USER_AGENT: &str = "GitHub-Hookshot/044aadd";

pub(super) fn fields(dress: Dress<'_>) -> Fields {
    let mut fields = Fields::default();
    fields.push("Host", dress.host());
    fields.push("User-Agent", USER_AGENT);
    fields.push("Content-Length", dress.length_bytes.to_string());
    fields.push("Accept", "*/*");
    fields.push("Content-Type", dress.content_type("application/json"));
    fields.push("X-GitHub-Delivery", uuid(&dress.event.id));
    fields.push("X-GitHub-Event", dress.event.kind.clone());
    fields.push("X-GitHub-Hook-ID", "292430182");
    fields.push("X-GitHub-Hook-Installation-Target-ID", "79929171");
    fields.push("X-GitHub-Hook-Installation-Target-Type", "repository");
    fields.extend(dress.signature);
    fields
}
