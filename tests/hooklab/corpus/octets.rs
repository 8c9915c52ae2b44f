//! Every byte that is no letter, in every place of a head.

use super::case::{BIN, Case};

/// Every byte but letters, digits and what ends lines.
fn odd_bytes() -> impl Iterator<Item = u8> {
    (0..=255u8).filter(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'\r' | b'\n'))
}

pub(super) fn cases() -> Vec<Case> {
    odd_bytes()
        .flat_map(|byte| [in_method(byte), in_target(byte), in_name(byte), in_value(byte)])
        .collect()
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn case(place: &str, byte: u8, wire: Vec<u8>, is_kept: bool) -> Case {
    let name = format!("byte {byte:#04x} in {place}");
    if is_kept { Case::kept(name, wire) } else { Case::refused(name, wire, "malformed_head") }
}

fn in_method(byte: u8) -> Case {
    let rest = format!("T /{BIN} HTTP/1.1\r\nHost: h\r\n\r\n");
    case("a method", byte, [b"G", &[byte], rest.as_bytes()].concat(), is_token(byte))
}

/// More than RFC 3986 allows is kept: senders do send it. Only a space ends the target.
fn in_target(byte: u8) -> Case {
    let begin = format!("GET /{BIN}/a");
    let wire = [begin.as_bytes(), &[byte], b"b HTTP/1.1\r\nHost: h\r\n\r\n"].concat();
    case("a target", byte, wire, byte != b' ')
}

/// Controls are kept wherever they stand in a field.
fn in_name(byte: u8) -> Case {
    let begin = format!("GET /{BIN} HTTP/1.1\r\nHost: h\r\nX");
    let wire = [begin.as_bytes(), &[byte], b"Y: z\r\n\r\n"].concat();
    let is_control = byte.is_ascii_control() && byte != b'\t';
    case("a field's name", byte, wire, is_token(byte) || byte == b':' || is_control)
}

/// More than RFC 9110, section 5.5, allows.
fn in_value(byte: u8) -> Case {
    let begin = format!("GET /{BIN} HTTP/1.1\r\nHost: h\r\nX: y");
    let wire = [begin.as_bytes(), &[byte], b"z\r\n\r\n"].concat();
    case("a field's value", byte, wire, true)
}
