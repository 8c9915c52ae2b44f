//! Wall 9: the token, by header or WebSocket subprotocol, never in a URL.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use hooklab_shared::problem::Problem;
use subtle::ConstantTimeEq;

use crate::exit::Failure;

/// The shortest token in characters: 22 of base64 hold 128 bits, 32 of hex do.
const CHARS_MIN: usize = 22;
const CHARS_MAX: usize = 256;

/// What a browser offers besides the token, and gets back.
const PROTOCOL: &str = "hooklab";
const TOKEN_PROTOCOL: &str = "hooklab.token.";

/// A token. It has no Debug and no Display, so that no log can hold it.
#[derive(Clone)]
pub(crate) struct Token(Arc<str>);

impl Token {
    /// A token to ask others for: long enough, and fit for a header and a subprotocol.
    pub(crate) fn strong(text: &str) -> Result<Self, Failure> {
        let fit = |b: u8| b.is_ascii_alphanumeric() || b"-._~+".contains(&b);
        if !(CHARS_MIN..=CHARS_MAX).contains(&text.len()) || !text.bytes().all(fit) {
            return Err(Failure::usage(format!(
                "use the token: it takes at least {CHARS_MIN} of A-Z, a-z, 0-9 and -._~+ (128 \
                 bits); try --token \"$(openssl rand -hex 16)\""
            )));
        }
        Ok(Self(text.into()))
    }

    /// Lets a request through that shows the token, or asks for what is open to all. The token
    /// itself is taken out, so that nothing behind the wall can tell it.
    pub(super) fn vet(&self, request: &mut Request<Body>) -> Result<(), Problem> {
        let shown = by_header(request).or_else(|| by_protocol(request));
        request.headers_mut().remove(header::AUTHORIZATION);
        let right = shown.is_some_and(|shown| self.0.as_bytes().ct_eq(shown.as_bytes()).into());
        if right || is_open(request) {
            return Ok(());
        }
        Err(Problem::new(
            401,
            "token-required",
            "this dashboard asks for its token: send `Authorization: Bearer TOKEN`, or give it to \
             hooklab's commands by --token",
        ))
    }
}

/// What says nothing of anybody: that the process lives, and where things are.
fn is_open(request: &Request<Body>) -> bool {
    request.method().is_safe() && matches!(request.uri().path(), "/" | "/livez")
}

fn by_header(request: &Request<Body>) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

fn by_protocol(request: &Request<Body>) -> Option<String> {
    offered(request).find_map(|offer| offer.strip_prefix(TOKEN_PROTOCOL).map(str::to_owned))
}

/// The subprotocol to take of those that were offered, if any is ours.
pub(super) fn subprotocol(request: &Request<Body>) -> Option<HeaderValue> {
    if offered(request).any(|offer| offer == PROTOCOL) {
        return Some(HeaderValue::from_static(PROTOCOL));
    }
    let token = offered(request).find(|offer| offer.starts_with(TOKEN_PROTOCOL))?;
    HeaderValue::from_str(token).ok()
}

fn offered(request: &Request<Body>) -> impl Iterator<Item = &str> {
    let values = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(',')).map(str::trim)
}
