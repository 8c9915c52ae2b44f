//! HTTP/2 with prior knowledge, and TLS with ALPN, by a client that speaks them: curl.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::command::{Ran, finish};
use crate::harness::server::Server;
use crate::harness::until;

/// Runs curl; the status comes last on its output.
fn curl(args: &[&str]) -> Ran {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "25"]);
    let ran = finish(curl.args(["--write-out", "\n%{http_version} %{http_code}"]).args(args), b"");
    assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
    ran
}

/// What curl said of the exchange: the version and the status.
fn said(ran: &Ran) -> &str {
    ran.stdout.rsplit('\n').next().unwrap()
}

fn latest(server: &Server, bin: &str) -> Value {
    server.get(&format!("/bins/{bin}/captures/latest")).json()
}

fn fields<'a>(capture: &'a Value, name: &str) -> Vec<&'a str> {
    let fields = capture["headers"].as_array().unwrap().iter();
    let named = fields.filter(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name));
    named.map(|pair| pair[1].as_str().unwrap()).collect()
}

#[test]
fn http_2_with_prior_knowledge_is_captured() {
    let server = Server::start();
    let url = format!("http://{}/two/a%20b?x=1&x=2", server.capture);
    let ran = curl(&[
        "--http2-prior-knowledge",
        "--data",
        "{\"a\":1}",
        "--header",
        "X-Twice: a",
        "--header",
        "x-twice: b",
        "--header",
        "Content-Type: application/json",
        &url,
    ]);
    assert_eq!(said(&ran), "2 200");
    let capture = latest(&server, "two");
    assert_eq!(capture["protocol"], "HTTP/2");
    assert_eq!((&capture["method"], &capture["outcome"]), (&json!("POST"), &json!("complete")));
    assert_eq!(capture["target"], "/two/a%20b?x=1&x=2");
    assert_eq!(capture["query"], json!([["x", "1"], ["x", "2"]]));
    assert_eq!(capture["body"]["text"], "{\"a\":1}");
    assert_eq!(fields(&capture, "x-twice"), ["a", "b"]);
    assert_eq!(fields(&capture, "content-type"), ["application/json"]);
    let host = [fields(&capture, "host"), fields(&capture, ":authority")].concat();
    assert_eq!(host, [server.capture.as_str()]);
}

