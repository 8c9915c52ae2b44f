//! What a capture goes out as: as it was captured, or reshaped by a filter; signed anew, if asked
//! for. Pure, but for the filter's own thread.

mod headers;
mod place;

use std::time::Duration;

use bytes::Bytes;
use hooklab_shared::capture::{Document, Outcome};
use hooklab_shared::headers::Octets;
use hooklab_shared::id::Timestamp;
use hooklab_shared::query::jq::{Jq, JqError};
use hooklab_shared::signature::{BadSecret, Keys, Message, Reason, Scheme, Secret, sign};
use serde_json::value::RawValue;
use thiserror::Error;
use url::{Position, Url};

use super::hops::{self, Loop};
use super::told::Because;
use crate::outgoing::{Fields, Manner, Outgoing, host};

pub use headers::{BadHeader, Header};
pub use place::Outside;

/// How captures go out.
#[derive(Debug, Default)]
pub struct Form {
    /// What makes a new body of the capture; as captured where there is none.
    pub reshape: Option<Reshape>,
    /// What signs it anew.
    pub signing: Option<Signing>,
    /// Fields of the user's own, in the place of captured ones of the same name.
    pub headers: Vec<Header>,
    /// From an attempt's first step to the answer's last byte.
    pub timeout: Duration,
    /// What calls itself the sender of what is reshaped, such as `hooklab/0.1.0`.
    pub user_agent: String,
}

/// A filter that sees the capture, and gives a body for each delivery.
#[derive(Debug)]
pub struct Reshape {
    /// The filter; nothing or `null` gives no delivery.
    pub jq: Jq,
    /// Whether a string goes out as its text rather than as JSON.
    pub raw: bool,
}

/// A scheme, and what it signs with.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The scheme.
    pub scheme: Scheme,
    /// Its keys.
    pub keys: Keys,
}

