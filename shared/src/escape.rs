//! Captured bytes made safe for where they are shown.

use std::fmt::Write as _;

/// Text for a terminal: whatever could move its cursor, change its colours or reverse its reading
/// order is shown instead of sent. Line feeds and tabs stay where `multiline` says so.
///
/// ```
/// use hooklab_shared::escape::terminal;
/// assert_eq!(terminal("a\x1b[31mb\n", false), "a\\u{1b}[31mb\\n");
/// ```
#[must_use]
pub fn terminal(text: &str, multiline: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' if multiline => shown.push(c),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_hostile(c) => {
                let _ = write!(shown, "{}", c.escape_unicode());
            }
            c => shown.push(c),
        }
    }
    shown
}

/// Bytes for a terminal: as [`terminal`], with what is not UTF-8 as `\xNN`.
#[must_use]
pub fn terminal_bytes(bytes: &[u8], multiline: bool) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&terminal(chunk.valid(), multiline));
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// JSON for a terminal: what [`terminal`] would show instead of sending is written as JSON's own
/// `\\uXXXX`, so that it stays the same JSON.
///
/// ```
/// use hooklab_shared::escape::json;
/// assert_eq!(json("[\"a\u{9b}\"]"), "[\"a\\u009b\"]");
/// ```
#[must_use]
pub fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !is_hostile(c) {
            shown.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    shown
}

/// Controls (C0, DEL, C1), bidirectional overrides and isolates, invisible joiners and separators.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{061c}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_reaches_a_terminal() {
        let hostile: String = (0..0x3000).filter_map(char::from_u32).collect();
        let shown = terminal(&hostile, false);
        assert!(!shown.chars().any(char::is_control));
        assert!(!shown.contains('\u{202e}'));
        assert_eq!(terminal("a\tb\nc\r", true), "a\tb\nc\\r");
        assert_eq!(terminal_bytes(b"\xffa\x1b", false), "\\xffa\\u{1b}");
        let shown = json(&serde_json::to_string(&hostile).unwrap());
        assert!(!shown.chars().any(is_hostile));
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), hostile);
    }
}
