//! Which requests match: what a reply program's rules and expectations share.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;

use regex::bytes::{Regex, RegexBuilder};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;

use crate::body::Body;
use crate::capture::{Route, query_pairs};
use crate::event;
use crate::headers::Head;
use crate::limits::Limits;

/// A compiled pattern in bytes, at most: hostile patterns grow by repetition.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What a request must be like; everything that is given must hold.
///
/// ```
/// use hooklab_shared::matching::Match;
/// let json = r#"{"method":"POST","path":"/hooks/*","json":{"order":{"id":42}}}"#;
/// assert!(serde_json::from_str::<Match>(json).is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The method, without regard to case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<TextMatch>,
    /// The path below the bin, as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<TextMatch>,
    /// Header fields by name, without regard to the name's case; any of the repeats may match.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, TextMatch>,
    /// Query parameters by name, percent-decoded; any of the repeats may match.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, TextMatch>,
    /// A part of the JSON body: what is given must be there, what is not given may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// The event that the request seems to tell of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<TextMatch>,
}

/// What a text must be like: a bare string is equality, or a glob if it holds `*`.
#[derive(Clone, Debug, PartialEq)]
pub enum TextMatch {
    /// Equal, or a glob where it holds `*`.
    Like(String),
    /// Matched by a regular expression, anywhere in it.
    Regex(Pattern),
    /// There, or not there, whatever it is.
    Exists(bool),
    /// Not like that; also where it is not there.
    Not(Box<TextMatch>),
}

/// A regular expression that remembers how it was written.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// A request as rules see it, parsed on demand and once.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Its head.
    pub head: &'a Head,
    /// Its body.
    pub body: &'a Body,
    json: OnceCell<Option<Value>>,
    event: OnceCell<Option<event::Guess>>,
}

impl<'a> Asked<'a> {
    /// Looks at a request.
    #[must_use]
    pub fn new(head: &'a Head, body: &'a Body) -> Self {
        Self { head, body, json: OnceCell::new(), event: OnceCell::new() }
    }

    /// The body as JSON, if it is, and has at most [`Limits::REPLY_JSON_BYTES_MAX`].
    #[must_use]
    pub fn json(&self) -> Option<&Value> {
        let parsed = || {
            let content = self.content(Limits::REPLY_JSON_BYTES_MAX)?;
            serde_json::from_slice(&content).ok()
        };
        self.json.get_or_init(parsed).as_ref()
    }

    /// The content, unless it has more bytes than this: then it is not even put together.
    #[must_use]
    pub fn content(&self, bytes_max: usize) -> Option<Cow<'a, [u8]>> {
        (self.body.size() <= bytes_max).then(|| self.body.decoded())
    }

    fn event(&self) -> Option<&event::Guess> {
        let guessed = || {
            // A header names it whatever the content is.
            let content = self.content(event::GUESS_BYTES_MAX);
            event::guess(self.head, content.as_deref().unwrap_or_default())
        };
        self.event.get_or_init(guessed).as_ref()
    }

    /// The path below the bin and the query, as sent.
    #[must_use]
    pub fn path_and_query(&self) -> (&'a [u8], &'a [u8]) {
        Route::of(self.head.target()).map_or((b"/", b""), |route| (route.path, route.query))
    }
}

impl Match {
    /// Whether everything that is given holds.
    #[must_use]
    pub fn holds(&self, asked: &Asked<'_>) -> bool {
        let (path, query) = asked.path_and_query();
        self.method.as_ref().is_none_or(|m| m.holds_folded(asked.head.method()))
            && self.path.as_ref().is_none_or(|m| m.holds(&mut std::iter::once(path)))
            && self.headers.iter().all(|(name, m)| {
                let named = |(n, _): &(&[u8], &[u8])| n.eq_ignore_ascii_case(name.as_bytes());
                m.holds(&mut asked.head.fields().filter(named).map(|(_, value)| value))
            })
            && self.query_holds(query)
            && self.event.as_ref().is_none_or(|m| {
                m.holds(&mut asked.event().into_iter().map(|guess| guess.kind.as_bytes()))
            })
            && self.json.as_ref().is_none_or(|part| asked.json().is_some_and(|j| holds(part, j)))
    }

