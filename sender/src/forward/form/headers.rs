//! Which fields go on, and those that the user adds.

use std::str::FromStr;

use hooklab_shared::headers::Octets;
use thiserror::Error;

use crate::forward::hops;
use crate::outgoing::is_token;

/// Fields that belong to one connection or to the framing on it (RFC 9110, sections 6.4 and 7.6.1),
/// and those that are said anew; `Expect` asks for an interim answer that nobody waits for.
const OF_THE_CONNECTION: [&str; 12] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

/// A header field of the user's own. Its `Debug` does not show the value, which may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    name: String,
    value: String,
}

/// Why a text is no header field.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadHeader {
    /// It has no name that could stand on the wire.
    #[error("use `{0}` as a header: write it as 'Name: value'")]
    Name(String),
    /// Its value would end its line.
    #[error("use the value of the header {0}: it holds a line break or a NUL")]
    Value(String),
    /// It is not the user's to set.
    #[error("set the header {0}: it follows from the target and the body")]
    Ours(String),
}

impl Header {
    /// A field of this name and value.
    ///
    /// # Errors
    /// The name is no token, the value would end its line, or the field is not the user's to set.
    pub fn new(name: &str, value: &str) -> Result<Self, BadHeader> {
        let (name, value) = (name.trim(), value.trim());
        if !is_token(name) {
            return Err(BadHeader::Name(name.chars().take(80).collect()));
        }
        if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(BadHeader::Value(name.to_owned()));
        }
        if is_of_the_connection(name.as_bytes()) || name.eq_ignore_ascii_case(hops::HEADER) {
            return Err(BadHeader::Ours(name.to_owned()));
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for Header {
    type Err = BadHeader;

    fn from_str(text: &str) -> Result<Self, BadHeader> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        match text.contains(':') {
            true => Self::new(name, value),
            false => Err(BadHeader::Name(text.chars().take(80).collect())),
        }
    }
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: …", self.name)
    }
}

/// The fields that are meant for the target, in order, spelled as they came, repeats kept.
pub(super) fn end_to_end(captured: &[(Octets, Octets)]) -> impl Iterator<Item = (&str, &[u8])> {
    let nominated: Vec<String> = captured
        .iter()
        .filter(|(name, _)| name.as_bytes().eq_ignore_ascii_case(b"connection"))
        .flat_map(|(_, value)| {
            let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
            text.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    captured.iter().filter_map(move |(name, value)| {
        // What is no token cannot stand on the wire again: of HTTP/2, the pseudo-header fields.
        let name = std::str::from_utf8(name.as_bytes()).ok().filter(|name| is_token(name))?;
        let stays = is_of_the_connection(name.as_bytes())
            || name.eq_ignore_ascii_case(hops::HEADER)
            || nominated.iter().any(|nominated| name.eq_ignore_ascii_case(nominated));
        (!stays).then(|| (name, value.as_bytes()))
    })
}

fn is_of_the_connection(name: &[u8]) -> bool {
    OF_THE_CONNECTION.iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
}
