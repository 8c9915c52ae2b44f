//! Wall 3: which page the request came from, where a page sent it.

use axum::http::{HeaderMap, header};
use hooklab_shared::problem::Problem;

use super::host::Vetted;

/// Lets through what no page sent, or a page of ours.
pub(super) fn vet(headers: &HeaderMap, host: &Vetted) -> Result<(), Problem> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    if origins.next().is_none() && is_ours(origin, host) {
        return Ok(());
    }
    Err(Problem::new(
        403,
        "foreign-origin",
        "the Origin header is not this dashboard's own: other pages may not use it; programs leave \
         the header out",
    ))
}

/// Exactly ours: same scheme, host and port. https only for a name that the user gave, since we
/// speak http and only something in front of us can make it https.
fn is_ours(origin: &str, host: &Vetted) -> bool {
    let same = |authority: &str, port: &str| {
        let own = &host.authority;
        let own = own.strip_suffix(port).unwrap_or(own);
        let sent = authority.strip_suffix(port).unwrap_or(authority);
        sent.eq_ignore_ascii_case(own)
    };
    match origin.split_once("://") {
        Some(("http", authority)) => same(authority, ":80"),
        Some(("https", authority)) => host.by_name && same(authority, ":443"),
        _ => false,
    }
}
