//! Starts the binary, talks to it over plain sockets, and stops it: what every test stands on.

pub(crate) mod command;
pub(crate) mod http;
pub(crate) mod random;
pub(crate) mod server;
pub(crate) mod websocket;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long anything may take before it counts as hanging; no test waits this long on purpose.
pub(crate) const HANGING: Duration = Duration::from_secs(30);

/// Asks again until there is an answer; every ask is a round trip, so nothing spins.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < HANGING, "waited {HANGING:?} for {what}");
    }
}

/// Every file below a directory with its content, to show that nothing was changed.
pub(crate) fn snapshot(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.insert(path.clone(), Vec::new());
                waiting.push(path);
            } else {
                // SQLite's own lock table moves while its owner lives, whoever else comes.
                let is_shared_memory = path.to_string_lossy().ends_with("-shm");
                let content = fs::read(&path).unwrap();
                files.insert(path, if is_shared_memory { Vec::new() } else { content });
            }
        }
    }
    files
}