/// Why a capture does not go out.
#[derive(Debug, Error)]
pub enum Unfit {
    /// The filter gives nothing for it, which is what filters are for.
    #[error("the filter gives nothing for it")]
    Nothing,
    /// It came back by a forward.
    #[error(transparent)]
    Loop(#[from] Loop),
    /// A part of it is missing.
    #[error("it did not come whole: {}", .0.as_str())]
    NotWhole(Outcome),
    /// Its path would leave the target.
    #[error(transparent)]
    Outside(#[from] Outside),
    /// The filter fails on it.
    #[error("failed to {0}")]
    Filter(#[from] JqError),
    /// A bug.
    #[error("the filter broke hooklab itself; please report it with the filter")]
    Broken,
}

impl Unfit {
    /// What kind of reason this is.
    pub(crate) fn because(&self) -> Because {
        match self {
            Self::Nothing => Because::Filter,
            Self::Loop(_) => Because::Loop,
            Self::NotWhole(_) | Self::Outside(_) | Self::Filter(_) | Self::Broken => {
                Because::Failure
            }
        }
    }
}

/// A delivery of a capture, but for what each attempt adds.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// Its place among the capture's deliveries, from 1.
    pub(crate) part: u32,
    id: String,
    method: String,
    target: Url,
    fields: Fields,
    body: Bytes,
}

impl Form {
    /// The deliveries that a capture makes to a target, in order; `forwarded` is what the loop
    /// guard says of it.
    pub(crate) fn contents(
        &self,
        document: &Document,
        target: &Url,
        forwarded: Option<&str>,
    ) -> Result<Vec<Content>, Unfit> {
        if document.outcome != Outcome::Complete {
            return Err(Unfit::NotWhole(document.outcome));
        }
        let mut contents = match &self.reshape {
            None => vec![as_captured(document, target)?],
            Some(reshape) => self.reshaped(reshape, document, target)?,
        };
        for content in &mut contents {
            for header in &self.headers {
                content.fields.remove(header.name());
            }
            for header in &self.headers {
                content.fields.push(header.name().to_owned(), header.value().to_owned());
            }
            if let Some(forwarded) = forwarded {
                content.fields.push(hops::HEADER, forwarded.to_owned());
            }
        }
        Ok(contents)
    }

    fn reshaped(
        &self,
        reshape: &Reshape,
        document: &Document,
        target: &Url,
    ) -> Result<Vec<Content>, Unfit> {
        let outputs = reshape.jq.select_outputs(document)?;
        let outputs = outputs.iter().filter(|output| output.get() != "null");
        let contents = outputs.zip(1..).map(|(output, part)| {
            let (kind, body) = body(output, reshape.raw);
            let mut fields = Fields::default();
            fields.push("Host", host(target));
            fields.push("User-Agent", self.user_agent.clone());
            fields.push("Content-Type", kind);
            fields.push("Content-Length", body.len().to_string());
            let id = id(document, Some(part));
            Content { part, id, method: "POST".into(), target: target.clone(), fields, body }
        });
        let contents: Vec<Content> = contents.collect();
        if contents.is_empty() { Err(Unfit::Nothing) } else { Ok(contents) }
    }

    /// One attempt's request, signed at this time.
    ///
    /// # Errors
    /// The scheme cannot sign it.
    pub(crate) fn outgoing(&self, content: &Content, at: Timestamp) -> Result<Outgoing, Reason> {
        let mut fields = content.fields.clone();
        if let Some(Signing { scheme, keys }) = &self.signing {
            let known: Vec<(&[u8], &[u8])> =
                fields.iter().map(|(name, value)| (name.as_bytes(), value)).collect();
            let message = Message {
                method: content.method.as_bytes(),
                url: content.target.as_str().as_bytes(),
                headers: &known,
                body: &content.body,
                id: &content.id,
                timestamp: at.as_secs(),
            };
            for (name, value) in sign(*scheme, keys, &message)? {
                fields.set(name, value);
            }
        }
        Ok(Outgoing {
            method: content.method.clone().into(),
            target: content.target.clone(),
            fields,
            body: content.body.clone(),
            timeout: self.timeout,
            manner: Manner::default(),
        })
    }
}

impl Content {
    /// Where it goes.
    pub(crate) fn target(&self) -> &Url {
        &self.target
    }
}

/// Method, path below the bin, query, fields and body as they came, so that what was signed over
/// them still verifies; without what belongs to the connection it came by.
fn as_captured(document: &Document, target: &Url) -> Result<Content, Outside> {
    let target = place::below(target, document)?;
    let body = content(document);
    let mut fields = Fields::default();
    fields.push("Host", host(&target));
    for (name, value) in headers::end_to_end(&document.headers) {
        fields.push_bytes(name.to_owned(), value.to_owned());
    }
    let method = String::from_utf8_lossy(document.method.as_bytes()).into_owned();
    if !body.is_empty() || !matches!(method.as_str(), "GET" | "HEAD" | "DELETE" | "OPTIONS") {
        fields.push("Content-Length", body.len().to_string());
    }
    Ok(Content { part: 1, id: id(document, None), method, target, fields, body })
}

/// The content byte for byte.
fn content(document: &Document) -> Bytes {
    use base64::Engine as _;
    match (&document.body.text, &document.body.base64) {
        (Some(text), _) => Bytes::copy_from_slice(text.as_bytes()),
        // The receiver wrote it, so it reads; an empty body would be told by its signature.
        (None, Some(base64)) => {
            let read = base64::engine::general_purpose::STANDARD.decode(base64);
            read.unwrap_or_default().into()
        }
        (None, None) => Bytes::new(),
    }
}

/// The id that a signature covers: the one it was captured with, or one that follows from the
/// capture, so that it is the same over attempts and when it is replayed.
fn id(document: &Document, part: Option<u32>) -> String {
    let named = |(name, _): &&(Octets, Octets)| {
        let name = name.as_bytes();
        name.eq_ignore_ascii_case(b"webhook-id") || name.eq_ignore_ascii_case(b"svix-id")
    };
    let captured = document.headers.iter().find(named).map(|(_, value)| value.as_bytes());
    let usable = captured.and_then(|id| std::str::from_utf8(id).ok());
    match (usable.filter(|id| !id.is_empty() && !id.contains('.')), part) {
        (Some(id), None) => id.to_owned(),
        (_, None | Some(1)) => format!("msg_{}", document.id.simple()),
        (_, Some(part)) => format!("msg_{}_{part}", document.id.simple()),
    }
}

/// One output of a filter as a body, and what kind that is.
fn body(output: &RawValue, raw: bool) -> (&'static str, Bytes) {
    match serde_json::from_str::<String>(output.get()) {
        Ok(text) if raw => ("text/plain; charset=utf-8", text.into()),
        _ => ("application/json", Bytes::copy_from_slice(output.get().as_bytes())),
    }
}

impl Signing {
    /// By this scheme with these secrets, the newest first, in the form that the scheme takes.
    ///
    /// # Errors
    /// One is no secret of the scheme.
    pub fn new<'a>(
        scheme: Scheme,
        secrets: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, BadSecret> {
        let read = |text: &str| match scheme {
            Scheme::StandardWebhooks | Scheme::Svix => Secret::parse(text),
            _ => Secret::shared(text),
        };
        let secrets: Result<Vec<Secret>, BadSecret> = secrets.into_iter().map(read).collect();
        Ok(Self { scheme, keys: Keys { secrets: secrets?, ..Keys::default() } })
    }
}

/// The origin and path of a target, without the query, which may hold what is not to be shown.
pub(crate) fn shown(target: &Url) -> &str {
    &target[..Position::AfterPath]
}

#[cfg(test)]
pub(crate) mod tests;
