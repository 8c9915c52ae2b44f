//! JSON to values and back (RFC 8259). Our own reader, because numbers must stay as written.

use std::fmt::Write as _;
use std::rc::Rc;

use memchr::memchr2_iter;

use super::meter;
use super::number::Num;
use super::value::{Obj, Val};

/// How deep JSON may be nested: as serde_json has it.
const DEPTH_MAX: u32 = 128;

/// Reads one value and nothing after it.
pub(super) fn parse(text: &str) -> Option<Val> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.value()?;
    reader.space();
    (reader.at == text.len()).then_some(value)
}

/// Writes a value compactly.
pub(super) fn write(value: &Val) -> String {
    meter::bytes(usize::try_from(value.size().bytes).unwrap_or(usize::MAX));
    let mut json = String::new();
    write_to(value, &mut json);
    json
}

fn write_to(value: &Val, json: &mut String) {
    meter::step();
    match value {
        Val::Null => json.push_str("null"),
        Val::Bool(bool) => json.push_str(if *bool { "true" } else { "false" }),
        Val::Num(num) => {
            let _ = write!(json, "{num}");
        }
        Val::Str(text) => write_text(text, json),
        Val::Arr(array) => {
            json.push('[');
            for (place, item) in array.items.iter().enumerate() {
                json.push_str(if place == 0 { "" } else { "," });
                write_to(item, json);
            }
            json.push(']');
        }
        Val::Obj(object) => {
            json.push('{');
            for (place, (key, field)) in object.fields.iter().enumerate() {
                json.push_str(if place == 0 { "" } else { "," });
                write_text(key, json);
                json.push(':');
                write_to(field, json);
            }
            json.push('}');
        }
    }
}

fn write_text(text: &str, json: &mut String) {
    json.push_str(&serde_json::to_string(text).unwrap_or_default());
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: u32,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Val> {
        self.space();
        match self.peek()? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => self.string().map(Val::Str),
            b't' => self.word("true", Val::Bool(true)),
            b'f' => self.word("false", Val::Bool(false)),
            b'n' => self.word("null", Val::Null),
            _ => self.number(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Option<Val>) -> Option<Val> {
        self.depth += 1;
        self.at += 1;
        let value = if self.depth > DEPTH_MAX { None } else { read(self) };
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Option<Val> {
        let mut items = Vec::new();
        self.space();
        if !self.eat(b']') {
            loop {
                items.push(self.value()?);
                if !self.goes_on(b']')? {
                    break;
                }
            }
        }
        Some(Val::array(items))
    }

    fn object(&mut self) -> Option<Val> {
        let mut object = Obj::default();
        self.space();
        if !self.eat(b'}') {
            loop {
                self.space();
                let key = self.string()?;
                self.space();
                if !self.eat(b':') {
                    return None;
                }
                object.set(key, self.value()?);
                if !self.goes_on(b'}')? {
                    break;
                }
            }
        }
        Some(Val::Obj(object.into()))
    }

    /// After an item: whether another follows; `None` if neither that nor the end.
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        self.space();
        let comma = self.eat(b',');
        (comma || self.eat(end)).then_some(comma)
    }

    /// Finds the closing quote; what stands between is serde_json's to check and unescape.
    fn string(&mut self) -> Option<Rc<str>> {
        if self.peek()? != b'"' {
            return None;
        }
        let rest = &self.text[self.at..];
        let mut escaped = None;
        let end =
            memchr2_iter(b'"', b'\\', &rest.as_bytes()[1..]).map(|at| at + 1).find(|&at| {
                let plain = escaped != Some(at);
                if plain && rest.as_bytes()[at] == b'\\' {
                    escaped = Some(at + 1);
                }
                plain && rest.as_bytes()[at] == b'"'
            })?;
        self.at += end + 1;
        let text: std::borrow::Cow<'_, str> = match escaped {
            Some(_) => serde_json::from_str::<String>(&rest[..=end]).ok()?.into(),
            None if rest.as_bytes()[1..end].iter().any(|b| *b < b' ') => return None,
            None => rest[1..end].into(),
        };
        meter::bytes(text.len());
        Some(text.into())
    }

    fn number(&mut self) -> Option<Val> {
        let rest = &self.text[self.at..];
        let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let text = &rest[..rest.bytes().take_while(|b| is_part(b)).count()];
        self.at += text.len();
        meter::bytes(text.len());
        is_number(text.as_bytes()).then(|| Val::Num(Num::written(text)))
    }

    fn word(&mut self, word: &str, value: Val) -> Option<Val> {
        let is_it = self.text[self.at..].starts_with(word);
        self.at += word.len();
        is_it.then_some(value)
    }

    fn space(&mut self) {
        let rest = self.text.as_bytes()[self.at..].iter();
        self.at += rest.take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_it = self.peek() == Some(byte);
        self.at += usize::from(is_it);
        is_it
    }
}

/// JSON's grammar of numbers: `-`? digits without a leading 0, a fraction, an exponent.
pub(super) fn is_number(text: &[u8]) -> bool {
    let digits = |text: &mut &[u8]| {
        let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
        *text = &text[count..];
        count
    };
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let zero = rest.first() == Some(&b'0');
    let whole = digits(&mut rest);
    if whole == 0 || (zero && whole > 1) {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = fraction;
        if digits(&mut rest) == 0 {
            return false;
        }
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        rest = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        if digits(&mut rest) == 0 {
            return false;
        }
    }
    rest.is_empty()
}
