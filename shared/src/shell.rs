//! Bytes as words and input of a POSIX shell, which must never act on one of them.
//!
//! Two forms only. Text that a terminal shows as it is stands in single quotes, an apostrophe as
//! `'\''`. All else goes through `printf`, whose octal escapes POSIX guarantees (`base64 -d` it
//! does not), so that nothing exported can move a cursor, break a line or be no UTF-8.

use std::io::{self, Write};

use crate::escape;

/// Text up to this many bytes may be a word; half of the 128 KiB that Linux gives to one argument,
/// the least of the systems that have a POSIX shell.
const WORD_BYTES_MAX: usize = 64 * 1024;

/// Bytes to one `printf`: where it is a program and not built in, escaped fourfold they fit one
/// argument.
const PRINTF_BYTES_MAX: usize = 16 * 1024;

/// Whether these bytes can stand in single quotes: short text that a terminal shows as it is.
#[must_use]
pub fn is_plain(bytes: &[u8]) -> bool {
    bytes.len() <= WORD_BYTES_MAX
        && std::str::from_utf8(bytes).is_ok_and(|text| escape::terminal(text, false) == text)
}

/// A word that the shell expands to exactly these bytes; none for what no argument can be: NUL
/// ends it, and a command substitution drops the newlines at its end.
///
/// ```
/// use hooklab_shared::shell::word;
/// assert_eq!(word(b"it's").unwrap(), br"'it'\''s'");
/// ```
#[must_use]
pub fn word(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.contains(&0) || bytes.ends_with(b"\n") {
        return None;
    }
    let mut word = Vec::with_capacity(bytes.len() + 2);
    if is_plain(bytes) {
        single_quoted(bytes, &mut word);
    } else {
        word.extend(b"\"$(printf '");
        escaped(bytes, is_harmless, &mut word);
        word.extend(b"')\"");
    }
    Some(word)
}

/// A command that prints exactly these bytes, of any length, and a pipe behind it.
///
/// # Errors
/// Those of `out`.
pub fn piped(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    let whole = bytes.len() <= PRINTF_BYTES_MAX;
    if !whole {
        out.write_all(b"{\n")?;
    }
    for part in bytes.chunks(PRINTF_BYTES_MAX) {
        let mut line = b"printf '".to_vec();
        escaped(part, is_literal_in_printf, &mut line);
        line.extend(if whole { &b"' |\n"[..] } else { b"'\n" });
        out.write_all(&line)?;
    }
    if whole { Ok(()) } else { out.write_all(b"} |\n") }
}

fn single_quoted(bytes: &[u8], into: &mut Vec<u8>) {
    into.push(b'\'');
    for &byte in bytes {
        match byte {
            b'\'' => into.extend(br"'\''"),
            byte => into.push(byte),
        }
    }
    into.push(b'\'');
}

/// As a format of `printf`, between single quotes.
fn escaped(bytes: &[u8], is_literal: fn(u8) -> bool, into: &mut Vec<u8>) {
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => into.extend(br"\n"),
            // A format must not begin as an option does.
            b'-' if at == 0 => into.extend(br"\055"),
            byte if is_literal(byte) => into.push(byte),
            byte => into.extend([b'\\', octal(byte >> 6), octal(byte >> 3), octal(byte)]),
        }
    }
}

fn octal(bits: u8) -> u8 {
    b'0' + (bits & 7)
}

/// What no shell acts on even where quotes inside `"$(…)"` are misread, as by history expansion.
fn is_harmless(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" -_./:=,;+".contains(&byte)
}

/// What neither single quotes, nor `printf`, nor history expansion acts on.
fn is_literal_in_printf(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !br"'\%!".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> Option<String> {
        word(bytes).map(|word| String::from_utf8(word).unwrap())
    }

    #[test]
    fn words_are_quoted_or_printed_never_bare() {
        assert_eq!(shown(b"").as_deref(), Some("''"));
        assert_eq!(shown(b"it's $x `y`").as_deref(), Some(r"'it'\''s $x `y`'"));
        assert_eq!(shown("é".as_bytes()).as_deref(), Some("'é'"));
        assert_eq!(shown(b"-\xff!\ta").as_deref(), Some(r#""$(printf '\055\377\041\011a')""#));
        assert_eq!(shown(b"a\0b"), None);
        assert_eq!(shown(b"a\n"), None);
    }

    #[test]
    fn input_is_printed_in_pieces() {
        let piped = |bytes: &[u8]| {
            let mut out = Vec::new();
            piped(bytes, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let want = r#"printf '\055{"a": \04750\045\047}\n\000' |"#;
        assert_eq!(piped(b"-{\"a\": '50%'}\n\0").trim_end(), want);
        let long = piped(&vec![b'-'; PRINTF_BYTES_MAX + 1]);
        assert!(long.starts_with("{\nprintf '\\055-"));
        assert!(long.ends_with("-'\nprintf '\\055'\n} |\n"));
    }
}
