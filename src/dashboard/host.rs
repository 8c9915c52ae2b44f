//! Wall 2: who the request says it came to. A rebound name is caught here and nowhere else.

use std::net::IpAddr;
use std::str::FromStr;

use axum::body::Body;
use axum::http::uri::Authority;
use axum::http::{Request, header};
use hooklab_shared::problem::Problem;

use super::Walls;

/// A host's name or address that the dashboard may be called by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let why = "give a name or an address alone, such as hooklab.example or 192.168.1.5";
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(bracketed(address)));
        }
        let authority: Authority = text.parse().map_err(|_| why)?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(why);
        }
        // A port would be ignored, and that is worse than saying so.
        if authority.host().len() != text.len() {
            return Err("give it without a port: every port is the same host");
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// A host that passed the wall, as sent.
pub(super) struct Vetted {
    /// Host and port as sent.
    pub(super) authority: String,
    /// Whether the user named it: then it may stand behind something that speaks TLS.
    pub(super) by_name: bool,
}

/// Lets a request through that names a host of ours, once and without contradiction.
pub(super) fn vet(
    request: &Request<Body>,
    walls: &Walls,
    local: IpAddr,
) -> Result<Vetted, Problem> {
    let bad = |detail: &str| Err(Problem::new(400, "bad-host", detail));
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(sent), None) = (hosts.next(), hosts.next()) else {
        return bad("a request needs exactly one Host header: send it once");
    };
    let parsed = sent.to_str().ok().and_then(|text| text.parse::<Authority>().ok());
    let Some(authority) = parsed.filter(is_plain) else {
        return bad("the Host header is not a host with an optional port: send HOST or HOST:PORT");
    };
    let target = request.uri().authority();
    if target.is_some_and(|target| !target.as_str().eq_ignore_ascii_case(authority.as_str())) {
        return bad("the request's target names another host than its Host header: send the same");
    }
    let host = authority.host();
    let by_name = walls.allowed.iter().any(|name| name.0.eq_ignore_ascii_case(host));
    if by_name || is_ours(host, walls, local) {
        return Ok(Vetted { authority: authority.as_str().to_owned(), by_name });
    }
    Err(Problem::new(
        421,
        "foreign-host",
        format!(
            "`{host}` is not a name of this dashboard: call it by its address, or start it with \
             --allowed-host {host}"
        ),
    ))
}

/// A host, and a port that is a number if there is one; no user.
fn is_plain(authority: &Authority) -> bool {
    let host = authority.host();
    let rest = authority.as_str().strip_prefix(host);
    let port = rest.map(|rest| rest.strip_prefix(':').map_or(rest.is_empty(), is_port));
    !host.is_empty() && port == Some(true)
}

fn is_port(digits: &str) -> bool {
    digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok()
}

/// An address is ours if we listen on it, or the connection came in on it: a name can be made to
/// lead here by its owner, an address cannot.
fn is_ours(host: &str, walls: &Walls, local: IpAddr) -> bool {
    let loopback = local.to_canonical().is_loopback();
    if host.eq_ignore_ascii_case("localhost") {
        return loopback;
    }
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let Ok(address) = bare.parse::<IpAddr>() else { return false };
    let address = address.to_canonical();
    address == local.to_canonical()
        || (loopback && address.is_loopback())
        || walls.addresses.iter().any(|own| !own.is_unspecified() && own.to_canonical() == address)
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}
