//! The signature base: one line a covered component, then the parameters (RFC 9421, section 2.5).

use sfv::{BareItem, FieldType as _, InnerList, Item, List};

use crate::limits::Limits;

use super::super::{Reason, Request, fields};

/// The bytes that a signature with these components signs.
pub(super) fn base(covered: &InnerList, request: &Request<'_>) -> Result<Vec<u8>, Reason> {
    if covered.items.len() > Limits::HTTP_COMPONENTS_MAX {
        return Err(Reason::Unreadable("Signature-Input"));
    }
    let mut base = Vec::new();
    for (place, item) in covered.items.iter().enumerate() {
        let name = name(item)?;
        let repeated = covered.items[..place].contains(item);
        let value = (!repeated).then(|| component(name, request)).flatten();
        let value = value.filter(|value| !value.contains(&b'\n') && !value.contains(&b'\r'));
        let value = value.ok_or_else(|| Reason::Component(short(name)))?;
        base.extend_from_slice(format!("\"{name}\": ").as_bytes());
        base.extend_from_slice(&value);
        base.push(b'\n');
    }
    let list: List = vec![covered.clone().into()];
    let params = list.serialize().unwrap_or_default();
    base.extend_from_slice(format!("\"@signature-params\": {params}").as_bytes());
    Ok(base)
}

/// All lines of a field as one value; nothing where there is none.
pub(super) fn joined(request: &Request<'_>, name: &str) -> Option<Vec<u8>> {
    let values: Vec<_> = fields::all(request, name).map(<[u8]>::trim_ascii).collect();
    (!values.is_empty()).then(|| values.join(&b", "[..]))
}

/// A component's name; components with parameters are of kinds that hooklab does not build.
fn name(item: &Item) -> Result<&str, Reason> {
    match &item.bare_item {
        BareItem::String(name) if item.params.is_empty() => Ok(name.as_str()),
        _ => Err(Reason::Component(short(&item.serialize()))),
    }
}

/// The sender chose the name, so that what is told of it is bounded.
fn short(name: &str) -> String {
    name.chars().take(80).collect()
}

fn component(name: &str, request: &Request<'_>) -> Option<Vec<u8>> {
    let url = Url::of(request.url);
    Some(match name {
        "@method" => request.method.to_vec(),
        "@target-uri" => url.whole.to_vec(),
        "@scheme" => url.scheme.to_ascii_lowercase(),
        "@authority" => url.authority(),
        "@request-target" => [url.path(), url.query].concat(),
        "@path" => url.path().to_vec(),
        "@query" if url.query.is_empty() => b"?".to_vec(),
        "@query" => url.query.to_vec(),
        _ if name.starts_with('@') => return None,
        _ if name.bytes().any(|b| b.is_ascii_uppercase()) => return None,
        _ => return joined(request, name),
    })
}

/// A URL in pieces, each as it is spelled.
struct Url<'a> {
    /// Without the fragment.
    whole: &'a [u8],
    scheme: &'a [u8],
    host: &'a [u8],
    path: &'a [u8],
    /// With its `?`.
    query: &'a [u8],
}

impl<'a> Url<'a> {
    fn of(url: &'a [u8]) -> Self {
        let (whole, _) = split(url, url.iter().position(|&b| b == b'#'));
        let colon = whole.windows(3).position(|three| three == b"://");
        let (scheme, rest) = colon.map_or((&b""[..], whole), |at| (&whole[..at], &whole[at + 3..]));
        let (host, rest) = split(rest, rest.iter().position(|b| b"/?".contains(b)));
        let (path, query) = split(rest, rest.iter().position(|&b| b == b'?'));
        Self { whole, scheme, host, path, query }
    }

    /// In lowercase, without the scheme's own port (RFC 9421, section 2.2.3).
    fn authority(&self) -> Vec<u8> {
        let host = self.host.to_ascii_lowercase();
        let port: &[u8] = if self.scheme.eq_ignore_ascii_case(b"https") { b":443" } else { b":80" };
        host.strip_suffix(port).unwrap_or(&host).to_vec()
    }

    fn path(&self) -> &'a [u8] {
        if self.path.is_empty() { b"/" } else { self.path }
    }
}

fn split(bytes: &[u8], at: Option<usize>) -> (&[u8], &[u8]) {
    bytes.split_at(at.unwrap_or(bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, url: &str) -> Option<String> {
        let headers: &[(&[u8], &[u8])] = &[(b"X-A", b" one "), (b"x-a", b"two"), (b"X-Empty", b"")];
        let request = Request { method: b"POST", url: url.as_bytes(), headers, body: b"" };
        component(name, &request).map(|value| String::from_utf8(value).unwrap())
    }

    #[test]
    fn components_are_those_of_the_rfc() {
        let url = "HTTPS://WWW.Example.com:443/path?param=value&foo=bar#f";
        let cases = [
            ("@method", "POST"),
            ("@target-uri", "HTTPS://WWW.Example.com:443/path?param=value&foo=bar"),
            ("@authority", "www.example.com"),
            ("@scheme", "https"),
            ("@request-target", "/path?param=value&foo=bar"),
            ("@path", "/path"),
            ("@query", "?param=value&foo=bar"),
            ("x-a", "one, two"),
            ("x-empty", ""),
        ];
        for (name, value) in cases {
            assert_eq!(of(name, url).as_deref(), Some(value), "{name}");
        }
        assert_eq!(of("@path", "http://h").as_deref(), Some("/"));
        assert_eq!(of("@path", "http://h?a").as_deref(), Some("/"));
        assert_eq!(of("@query", "http://h/").as_deref(), Some("?"));
        assert_eq!(of("@authority", "http://[::1]:4665/").as_deref(), Some("[::1]:4665"));
        for absent in ["x-b", "X-A", "@status", "@query-param", "@nope", ""] {
            assert_eq!(of(absent, url), None, "{absent}");
        }
    }
}
