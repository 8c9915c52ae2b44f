//! The sizes and names that keep a file readable.

use std::path::Path;

use super::source::{Source, line_of};
use super::{Found, hold};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_CHARS_MAX: usize = 100;
const NAMES: [&str; 7] = ["mod", "utils", "helpers", "common", "manager", "types", "prelude"];

/// I8: short files, short functions, short lines.
#[test]
fn files_functions_and_lines_are_short() {
    let file = |source: &Source| -> Found {
        let lines = source.text.lines().count();
        let found = format!("{}: {lines} lines", source.path);
        if lines > FILE_LINES_MAX { vec![found] } else { Vec::new() }
    };
    let lines = |count| "x;\n".repeat(count);
    hold("I8 file", file, "src/a.rs", &lines(401), &lines(400));

    let line = |source: &Source| -> Found {
        let long = source.text.lines().enumerate();
        let long = long.filter(|(_, line)| line.chars().count() > LINE_CHARS_MAX);
        long.map(|(n, _)| format!("{}:{}: a long line", source.path, n + 1)).collect()
    };
    hold("I8 line", line, "src/a.rs", &"x".repeat(101), &"é".repeat(100));

    let function = |count| format!("fn a() {{\n{}}}\n", lines(count));
    hold("I8 function", long_functions, "src/a.rs", &function(69), &function(68));
}

fn long_functions(source: &Source) -> Found {
    let mut found = Vec::new();
    for (at, _) in source.code.match_indices("fn ") {
        let before = source.code[..at].chars().next_back();
        if before.is_some_and(|c| !c.is_whitespace() && c != '(') {
            continue;
        }
        let Some(lines) = body_end(&source.code[at..])
            .map(|end| source.code[at..at + end].matches('\n').count() + 1)
        else {
            continue;
        };
        if lines > FUNCTION_LINES_MAX {
            found.push(format!("{}:{}: {lines} lines", source.path, line_of(&source.code, at)));
        }
    }
    found
}

/// Where the body that follows closes; none for a declaration or a function pointer.
fn body_end(code: &str) -> Option<usize> {
    let (mut braces, mut brackets) = (0, 0);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            '{' => braces += 1,
            '}' if braces == 1 => return Some(at),
            '}' => braces -= 1,
            ';' if braces == 0 && brackets == 0 => return None,
            _ => {}
        }
        if brackets < 0 || braces < 0 {
            return None;
        }
    }
    None
}

/// I9: a file is named after one noun, and `foo.rs` stands beside `foo/`.
#[test]
fn files_are_named_after_what_they_are() {
    let rule = |source: &Source| -> Found {
        let stem = Path::new(&source.path).file_stem().unwrap().to_str().unwrap();
        if NAMES.contains(&stem) { vec![source.path.clone()] } else { Vec::new() }
    };
    let bad = Source::snippet("src/utils.rs", "");
    assert!(!rule(&bad).is_empty());
    let found: Found = super::source::all().iter().flat_map(rule).collect();
    assert!(found.is_empty(), "I9: {found:?}");
}

/// I9: what no module declares is not compiled, and what is not compiled rots.
#[test]
fn every_file_is_declared() {
    let sources = super::source::all();
    let missing: Found = sources
        .iter()
        .filter(|source| {
            !is_declared(&source.path, &|path| {
                sources.iter().find(|parent| parent.path == path).map(|parent| parent.code.clone())
            })
        })
        .map(|source| source.path.clone())
        .collect();
    assert!(missing.is_empty(), "I9: not declared by a parent: {missing:?}");
    let parent = |path: &str| (path == "src/a.rs").then(|| "mod b;".to_owned());
    assert!(is_declared("src/a/b.rs", &parent));
    assert!(!is_declared("src/a/c.rs", &parent));
}

fn is_declared(path: &str, read: &dyn Fn(&str) -> Option<String>) -> bool {
    let (dir, file) = path.rsplit_once('/').unwrap();
    let name = file.strip_suffix(".rs").unwrap();
    if matches!(name, "lib" | "main") || dir.ends_with("/tests") {
        return true;
    }
    let parents = [format!("{dir}.rs"), format!("{dir}/lib.rs"), format!("{dir}/main.rs")];
    parents
        .iter()
        .filter_map(|parent| read(parent))
        .any(|code| code.contains(&format!("mod {name};")))
}
