//! What a shell makes of an export: curl is a stub that writes down how it was called, and what it
//! was given must be the request, with nothing else done.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hooklab_receiver::export::curl;
use hooklab_shared::body::{Body, Framing};
use hooklab_shared::capture::{Capture, Protocol};
use hooklab_shared::headers::Head;
use tempfile::TempDir;

use super::hostile;

const BASE: &str = "http://127.0.0.1:4665/";

/// Its records are numbered, so that a call too many is seen; builtins only, so that thousands of
/// calls take seconds.
const STUB: &str = r#"#!/bin/sh
read -r n <"$RECORDS/count"
echo $((n + 1)) >"$RECORDS/count"
printf '%s\0' "$@" >"$RECORDS/$n.argv"
for argument do
    if [ "$argument" = @- ]; then exec cat >"$RECORDS/$n.input"; fi
done
"#;

#[test]
fn ten_thousand_hostile_captures_run_under_sh_as_they_were_sent() {
    std::thread::scope(|scope| {
        for seed in 0..2 {
            scope.spawn(move || Shell::new("/bin/sh", "C").runs(seed, 5_000, ""));
        }
    });
}

/// With history expansion, as where a command is pasted.
#[test]
fn five_hundred_run_under_bash() {
    let shell = Shell::new("/bin/bash", "C.UTF-8");
    shell.runs(7, 500, "set -o history -o histexpand\n");
}

#[test]
fn what_curl_cannot_send_is_left_out_and_said() {
    let head =
        b"GET /orders HTTP/1.1\r\n@/etc/passwd: x\r\nX-Nul: a\0b\r\n x: y\r\nHost: h\r\n\r\n";
    let text = exported(&capture(head, b""));
    for place in 1..=3 {
        assert!(text.contains(&format!("# header {place} is left out")), "{text}");
    }
    assert!(!text.contains("passwd") && !text.contains("X-Nul"), "{text}");
    assert!(text.contains("--header 'Host: h'"), "{text}");

    for head in [&b"G\0T / HTTP/1.1\r\n\r\n"[..], b"G@T / HTTP/1.1\r\n\r\n", b"GET\r\n\r\n", b""] {
        let text = exported(&capture(head, b"x"));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines.iter().all(|line| line.is_empty() || line.starts_with('#')), "{text}");
    }
}

#[test]
fn a_command_reads_well() {
    let head =
        b"POST /orders/a%20b?x=1 HTTP/1.1\r\nHost: 127.0.0.1:4665\r\nUser-Agent: it's me\r\n\
                 Content-Type: application/json\r\nX-Empty:\r\nContent-Length: 7\r\n\r\n";
    let want = r#"# orders/42 received 2026-11-24T10:31:02.123456Z complete
curl --globoff --path-as-is --http1.1 \
  --request 'POST' \
  --header 'Host: 127.0.0.1:4665' \
  --header 'User-Agent: it'\''s me' \
  --header 'Content-Type: application/json' \
  --header 'X-Empty;' \
  --header 'Accept:' \
  --header 'Expect:' \
  --data-raw '{"a":1}' \
  --url 'http://127.0.0.1:4665/orders/a%20b?x=1'

"#;
    assert_eq!(exported(&capture(head, b"{\"a\":1}")), want);
}

/// A capture of this head and body, complete and otherwise unremarkable.
pub(crate) fn capture(head: &'static [u8], body: &'static [u8]) -> Capture {
    Capture {
        seq: 42,
        received_at: "2026-11-24T10:31:02.123456Z".parse().unwrap(),
        protocol: Protocol::Http11,
        outcome: hooklab_shared::capture::Outcome::Complete,
        head: Head::from(head),
        body: Body { wire: body.into(), framing: Framing::Length },
        content_bytes: body.len() as u64,
        ..hostile::captures(0, 1).next().unwrap()
    }
}

