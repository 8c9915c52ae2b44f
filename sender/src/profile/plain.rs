//! Plain: the payload, and what HTTP asks for; signed only where a scheme is named.

use super::Dress;
use crate::outgoing::Fields;

pub(super) fn fields(dress: Dress<'_>) -> Fields {
    let mut fields = Fields::default();
    fields.push("Host", dress.host());
    fields.push("User-Agent", dress.sending.user_agent.to_owned());
    fields.push("Content-Type", dress.content_type("application/json"));
    fields.push("Content-Length", dress.length_bytes.to_string());
    fields.extend(dress.signature);
    fields
}