    fn query_holds(&self, query: &[u8]) -> bool {
        if self.query.is_empty() {
            return true;
        }
        let pairs = query_pairs(query);
        self.query.iter().all(|(name, m)| {
            let named = pairs.iter().filter(|(n, _)| n.as_bytes() == name.as_bytes());
            m.holds(&mut named.map(|(_, value)| value.as_bytes()))
        })
    }
}

/// Whether `part` is in `whole`: objects by key, everything else by equality; numbers by value,
/// and integers exactly, as ids of 64 bits want it.
fn holds(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| holds(part, whole)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(p, w)| holds(p, w))
        }
        (Value::Number(part), Value::Number(whole)) => {
            let apart = part.is_f64() || whole.is_f64();
            part == whole || apart && part.as_f64().is_some_and(|p| whole.as_f64() == Some(p))
        }
        _ => part == whole,
    }
}

impl TextMatch {
    /// Whether it holds for any of these values, or for there being none.
    pub fn holds(&self, mut values: &mut dyn Iterator<Item = &[u8]>) -> bool {
        match self {
            Self::Like(want) => Iterator::any(&mut values, |value| glob(want.as_bytes(), value)),
            Self::Regex(pattern) => Iterator::any(&mut values, |value| pattern.0.is_match(value)),
            Self::Exists(want) => values.next().is_some() == *want,
            Self::Not(inner) => !inner.holds(values),
        }
    }

    /// The same for one value, without regard to ASCII case where it is not a pattern.
    fn holds_folded(&self, value: &[u8]) -> bool {
        match self {
            Self::Like(want) => {
                glob(&want.as_bytes().to_ascii_uppercase(), &value.to_ascii_uppercase())
            }
            other => other.holds(&mut std::iter::once(value)),
        }
    }
}