fn exported(capture: &Capture) -> String {
    let mut out = Vec::new();
    curl::write(capture, BASE, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// A shell that finds curl, which is the stub, and cat, which the stub needs; nothing else.
struct Shell {
    program: &'static str,
    locale: &'static str,
    dir: TempDir,
}

impl Shell {
    fn new(program: &'static str, locale: &'static str) -> Self {
        let dir = TempDir::new().unwrap();
        for sub in ["path", "records", "here"] {
            fs::create_dir(dir.path().join(sub)).unwrap();
        }
        let stub = dir.path().join("path/curl");
        fs::write(&stub, STUB).unwrap();
        fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
        symlink("/bin/cat", dir.path().join("path/cat")).unwrap();
        fs::write(dir.path().join("records/count"), "1\n").unwrap();
        Self { program, locale, dir }
    }

    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(path)
    }

    fn runs(&self, seed: u64, count: u64, before: &str) {
        let mut script = before.as_bytes().to_vec();
        for capture in hostile::captures(seed, count) {
            curl::write(&capture, BASE, &mut script).unwrap();
        }
        let text = std::str::from_utf8(&script).unwrap();
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "fit for a terminal");
        fs::write(self.at("script"), &script).unwrap();
        self.run();
        assert_eq!(fs::read_dir(self.at("here")).unwrap().count(), 0, "a canary");
        let calls = fs::read_to_string(self.at("records/count")).unwrap();
        assert_eq!(calls.trim(), (count + 1).to_string(), "a call for each, and no other");
        for capture in hostile::captures(seed, count) {
            let call = Call::recorded(self, capture.seq);
            call.is(&capture);
        }
    }

    fn run(&self) {
        let ran = Command::new(self.program)
            .arg(self.at("script"))
            .current_dir(self.at("here"))
            .env_clear()
            .env("PATH", self.at("path"))
            .env("RECORDS", self.at("records"))
            .env("LC_ALL", self.locale)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&ran.stderr), "");
        assert!(ran.status.success() && ran.stdout.is_empty());
    }
}

/// A call of curl as its manual reads it.
#[derive(Debug, Default)]
struct Call {
    flags: Vec<String>,
    method: Vec<u8>,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    removed: Vec<String>,
    body: Option<Vec<u8>>,
    target: Vec<u8>,
}

impl Call {
    fn recorded(shell: &Shell, seq: u64) -> Self {
        let argv = fs::read(shell.at(format!("records/{seq}.argv"))).unwrap();
        let mut call = Self::default();
        let mut url = Vec::new();
        let mut words = argv[..argv.len() - 1].split(|&b| b == 0);
        while let Some(option) = words.next() {
            let mut value = || words.next().unwrap().to_vec();
            match std::str::from_utf8(option).unwrap() {
                "--request" => call.method = value(),
                "--head" => call.method = b"HEAD".into(),
                "--header" => call.header(&value()),
                "--data-raw" => call.body = Some(value()),
                "--data-binary" => {
                    assert_eq!(value(), b"@-");
                    let input = shell.at(format!("records/{seq}.input"));
                    call.body = Some(fs::read(input).unwrap());
                }
                "--request-target" => call.target = value(),
                "--max-time" => assert_eq!(value(), b"5"),
                "--url" => url = value(),
                flag => call.flags.push(flag.to_owned()),
            }
        }
        let path = url.strip_prefix(b"http://127.0.0.1:4665").unwrap();
        if call.target.is_empty() {
            assert!(!path.contains(&b'#'), "curl would keep a fragment");
            call.target = path.to_vec();
        } else {
            assert_eq!(path, b"/");
        }
        call
    }

    fn header(&mut self, header: &[u8]) {
        let end = header.iter().position(|b| b":;".contains(b)).unwrap();
        let (name, rest) = header.split_at(end);
        match rest {
            b":" => self.removed.push(String::from_utf8(name.into()).unwrap()),
            b";" => self.fields.push((name.into(), Vec::new())),
            rest => self.fields.push((name.into(), rest.strip_prefix(b": ").unwrap().into())),
        }
    }

    fn is(&self, capture: &Capture) {
        let seq = capture.seq;
        let version = match capture.protocol {
            Protocol::Http10 => "--http1.0",
            Protocol::Http11 => "--http1.1",
            Protocol::Http2 => "--http2-prior-knowledge",
        };
        assert_eq!(self.flags, ["--globoff", "--path-as-is", version], "{seq}");
        assert_eq!(self.method, capture.head.method(), "{seq}");
        assert_eq!(self.target, capture.head.target(), "{seq}");
        let want: Vec<_> = capture
            .head
            .fields()
            .filter(|(name, _)| !name.eq_ignore_ascii_case(b"content-length"))
            .map(|(name, value)| (name.to_vec(), value.to_vec()))
            .collect();
        assert_eq!(self.fields, want, "{seq}");
        let content = capture.body.decoded();
        let announced = capture.head.field("content-length").is_some()
            || capture.body.framing == Framing::Chunked;
        assert_eq!(self.body.as_deref(), announced.then_some(&*content), "{seq}");
        let mut own = vec!["Host", "User-Agent", "Accept"];
        if announced {
            own.extend(["Content-Type", "Expect"]);
        }
        own.retain(|name| capture.head.field(name).is_none());
        assert_eq!(self.removed, own, "{seq}");
    }
}