/// Many streams of one connection at once: each is a capture, and none is mixed with another. Over
/// TLS, as Debian's curl cannot use an h2c connection twice.
#[test]
fn streams_of_one_connection_are_captures_of_their_own() {
    let server = Server::start_with(&["--tls", "self-signed"]);
    let url = format!("https://{}/many/[1-200]", server.capture);
    let ran = curl(&[
        "--insecure",
        "--http2",
        "--parallel",
        "--parallel-max",
        "50",
        "--data",
        "body",
        "--output",
        "/dev/null",
        &url,
    ]);
    let answered = ran.stdout.lines().filter(|line| *line == "2 200").count();
    assert_eq!(answered, 200, "{}", ran.stdout);
    let summaries = server.summaries("many");
    assert_eq!(summaries.len(), 200);
    let mut paths: Vec<&str> = summaries.iter().map(|s| s["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), 200, "each target once");
    assert!(summaries.iter().all(|s| s["size"] == 4 && s["protocol"] == "HTTP/2"));
}

#[test]
fn http_2_bodies_and_methods_of_every_size_and_kind() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("body");
    let url = format!("http://{}/sizes", server.capture);
    for size in [0, 1, 16_383, 16_384, 65_535, 65_536, 3_000_000] {
        let body: Vec<u8> = (0..size).map(|n: usize| (n * 31 + n / 256) as u8).collect();
        std::fs::write(&file, &body).unwrap();
        let data = format!("@{}", file.display());
        let ran = curl(&["--http2-prior-knowledge", "--data-binary", &data, &url]);
        assert_eq!(said(&ran), "2 200", "{size}");
        let kept = server.get("/bins/sizes/captures/latest/body");
        assert_eq!(kept.body, body, "{size}");
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PROPFIND", "X-ODD"] {
        curl(&["--http2-prior-knowledge", "--request", method, &url]);
        assert_eq!(latest(&server, "sizes")["method"], method);
    }
    assert_eq!(said(&curl(&["--http2-prior-knowledge", "--head", &url])), "2 200");
    assert_eq!(latest(&server, "sizes")["method"], "HEAD");
    // What leads nowhere is a stray there too.
    let ran = curl(&["--http2-prior-knowledge", &format!("http://{}/Bad", server.capture)]);
    assert_eq!(said(&ran), "2 404");
    let strays = server.get("/strays").json();
    assert_eq!(strays["items"][0]["reason"], "bad_bin_name", "{strays}");
}

#[test]
fn replies_and_faults_hold_for_http_2() {
    let server = Server::start();
    server.create(&json!({"name": "program", "reply": [
        {"times": 1, "status": 503, "headers": {"Retry-After": "7"}},
        {"times": 1, "fault": "close"},
        {"status": 201, "template": "{{ method }} {{ json.a }}"},
    ]}));
    let url = format!("http://{}/program", server.capture);
    let ran = curl(&["--http2-prior-knowledge", "--include", "--data", "{}", &url]);
    assert!(ran.stdout.contains("retry-after: 7"), "{}", ran.stdout);
    let mut failing = Command::new("curl");
    failing.args(["--silent", "--noproxy", "*", "--http2-prior-knowledge", "--data", "{}", &url]);
    assert_ne!(finish(&mut failing, b"").code, Some(0), "a closed stream is no answer");
    let ran = curl(&["--http2-prior-knowledge", "--data", "{\"a\":5}", &url]);
    assert_eq!(ran.stdout, "POST 5\n2 201");
    assert_eq!(server.get("/bins/program").json()["captures"], 3);
}

#[test]
fn tls_offers_both_protocols_and_captures_both() {
    let server = Server::start_with(&["--tls", "self-signed"]);
    let base = server.ready["capture"].as_str().unwrap();
    assert!(base.starts_with("https://"), "{base}");
    let url = format!("{base}/secure");
    let mut protocols = Vec::new();
    for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1"), ("--http1.0", "1")] {
        let ran = curl(&["--insecure", flag, "--data", "x", &url]);
        assert!(said(&ran).starts_with(version) && said(&ran).ends_with("200"), "{}", ran.stdout);
        protocols.push(latest(&server, "secure")["protocol"].clone());
    }
    assert_eq!(json!(protocols), json!(["HTTP/2", "HTTP/1.1", "HTTP/1.0"]));
    let mut strict = Command::new("curl");
    strict.args(["--silent", "--noproxy", "*", &url]);
    assert_eq!(finish(&mut strict, b"").code, Some(60), "it is self-signed");
    assert_eq!(server.get("/bins/secure").json()["url"], url);

    // Plain HTTP on a TLS port is no request; the port goes on.
    let mut wire = server.wire();
    wire.send(b"GET /secure HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let plain = wire.answer().unwrap();
    assert_eq!((plain.status, plain.text().contains("https://")), (400, true), "{plain:?}");
    assert!(wire.is_closed());
    for (sent, reason) in [(&b""[..], "not_tls"), (b"\x16\x03\x01\0\x01x", "tls_failed")] {
        let mut wire = server.wire();
        wire.send(sent).unwrap();
        wire.finish();
        while wire.piece().is_ok_and(|piece| !piece.is_empty()) {}
        let told = || server.get("/strays").json()["items"][0]["reason"].clone();
        until(reason, || (told() == reason).then_some(()));
    }
    let mut begun = server.wire();
    begun.send(b"\x16\x03\x01").unwrap();
    let strays = until("the handshake's time to be over", || {
        let strays = server.get("/strays").json()["items"].as_array().unwrap().clone();
        (strays[0]["reason"] == "tls_timed_out").then_some(strays)
    });
    assert_eq!(strays.len(), 4, "and curl's, which did not trust it");
    assert_eq!((&strays[2]["status"], &strays[1]["status"]), (&json!(400), &json!(0)));
    assert!(strays[2]["head"].to_string().contains("GET /secure"), "{}", strays[2]);
    let ran = curl(&["--insecure", "--data", "x", &url]);
    assert!(said(&ran).ends_with("200"));
    assert_eq!(server.get("/bins/secure").json()["captures"], 4);
}

/// A given certificate is the one that is shown; one that cannot be read is a refusal to start.
#[test]
fn a_given_certificate_is_used() {
    let home = tempfile::tempdir().unwrap();
    let (cert, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args(["-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout"]);
    let ran = finish(openssl.arg(&key).arg("-out").arg(&cert), b"");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let both = format!("{},{}", cert.display(), key.display());
    let server = Server::start_with(&["--tls", &both]);
    let url = format!("{}/given", server.ready["capture"].as_str().unwrap());
    let ran = curl(&["--cacert", cert.to_str().unwrap(), "--data", "x", &url]);
    assert!(said(&ran).ends_with("200"), "{}", ran.stdout);
    for bad in [format!("{0},{0}", cert.display()), "/nosuch.pem,/nosuch.key".to_owned()] {
        let store = home.path().join("store");
        let told = Server::try_on(&store, &["--tls", &bad]).err().expect("a refusal");
        assert!(told.contains("--tls") || told.contains("pem"), "{told}");
    }
}