/// Whether a text is like a pattern in which `*` stands for anything, nothing included. Linear in
/// time but for the last star's retries, which never go back behind an earlier star.
///
/// ```
/// use hooklab_shared::matching::glob;
/// assert!(glob(b"/hooks/*", b"/hooks/a/b"));
/// assert!(!glob(b"/hooks/*", b"/other"));
/// ```
#[must_use]
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let mut pieces = pattern.split(|&b| b == b'*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = memchr::memmem::find(rest, piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
enum Told {
    Like(String),
    Form(Form),
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Form {
    Regex(String),
    Exists(bool),
    Not(Box<TextMatch>),
}

impl Serialize for TextMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let told = match self.clone() {
            Self::Like(text) => Told::Like(text),
            Self::Regex(pattern) => Told::Form(Form::Regex(pattern.0.as_str().to_owned())),
            Self::Exists(want) => Told::Form(Form::Exists(want)),
            Self::Not(inner) => Told::Form(Form::Not(inner)),
        };
        told.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TextMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let told = Told::deserialize(deserializer).map_err(|_| {
            D::Error::custom(
                "a text match is a string (with `*` as a glob), {\"regex\":\"…\"}, \
                 {\"exists\":true} or {\"not\":…}",
            )
        })?;
        Ok(match told {
            Told::Like(text) => Self::Like(text),
            Told::Form(Form::Exists(want)) => Self::Exists(want),
            Told::Form(Form::Not(inner)) => Self::Not(inner),
            Told::Form(Form::Regex(text)) => RegexBuilder::new(&text)
                .size_limit(PATTERN_BYTES_MAX)
                .build()
                .map(|regex| Self::Regex(Pattern(regex)))
                .map_err(D::Error::custom)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Framing;
    use bytes::Bytes;

    fn holds_for(json: &str, head: &'static str, content: &'static str) -> bool {
        let matched: Match = serde_json::from_str(json).unwrap();
        let head = Head::from(head.as_bytes());
        let body = Body { wire: Bytes::from_static(content.as_bytes()), ..Body::default() };
        matched.holds(&Asked::new(&head, &body))
    }

    #[test]
    fn everything_that_is_given_must_hold() {
        let head = "POST /orders/hooks/a?x=1&x=2 HTTP/1.1\r\nX-Event: order.paid\r\n\r\n";
        let content = r#"{"order":{"id":42,"tags":["a"]},"type":"order.paid"}"#;
        for (json, want) in [
            ("{}", true),
            (r#"{"method":"post"}"#, true),
            (r#"{"method":{"not":"GET"},"path":"/hooks/*"}"#, true),
            (r#"{"method":"POST","path":"/hooks"}"#, false),
            (r#"{"headers":{"x-event":"order.*"}}"#, true),
            (r#"{"headers":{"x-event":{"regex":"^order\\.(paid|sent)$"}}}"#, true),
            (r#"{"headers":{"x-other":{"exists":false}}}"#, true),
            (r#"{"headers":{"x-other":{"exists":true}}}"#, false),
            (r#"{"headers":{"x-other":{"not":"a"}}}"#, true),
            (r#"{"query":{"x":"2"}}"#, true),
            (r#"{"query":{"x":"3"}}"#, false),
            (r#"{"json":{"order":{"id":42.0}}}"#, true),
            (r#"{"json":{"order":{"id":"42"}}}"#, false),
            (r#"{"json":{"order":{"tags":[]}}}"#, false),
            (r#"{"event":"order.paid"}"#, true),
        ] {
            assert_eq!(holds_for(json, head, content), want, "{json}");
        }
    }

    #[test]
    fn integers_hold_exactly_and_other_numbers_by_value() {
        let head = "POST /a HTTP/1.1\r\n\r\n";
        let big = r#"{"json":{"id":9007199254740993}}"#;
        for (json, content, want) in [
            (big, r#"{"id":9007199254740993}"#, true),
            (big, r#"{"id":9007199254740992}"#, false),
            (r#"{"json":-1}"#, "18446744073709551615", false),
            (r#"{"json":18446744073709551615}"#, "18446744073709551614", false),
            (r#"{"json":42}"#, "42.0", true),
            (r#"{"json":1.5}"#, "15e-1", true),
            (r#"{"json":0}"#, "-0", true),
        ] {
            assert_eq!(holds_for(json, head, content), want, "{json} {content}");
        }
    }

    #[test]
    fn json_over_the_limit_is_none_to_a_rule() {
        let head = Head::from(&b"POST /a HTTP/1.1\r\n\r\n"[..]);
        let any: Match = serde_json::from_str(r#"{"json":{}}"#).unwrap();
        for (bytes, want) in
            [(Limits::REPLY_JSON_BYTES_MAX, true), (Limits::REPLY_JSON_BYTES_MAX + 1, false)]
        {
            let content = format!("{{{}}}", " ".repeat(bytes - 2));
            let chunked = format!("{bytes:x}\r\n{content}\r\n0\r\n\r\n");
            for (wire, framing) in [(content, Framing::Length), (chunked, Framing::Chunked)] {
                let body = Body { wire: wire.into(), framing };
                let asked = Asked::new(&head, &body);
                assert_eq!((any.holds(&asked), asked.json().is_some()), (want, want), "{bytes}");
            }
        }
    }

    #[test]
    fn globs_hold_where_they_should() {
        for (pattern, text, want) in [
            ("", "", true),
            ("*", "", true),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*b", "abab", true),
            ("ab", "abc", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), want, "{pattern} {text}");
        }
    }

    #[test]
    fn matches_survive_json_and_bad_ones_say_why() {
        let json = r#"{"path":{"not":{"regex":"x+"}},"headers":{"A":{"exists":true}}}"#;
        let matched: Match = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&matched).unwrap(), json);
        let error = serde_json::from_str::<Match>(r#"{"path":{"regx":"x"}}"#).unwrap_err();
        assert!(error.to_string().contains("regex"), "{error}");
        assert!(serde_json::from_str::<Match>(r#"{"pth":"x"}"#).is_err());
        let huge = r#"{"path":{"regex":"(a{1000}){1000}"}}"#;
        assert!(serde_json::from_str::<Match>(huge).is_err());
    }
}
