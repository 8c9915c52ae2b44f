//! JSON as PHP's `json_encode` writes it by default: compact, `/` escaped, ASCII only.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// Digits before the point from which PHP writes an exponent (`%.17g`, shortest form).
const FIXED_DIGITS_MAX: i32 = 17;

/// Digits that are looked at to tell a tie from what is close to one.
const TIE_DIGITS: usize = 30;

/// Writes a value as PHP would.
pub(crate) fn json(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

/// Recurses no deeper than the parser let the value be nested, which is 128.
fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                comma(out, i);
                write(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (i, (name, field)) in fields.iter().enumerate() {
                comma(out, i);
                write_text(out, name);
                out.push(':');
                write(out, field);
            }
            out.push('}');
        }
    }
}

fn comma(out: &mut String, i: usize) {
    if i > 0 {
        out.push(',');
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '/' => out.push_str("\\/"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='\u{7f}' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

fn write_number(out: &mut String, number: &Number) {
    if let Some(integer) = number.as_i64() {
        let _ = write!(out, "{integer}");
    } else if let Some(float) = number.as_f64() {
        // An integer beyond 64 bits signed is a float in PHP.
        write_float(out, float);
    }
}

/// The shortest digits that read back as the same float, laid out as C's `%g` does.
fn write_float(out: &mut String, float: f64) {
    if float < 0.0 || (float == 0.0 && float.is_sign_negative()) {
        out.push('-');
    }
    let (digits, exponent) = shortest(float.abs());
    let point = exponent + 1;
    if float != 0.0 && !(-3..=FIXED_DIGITS_MAX).contains(&point) {
        write_exponent(out, &digits, point - 1);
    } else {
        write_fixed(out, &digits, point);
    }
}

/// The shortest digits, and the exponent of the first. Where two are as near, PHP takes the one
/// whose last digit is even, and Rust the greater one.
fn shortest(float: f64) -> (String, i32) {
    let (mut digits, exponent) = scientific(&format!("{float:e}"));
    let count = digits.len();
    let (exact, _) = scientific(&format!("{float:.*e}", count + TIE_DIGITS));
    let (low, rest) = exact.split_at(count.min(exact.len()));
    let is_tie = rest.strip_prefix('5').is_some_and(|zeros| zeros.bytes().all(|b| b == b'0'));
    let is_even = low.bytes().next_back().is_some_and(|digit| digit % 2 == 0);
    let (first, others) = low.split_at(low.len().min(1));
    let reads_back = || format!("{first}.{others}e{exponent}").parse() == Ok(float);
    if is_tie && is_even && reads_back() {
        low.clone_into(&mut digits);
    }
    (digits, exponent)
}

/// The digits and the exponent of `1.5e-7`.
fn scientific(text: &str) -> (String, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits = mantissa.chars().filter(char::is_ascii_digit).collect();
    (digits, exponent.parse().unwrap_or(0))
}

fn write_exponent(out: &mut String, digits: &str, exponent: i32) {
    let (first, rest) = digits.split_at(1);
    let rest = if rest.is_empty() { "0" } else { rest };
    let _ = write!(out, "{first}.{rest}e{exponent:+}");
}

fn write_fixed(out: &mut String, digits: &str, point: i32) {
    let Ok(before) = usize::try_from(point) else {
        let _ = write!(out, "0.{}{digits}", "0".repeat(point.unsigned_abs() as usize));
        return;
    };
    if before == 0 {
        let _ = write!(out, "0.{digits}");
    } else if before >= digits.len() {
        let _ = write!(out, "{digits}{}", "0".repeat(before - digits.len()));
    } else {
        let _ = write!(out, "{}.{}", &digits[..before], &digits[before..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn php(text: &str) -> String {
        json(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn text_is_ascii_with_slashes_escaped_and_surrogate_pairs() {
        let value = Value::String("a/\"\\\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}é€😀\u{2028}".into());
        assert_eq!(
            json(&value),
            "\"a\\/\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}\
             \\u00e9\\u20ac\\ud83d\\ude00\\u2028\""
        );
    }

    #[test]
    fn numbers_are_php_numbers() {
        for (given, want) in [
            ("29.0", "29"),
            ("29", "29"),
            ("-7", "-7"),
            ("43.2", "43.2"),
            ("0.1", "0.1"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("100.0", "100"),
            ("0.0001", "0.0001"),
            ("0.00001", "1.0e-5"),
            ("1.5e-7", "1.5e-7"),
            ("1e25", "1.0e+25"),
            ("1.25e100", "1.25e+100"),
            ("-1.5", "-1.5"),
            ("0.0", "0"),
            ("123456789.125", "123456789.125"),
            ("592163508237471.25", "592163508237471.2"),
            ("592163508237471.75", "592163508237471.8"),
            ("12345678901234567.0", "12345678901234568"),
            ("9223372036854775807", "9223372036854775807"),
        ] {
            assert_eq!(php(given), want, "{given}");
        }
    }

    #[test]
    fn structure_is_compact_and_in_order() {
        assert_eq!(
            php(r#"{ "b" : [1, null, true, {"é/": false}], "a": {} }"#),
            r#"{"b":[1,null,true,{"\u00e9\/":false}],"a":{}}"#
        );
    }
}
