//! JSON as text: read without changing a number, a key's place or an escape, and written again in
//! the ways that libraries write.

use std::fmt::Write as _;

/// How the parts of a JSON text are set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it came.
    AsIs,
    /// Nothing between the parts.
    Compact,
    /// A space after each comma and colon, as Python writes.
    Spaced,
    /// A line for each part, indented by two spaces.
    Indented2,
    /// A line for each part, indented by four spaces.
    Indented4,
    /// A line for each part, indented by tabs.
    Tabs,
}

/// Which characters of strings are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escapes {
    /// As they came.
    AsIs,
    /// `/` as `\/`.
    Slashes,
    /// What is not ASCII as `\uXXXX`.
    Unicode,
    /// Both, as PHP writes.
    SlashesAndUnicode,
    /// `<`, `>` and `&` as `\u003c` and so on, as Go writes.
    Html,
    /// None that JSON does not ask for.
    Plain,
}

/// Deeper texts are left alone, so that no sender chooses how deep the stack gets.
const DEPTH_MAX: usize = 64;

#[derive(Debug)]
pub(super) enum Node<'a> {
    Scalar(&'a str),
    /// Without its quotes, escapes untouched.
    Text(&'a str),
    Array(Vec<Node<'a>>),
    Object(Vec<(&'a str, Node<'a>)>),
}

/// Reads a JSON text; nothing where it is none.
pub(super) fn read(text: &str) -> Option<Node<'_>> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let mut reader = Reader { rest: text };
    reader.node(DEPTH_MAX)
}

/// Walks a text that is known to be JSON.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn node(&mut self, depth: usize) -> Option<Node<'a>> {
        let depth = depth.checked_sub(1)?;
        self.space();
        match self.rest.as_bytes().first()? {
            b'"' => self.text().map(Node::Text),
            b'[' => {
                let mut items = Vec::new();
                self.skip('[');
                while !self.skip(']') {
                    items.push(self.node(depth)?);
                    self.skip(',');
                }
                Some(Node::Array(items))
            }
            b'{' => {
                let mut members = Vec::new();
                self.skip('{');
                while !self.skip('}') {
                    self.space();
                    let name = self.text()?;
                    self.skip(':');
                    members.push((name, self.node(depth)?));
                    self.skip(',');
                }
                Some(Node::Object(members))
            }
            _ => {
                self.take(self.rest.find([',', ']', '}', ' ', '\n', '\r', '\t'])).map(Node::Scalar)
            }
        }
    }

    fn text(&mut self) -> Option<&'a str> {
        self.rest = self.rest.strip_prefix('"')?;
        let text = self.take(Some(text_end(self.rest)))?;
        self.rest = self.rest.strip_prefix('"')?;
        Some(text)
    }

    fn take(&mut self, end: Option<usize>) -> Option<&'a str> {
        let (taken, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        self.rest = rest;
        // An empty scalar would be read for ever.
        (!taken.is_empty() || rest.starts_with('"')).then_some(taken)
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
    }

    fn skip(&mut self, sign: char) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

/// Where a string's closing quote is.
fn text_end(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().position(|b| {
        let closes = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        closes
    });
    end.unwrap_or(text.len())
}

/// Writes a tree; nothing where that takes more than `bytes_max`.
pub(super) fn write(
    node: &Node<'_>,
    style: Style,
    sorted: bool,
    escapes: Escapes,
    bytes_max: usize,
) -> Option<String> {
    let mut writer = Writer { text: String::new(), style, sorted, escapes, bytes_max };
    writer.node(node, 1)?;
    Some(writer.text)
}

/// Changes the escapes of a text that is JSON, and nothing else.
pub(super) fn escape(text: &str, escapes: Escapes) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('"') {
        let (before, string) = rest.split_at(open + 1);
        let (string, after) = string.split_at(text_end(&rest[open + 1..]));
        written.push_str(before);
        write_escaped(&mut written, string, escapes);
        let quote = usize::from(after.starts_with('"'));
        written.push_str(&after[..quote]);
        rest = &after[quote..];
    }
    written + rest
}

struct Writer {
    text: String,
    style: Style,
    sorted: bool,
    escapes: Escapes,
    bytes_max: usize,
}

impl Writer {
    fn node(&mut self, node: &Node<'_>, depth: usize) -> Option<()> {
        match node {
            Node::Scalar(scalar) => self.text.push_str(scalar),
            Node::Text(text) => self.string(text),
            Node::Array(items) => {
                self.text.push('[');
                for (place, item) in items.iter().enumerate() {
                    self.part(place, depth);
                    self.node(item, depth + 1)?;
                }
                self.close(']', items.is_empty(), depth);
            }
            Node::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                if self.sorted {
                    members.sort_by_key(|(name, _)| *name);
                }
                self.text.push('{');
                for (place, (name, member)) in members.iter().enumerate() {
                    self.part(place, depth);
                    self.string(name);
                    self.text.push_str(if self.style == Style::Compact { ":" } else { ": " });
                    self.node(member, depth + 1)?;
                }
                self.close('}', members.is_empty(), depth);
            }
        }
        (self.text.len() <= self.bytes_max).then_some(())
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        write_escaped(&mut self.text, text, self.escapes);
        self.text.push('"');
    }

    fn part(&mut self, place: usize, depth: usize) {
        if place > 0 {
            self.text.push_str(if self.style == Style::Spaced { ", " } else { "," });
        }
        self.line(depth);
    }

    fn close(&mut self, sign: char, empty: bool, depth: usize) {
        if !empty {
            self.line(depth - 1);
        }
        self.text.push(sign);
    }

    fn line(&mut self, depth: usize) {
        let indent = match self.style {
            Style::AsIs | Style::Compact | Style::Spaced => return,
            Style::Indented2 => "  ",
            Style::Indented4 => "    ",
            Style::Tabs => "\t",
        };
        self.text.push('\n');
        (0..depth).for_each(|_| self.text.push_str(indent));
    }
}

fn write_escaped(to: &mut String, text: &str, escapes: Escapes) {
    if escapes == Escapes::Plain {
        return write_plain(to, text);
    }
    let slashes = matches!(escapes, Escapes::Slashes | Escapes::SlashesAndUnicode);
    let unicode = matches!(escapes, Escapes::Unicode | Escapes::SlashesAndUnicode);
    let mut escaped = false;
    for char in text.chars() {
        match char {
            '/' if slashes && !escaped => to.push_str("\\/"),
            '<' | '>' | '&' if escapes == Escapes::Html => unit(to, u16::from(char as u8)),
            char if unicode && !char.is_ascii() => {
                char.encode_utf16(&mut [0; 2]).iter().for_each(|&code| unit(to, code));
            }
            char => to.push(char),
        }
        escaped = char == '\\' && !escaped;
    }
}

fn unit(to: &mut String, unit: u16) {
    let _ = write!(to, "\\u{unit:04x}");
}

/// What serde calls the plain spelling is what JavaScript, Ruby and Rust write.
fn write_plain(to: &mut String, text: &str) {
    let plain = serde_json::from_str::<String>(&format!("\"{text}\""))
        .and_then(|string| serde_json::to_string(&string));
    match plain {
        Ok(plain) => to.push_str(plain.get(1..plain.len() - 1).unwrap_or_default()),
        Err(_) => to.push_str(text),
    }
}
