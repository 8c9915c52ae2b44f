//! The rules of the house: no excuses in the code, a reason for every dependency.

use super::source::{Source, read};
use super::{Found, hold};

/// I10: a lint is met, or excepted with its reason; nothing is left for later.
#[test]
fn nothing_is_excused_silently() {
    let rule = |source: &Source| -> Found {
        let words = ["#[allow", "#![allow", "todo!", "unimplemented!", "dbg!", "#[ignore"];
        let found = words.iter().filter_map(|word| {
            let at = source.code.find(word)?;
            Some(format!("{}:{}: {word}", source.path, super::source::line_of(&source.code, at)))
        });
        found.collect()
    };
    hold("I10", rule, "src/a.rs", "fn a() { todo!() }", "// todo!() \"dbg!\"\nfn a() {}");
    let expects = |source: &Source| -> Found {
        let each = source.code.split("#[expect(").skip(1);
        let each = each.filter(|rest| !rest.split(']').next().unwrap().contains("reason"));
        each.map(|_| format!("{}: an #[expect] without its reason", source.path)).collect()
    };
    let good = "#[expect(dead_code, reason = \"x\")]";
    hold("I10 expect", expects, "src/a.rs", "#[expect(dead_code)]", good);
}

/// I11: time passes by itself; who waits, waits for the thing.
#[test]
fn nothing_sleeps_in_a_test() {
    let rule = |source: &Source| -> Found {
        let words = ["thread::sleep", "time::sleep"].iter().filter(|_| source.is_in("tests"));
        words.filter(|word| source.code.contains(**word)).map(|_| source.path.clone()).collect()
    };
    let bad = "std::thread::sleep(a)";
    hold("I11", rule, "tests/hooklab/a.rs", bad, "until(\"x\", || None)");
}

/// I12: every dependency is declared once, with a reason, and is used.
#[test]
fn every_dependency_has_a_reason_and_a_user() {
    let manifest = read("Cargo.toml");
    let found = unreasoned(&manifest);
    assert!(found.is_empty(), "I12: no reason: {found:?}");
    assert_eq!(unreasoned("[workspace.dependencies]\na = \"1\"\nb = \"1\" # why\n[x]"), ["a"]);

    let members = ["shared", "receiver", "sender"].map(|room| read(&format!("{room}/Cargo.toml")));
    let users = [&members[..], std::slice::from_ref(&manifest)].concat();
    let unused: Vec<&str> = declared(&manifest).filter(|name| !is_used(name, &users)).collect();
    assert!(unused.is_empty(), "I12: nobody uses {unused:?}");
    assert!(is_used("a", &["a.workspace = true".into()]));
    assert!(!is_used("a", &["ba.workspace = true\na = \"1\"".into()]));
    for manifest in members {
        let own = manifest.lines().filter(|line| line.contains("version = \""));
        assert_eq!(own.count(), 0, "I12: versions stand in the root manifest:\n{manifest}");
    }
}

/// The lines of the shared dependency table.
fn table(manifest: &str) -> impl Iterator<Item = &str> {
    let lines = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn declared(manifest: &str) -> impl Iterator<Item = &str> {
    table(manifest).filter_map(|line| line.split_once(" = ").map(|(name, _)| name))
}

/// Our own packages need no reason.
fn unreasoned(manifest: &str) -> Vec<&str> {
    let theirs = table(manifest).filter(|line| !line.contains("path ="));
    let bare = theirs.filter(|line| !line.contains("\" # ") && !line.contains("} # "));
    bare.filter_map(|line| line.split(' ').next()).collect()
}

fn is_used(name: &str, manifests: &[String]) -> bool {
    let uses = [format!("{name}.workspace = true"), format!("{name} = {{ workspace = true")];
    let mut lines = manifests.iter().flat_map(|manifest| manifest.lines());
    lines.any(|line| uses.iter().any(|begin| line.starts_with(begin)))
}

/// I13: what users notice is in the changelog.
#[test]
fn the_changelog_has_a_place_for_what_is_new() {
    let changelog = read("CHANGELOG.md");
    let next = changelog.split("\n## ").nth(1).unwrap();
    assert!(next.starts_with("Unreleased\n"), "I13: the newest section is: {next}");
    assert!(next.lines().any(|line| line.starts_with("- ")), "I13: nothing new is told");
}

/// I14: every invariant that the architecture numbers is held by a test that names it.
#[test]
fn every_numbered_invariant_is_held() {
    let architecture = read("ARCHITECTURE.md");
    let numbered = numbers(&architecture);
    assert!(numbered.len() >= 15, "I14: {numbered:?}");
    let tests: Vec<Source> =
        super::source::all().into_iter().filter(|source| source.is_in("tests")).collect();
    for (number, holder) in numbered {
        let (module, name) = holder.split_once("::").unwrap_or((&holder, ""));
        let is_there = tests.iter().any(|source| {
            source.path.contains(module) && source.code.contains(&format!("fn {name}("))
        });
        assert!(is_there, "I14: {number} is said to be held by `{holder}`, which is not there");
    }
    assert_eq!(numbers("- **I4** x (`a::b`)"), [("I4".to_owned(), "a::b".to_owned())]);
}

/// Lines like `- **I6** … (`module::test`)`: the number and the last test that is named.
fn numbers(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for item in text.split("- **I").skip(1) {
        let item = item.split("\n\n").next().unwrap();
        let Some((number, rest)) = item.split_once("**") else { continue };
        let mut holders = rest.split('`').filter(|word| word.contains("::") && !word.contains(' '));
        let holder = holders.next_back().unwrap_or("nobody").to_owned();
        found.push((format!("I{number}"), holder));
    }
    found
}
