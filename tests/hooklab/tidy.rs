//! Reads the sources and holds the invariants of ARCHITECTURE.md. Every rule shows on a bad
//! snippet that it can fail.

mod absent;
mod arrows;
mod house;
mod shape;
mod source;

use source::Source;

/// What a rule found: where, and what.
type Found = Vec<String>;

/// Applies a rule to every source, after showing that it finds something in the bad snippet and
/// nothing in the good one.
fn hold(name: &str, rule: impl Fn(&Source) -> Found, path: &str, bad: &str, good: &str) {
    assert!(!rule(&Source::snippet(path, bad)).is_empty(), "{name} finds nothing in:\n{bad}");
    let wrong = rule(&Source::snippet(path, good));
    assert!(wrong.is_empty(), "{name} finds in good code: {wrong:?}");
    let sources = source::all();
    assert!(sources.len() > 20, "the sources are not where they were");
    let found: Found = sources.iter().flat_map(rule).collect();
    assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
}
