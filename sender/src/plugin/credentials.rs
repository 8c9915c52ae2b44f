//! `api_key:api_secret`, as HTTP Basic carries them (RFC 7617).

use std::str::FromStr;
use std::sync::Arc;

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

/// The longest pair in bytes: the plugin's own are 24 characters each.
const BYTES_MAX: usize = 512;

/// A key and its secret. It has no Debug that tells them and no Display, so that no log can hold
/// them.
///
/// ```
/// use hooklab_sender::Credentials;
/// let credentials: Credentials = "key:secret".parse().unwrap();
/// assert_eq!(credentials.secret_chars(), 6);
/// assert!("key".parse::<Credentials>().is_err());
/// ```
#[derive(Clone)]
pub struct Credentials(Arc<str>);

/// Why a text is no pair of key and secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "use the plugin API's credentials: they are KEY:SECRET, printable ASCII without spaces, at \
     most 512 characters"
)]
pub struct BadCredentials;

impl FromStr for Credentials {
    type Err = BadCredentials;

    fn from_str(text: &str) -> Result<Self, BadCredentials> {
        let is_pair =
            text.split_once(':').is_some_and(|(key, secret)| !key.is_empty() && !secret.is_empty());
        let is_fit = text.len() <= BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic());
        if is_pair && is_fit { Ok(Self(text.into())) } else { Err(BadCredentials) }
    }
}

impl Credentials {
    /// How long the secret is, in characters.
    #[must_use]
    pub fn secret_chars(&self) -> usize {
        self.0.split_once(':').map_or(0, |(_, secret)| secret.len())
    }

    /// Whether an `Authorization` field shows them; how long that takes tells nothing of them.
    pub(super) fn are_shown(&self, authorization: Option<&HeaderValue>) -> bool {
        let Some(Ok(value)) = authorization.map(HeaderValue::to_str) else { return false };
        let Some((scheme, encoded)) = value.split_once(' ') else { return false };
        let shown = STANDARD.decode(encoded.trim()).unwrap_or_default();
        scheme.eq_ignore_ascii_case("basic") && self.0.as_bytes().ct_eq(&shown).into()
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pair_itself_opens() {
        let credentials: Credentials = "key:se:cret".parse().unwrap();
        let with = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            credentials.are_shown(Some(&value))
        };
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        assert!(with(&basic("key:se:cret")));
        assert!(with(&basic("key:se:cret").replace("Basic", "bAsIc")));
        for bad in ["key:se:cre", "key:se:crett", "Key:se:cret", "", ":", "key", "key:"] {
            assert!(!with(&basic(bad)), "{bad}");
        }
        for bad in ["", "Basic", "Basic ", "Basic key:se:cret", "Bearer a2V5OnNlOmNyZXQ="] {
            assert!(!with(bad), "{bad}");
        }
        assert!(!credentials.are_shown(None));
        assert_eq!(format!("{credentials:?}"), "Credentials(…)");
        for bad in ["", ":", "a:", ":b", "ab", "a:b c", "a:é", "a:b\n"] {
            assert!(bad.parse::<Credentials>().is_err(), "{bad:?}");
        }
    }
}
