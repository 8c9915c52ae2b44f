//! Where a request's target leads, and what its query says.

use crate::headers::Octets;

/// Where a request's target leads on the capture listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The first segment of the path, as sent: a bin's name or none.
    pub bin: &'a [u8],
    /// What follows it, at least `/`.
    pub path: &'a [u8],
    /// The query without its `?`.
    pub query: &'a [u8],
}

impl<'a> Route<'a> {
    /// Splits a target in origin form or absolute form (RFC 9112, section 3.2); the other two
    /// forms lead nowhere.
    ///
    /// ```
    /// use hooklab_shared::capture::Route;
    /// let route = Route::of(b"/orders/a%20b?x=1").unwrap();
    /// assert_eq!((route.bin, route.path), (&b"orders"[..], &b"/a%20b"[..]));
    /// assert_eq!(route.query, b"x=1");
    /// ```
    #[must_use]
    pub fn of(target: &'a [u8]) -> Option<Self> {
        let rest = match target {
            [b'/', rest @ ..] => rest,
            _ => {
                let scheme = target.windows(3).position(|w| w == b"://")?;
                let authority = &target[scheme + 3..];
                let slash = authority.iter().position(|&b| b == b'/')?;
                &authority[slash + 1..]
            }
        };
        let rest = rest.split(|&b| b == b'#').next().unwrap_or_default();
        let (path, query) = match rest.iter().position(|&b| b == b'?') {
            Some(mark) => (&rest[..mark], &rest[mark + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        Some(match path.iter().position(|&b| b == b'/') {
            Some(slash) => Self { bin: &path[..slash], path: &path[slash..], query },
            None => Self { bin: path, path: b"/", query },
        })
    }
}

/// Percent-decoded pairs; `form_urlencoded` would replace what is not UTF-8, so it is not used.
#[must_use]
pub fn query_pairs(query: &[u8]) -> Vec<(Octets, Octets)> {
    query
        .split(|&b| b == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let equals = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
            let value = pair.get(equals + 1..).unwrap_or_default();
            (percent_decoded(&pair[..equals]), percent_decoded(value))
        })
        .collect()
}

fn percent_decoded(bytes: &[u8]) -> Octets {
    let plus_as_space: Vec<u8> = bytes.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    let decoded: Vec<u8> = percent_encoding::percent_decode(&plus_as_space).collect();
    Octets::from(&decoded[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_lead_to_bins() {
        let of = |target: &'static str| {
            Route::of(target.as_bytes()).map(|r| {
                let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
                (text(r.bin), text(r.path), text(r.query))
            })
        };
        let want = |bin: &str, path: &str, query: &str| {
            Some((bin.to_owned(), path.to_owned(), query.to_owned()))
        };
        assert_eq!(of("/orders"), want("orders", "/", ""));
        assert_eq!(of("/orders/"), want("orders", "/", ""));
        assert_eq!(of("/orders//x/?a=b?c&d"), want("orders", "//x/", "a=b?c&d"));
        assert_eq!(of("/orders?x=/y"), want("orders", "/", "x=/y"));
        assert_eq!(of("http://host:1/orders/z"), want("orders", "/z", ""));
        assert_eq!(of("/"), want("", "/", ""));
        assert_eq!(of("*"), None);
        assert_eq!(of("host:443"), None);
    }

    #[test]
    fn query_pairs_keep_order_repeats_and_bytes() {
        let pairs = query_pairs(b"x=1&x=2&&a%20+b&z=%ff");
        assert_eq!(pairs.len(), 4);
        assert_eq!(pairs[1], (Octets::Text("x".into()), Octets::Text("2".into())));
        assert_eq!(pairs[2], (Octets::Text("a  b".into()), Octets::Text(String::new())));
        assert_eq!(pairs[3].1, Octets::Binary(vec![0xff]));
    }
}
