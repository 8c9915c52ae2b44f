//! One run of the binary: its exit code and what it wrote.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::HANGING;
use super::server::Server;

/// The binary with a home of its own and nothing of the caller's settings.
pub(crate) fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hooklab"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("HOOKLAB_") || matches!(&*name, "RUST_LOG" | "NO_COLOR") {
            command.env_remove(name);
        }
    }
    command.env("HOME", home).env("XDG_STATE_HOME", home.join("state")).env("TMPDIR", home);
    command
}

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs it with these arguments in a home that goes away.
pub(crate) fn run(args: &[&str]) -> Ran {
    run_against(None, args)
}

impl Server {
    /// Runs a client command against this server.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        run_against(Some(&format!("http://{}", self.dashboard)), args)
    }

    /// Runs a client command with `--json`, which must succeed, and reads what it printed.
    pub(crate) fn run_json(&self, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
        serde_json::from_str(&ran.stdout).unwrap_or_else(|why| panic!("{why}: {ran:?}"))
    }
}

fn run_against(server: Option<&str>, args: &[&str]) -> Ran {
    let home: TempDir = tempfile::tempdir().unwrap();
    let mut command = program(home.path());
    if let Some(server) = server {
        command.env("HOOKLAB_SERVER", server);
    }
    finish(command.args(args), b"")
}

/// Runs a command to its end, or ends it where it hangs.
pub(crate) fn finish(command: &mut Command, input: &[u8]) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    let pid = Pid::from_child(&child);
    // Who does not read its input closes the pipe: that is its right.
    let _ = child.stdin.take().unwrap().write_all(input);
    let (send, receive) = channel();
    thread::spawn(move || send.send(child.wait_with_output()));
    let Ok(output) = receive.recv_timeout(HANGING) else {
        let _ = kill_process(pid, Signal::KILL);
        panic!("{command:?} hangs: {:?}", receive.recv());
    };
    let output = output.unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Ran {
    /// That it was refused with this code, saying each of these words on stderr and nothing on
    /// stdout.
    pub(crate) fn assert_refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is missing: {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}
