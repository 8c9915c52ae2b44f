//! Who a request comes from, where a proxy that is believed has passed it on.

use std::net::IpAddr;

use crate::cidr::Cidr;
use crate::headers::Head;

/// The client behind believed proxies, by `X-Forwarded-For` or `Forwarded` (RFC 7239).
///
/// Read from the right: each proxy appends whom it heard, so that the first address which is not
/// itself believed is the last that somebody believed has seen. None where the peer is not
/// believed, nothing was forwarded, or what stands there is no address; and none where the two
/// fields differ, as a proxy that writes one passes on whatever a client wrote into the other.
///
/// ```
/// use hooklab_shared::{forwarded::client, headers::Head};
/// let head = Head::from(&b"GET / HTTP/1.1\r\nX-Forwarded-For: 9.9.9.9, 203.0.113.7\r\n\r\n"[..]);
/// let believed = ["127.0.0.1".parse().unwrap()];
/// let client = client(&head, "127.0.0.1".parse().unwrap(), &believed);
/// assert_eq!(client, "203.0.113.7".parse().ok());
/// ```
#[must_use]
pub fn client(head: &Head, peer: IpAddr, believed: &[Cidr]) -> Option<IpAddr> {
    let is_believed = |address: IpAddr| believed.iter().any(|block| block.contains(address));
    if !is_believed(peer) {
        return None;
    }
    let one = last(&elements(head, "x-forwarded-for"), address, is_believed);
    let other =
        last(&elements(head, "forwarded"), |element| address(for_of(element)?), is_believed);
    match (one, other) {
        (Told::Nothing, Told::Client(client)) | (Told::Client(client), Told::Nothing) => {
            Some(client)
        }
        (Told::Client(one), Told::Client(other)) if one == other => Some(one),
        _ => None,
    }
}

/// The scheme and the host that the client used, as its proxies tell them; for a request that came
/// through proxies that are believed.
///
/// By `X-Forwarded-Proto` and `X-Forwarded-Host`, of a list the first: what the outermost proxy
/// was asked. None where a field is not there, or the scheme is neither `http` nor `https`.
///
/// ```
/// use hooklab_shared::{forwarded::origin, headers::Head};
/// let head = Head::from(&b"GET / HTTP/1.1\r\nX-Forwarded-Proto: https\r\n\r\n"[..]);
/// assert_eq!(origin(&head), (Some("https"), None));
/// ```
#[must_use]
pub fn origin(head: &Head) -> (Option<&'static str>, Option<&[u8]>) {
    let first = |name| elements(head, name).first().map(|element| element.trim_ascii());
    let scheme = first("x-forwarded-proto").and_then(|scheme| {
        ["http", "https"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known.as_bytes()))
    });
    (scheme, first("x-forwarded-host").filter(|host| !host.is_empty()))
}

/// What a field says.
enum Told {
    Nothing,
    Client(IpAddr),
    Unclear,
}

/// The list that all fields of a name make together, in order (RFC 9110, section 5.3).
fn elements<'a>(head: &'a Head, name: &str) -> Vec<&'a [u8]> {
    head.fields()
        .filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
        .flat_map(|(_, value)| value.split(|&byte| byte == b','))
        .collect()
}

fn last(
    elements: &[&[u8]],
    read: impl Fn(&[u8]) -> Option<IpAddr>,
    is_believed: impl Fn(IpAddr) -> bool,
) -> Told {
    let mut told = Told::Nothing;
    for element in elements.iter().rev() {
        let Some(address) = read(element) else { return Told::Unclear };
        told = Told::Client(address);
        if !is_believed(address) {
            break;
        }
    }
    told
}

/// The value of `for` in an element such as `for="[2001:db8::1]:4711";proto=https`.
fn for_of(element: &[u8]) -> Option<&[u8]> {
    element.split(|&byte| byte == b';').find_map(|pair| {
        let equals = pair.iter().position(|&byte| byte == b'=')?;
        let (name, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
        let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
        name.eq_ignore_ascii_case(b"for").then_some(value)
    })
}

/// An address, with or without a port; IPv6 with a port stands in brackets.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &str, peer: &str, believed: &[&str]) -> Option<String> {
        let head = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        let head = Head::from(bytes::Bytes::from(head));
        let believed: Vec<Cidr> = believed.iter().map(|block| block.parse().unwrap()).collect();
        client(&head, peer.parse().unwrap(), &believed).map(|client| client.to_string())
    }

    #[test]
    fn only_what_a_believed_proxy_saw_itself_counts() {
        let xff = "X-Forwarded-For: 6.6.6.6, 198.51.100.9, 10.0.0.2\r\n";
        let all = ["127.0.0.1", "10.0.0.0/8"];
        assert_eq!(of(xff, "127.0.0.1", &all).as_deref(), Some("198.51.100.9"));
        assert_eq!(of(xff, "127.0.0.1", &["127.0.0.1"]).as_deref(), Some("10.0.0.2"));
        assert_eq!(of(xff, "::ffff:127.0.0.1", &all).as_deref(), Some("198.51.100.9"));
        assert_eq!(of(xff, "192.0.2.1", &all), None);
        assert_eq!(of(xff, "127.0.0.1", &[]), None);
        assert_eq!(of("", "127.0.0.1", &all), None);
        let twice = "X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 198.51.100.9\r\n";
        assert_eq!(of(twice, "127.0.0.1", &all).as_deref(), Some("198.51.100.9"));
        let inside = "X-Forwarded-For: 10.0.0.3\r\n";
        assert_eq!(of(inside, "127.0.0.1", &all).as_deref(), Some("10.0.0.3"));
    }

    #[test]
    fn every_spelling_of_an_address_is_read_and_nothing_else() {
        let believed = ["127.0.0.1"];
        for (field, want) in [
            ("Forwarded: for=192.0.2.43:47011;proto=https\r\n", Some("192.0.2.43")),
            ("Forwarded: For=\"[2001:db8:cafe::17]:4711\"\r\n", Some("2001:db8:cafe::17")),
            ("Forwarded: proto=http; for=\"192.0.2.43\"\r\n", Some("192.0.2.43")),
            ("X-Forwarded-For: 2001:db8::1\r\n", Some("2001:db8::1")),
            ("X-Forwarded-For: [2001:db8::1]:80\r\n", Some("2001:db8::1")),
            ("X-Forwarded-For: 192.0.2.1:80\r\n", Some("192.0.2.1")),
            ("Forwarded: for=_hidden\r\n", None),
            ("Forwarded: for=unknown\r\n", None),
            ("Forwarded: proto=https\r\n", None),
            ("X-Forwarded-For: \r\n", None),
            ("X-Forwarded-For: 192.0.2.1, x\r\n", None),
            ("X-Forwarded-For: \u{7f}\r\n", None),
        ] {
            assert_eq!(of(field, "127.0.0.1", &believed).as_deref(), want, "{field}");
        }
    }

    #[test]
    fn fields_that_differ_tell_nobody() {
        let believed = ["127.0.0.1"];
        let differ = "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=6.6.6.6\r\n";
        assert_eq!(of(differ, "127.0.0.1", &believed), None);
        let agree = "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n";
        assert_eq!(of(agree, "127.0.0.1", &believed).as_deref(), Some("192.0.2.1"));
        let unclear = "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=unknown\r\n";
        assert_eq!(of(unclear, "127.0.0.1", &believed), None);
    }
}
