//! The difference of two captures, for reading.

use hooklab_shared::diff::{
    BodyDiff, Diff, FieldChange, FieldChangeKind, FieldsDiff, Hunk, JsonChange, JsonChangeKind,
};
use hooklab_shared::headers::Octets;

use super::paint::Ink;
use super::{Report, shown, shown_bytes, size};
use crate::exit::Failure;

/// What differs, one line a value: `-` was, `+` is.
pub(crate) fn whole(report: &mut Report, diff: &Diff) -> Result<(), Failure> {
    if diff.is_empty() {
        return report.line("the same, byte for byte");
    }
    let lines = [("method", &diff.method), ("path", &diff.path), ("protocol", &diff.protocol)];
    for (what, change) in lines {
        if let Some(change) = change {
            heading(report, what)?;
            was(report, &shown_bytes(change.from.as_bytes()))?;
            is(report, &shown_bytes(change.to.as_bytes()))?;
        }
    }
    fields(report, "query", &diff.query)?;
    fields(report, "headers", &diff.headers)?;
    if !diff.volatile.is_empty() {
        heading(report, "headers that differ every time")?;
        changes(report, &diff.volatile)?;
    }
    fields(report, "trailers", &diff.trailers)?;
    body(report, &diff.body)?;
    match diff.truncated {
        true => report.line("… there is more than can be told"),
        false => Ok(()),
    }
}

fn fields(report: &mut Report, what: &str, diff: &FieldsDiff) -> Result<(), Failure> {
    if diff.changes.is_empty() && diff.order.is_none() {
        return Ok(());
    }
    heading(report, what)?;
    changes(report, &diff.changes)?;
    let Some(order) = &diff.order else { return Ok(()) };
    report.line("  in another order:")?;
    was(report, &names(&order.from))?;
    is(report, &names(&order.to))
}

fn changes(report: &mut Report, changes: &[FieldChange]) -> Result<(), Failure> {
    for change in changes {
        if change.change != FieldChangeKind::Added {
            for field in &change.from {
                was(report, &pair(field))?;
            }
        }
        if change.change != FieldChangeKind::Removed {
            for field in &change.to {
                is(report, &pair(field))?;
            }
        }
    }
    Ok(())
}

fn body(report: &mut Report, diff: &BodyDiff) -> Result<(), Failure> {
    match diff {
        BodyDiff::Same => return Ok(()),
        BodyDiff::Form { fields: of } => return fields(report, "body, as a form", of),
        _ => heading(report, "body")?,
    }
    match diff {
        BodyDiff::Json { changes } if changes.is_empty() => {
            report.line("  the same JSON, written another way")
        }
        BodyDiff::Json { changes } => changes.iter().try_for_each(|change| json(report, change)),
        BodyDiff::Text { lines } => lines.hunks.iter().try_for_each(|hunk| text(report, hunk)),
        BodyDiff::Bytes { offset, from_size, to_size, from_hex, to_hex } => {
            report.line(format_args!("  bytes differ from {offset} on"))?;
            was(report, &format!("{from_hex} ({})", size(*from_size)))?;
            is(report, &format!("{to_hex} ({})", size(*to_size)))
        }
        BodyDiff::Same | BodyDiff::Form { .. } => Ok(()),
    }
}

fn json(report: &mut Report, change: &JsonChange) -> Result<(), Failure> {
    let kind = match change.change {
        JsonChangeKind::Added => "added",
        JsonChangeKind::Removed => "removed",
        JsonChangeKind::Changed => "changed",
        JsonChangeKind::TypeChanged => "of another type",
        JsonChangeKind::Reordered => "in another order",
    };
    let at = if change.path.is_empty() { "/" } else { &change.path };
    let at = report.ink(Ink::Cyan, shown(at));
    report.line(format_args!("  {at} {kind}"))?;
    if let Some(from) = &change.from {
        was(report, &shown(from))?;
    }
    change.to.as_ref().map_or(Ok(()), |to| is(report, &shown(to)))
}

fn text(report: &mut Report, hunk: &Hunk) -> Result<(), Failure> {
    report.line(format_args!("  line {} → {}", hunk.from_line, hunk.to_line))?;
    let bare = |line: &String| shown(line.strip_suffix('\n').unwrap_or(line));
    hunk.from.iter().try_for_each(|line| was(report, &bare(line)))?;
    hunk.to.iter().try_for_each(|line| is(report, &bare(line)))
}

fn heading(report: &mut Report, what: &str) -> Result<(), Failure> {
    let what = report.ink(Ink::Bold, what);
    report.line(what)
}

fn was(report: &mut Report, what: &str) -> Result<(), Failure> {
    let line = report.ink(Ink::Red, format_args!("  - {what}"));
    report.line(line)
}

fn is(report: &mut Report, what: &str) -> Result<(), Failure> {
    let line = report.ink(Ink::Green, format_args!("  + {what}"));
    report.line(line)
}

fn pair((name, value): &(Octets, Octets)) -> String {
    format!("{}: {}", shown_bytes(name.as_bytes()), shown_bytes(value.as_bytes()))
}

fn names(names: &[Octets]) -> String {
    names.iter().map(|name| shown_bytes(name.as_bytes())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::on_page;

    fn told(diff: &Diff) -> String {
        let (mut report, page) = on_page(false, true);
        whole(&mut report, diff).unwrap();
        page.text()
    }

    #[test]
    fn every_difference_is_told() {
        assert_eq!(told(&Diff::default()), "the same, byte for byte\n");
        let json = r#"{"method":{"from":"POST","to":"PUT"},"path":null,"protocol":null,
            "query":{"changes":[],"order":{"from":["a","b"],"to":["b","a"]}},
            "headers":{"changes":[{"name":"x","change":"changed","from":[["X","1"]],
                "to":[["X","\u001b"]]}],"order":null},
            "volatile":[],"trailers":{"changes":[],"order":null},
            "body":{"kind":"json","changes":[{"path":"/n","change":"changed","from":"1",
                "to":"2"}]},"truncated":true}"#;
        let told = told(&serde_json::from_str(json).unwrap());
        let want = "method\n  - POST\n  + PUT\nquery\n  in another order:\n  - a, b\n  + b, a\n\
                    headers\n  - X: 1\n  + X: \\u{1b}\nbody\n  /n changed\n  - 1\n  + 2\n\
                    … there is more than can be told\n";
        assert_eq!(told, want);
    }

    #[test]
    fn bodies_are_told_by_their_kind() {
        let of = |body: &str| {
            let body = serde_json::from_str(body).unwrap();
            told(&Diff { body, ..Diff::default() })
        };
        let text = of(r#"{"kind":"text","lines":{"hunks":[{"from_line":2,"from":["a\n"],
            "to_line":2,"to":["b\r\n"]}],"shortest":true}}"#);
        assert_eq!(text, "body\n  line 2 → 2\n  - a\n  + b\\r\n");
        let bytes = of(r#"{"kind":"bytes","offset":3,"from_size":4,"to_size":5,
            "from_hex":"00","to_hex":"0102"}"#);
        assert_eq!(bytes, "body\n  bytes differ from 3 on\n  - 00 (4 B)\n  + 0102 (5 B)\n");
        assert!(of(r#"{"kind":"json","changes":[]}"#).contains("written another way"));
    }
}
