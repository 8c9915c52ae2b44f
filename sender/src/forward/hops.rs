//! The loop guard: each forward writes into the request which bin it came from, and a capture that
//! was in this bin before is not forwarded again. Pure.

use hooklab_shared::bin::Bin;
use hooklab_shared::capture::{Document, sha256_hex};
use hooklab_shared::limits::Limits;
use thiserror::Error;

/// The header that names the bins a request was forwarded from, the first one first.
pub(crate) const HEADER: &str = "Hooklab-Forwarded";

/// A bin as it is named in the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark(String);

/// Why a capture is not forwarded.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Loop {
    /// It was in this bin before.
    #[error("it comes back to this bin by a forward: {HEADER} is `{0}`")]
    Again(String),
    /// It was in too many bins.
    #[error(
        "it was forwarded {max} times already: {HEADER} is `{0}`",
        max = Limits::FORWARD_HOPS_MAX
    )]
    TooFar(String),
}

impl Mark {
    /// Two bins of one name on two machines are told apart, and no host name leaves the machine.
    pub(crate) fn of(bin: &Bin) -> Self {
        let known = format!("{} {} {}", bin.name, bin.url, bin.created_at.as_micros());
        let digest = sha256_hex(known.as_bytes());
        Self(format!("{}~{}", bin.name, &digest[..8]))
    }

    /// What the header says when this capture goes on from here.
    pub(crate) fn after(&self, document: &Document) -> Result<String, Loop> {
        let fields = document.headers.iter();
        let values =
            fields.filter(|(name, _)| name.as_bytes().eq_ignore_ascii_case(HEADER.as_bytes()));
        let text = values.map(|(_, value)| String::from_utf8_lossy(value.as_bytes()));
        let before = text.collect::<Vec<_>>().join(", ");
        let hops: Vec<&str> =
            before.split(',').map(str::trim).filter(|hop| !hop.is_empty()).collect();
        let told = || before.chars().take(200).collect();
        if hops.contains(&self.0.as_str()) {
            return Err(Loop::Again(told()));
        }
        if hops.len() >= Limits::FORWARD_HOPS_MAX {
            return Err(Loop::TooFar(told()));
        }
        Ok(hops.into_iter().chain([self.0.as_str()]).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::form::tests::document;

    fn mark(text: &str) -> Mark {
        Mark(text.to_owned())
    }

    #[test]
    fn a_capture_goes_through_a_bin_once() {
        let fresh = document("POST /a/x HTTP/1.1\r\nHost: h\r\n\r\n", b"{}");
        assert_eq!(mark("a~1").after(&fresh), Ok("a~1".to_owned()));
        let head = "POST /b HTTP/1.1\r\nhooklab-forwarded: a~1\r\nHooklab-Forwarded: b~2\r\n\r\n";
        let seen = document(head, b"");
        assert_eq!(mark("c~3").after(&seen), Ok("a~1, b~2, c~3".to_owned()));
        assert_eq!(mark("a~1").after(&seen), Err(Loop::Again("a~1, b~2".to_owned())));
        assert_eq!(mark("a~9").after(&seen), Ok("a~1, b~2, a~9".to_owned()));
    }

    #[test]
    fn a_chain_has_an_end() {
        let hops = (0..8).map(|n| format!("b{n}")).collect::<Vec<_>>().join(",");
        let seen = document(&format!("GET / HTTP/1.1\r\nHooklab-Forwarded: {hops}\r\n\r\n"), b"");
        assert_eq!(mark("c").after(&seen), Err(Loop::TooFar(hops)));
    }
}
