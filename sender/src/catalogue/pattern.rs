//! A text that a regular expression matches, drawn from a seed.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::random::Draw;

/// Repeats beyond the least that the expression asks for.
const MORE_MAX: u32 = 3;

/// Characters of a text: beyond it the drawing stops, and the text does not match.
const CHARS_MAX: usize = 4_096;

/// A text that the expression matches, unless it is one that looks around; `None` where it is not
/// an expression.
pub(super) fn text(expression: &str, draw: &mut Draw) -> Option<String> {
    let hir = regex_syntax::parse(expression).ok()?;
    let mut text = String::new();
    push(&hir, draw, &mut text);
    Some(text)
}

fn push(hir: &Hir, draw: &mut Draw, text: &mut String) {
    if text.len() > CHARS_MAX {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.extend(one_of(class, draw)),
        HirKind::Repetition(repetition) => {
            let least = repetition.min;
            let most = repetition.max.unwrap_or(u32::MAX).min(least.saturating_add(MORE_MAX));
            for _ in 0..draw.number(least, most) {
                if text.len() > CHARS_MAX {
                    return;
                }
                push(&repetition.sub, draw, text);
            }
        }
        HirKind::Capture(capture) => push(&capture.sub, draw, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| push(part, draw, text)),
        HirKind::Alternation(ways) => {
            let last = u32::try_from(ways.len().saturating_sub(1)).unwrap_or(0);
            if let Some(way) = ways.get(draw.number(0, last) as usize) {
                push(way, draw, text);
            }
        }
    }
}

/// A character of the class, a readable one where there is one.
fn one_of(class: &Class, draw: &mut Draw) -> Option<char> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => {
            class.ranges().iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
        Class::Bytes(class) => {
            class.ranges().iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
    };
    let within = |low: u32, high: u32| -> Vec<(u32, u32)> {
        let cut = ranges.iter().map(|&(from, to)| (from.max(low), to.min(high)));
        cut.filter(|(from, to)| from <= to).collect()
    };
    let alphanumeric = [(0x30, 0x39), (0x41, 0x5a), (0x61, 0x7a)];
    let alphanumeric: Vec<_> =
        alphanumeric.into_iter().flat_map(|(low, high)| within(low, high)).collect();
    let readable = [alphanumeric, within(0x20, 0x7e), ranges.clone()];
    let ranges = readable.iter().find(|ranges| !ranges.is_empty())?;
    let (from, to) = draw.one(ranges);
    char::from_u32(draw.number(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_text_matches() {
        for expression in [
            "^[A-Z]{3}-[0-9]{4}$",
            "^(?:card|cash)?_x+$",
            r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$",
            r"^\p{Greek}+$",
            "^[^a-z]$",
            "",
            "^.*$",
            r"^whsec_[A-Za-z0-9+/]{32}$",
        ] {
            let regex = regex_syntax::parse(expression).map(|_| expression).unwrap();
            let schema = super::super::schema::Schema::compile(&serde_json::json!({
                "type": "string", "pattern": regex
            }));
            for seed in 0..50 {
                let text = text(expression, &mut Draw::new(seed, 0)).unwrap();
                let value = serde_json::Value::String(text);
                assert!(schema.as_ref().unwrap().is_fit(&value), "{expression}: {value}");
            }
        }
        assert_eq!(text("(", &mut Draw::new(0, 0)), None);
        assert!(text("(a{1000}){1000}", &mut Draw::new(0, 0)).is_none_or(|t| t.len() < 10_000));
    }
}
