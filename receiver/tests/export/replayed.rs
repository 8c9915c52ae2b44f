//! The real curl sends exports to a raw socket, which must see what was captured.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use bytes::Bytes;
use hooklab_receiver::export::curl;
use hooklab_shared::body::{Body, Framing, chunks};
use hooklab_shared::capture::{Capture, Protocol};
use hooklab_shared::headers::{Head, head_end};
use tempfile::TempDir;

use super::hostile;

#[test]
fn curl_sends_what_was_captured() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sent: Vec<_> = hostile::captures(3, 200).filter(is_sendable).take(60).collect();
    let mut script = Vec::new();
    for capture in &sent {
        curl::write(capture, &format!("http://{address}"), &mut script).unwrap();
    }
    let server = std::thread::spawn(move || received(&listener));
    run(&script);
    TcpStream::connect(address).unwrap();
    let received = server.join().unwrap();
    assert_eq!(received.len(), sent.len());
    for (capture, (head, body)) in sent.iter().zip(&received) {
        let seq = capture.seq;
        assert_eq!(head.method(), capture.head.method(), "{seq}");
        assert_eq!(head.target(), capture.head.target(), "{seq}");
        let version = if capture.protocol == Protocol::Http10 { "HTTP/1.0" } else { "HTTP/1.1" };
        assert_eq!(head.version(), version.as_bytes(), "{seq}");
        assert_eq!(fields(head), fields(&capture.head), "{seq}");
        assert_eq!(body.decoded(), capture.body.decoded(), "{seq}");
    }
}

/// HTTP/2 is another test's; an `Expect` waits for an answer that this server does not give, and
/// curl keeps one `Host` of several. HTTP/1.0 has no chunks.
fn is_sendable(capture: &Capture) -> bool {
    let hosts = capture.head.fields().filter(|(name, _)| name.eq_ignore_ascii_case(b"host"));
    let chunked = capture.body.framing == Framing::Chunked;
    hosts.count() < 2
        && capture.head.field("expect").is_none()
        && match capture.protocol {
            Protocol::Http10 => !chunked,
            Protocol::Http11 => true,
            Protocol::Http2 => false,
        }
}

fn run(script: &[u8]) {
    let home = TempDir::new().unwrap();
    let path = home.path().join("script");
    fs::write(&path, script).unwrap();
    let ran = Command::new("sh")
        .args(["-e".as_ref(), path.as_os_str()])
        .env("HOME", home.path())
        .env("NO_PROXY", "*")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// One request a connection, until a connection says nothing.
fn received(listener: &TcpListener) -> Vec<(Head, Body)> {
    let mut received = Vec::new();
    loop {
        let (mut socket, _) = listener.accept().unwrap();
        let mut wire = Vec::new();
        let request = loop {
            let mut piece = [0; 65536];
            let bytes = socket.read(&mut piece).unwrap();
            if bytes == 0 {
                return received;
            }
            wire.extend(&piece[..bytes]);
            if let Some(whole) = request(&wire) {
                break whole;
            }
        };
        received.push(request);
        let _ = socket.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    }
}

fn request(wire: &[u8]) -> Option<(Head, Body)> {
    let end = head_end(wire)?;
    let (head, rest) = wire.split_at(end);
    let head = Head::from(Bytes::copy_from_slice(head));
    let framing = head.field("transfer-encoding").map_or(Framing::Length, |_| Framing::Chunked);
    let whole = match framing {
        Framing::Chunked => chunks(rest, |_, _| {}).complete,
        Framing::Length => rest.len() >= length(&head),
    };
    whole.then(|| (head, Body { wire: Bytes::copy_from_slice(rest), framing }))
}

fn length(head: &Head) -> usize {
    let text = head.field("content-length").map_or("0".into(), String::from_utf8_lossy);
    text.parse().unwrap()
}

/// Sorted: curl has its own place for `Host` and for what it computes.
fn fields(head: &Head) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut fields: Vec<_> = head
        .fields()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()))
        .filter(|(name, _)| name != b"content-length" && name != b"transfer-encoding")
        .collect();
    fields.sort();
    fields
}
