//! What is left out on purpose, and has to stay out.

use super::source::Source;
use super::{Found, hold};

/// I1: a trait is for several implementors; a closed set is an enum.
#[test]
fn no_trait_has_a_single_implementor() {
    let everything: String =
        super::source::all().iter().map(|source| source.code.clone()).collect();
    let rule = |source: &Source| -> Found {
        let all = format!("{everything}\n{}", source.code);
        let traits = declared(source.shipped());
        let single = traits.filter(|name| all.matches(&format!(" {name} for ")).count() < 2);
        single.map(|name| format!("{}: trait {name}", source.path)).collect()
    };
    let good = "trait Once {}\nimpl Once for A {}\nimpl Once for B {}";
    hold("I1", rule, "src/a.rs", "trait Only {}\nimpl Only for A {}", good);
}

fn declared(code: &str) -> impl Iterator<Item = &str> {
    let each = code.match_indices("trait ").filter(|(at, _)| {
        let line = code[..*at].rsplit('\n').next().unwrap_or_default().trim_start();
        line.is_empty() || line.starts_with("pub")
    });
    each.filter_map(|(at, word)| {
        code[at + word.len()..].split(|c: char| !c.is_alphanumeric() && c != '_').next()
    })
}

/// A filter is bounded by a thread of its own, and counts where no context is at hand.
const METER: &str = "shared/src/query/jq/";

/// I2: no hidden state, no boxed futures, and no program started from a library.
#[test]
fn globals_and_started_programs_stay_out() {
    let rule = |source: &Source| -> Found {
        let everywhere = ["async_trait", "static mut", "lazy_static"];
        let hidden = ["thread_local!"].iter().filter(|_| !source.path.starts_with(METER));
        let libraries = ["process::Command", "Command::new"];
        let is_library = ["shared", "receiver", "sender"].iter().any(|room| source.is_in(room));
        let words = everywhere.iter().chain(hidden).chain(libraries.iter().filter(|_| is_library));
        words.flat_map(|word| source.mentions(word)).collect()
    };
    hold("I2", rule, "sender/src/a.rs", "Command::new(hook)", "// Command::new(hook)");
    hold("I2", rule, "shared/src/query.rs", "thread_local! {}", "let local = 1;");
}
