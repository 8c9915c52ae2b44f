//! JSON laid out for reading, with every token as it came.

use serde::de::IgnoredAny;

/// The same JSON, indented; `None` where it is not JSON.
///
/// Parsing and printing again would turn `29.0000` into `29.0`, and that is what people look for.
pub(crate) fn indented(text: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut shown = String::with_capacity(text.len() * 2);
    let mut depth = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => push_string(&mut shown, &mut chars),
            '{' | '[' => {
                shown.push(c);
                while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                if let Some(close) = chars.next_if(|&c| matches!(c, '}' | ']')) {
                    shown.push(close);
                } else {
                    depth += 1;
                    new_line(&mut shown, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut shown, depth);
                shown.push(c);
            }
            ',' => {
                shown.push(c);
                new_line(&mut shown, depth);
            }
            ':' => shown.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => shown.push(c),
        }
    }
    Some(shown)
}

/// The rest of a string, its opening quote already taken.
fn push_string(shown: &mut String, chars: &mut impl Iterator<Item = char>) {
    shown.push('"');
    let mut escaped = false;
    for c in chars {
        shown.push(c);
        match c {
            '"' if !escaped => return,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
}

fn new_line(shown: &mut String, depth: usize) {
    shown.push('\n');
    shown.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stay_and_only_space_changes() {
        let text = r#"{"a":29.0000,"b":[],"c":{ },"d":[1,"x\"{:,\\"],"a":"\u00e9"}"#;
        let want = "{\n  \"a\": 29.0000,\n  \"b\": [],\n  \"c\": {},\n  \"d\": [\n    1,\n    \
                    \"x\\\"{:,\\\\\"\n  ],\n  \"a\": \"\\u00e9\"\n}";
        assert_eq!(indented(text).as_deref(), Some(want));
        assert_eq!(indented(&indented(text).unwrap()).as_deref(), Some(want));
        assert_eq!(indented("{"), None);
        assert_eq!(indented("hello"), None);
        assert_eq!(indented(&"[".repeat(100_000)), None);
    }
}
