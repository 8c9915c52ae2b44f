//! A shell in which curl is a stub that writes down how it was called, and nothing else is there.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::command::finish;

/// Its records are numbered, so that a call too many is seen.
const STUB: &str = r#"#!/bin/sh
read -r n <"$RECORDS/count"
echo $((n + 1)) >"$RECORDS/count"
printf '%s\0' "$@" >"$RECORDS/$n.argv"
for argument do
    if [ "$argument" = @- ]; then exec cat >"$RECORDS/$n.input"; fi
done
"#;

/// One call of curl as its manual reads it.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) method: Vec<u8>,
    pub(super) target: Vec<u8>,
    pub(super) fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

pub(super) struct Shell(TempDir);

impl Shell {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for sub in ["path", "records", "here"] {
            fs::create_dir(dir.path().join(sub)).unwrap();
        }
        let stub = dir.path().join("path/curl");
        fs::write(&stub, STUB).unwrap();
        fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
        symlink("/bin/cat", dir.path().join("path/cat")).unwrap();
        fs::write(dir.path().join("records/count"), "1\n").unwrap();
        Self(dir)
    }

    /// Runs a script; the calls that it made, in their order. Whatever else it did is a failure.
    pub(super) fn run(&self, script: &[u8]) -> Vec<Call> {
        fs::write(self.at("script"), script).unwrap();
        let mut sh = Command::new("/bin/sh");
        sh.arg(self.at("script")).current_dir(self.at("here")).env_clear();
        sh.env("PATH", self.at("path")).env("RECORDS", self.at("records"));
        let ran = finish(&mut sh, b"");
        assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (Some(0), "", ""));
        assert_eq!(fs::read_dir(self.at("here")).unwrap().count(), 0, "a canary");
        let count = fs::read_to_string(self.at("records/count")).unwrap();
        let count: u64 = count.trim().parse().unwrap();
        (1..count).map(|n| self.call(n)).collect()
    }

    fn call(&self, n: u64) -> Call {
        let argv = fs::read(self.at(&format!("records/{n}.argv"))).unwrap();
        let mut call = Call::default();
        let mut url = Vec::new();
        let mut words = argv[..argv.len() - 1].split(|&byte| byte == 0);
        while let Some(option) = words.next() {
            let mut value = || words.next().unwrap().to_vec();
            match option {
                b"--request" => call.method = value(),
                b"--head" => call.method = b"HEAD".to_vec(),
                b"--header" => call.fields.extend(field(&value())),
                b"--data-raw" => call.body = value(),
                b"--data-binary" => {
                    assert_eq!(value(), b"@-");
                    call.body = fs::read(self.at(&format!("records/{n}.input"))).unwrap();
                }
                b"--request-target" => call.target = value(),
                b"--max-time" => drop(value()),
                b"--url" => url = value(),
                flag => assert!(flag.starts_with(b"--"), "{}", flag.escape_ascii()),
            }
        }
        if call.target.is_empty() {
            let rest = url.splitn(4, |&byte| byte == b'/').nth(3).unwrap();
            call.target = [b"/", rest].concat();
        }
        call
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }
}

/// A field that is sent; `Name:` alone takes one of curl's own away.
fn field(header: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let end = header.iter().position(|byte| b":;".contains(byte)).unwrap();
    let (name, rest) = header.split_at(end);
    match rest {
        b":" => None,
        b";" => Some((name.to_vec(), Vec::new())),
        rest => Some((name.to_vec(), rest.strip_prefix(b": ").unwrap().to_vec())),
    }
}
