//! Every shell command that the prose shows is run, in its order, against a fresh server.
//!
//! A block is run where the line before it says so: `<!-- runs -->`, with `prints: word, word`
//! for what has to come out, or `in the background` for what goes on until the page ends. Another
//! marker says who runs it instead; a block without any is an error.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::command::{finish, run};
use crate::harness::server::Server;
use crate::walkthrough::on_path;

/// One block, and what its marker says.
#[derive(Debug, PartialEq)]
struct Block {
    marker: String,
    text: String,
}

#[test]
fn every_command_of_the_prose_works() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let blocks = blocks(&text).unwrap_or_else(|why| panic!("{}: {why}", page.display()));
        let runs: Vec<Block> =
            blocks.into_iter().filter(|block| block.marker.starts_with("runs")).collect();
        if !runs.is_empty() {
            run_page(&page.display().to_string(), &runs);
        }
    }
}

#[test]
fn every_link_of_the_prose_leads_somewhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            let is_outside = link.starts_with("http") || file.is_empty();
            let there = page.parent().unwrap().join(file);
            assert!(is_outside || there.exists(), "{}: {link}", page.display());
        }
    }
}

#[test]
fn the_exit_codes_of_the_prose_are_those_that_the_program_tells() {
    let told = run(&["exit-codes"]).stdout;
    let mut rows: Vec<String> = Vec::new();
    for line in told.lines().skip(1) {
        match line.trim_start().split_once("  ") {
            Some((code, text)) => rows.push(format!("| {code} | {text}")),
            None => *rows.last_mut().unwrap() += &format!(" {}", line.trim_start()),
        }
    }
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("| code | |\n|---|---|\n").unwrap();
    let want: String = rows.iter().map(|row| format!("{row} |\n")).collect();
    assert_eq!(table, want);
}

fn pages() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md"), root.join("ARCHITECTURE.md")];
    let docs = fs::read_dir(root.join("docs")).unwrap();
    pages.extend(docs.map(|entry| entry.unwrap().path()));
    pages.sort();
    pages
}

/// The blocks of a page with their markers.
fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == "```sh" {
            let marker = before.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
            let marker = marker.ok_or_else(|| format!("a block after `{before}` has no marker"))?;
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block { marker: marker.to_owned(), text: text.join("\n") });
        }
        before = line;
    }
    Ok(blocks)
}

/// Runs a page's blocks in one shell, so that a later one may use what an earlier one made.
fn run_page(page: &str, blocks: &[Block]) {
    let server = Server::start();
    // What goes on in the background ends with the page, also where a block fails.
    let end = "for job in $(jobs -p); do kill -- -\"$job\" 2>/dev/null || true; done";
    let mut script = format!("set -euo pipefail\nset -m\ntrap '{end}' EXIT\n");
    for block in blocks {
        script += &match block.marker.as_str() {
            "runs in the background" => format!("( {} ) &\n", block.text),
            _ => format!("{}\n", block.text),
        };
    }
    let port = |address: &str| address.rsplit(':').next().unwrap().to_owned();
    let script = script.replace(":4665", &format!(":{}", port(&server.capture)));
    let script = script.replace(":4666", &format!(":{}", port(&server.dashboard)));
    let home = tempfile::tempdir().unwrap();
    let mut bash = Command::new("bash");
    bash.current_dir(home.path()).env("HOME", home.path()).args(["-c", &script]);
    let ran = finish(on_path(&server, &mut bash), b"");
    assert_eq!(ran.code, Some(0), "{page}: {}\n{}\n{script}", ran.stdout, ran.stderr);
    let wanted = blocks.iter().filter_map(|block| block.marker.split_once("prints: "));
    for word in wanted.flat_map(|(_, words)| words.split(", ")) {
        assert!(ran.stdout.contains(word), "{page}: `{word}` is not printed:\n{}", ran.stdout);
    }
}

#[test]
fn a_block_needs_a_marker() {
    let good = "<!-- runs, prints: a -->\n```sh\necho a\n```\n";
    let found = blocks(good).unwrap();
    assert_eq!(found, [Block { marker: "runs, prints: a".into(), text: "echo a".into() }]);
    assert!(blocks("text\n```sh\nrm x\n```\n").is_err());
}
