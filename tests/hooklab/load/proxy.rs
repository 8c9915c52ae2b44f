//! A proxy in front of a bin that does something to every fifth request.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::harness::http::Wire;

/// What befalls every fifth request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// It is answered with 200 and goes nowhere.
    Swallow,
    /// It goes on twice.
    Double,
    /// It goes on, and its answer does not come back.
    HangUp,
    /// It goes on after the next one.
    Reorder,
}

pub(super) struct Proxy {
    pub(super) address: String,
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

impl Proxy {
    /// In front of this address; it goes on until the test ends.
    pub(super) fn start(behind: &str, deed: Deed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let behind = behind.to_owned();
        std::thread::spawn(move || {
            let mut count = 0;
            let mut held = None;
            // One connection at a time, since the run has one.
            for client in listener.incoming() {
                let mut client = client.unwrap();
                while let Some(request) = request(&mut client) {
                    count += 1;
                    // What is held back needs one behind it.
                    let is_fifth = count % 5 == if deed == Deed::Reorder { 4 } else { 0 };
                    let deed = Some(deed).filter(|_| is_fifth);
                    let last = held.take();
                    match deed {
                        Some(Deed::Swallow) => client.write_all(OK).unwrap(),
                        Some(Deed::Reorder) => {
                            client.write_all(OK).unwrap();
                            held = Some(request.clone());
                        }
                        _ => {
                            let answer = pass(&behind, &request);
                            if deed == Some(Deed::Double) {
                                pass(&behind, &request);
                            }
                            if deed == Some(Deed::HangUp) {
                                break;
                            }
                            client.write_all(&answer).unwrap();
                        }
                    }
                    if let Some(last) = last {
                        pass(&behind, &last);
                    }
                }
            }
        });
        Self { address }
    }
}

/// Sends a request on; what is answered.
fn pass(behind: &str, request: &[u8]) -> Vec<u8> {
    let mut wire = Wire::connect(behind).unwrap();
    wire.send(request).unwrap();
    let answer = wire.answer().unwrap();
    let (status, length) = (answer.status, answer.body.len());
    let head = format!("HTTP/1.1 {status} Passed\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), &answer.body].concat()
}

/// The next request, by its content-length; none at the end of the connection.
fn request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = client.read(&mut piece).unwrap_or(0);
        if read == 0 {
            return None;
        }
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Some(bytes);
        }
    }
}
