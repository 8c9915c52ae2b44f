//! A capture understood: its content decoded, told apart and laid out, when somebody looks.
//!
//! Whatever cannot be read is part of the view, with the reason; nothing here fails.

mod binary;
mod content;
mod decode;
mod form;
mod media;
mod multipart;
mod text;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::capture::{Capture, SignatureVerdict};
use crate::headers::Octets;
use crate::limits::ViewLimits;

pub(crate) use binary::hex;
pub(crate) use decode::content;
pub(crate) use form::pairs;
pub(crate) use media::{Kind, kind};

/// The content of a capture as one looks at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct View {
    /// The first `Content-Type`, as sent.
    pub content_type: Option<Octets>,
    /// The content codings that were taken off, the outermost first; the last may have failed.
    pub codings: Vec<Coding>,
    /// The length in bytes of what is looked at, codings taken off.
    pub size: u64,
    /// Whether the kind was read off the content, its type being absent or mistaken.
    pub sniffed: bool,
    /// The content.
    pub content: Content,
    /// What came of checking the capture's signature; nothing where the bin checks none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureVerdict>,
}

/// One content coding (RFC 9110, section 8.4.1) and what came of taking it off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Coding {
    /// Its name in lowercase, such as `gzip`.
    pub name: String,
    /// The length in bytes of what it yielded; where it failed, as far as it went.
    pub size: u64,
    /// Why it could not be taken off whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Content by its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// There is none.
    Empty,
    /// JSON (RFC 8259): digits, order of keys, repeated keys and escapes as sent.
    Json {
        /// Laid out over lines; as sent where there is an error.
        text: String,
        /// Why it could not be read or laid out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Where a key repeats an earlier one, as JSON Pointers (RFC 6901), at most 100: readers
        /// disagree on which of the two counts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        repeated_keys: Vec<String>,
        /// Where a number does not survive 64 bits of floating point, at most 100.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        inexact_numbers: Vec<String>,
    },
    /// A form (`application/x-www-form-urlencoded`).
    Form {
        /// Its fields, decoded, in order, repeats kept; at most 10,000.
        fields: Vec<(Octets, Octets)>,
        /// How many there are in all.
        total: u64,
    },
    /// Parts (RFC 2046, section 5.1; RFC 7578).
    Multipart {
        /// The parts in order; at most 1,000.
        parts: Vec<Part>,
        /// How many there are in all.
        total: u64,
        /// What is wrong with it; the parts are those found nevertheless.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Text of any other kind.
    Text {
        /// What it is marked up with.
        markup: Markup,
        /// The charset it was read in, as the Encoding Standard names it.
        charset: String,
        /// The text; what the charset does not hold is U+FFFD.
        text: String,
        /// Whether there is more of it.
        truncated: bool,
        /// What is wrong with it, or with the charset it claims.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Anything else.
    Binary {
        /// The media type that its first bytes tell of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        looks_like: Option<String>,
        /// Its first 256 bytes in lowercase hex.
        hex: String,
    },
}

/// What text is marked up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Markup {
    /// Nothing known.
    Plain,
    /// HTML.
    Html,
    /// XML.
    Xml,
}

/// One part of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Part {
    /// The field's name.
    pub name: Option<Octets>,
    /// The file's name, as the sender claims it.
    pub filename: Option<Octets>,
    /// Its `Content-Type`, as sent.
    pub content_type: Option<Octets>,
    /// Its header fields in order, names as sent.
    pub headers: Vec<(Octets, Octets)>,
    /// Its length in bytes.
    pub size: u64,
    /// Whether the kind was read off the content.
    pub sniffed: bool,
    /// Its content; parts within parts are told as text.
    #[schema(no_recursion)]
    pub content: Content,
}

/// Looks at a capture's content.
///
/// ```
/// use hooklab_shared::limits::ViewLimits;
/// use hooklab_shared::view::{self, Content};
/// # use hooklab_shared::capture::*;
/// # let mut capture = Capture {
/// #     bin: "orders".parse().unwrap(), seq: 1, id: uuid::Uuid::nil(),
/// #     received_at: hooklab_shared::id::Timestamp::from_micros(0),
/// #     peer: "127.0.0.1:1".parse().unwrap(), client: None, protocol: Protocol::Http11,
/// #     outcome: Outcome::Complete, timing: Timing::default(),
/// #     reply: Replied { status: 200, ..Replied::default() },
/// #     head: hooklab_shared::headers::Head::default(),
/// #     body: hooklab_shared::body::Body::default(), content_bytes: 0,
/// # };
/// capture.body.wire = r#"{"total":12345678901234567890.10}"#.into();
/// let view = view::of(&capture, &ViewLimits::default());
/// let Content::Json { text, .. } = view.content else { panic!("not JSON") };
/// assert_eq!(text, "{\n  \"total\": 12345678901234567890.10\n}");
/// ```
#[must_use]
pub fn of(capture: &Capture, limits: &ViewLimits) -> View {
    let decoded = content(capture, limits);
    let content_type = capture.head.field("content-type");
    let mut reader = content::Reader::new(limits);
    let (content, sniffed) = reader.whole(&decoded.bytes, content_type);
    View {
        content_type: content_type.map(Octets::from),
        codings: decoded.codings,
        size: decoded.bytes.len() as u64,
        sniffed,
        content,
        signature: None,
    }
}

#[cfg(test)]
pub(crate) mod tests;
