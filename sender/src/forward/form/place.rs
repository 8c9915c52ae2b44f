//! Where a capture goes: the target, and below it the path and query that it was captured with.

use std::fmt::Write as _;

use hooklab_shared::capture::Document;
use thiserror::Error;
use url::Url;

/// A captured path leads out of the target's own: whoever can send to a bin must not reach the rest
/// of the target's host.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("its path `{0}` leads out of the target")]
pub struct Outside(String);

/// The target with the path below the bin and the query appended.
pub(super) fn below(target: &Url, document: &Document) -> Result<Url, Outside> {
    let mut url = target.clone();
    let path = document.path.as_bytes();
    if path != b"/" && !path.is_empty() {
        let base = target.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{}", spelled(path)));
        let below = url.path().strip_prefix(base.as_str());
        if !below.is_some_and(|below| below.starts_with('/')) {
            return Err(Outside(spelled(path).chars().take(200).collect()));
        }
    }
    let captured = document.target.as_bytes();
    let query =
        captured.iter().position(|&byte| byte == b'?').map(|at| spelled(&captured[at + 1..]));
    match (target.query(), query) {
        (_, None) => {}
        (None | Some(""), Some(query)) => url.set_query(Some(&query)),
        (Some(own), Some(query)) => url.set_query(Some(&format!("{own}&{query}"))),
    }
    Ok(url)
}

/// Bytes that are not ASCII, percent-encoded: a URL has no others.
fn spelled(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len()), |mut text, &byte| {
        match byte.is_ascii_graphic() {
            true => text.push(char::from(byte)),
            false => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::form::tests::document;

    fn place(target: &str, captured: &str) -> Result<String, Outside> {
        let document = document(&format!("POST {captured} HTTP/1.1\r\nHost: h\r\n\r\n"), b"");
        below(&Url::parse(target).unwrap(), &document).map(String::from)
    }

    #[test]
    fn path_and_query_are_appended_as_they_came() {
        let good = [
            ("http://h/hooks", "/a", "http://h/hooks"),
            ("http://h/hooks", "/a/", "http://h/hooks"),
            ("http://h/hooks/", "/a/b%20c", "http://h/hooks/b%20c"),
            ("http://h", "/a/b/c", "http://h/b/c"),
            ("http://h/hooks", "/a?x=1&x=2", "http://h/hooks?x=1&x=2"),
            ("http://h/hooks?k=v", "/a/b?x=%2F", "http://h/hooks/b?k=v&x=%2F"),
            ("http://h/hooks?k=v", "/a", "http://h/hooks?k=v"),
            ("http://h/hooks", "/a/b/../c", "http://h/hooks/c"),
            ("http://h/hooks", "/a//evil.example/x", "http://h/hooks//evil.example/x"),
            ("http://h", "/a//evil.example/x", "http://h//evil.example/x"),
        ];
        for (target, captured, want) in good {
            assert_eq!(place(target, captured).as_deref(), Ok(want), "{target} {captured}");
        }
    }

    #[test]
    fn no_path_leads_out_of_the_target() {
        let bad = ["/a/..", "/a/../admin", "/a/../hooksadmin", "/a/%2e%2e/admin", "/a/b/../../c"];
        for captured in bad {
            assert!(place("http://h/hooks", captured).is_err(), "{captured}");
        }
        assert_eq!(place("http://h/", "/a/../x").as_deref(), Ok("http://h/x"));
    }
}
