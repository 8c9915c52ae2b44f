//! A request's header fields, read strictly: what is there twice is not chosen from.

use super::{Reason, Request};

/// Every value of a field, in order.
pub(crate) fn all<'a>(request: &Request<'a>, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let headers = request.headers.iter();
    headers.filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| *value)
}

/// The value of a field that may be absent, but not repeated.
pub(crate) fn one<'a>(
    request: &Request<'a>,
    name: &'static str,
) -> Result<Option<&'a [u8]>, Reason> {
    let mut values = all(request, name);
    let value = values.next();
    if values.next().is_some() { Err(Reason::Repeated(name)) } else { Ok(value) }
}

/// The value of a field that must be there once.
pub(crate) fn need<'a>(request: &Request<'a>, name: &'static str) -> Result<&'a [u8], Reason> {
    one(request, name)?.ok_or(Reason::NoHeader(name))
}

/// The media type, without its parameters.
pub(crate) fn media_type<'a>(request: &Request<'a>) -> &'a [u8] {
    let value = all(request, "content-type").next().unwrap_or_default();
    value.split(|&b| b == b';').next().unwrap_or_default().trim_ascii()
}
