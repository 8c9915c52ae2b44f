//! The ready line: for programs, for people, and in a file.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use hooklab_receiver::store::Durability;
use hooklab_shared::id::BinName;
use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::exit::Failure;
use crate::report::Report;
use crate::report::paint::Ink;

/// What a server says of itself once it can be used.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ready {
    /// The version of this line.
    pub(crate) v: u8,
    /// Always `ready`.
    pub(crate) event: &'static str,
    /// The capture listener; none without the receiver.
    pub(crate) capture: Option<String>,
    /// The dashboard listener.
    pub(crate) dashboard: String,
    /// The API's base.
    pub(crate) api: String,
    /// The bins that were asked for, with their URLs.
    pub(crate) bins: BTreeMap<BinName, String>,
    /// The process.
    pub(crate) pid: u32,
    /// The version of hooklab.
    pub(crate) version: &'static str,
}

/// The file that holds the ready line for as long as it is true.
pub(crate) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Takes a stale file away: whoever waits for it must not read an older server's line. That of
    /// a process that may still run stays until [`ReadyFile::write`] replaces it.
    pub(crate) fn prepare(path: &Path) -> Result<Self, Failure> {
        if pid_in(path).is_some_and(may_run) {
            return Ok(Self(path.to_owned()));
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(told(path, &error)),
            _ => Ok(Self(path.to_owned())),
        }
    }

    /// Writes the line, whole or not at all.
    pub(crate) fn write(&self, ready: &Ready) -> Result<(), Failure> {
        let mut name = self.0.clone().into_os_string();
        name.push(format!(".{}", ready.pid));
        let new = PathBuf::from(name);
        let written = || -> std::io::Result<()> {
            let mut file = fs::File::create(&new)?;
            serde_json::to_writer(&mut file, ready)?;
            file.write_all(b"\n")?;
            fs::rename(&new, &self.0)
        };
        written().map_err(|error| {
            let _ = fs::remove_file(&new);
            told(&self.0, &error)
        })
    }
}

impl Drop for ReadyFile {
    /// It is this server's to remove only while it tells of this server.
    fn drop(&mut self) {
        if pid_in(&self.0) == Some(process::id()) {
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// The process that a ready file tells of.
fn pid_in(path: &Path) -> Option<u32> {
    #[derive(Deserialize)]
    struct Told {
        pid: u32,
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok().map(|told: Told| told.pid)
}

/// Whether another process may have this id. In a container all servers have the same.
fn may_run(pid: u32) -> bool {
    let processes = Path::new("/proc/self");
    pid != process::id() && (!processes.exists() || Path::new(&format!("/proc/{pid}")).exists())
}

fn told(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!(
        "write the ready file {}: {error}; give another by --ready-file",
        path.display()
    ))
}

/// Says that the server is ready: one line of JSON, or a few for people.
pub(crate) fn announce(
    report: &mut Report,
    ready: &Ready,
    settings: &Settings,
) -> Result<(), Failure> {
    if report.is_json() {
        return report.json(ready);
    }
    let title = report.ink(Ink::Bold, format_args!("hooklab {} is ready", ready.version));
    report.line(title)?;
    if let Some(capture) = &ready.capture {
        let url = report.ink(Ink::Cyan, capture);
        report
            .line(format_args!("  capture    {url}  what is sent to /NAME is kept in bin NAME"))?;
    }
    let url = report.ink(Ink::Cyan, &ready.dashboard);
    report.line(format_args!("  dashboard  {url}  the API is below /api/v1"))?;
    report.line(format_args!("  store      {}", kept(settings)))?;
    for (name, url) in &ready.bins {
        let url = report.ink(Ink::Cyan, url);
        report.line(format_args!("  bin        {url}  {name}"))?;
    }
    let first = ready.bins.keys().next().map_or("first", BinName::as_str);
    if let Some(capture) = &ready.capture {
        // Nobody trusts a certificate of this run, and -k does no harm beside one of the user's.
        let trusting = if capture.starts_with("https") { "-k " } else { "" };
        report.line(format_args!("\n  try  curl {trusting}-d hello {capture}/{first}"))?;
        report.line(format_args!("       hooklab show {first} latest{}", server_flag(ready)))?;
    }
    report.line("  stop with Ctrl-C")
}

/// The flag that client commands need to find a server that is not at the default address.
pub(crate) fn server_flag(ready: &Ready) -> String {
    match ready.dashboard.as_str() {
        "http://127.0.0.1:4666" => String::new(),
        other => format!(" --server {other}"),
    }
}

/// Opens the dashboard; where that does not work, the URL stands above.
pub(crate) fn open_browser(report: &mut Report, ready: &Ready) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let opened = Command::new(opener)
        .arg(&ready.dashboard)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = opened {
        report.note(format_args!(
            "could not open the browser by {opener}: {error}; open {} yourself",
            ready.dashboard
        ));
    }
}

/// A level of durability, named.
pub(crate) fn level(durability: Durability) -> &'static str {
    match durability {
        Durability::Memory => "memory",
        Durability::Process => "process",
        Durability::Disk => "disk",
    }
}

fn kept(settings: &Settings) -> String {
    match settings.durability {
        Durability::Memory => settings.store.told(),
        level => format!("{}  (captures: {})", settings.store.told(), self::level(level)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_there_while_it_is_true() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ready.json");
        fs::write(&path, "stale").unwrap();
        let file = ReadyFile::prepare(&path).unwrap();
        assert!(!path.exists());
        let ready = Ready {
            v: 1,
            event: "ready",
            capture: None,
            dashboard: "http://127.0.0.1:1".into(),
            api: "http://127.0.0.1:1/api/v1".into(),
            bins: BTreeMap::new(),
            pid: process::id(),
            version: "0.1.0",
        };
        file.write(&ready).unwrap();
        let line = fs::read_to_string(&path).unwrap();
        assert!(line.starts_with(r#"{"v":1,"event":"ready","capture":null,"#), "{line}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        drop(file);
        assert!(!path.exists());
        let ours = ReadyFile::prepare(&path).unwrap();
        fs::write(&path, format!(r#"{{"pid":{}}}"#, std::os::unix::process::parent_id())).unwrap();
        let failed = ReadyFile::prepare(&path).unwrap();
        drop((failed, ours));
        assert!(path.exists(), "it is another server's");
        let nowhere = ReadyFile::prepare(Path::new("/no/such/ready")).unwrap();
        assert!(nowhere.write(&ready).unwrap_err().told.contains("--ready-file"));
    }
}
