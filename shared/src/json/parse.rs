use thiserror::Error;

use super::Node;
use crate::limits::ViewLimits;

/// Why content cannot be read as JSON.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum JsonError {
    #[error("read as JSON: byte {0} is not UTF-8")]
    NotUtf8(usize),
    #[error("read as JSON: expected {expected} at line {line} column {column}")]
    Syntax { expected: &'static str, line: usize, column: usize },
    #[error("read as JSON: nested deeper than {max} at line {line} column {column}")]
    Depth { max: usize, line: usize, column: usize },
    #[error("read as JSON: more than {max} values at line {line} column {column}")]
    Values { max: usize, line: usize, column: usize },
}

/// Reads one JSON text (RFC 8259); a byte order mark before it is skipped.
pub(crate) fn parse<'a>(bytes: &'a [u8], limits: &ViewLimits) -> Result<Node<'a>, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|e| JsonError::NotUtf8(e.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser { text, at: 0, depth: 0, values: 0, limits };
    parser.whole().map_err(|stop| stop.told(&text[..parser.at], limits))
}

enum Stop {
    Expected(&'static str),
    Depth,
    Values,
}

impl Stop {
    fn told(self, before: &str, limits: &ViewLimits) -> JsonError {
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        match self {
            Self::Expected(expected) => JsonError::Syntax { expected, line, column },
            Self::Depth => JsonError::Depth { max: limits.json_depth_max, line, column },
            Self::Values => JsonError::Values { max: limits.json_values_max, line, column },
        }
    }
}

struct Parser<'a, 'l> {
    text: &'a str,
    at: usize,
    depth: usize,
    values: usize,
    limits: &'l ViewLimits,
}

impl<'a> Parser<'a, '_> {
    fn whole(&mut self) -> Result<Node<'a>, Stop> {
        let node = self.value()?;
        match self.next() {
            None => Ok(node),
            Some(_) => Err(Stop::Expected("the end")),
        }
    }

    fn value(&mut self) -> Result<Node<'a>, Stop> {
        let first = self.next();
        self.values += 1;
        if self.values > self.limits.json_values_max {
            return Err(Stop::Values);
        }
        match first {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Node::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Node::Bool(true)),
            Some(b'f') => self.word("false", Node::Bool(false)),
            Some(b'n') => self.word("null", Node::Null),
            _ => Err(Stop::Expected("a value")),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Node<'a>, Stop>) -> Result<Node<'a>, Stop> {
        if self.depth == self.limits.json_depth_max {
            return Err(Stop::Depth);
        }
        self.depth += 1;
        self.at += 1;
        let node = read(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn object(&mut self) -> Result<Node<'a>, Stop> {
        let mut members = Vec::new();
        if self.next_is(b'}') {
            return Ok(Node::Object(members));
        }
        loop {
            if self.next() != Some(b'"') {
                return Err(Stop::Expected("a key in quotes"));
            }
            let key = self.string()?;
            if !self.next_is(b':') {
                return Err(Stop::Expected("`:` after a key"));
            }
            members.push((key, self.value()?));
            if self.next_is(b'}') {
                return Ok(Node::Object(members));
            }
            if !self.next_is(b',') {
                return Err(Stop::Expected("`,` or `}`"));
            }
        }
    }

    fn array(&mut self) -> Result<Node<'a>, Stop> {
        let mut items = Vec::new();
        if self.next_is(b']') {
            return Ok(Node::Array(items));
        }
        loop {
            items.push(self.value()?);
            if self.next_is(b']') {
                return Ok(Node::Array(items));
            }
            if !self.next_is(b',') {
                return Err(Stop::Expected("`,` or `]`"));
            }
        }
    }

    /// From the opening quote on; what is yielded stands between the quotes.
    fn string(&mut self) -> Result<&'a str, Stop> {
        let start = self.at + 1;
        self.at = start;
        loop {
            match self.peek(0) {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                None => return Err(Stop::Expected("the closing quote of a string")),
                Some(0..0x20) => return Err(Stop::Expected("an escape for a control character")),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(&self.text[start..self.at - 1])
    }

    fn escape(&mut self) -> Result<(), Stop> {
        let digits = match self.peek(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => 4,
            _ => return Err(Stop::Expected("an escape that JSON knows")),
        };
        let is_hex = |at| self.peek(at).is_some_and(|b: u8| b.is_ascii_hexdigit());
        if !(2..2 + digits).all(is_hex) {
            return Err(Stop::Expected("four hexadecimal digits after \\u"));
        }
        self.at += 2 + digits;
        Ok(())
    }

    fn number(&mut self) -> Result<Node<'a>, Stop> {
        let start = self.at;
        self.skip(b"-");
        if self.peek(0) == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.skip(b".") {
            self.digits()?;
        }
        if self.skip(b"eE") {
            self.skip(b"+-");
            self.digits()?;
        }
        Ok(Node::Number(&self.text[start..self.at]))
    }

    fn digits(&mut self) -> Result<(), Stop> {
        let rest = &self.text.as_bytes()[self.at..];
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += digits;
        if digits == 0 { Err(Stop::Expected("a digit")) } else { Ok(()) }
    }

    fn word(&mut self, word: &str, node: Node<'a>) -> Result<Node<'a>, Stop> {
        if !self.text[self.at..].starts_with(word) {
            return Err(Stop::Expected("a value"));
        }
        self.at += word.len();
        Ok(node)
    }

    /// The next byte that is not space, left where it is.
    fn next(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek(0) {
            self.at += 1;
        }
        self.peek(0)
    }

    fn next_is(&mut self, wanted: u8) -> bool {
        let is = self.next() == Some(wanted);
        self.at += usize::from(is);
        is
    }

    fn skip(&mut self, any: &[u8]) -> bool {
        let is = self.peek(0).is_some_and(|b| any.contains(&b));
        self.at += usize::from(is);
        is
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }
}
