//! The closed set of schemes, and where each is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use super::shape::{Algorithm, Claim, Mark, Shape, Signed};
use super::{Reason, Request, fields};
use super::{
    github, http_message, linear, shopify, slack, square, standard_webhooks, stripe, svix, twilio,
    zendesk,
};

/// A way to sign a request.
///
/// ```
/// use hooklab_shared::signature::Scheme;
/// assert_eq!("stripe".parse(), Ok(Scheme::Stripe));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Standard Webhooks 1.0.0: `v1` (HMAC-SHA256) and `v1a` (ed25519), by the secret's kind.
    StandardWebhooks,
    /// The same under Svix's older header names.
    Svix,
    /// GitHub's `X-Hub-Signature-256`.
    Github,
    /// GitHub's older `X-Hub-Signature`, SHA-1; WebSub's too.
    GithubSha1,
    /// `Stripe-Signature`.
    Stripe,
    /// Slack's `v0`.
    Slack,
    /// `X-Shopify-Hmac-Sha256`.
    Shopify,
    /// `X-Twilio-Signature`: URL and form fields, or URL and the body's digest.
    Twilio,
    /// Square: notification URL and body.
    Square,
    /// Zendesk: timestamp and body.
    Zendesk,
    /// `Linear-Signature`.
    Linear,
    /// HTTP Message Signatures (RFC 9421) with `Content-Digest` (RFC 9530).
    HttpMessage,
}

/// Why a text names no scheme.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("find the scheme `{0}`: it is one of {all}", all = names())]
pub struct UnknownScheme(String);

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 12] = [
        Self::StandardWebhooks,
        Self::Svix,
        Self::Github,
        Self::GithubSha1,
        Self::Stripe,
        Self::Slack,
        Self::Shopify,
        Self::Twilio,
        Self::Square,
        Self::Zendesk,
        Self::Linear,
        Self::HttpMessage,
    ];

    /// As it is named in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StandardWebhooks => "standard-webhooks",
            Self::Svix => "svix",
            Self::Github => "github",
            Self::GithubSha1 => "github-sha1",
            Self::Stripe => "stripe",
            Self::Slack => "slack",
            Self::Shopify => "shopify",
            Self::Twilio => "twilio",
            Self::Square => "square",
            Self::Zendesk => "zendesk",
            Self::Linear => "linear",
            Self::HttpMessage => "http-message",
        }
    }

    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::StandardWebhooks => standard_webhooks::SHAPE,
            Self::Svix => svix::SHAPE,
            Self::Github => github::SHAPE,
            Self::GithubSha1 => github::SHA1_SHAPE,
            Self::Stripe => stripe::SHAPE,
            Self::Slack => slack::SHAPE,
            Self::Shopify => shopify::SHAPE,
            Self::Twilio => twilio::SHAPE,
            Self::Square => square::SHAPE,
            Self::Zendesk => zendesk::SHAPE,
            Self::Linear => linear::SHAPE,
            Self::HttpMessage => http_message::SHAPE,
        }
    }

    /// What the request claims; nothing where it has no signature of this scheme.
    pub(crate) fn read<'a>(self, request: &Request<'a>) -> Result<Option<Claim<'a>>, Reason> {
        let shape = self.shape();
        let Some(value) = fields::one(request, shape.header)? else { return Ok(None) };
        let field = |name: Option<&'static str>| {
            name.map_or(Ok(&b""[..]), |name| fields::need(request, name))
        };
        let mut claim = Claim {
            id: field(shape.id)?,
            timestamp: field(shape.timestamp)?,
            marks: self.marks(value),
        };
        if self == Self::Stripe {
            claim.timestamp = stripe::timestamp(value)?;
        }
        if claim.marks.is_empty() {
            return Err(Reason::Unreadable(shape.header));
        }
        Ok(Some(claim))
    }

    fn marks(self, value: &[u8]) -> Vec<Mark<'_>> {
        match self {
            Self::StandardWebhooks | Self::Svix => standard_webhooks::marks(value),
            Self::Stripe => stripe::marks(value),
            _ => {
                let text = value.strip_prefix(self.shape().prefix.as_bytes());
                let mark = |text| Mark { algorithm: Algorithm::Hmac, text };
                text.filter(|text| !text.is_empty()).map(mark).into_iter().collect()
            }
        }
    }

    /// What may have been signed, the likeliest first: Twilio alone has more than one way.
    pub(crate) fn signed<'a>(self, claim: &Claim<'a>, request: &Request<'a>) -> Vec<Signed<'a>> {
        match self {
            Self::StandardWebhooks | Self::Svix => {
                vec![standard_webhooks::signed(claim, request)]
            }
            Self::Stripe => vec![stripe::signed(claim, request)],
            Self::Slack => vec![slack::signed(claim, request)],
            Self::Zendesk => vec![zendesk::signed(claim, request)],
            Self::Square => vec![square::signed(request)],
            Self::Twilio => twilio::signed(request),
            Self::Github | Self::GithubSha1 | Self::Shopify | Self::Linear => {
                vec![Signed::new("", [("body", request.body)])]
            }
            Self::HttpMessage => Vec::new(),
        }
    }

    /// Whether the signature says anything about the body at all.
    pub(crate) fn bound(self, request: &Request<'_>) -> Result<(), Reason> {
        match self {
            Self::Twilio => twilio::bound(request),
            _ => Ok(()),
        }
    }

    /// The fields that carry these signatures; a scheme that takes one only gets the newest key's.
    pub(crate) fn write(
        self,
        id: &str,
        timestamp: &str,
        marks: &[(Algorithm, String)],
    ) -> Vec<(&'static str, String)> {
        let shape = self.shape();
        let value = match self {
            Self::StandardWebhooks | Self::Svix => standard_webhooks::write(marks),
            Self::Stripe => stripe::write(timestamp, marks),
            _ => marks.first().map_or_else(String::new, |(_, text)| shape.prefix.to_owned() + text),
        };
        let id = shape.id.map(|name| (name, id.to_owned()));
        let timestamp = shape.timestamp.map(|name| (name, timestamp.to_owned()));
        id.into_iter().chain(timestamp).chain([(shape.header, value)]).collect()
    }
}

fn names() -> String {
    Scheme::ALL.map(Scheme::as_str).join(", ")
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(text: &str) -> Result<Self, UnknownScheme> {
        let scheme = Self::ALL.into_iter().find(|scheme| scheme.as_str() == text);
        scheme.ok_or_else(|| UnknownScheme(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_text_and_json() {
        for scheme in Scheme::ALL {
            assert_eq!(scheme.as_str().parse(), Ok(scheme));
            assert_eq!(serde_json::to_string(&scheme).unwrap(), format!("\"{scheme}\""));
        }
        let told = "nope".parse::<Scheme>().unwrap_err().to_string();
        assert!(told.starts_with("find the scheme `nope`: it is one of standard-webhooks, svix"));
    }
}
