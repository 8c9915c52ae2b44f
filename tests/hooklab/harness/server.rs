//! A running `hooklab serve` on free ports, killed when it goes out of scope.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::HANGING;
use super::command::program;
use super::http::{Answer, Wire};

pub(crate) struct Server {
    child: Child,
    stdout: Receiver<String>,
    log: File,
    /// The ready line.
    pub(crate) ready: Value,
    /// From the start of the process to its ready line.
    pub(crate) started_in: Duration,
    /// `host:port` of the capture listener; empty where there is none.
    pub(crate) capture: String,
    /// `host:port` of the dashboard.
    pub(crate) dashboard: String,
    /// Where its store is.
    pub(crate) store: PathBuf,
    /// A home of its own, if the test gave none; removed after the server has ended.
    _home: Option<TempDir>,
}

impl Server {
    /// On a fresh directory.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// On a fresh directory, with more flags.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut server = Self::on(&home.path().join("store"), flags);
        server._home = Some(home);
        server
    }

    /// On this store, with more flags.
    pub(crate) fn on(store: &Path, flags: &[&str]) -> Self {
        Self::try_on(store, flags).unwrap_or_else(|log| panic!("no ready line; it said:\n{log}"))
    }

    /// On this store and the ports of one that is gone, so that its clients find it again.
    pub(crate) fn again_on(store: &Path, capture: &str, dashboard: &str) -> Self {
        Self::try_at(["--port", capture, "--dashboard-port", dashboard], store, &[])
            .unwrap_or_else(|log| panic!("no ready line; it said:\n{log}"))
    }

    /// On this store, with more flags; what it said on stderr, if it does not become ready.
    pub(crate) fn try_on(store: &Path, flags: &[&str]) -> Result<Self, String> {
        Self::try_at(["--port", "0", "--dashboard-port", "0"], store, flags)
    }

    fn try_at(ports: [&str; 4], store: &Path, flags: &[&str]) -> Result<Self, String> {
        let mut log = tempfile::tempfile().unwrap();
        let begun = Instant::now();
        let mut command = program(store.parent().unwrap());
        command.args(["serve", "--json"]).args(ports).arg("--store").arg(store).args(flags);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.try_clone().unwrap());
        let mut child = command.spawn().unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let line = stdout.recv_timeout(HANGING).unwrap_or_default();
        let started_in = begun.elapsed();
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("stdout: {line:?}\n{}", read_log(&mut log)));
        };
        let address = |which: &str| {
            let url = ready[which].as_str().unwrap_or_default();
            url.split_once("://").map_or("", |(_, address)| address).to_owned()
        };
        let (capture, dashboard) = (address("capture"), address("dashboard"));
        let store = store.to_owned();
        let _home = None;
        Ok(Self { child, stdout, log, ready, started_in, capture, dashboard, store, _home })
    }

    /// A new connection to the capture listener.
    pub(crate) fn wire(&self) -> Wire {
        Wire::connect(&self.capture).unwrap()
    }

    /// Sends a POST to the capture listener on a connection of its own.
    pub(crate) fn post(&self, target: &str, body: &[u8]) -> Answer {
        let mut wire = self.wire();
        wire.send(&post(&self.capture, target, body)).unwrap();
        wire.answer().unwrap()
    }

    /// Calls the API, `path` being relative to `/api/v1`, on a connection of its own.
    pub(crate) fn api(&self, method: &str, path: &str, json: Option<&Value>) -> Answer {
        let mut wire = Wire::connect(&self.dashboard).unwrap();
        wire.send(&request(&self.dashboard, method, &format!("/api/v1{path}"), json)).unwrap();
        wire.answer_to(method).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.api("GET", path, None)
    }

    /// What this seq was, byte for byte.
    pub(crate) fn raw(&self, bin: &str, seq: u64) -> Vec<u8> {
        let answer = self.get(&format!("/bins/{bin}/captures/{seq}/raw"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.body
    }

    /// A capture, once it is there; it is looked for again and again.
    pub(crate) fn until_captured(&self, bin: &str, seq: u64) -> Value {
        let deadline = Instant::now() + HANGING;
        loop {
            let answer = self.get(&format!("/bins/{bin}/captures/{seq}"));
            if answer.status == 200 {
                return answer.json();
            }
            assert!(Instant::now() < deadline, "no capture {seq} in {bin}: {answer:?}");
        }
    }

    /// Every summary of a bin, the oldest first, page by page.
    pub(crate) fn summaries(&self, bin: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        let mut after = 0;
        loop {
            let query = format!("order=asc&limit=500&after={after}");
            let answer = self.get(&format!("/bins/{bin}/captures?{query}"));
            assert_eq!(answer.status, 200, "{}", answer.text());
            let page = answer.json();
            let items = page["items"].as_array().unwrap();
            let Some(last) = items.last() else { return all };
            after = last["seq"].as_u64().unwrap();
            all.extend(items.iter().cloned());
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Its resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        self.memory_kib("VmRSS:")
    }

    /// The most that it ever was, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        self.memory_kib("VmHWM:")
    }

    fn memory_kib(&self, name: &str) -> u64 {
        let status = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Makes a bin, of this JSON.
    pub(crate) fn create(&self, bin: &Value) {
        let answer = self.api("POST", "/bins", Some(bin));
        assert_eq!(answer.status, 201, "{}", answer.text());
    }

    /// SIGKILL, and nothing before it.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; its exit code, and what was left on stdout.
    pub(crate) fn terminate(&mut self) -> (Option<i32>, String) {
        kill_process(self.pid(), Signal::TERM).unwrap();
        self.ended()
    }

    /// Waits for its end; its exit code, and what was left on stdout.
    pub(crate) fn ended(&mut self) -> (Option<i32>, String) {
        let rest = self.stdout.recv_timeout(HANGING).expect("it ends");
        (self.child.wait().unwrap().code(), rest)
    }

    /// What it has said on stderr so far.
    pub(crate) fn log(&mut self) -> String {
        read_log(&mut self.log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("the server said:\n{}", self.log());
        }
    }
}

/// A POST as most clients write it.
pub(crate) fn post(host: &str, target: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A request to the API, with JSON where there is some.
pub(crate) fn request(host: &str, method: &str, target: &str, json: Option<&Value>) -> Vec<u8> {
    let body = json.map(Value::to_string).unwrap_or_default();
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
    if json.is_some() {
        head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    format!("{head}\r\n{body}").into_bytes()
}

/// The first line, then whatever comes until the end, each as one message.
fn lines(stdout: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let (mut first, mut rest) = (String::new(), String::new());
        let _ = stdout.read_line(&mut first);
        let _ = send.send(first);
        let _ = stdout.read_to_string(&mut rest);
        let _ = send.send(rest);
    });
    receive
}

fn read_log(log: &mut File) -> String {
    let mut said = String::new();
    let _ = log.rewind();
    let _ = log.read_to_string(&mut said);
    said
}
