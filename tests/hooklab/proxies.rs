//! Behind the two proxies that are met most often, as Debian packages them: what was answered was
//! captured, once, and what was captured was answered.

use std::collections::HashSet;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::http::Wire;
use crate::harness::server::{Server, post};
use crate::harness::until;

const CONNECTIONS: usize = 8;
const REQUESTS: usize = 250;

/// A proxy in front of the capture listener, ended with its test.
struct Proxy {
    child: Child,
    address: String,
    _home: TempDir,
}

impl Proxy {
    /// Starts this program on a free port with a configuration made for it.
    fn start(program: &str, arguments: &[&str], config: impl Fn(&str, &Path) -> String) -> Self {
        let home = tempfile::tempdir().unwrap();
        // The port is free again when the proxy takes it: nobody else asks for it by number.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let file = home.path().join("proxy.conf");
        fs::write(&file, config(&address, home.path())).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).arg(&file).current_dir(home.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command
            .spawn()
            .unwrap_or_else(|why| panic!("{program} is missing: scripts/test installs it ({why})"));
        until("the proxy to listen", || Wire::connect(&address).ok());
        Self { child, address, _home: home }
    }

    fn nginx(server: &Server) -> Self {
        let target = server.capture.clone();
        Self::start("nginx", &["-e", "stderr", "-g", "daemon off;", "-c"], move |address, home| {
            let home = home.display();
            format!(
                "pid {home}/pid;\nmaster_process off;\nevents {{ worker_connections 256; }}\n\
                 http {{\n access_log off;\n client_body_temp_path {home}/body;\n\
                 proxy_temp_path {home}/proxy;\n fastcgi_temp_path {home}/fastcgi;\n\
                 uwsgi_temp_path {home}/uwsgi;\n scgi_temp_path {home}/scgi;\n\
                 client_max_body_size 64m;\n\
                 upstream bin {{ server {target}; keepalive 8; }}\n\
                 server {{\n  listen {address};\n  location / {{\n   proxy_pass http://bin;\n\
                 proxy_http_version 1.1;\n   proxy_set_header Connection \"\";\n\
                 proxy_set_header Host $http_host;\n   proxy_next_upstream off;\n\
                 proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n  }}\n }}\n}}\n"
            )
        })
    }

    fn haproxy(server: &Server) -> Self {
        let target = server.capture.clone();
        Self::start("haproxy", &["-db", "-f"], move |address, _| {
            format!(
                "global\n maxconn 256\ndefaults\n mode http\n timeout connect 5s\n\
                 timeout client 60s\n timeout server 60s\n retries 0\n option forwardfor\n\
                 frontend front\n bind {address}\n default_backend bin\n\
                 backend bin\n server hooklab {target}\n"
            )
        })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn behind_nginx_what_was_answered_was_captured() {
    let server = Server::start();
    captured_is_answered(&server, &Proxy::nginx(&server));
}

#[test]
fn behind_haproxy_what_was_answered_was_captured() {
    let server = Server::start();
    captured_is_answered(&server, &Proxy::haproxy(&server));
}

#[test]
fn the_client_behind_a_believed_proxy_is_told_and_nobody_else_s_word_is_taken() {
    let sent = "X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n";
    let ask = |server: &Server, fields: &str| {
        let mut wire = Wire::connect(&server.capture).unwrap();
        let head = format!("GET /proxied HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", server.capture);
        wire.send(head.as_bytes()).unwrap();
        assert_eq!(wire.answer().unwrap().status, 200);
        let told = server.get("/bins/proxied/captures/latest").json();
        assert!(told["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{told}");
        assert_eq!(server.summaries("proxied").pop().unwrap()["client"], told["client"]);
        told["client"].as_str().map(str::to_owned)
    };
    let believing =
        Server::start_with(&["--trusted-proxy", "127.0.0.0/8", "--trusted-proxy", "10.0.0.1"]);
    assert_eq!(ask(&believing, sent).as_deref(), Some("203.0.113.7"));
    let chain = "Forwarded: for=6.6.6.6, for=\"[2001:db8::1]:4711\";proto=https, for=10.0.0.1\r\n";
    assert_eq!(ask(&believing, chain).as_deref(), Some("2001:db8::1"));
    assert_eq!(ask(&believing, &format!("{sent}{chain}")), None);
    assert_eq!(ask(&believing, ""), None);
    assert_eq!(ask(&Server::start(), sent), None);
    assert_eq!(ask(&Server::start_with(&["--trusted-proxy", "10.0.0.0/8"]), sent), None);
}

/// Requests of every framing on many connections, some of which break off.
fn captured_is_answered(server: &Server, proxy: &Proxy) {
    let answered: Vec<(u64, String)> = thread::scope(|scope| {
        let address = proxy.address.as_str();
        let senders: Vec<_> =
            (0..CONNECTIONS).map(|sender| scope.spawn(move || send(address, sender))).collect();
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    let whole = |summary: &&Value| summary["outcome"] == "complete";
    let seqs: HashSet<u64> = answered.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs.len(), answered.len(), "a seq was answered twice");
    let kept = until("every answer to be a capture", || {
        let kept = server.summaries("proxied");
        (kept.iter().filter(whole).count() >= answered.len()).then_some(kept)
    });
    let captured: HashSet<(u64, String)> = kept
        .iter()
        .filter(whole)
        .map(|s| (s["seq"].as_u64().unwrap(), s["path"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(captured, answered.into_iter().collect());
    assert_eq!(captured.len(), CONNECTIONS * REQUESTS);
    let strays = server.get("/strays").json();
    assert_eq!(strays["items"].as_array().unwrap().len(), 0, "{strays}");
    let told = server.get("/bins/proxied/captures/latest").json();
    let forwarded =
        |pair: &Value| pair[0].as_str().unwrap().eq_ignore_ascii_case("x-forwarded-for");
    assert!(told["headers"].as_array().unwrap().iter().any(forwarded), "{told}");
}

/// The seq and path of every answer that one sender got.
fn send(address: &str, sender: usize) -> Vec<(u64, String)> {
    let mut wire = Wire::connect(address).unwrap();
    let mut answered = Vec::new();
    for n in 0..REQUESTS {
        let path = format!("/{sender}/{n}");
        if n % 25 == 24 {
            // A client that leaves in the middle of its body gets no answer, and so none is owed.
            let mut leaving = Wire::connect(address).unwrap();
            let half = post(address, "/proxied/half", &[b'x'; 100]);
            let _ = leaving.send(&half[..half.len() - 50]);
        }
        wire.send(&request(address, &format!("/proxied{path}"), n)).unwrap();
        let answer = wire.answer().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let (bin, seq) = answer.captured();
        assert_eq!(bin, "proxied");
        answered.push((seq, path));
        if answer.header("connection") == Some("close") {
            wire = Wire::connect(address).unwrap();
        }
    }
    answered
}

fn request(address: &str, target: &str, n: usize) -> Vec<u8> {
    let body = vec![b'x'; [0, 1, 200, 5_000, 100_000][n % 5]];
    match n % 3 {
        0 => post(address, target, &body),
        1 => format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nX-N: {n}\r\n\r\n").into_bytes(),
        _ => {
            let head = format!("PUT {target} HTTP/1.1\r\nHost: {address}\r\n");
            let head = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len() + 1);
            [head.as_bytes(), b"y", &body, b"\r\n0\r\n\r\n"].concat()
        }
    }
}
