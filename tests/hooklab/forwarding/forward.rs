//! A `hooklab forward` that runs beside the test.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::HANGING;
use crate::harness::command::program;
use crate::harness::server::Server;

pub(super) struct Forward {
    child: Child,
    lines: Receiver<String>,
    _home: TempDir,
}

impl Forward {
    /// With `--json`.
    pub(super) fn start(server: &Server, args: &[&str]) -> Self {
        Self::spawn(server, &[args, &["--json"]].concat(), false)
    }

    /// As people see it; its lines are those of stderr.
    pub(super) fn start_told(server: &Server, args: &[&str]) -> Self {
        Self::spawn(server, args, true)
    }

    fn spawn(server: &Server, args: &[&str], notes: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = program(home.path());
        command.env("HOOKLAB_SERVER", format!("http://{}", server.dashboard)).args(args);
        command.stdin(Stdio::null());
        match notes {
            true => command.stdout(Stdio::null()).stderr(Stdio::piped()),
            false => command.stdout(Stdio::piped()),
        };
        let mut child = command.spawn().unwrap();
        let read: Box<dyn Read + Send> = match child.stderr.take() {
            Some(stderr) => Box::new(stderr),
            None => Box::new(child.stdout.take().unwrap()),
        };
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(read).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        Self { child, lines, _home: home }
    }

    /// The next line.
    pub(super) fn next(&mut self) -> Value {
        let line = self.lines.recv_timeout(HANGING).expect("the forward says something");
        serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line}"))
    }

    /// The first line that is meant, whatever comes before it.
    pub(super) fn wait_for(&mut self, is_meant: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.next();
            if is_meant(&line) {
                return line;
            }
        }
    }

    pub(super) fn wait_for_note(&mut self, words: &str) {
        while !self.lines.recv_timeout(HANGING).expect("it says more").contains(words) {}
    }

    /// Ctrl-C; its exit code and last line.
    pub(super) fn interrupted(mut self) -> (Option<i32>, Value) {
        self.interrupt();
        self.ended()
    }

    /// Ctrl-C; its exit code, and what else it had to say.
    pub(super) fn interrupted_told(mut self) -> (Option<i32>, String) {
        self.interrupt();
        let code = self.child.wait().unwrap().code();
        (code, self.lines.iter().collect::<Vec<_>>().join("\n"))
    }

    /// Its own end; its exit code and last line.
    pub(super) fn ended(mut self) -> (Option<i32>, Value) {
        let end = self.wait_for(|line| line["type"] == "end");
        (self.child.wait().unwrap().code(), end)
    }

    fn interrupt(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
