use std::collections::HashSet;

use super::binary::{binary, is_text, looks_like};
use super::media::{Kind, Parameters, kind};
use super::text::text;
use super::{Content, Markup, Part, form, multipart};
use crate::headers::Octets;
use crate::json::{self, Node, Pointer};
use crate::limits::ViewLimits;

/// Places told of one JSON text, a kind of remark: enough to see that there are many.
const REMARKS_MAX: usize = 100;

/// Reads content by its kind, within what one view may cost.
pub(super) struct Reader<'l> {
    limits: &'l ViewLimits,
    text_bytes_left: usize,
}

impl<'l> Reader<'l> {
    pub(super) fn new(limits: &'l ViewLimits) -> Self {
        Self { limits, text_bytes_left: limits.text_bytes_max }
    }

    /// The content, and whether its kind was read off it.
    pub(super) fn whole(&mut self, bytes: &[u8], content_type: Option<&[u8]>) -> (Content, bool) {
        if !bytes.is_empty() && kind(content_type) == Kind::Multipart {
            return (self.multipart(bytes, content_type), false);
        }
        self.part(bytes, content_type)
    }

    /// The same without parts within parts, so that nesting ends.
    fn part(&mut self, bytes: &[u8], content_type: Option<&[u8]>) -> (Content, bool) {
        if bytes.is_empty() {
            return (Content::Empty, false);
        }
        let content = match kind(content_type) {
            Kind::Json => self.json(bytes, json::parse(bytes, self.limits)),
            // curl -d declares a form whatever is sent.
            Kind::Form => match self.nested_json(bytes) {
                Some(content) => return (content, true),
                None => self.form(bytes),
            },
            Kind::Html => self.text(bytes, content_type, Markup::Html),
            Kind::Xml => self.text(bytes, content_type, Markup::Xml),
            Kind::Plain | Kind::Multipart => self.text(bytes, content_type, Markup::Plain),
            Kind::Other => return (self.sniffed(bytes, content_type), true),
        };
        (content, false)
    }

    fn sniffed(&mut self, bytes: &[u8], content_type: Option<&[u8]>) -> Content {
        if let Some(content) = self.nested_json(bytes) {
            return content;
        }
        if looks_like(bytes).is_some() || !is_text(bytes) {
            return binary(bytes, self.limits.hex_bytes_max);
        }
        let start = bytes.trim_ascii_start();
        let begins = |with: &str| {
            start.get(..with.len()).is_some_and(|s| s.eq_ignore_ascii_case(with.as_bytes()))
        };
        let markup = match () {
            () if begins("<?xml") => Markup::Xml,
            () if begins("<!doctype html") || begins("<html") => Markup::Html,
            () => Markup::Plain,
        };
        self.text(bytes, content_type, markup)
    }

    /// Content that is an object or array of JSON, whatever it is declared as.
    fn nested_json(&mut self, bytes: &[u8]) -> Option<Content> {
        let is_nested = matches!(bytes.trim_ascii_start(), [b'{' | b'[', ..]);
        let node = is_nested.then(|| json::parse(bytes, self.limits).ok()).flatten()?;
        Some(self.json(bytes, Ok(node)))
    }

    fn json(&mut self, bytes: &[u8], parsed: Result<Node<'_>, json::JsonError>) -> Content {
        let mut remarks = Remarks::default();
        let laid_out = parsed.map_err(|error| error.to_string()).and_then(|node| {
            remarks.node(&node, &mut Pointer::default());
            let max = self.text_bytes_left;
            node.pretty(max).ok_or_else(|| format!("lay out: more than {max} bytes of text"))
        });
        let (text, error) = match laid_out {
            Ok(text) => (self.spend(text), None),
            Err(error) => (self.as_sent(bytes), Some(error)),
        };
        let Remarks { repeated_keys, inexact_numbers } = remarks;
        Content::Json { text, error, repeated_keys, inexact_numbers }
    }

    fn as_sent(&mut self, bytes: &[u8]) -> String {
        match self.text(bytes, Some(b"text/plain; charset=utf-8"), Markup::Plain) {
            Content::Text { text, .. } => text,
            _ => String::new(),
        }
    }

    fn form(&self, bytes: &[u8]) -> Content {
        let fields = form::pairs(bytes).take(self.limits.fields_max).collect();
        let total = bytes.split(|&b| b == b'&').filter(|pair| !pair.is_empty()).count() as u64;
        Content::Form { fields, total }
    }

    fn text(&mut self, bytes: &[u8], content_type: Option<&[u8]>, markup: Markup) -> Content {
        let content = text(bytes, content_type, markup, self.text_bytes_left);
        if let Content::Text { text, .. } = &content {
            self.text_bytes_left -= text.len();
        }
        content
    }

    fn spend(&mut self, text: String) -> String {
        self.text_bytes_left -= text.len();
        text
    }

    fn multipart(&mut self, bytes: &[u8], content_type: Option<&[u8]>) -> Content {
        let parameters = content_type.map(Parameters::of).unwrap_or_default();
        let boundary = parameters.get("boundary").unwrap_or_default();
        let split = multipart::split(bytes, boundary, self.limits.parts_max);
        let parts = split.parts.iter().map(|raw| self.raw_part(raw)).collect();
        Content::Multipart { parts, total: split.total, error: split.error.map(str::to_owned) }
    }

    fn raw_part(&mut self, raw: &multipart::RawPart<'_>) -> Part {
        let disposition = raw.field("content-disposition").map(Parameters::of).unwrap_or_default();
        let content_type = raw.field("content-type");
        // A part without a type is text (RFC 7578, section 4.4), and often a JSON document.
        let (content, sniffed) = self.part(raw.content, content_type);
        let told = |(name, value): &(&[u8], &[u8])| (Octets::from(*name), Octets::from(*value));
        Part {
            name: disposition.get("name").map(Octets::from),
            filename: multipart::filename(&disposition),
            content_type: content_type.map(Octets::from),
            headers: raw.fields.iter().map(told).collect(),
            size: raw.content.len() as u64,
            sniffed,
            content,
        }
    }
}

#[derive(Default)]
struct Remarks {
    repeated_keys: Vec<String>,
    inexact_numbers: Vec<String>,
}

impl Remarks {
    fn node(&mut self, node: &Node<'_>, at: &mut Pointer) {
        match node {
            Node::Number(digits) if !json::survives_f64(digits) => {
                remark(&mut self.inexact_numbers, at);
            }
            Node::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    at.within(&n.to_string(), |at| self.node(item, at));
                }
            }
            Node::Object(members) => {
                let mut keys = HashSet::with_capacity(members.len());
                for (key, value) in members {
                    let key = json::shown(key);
                    at.within(&key.clone(), |at| {
                        if !keys.insert(key) {
                            remark(&mut self.repeated_keys, at);
                        }
                        self.node(value, at);
                    });
                }
            }
            _ => {}
        }
    }
}

fn remark(places: &mut Vec<String>, at: &Pointer) {
    if places.len() < REMARKS_MAX {
        places.push(at.told());
    }
}
