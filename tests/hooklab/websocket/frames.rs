//! WebSocket frames by hand (RFC 6455, section 5.2): what is written is exactly what a case says.

use std::io;

use crate::harness::http::Wire;
use crate::harness::server::Server;

pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// The mask of every frame here; any will do.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) opcode: u8,
    pub(super) payload: Vec<u8>,
}

/// A frame as a client writes it.
pub(super) fn frame(is_last: bool, reserved: u8, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut wire = vec![u8::from(is_last) << 7 | reserved << 4 | opcode];
    match payload.len() {
        length @ 0..=125 => wire.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            wire.push(0x80 | 126);
            wire.extend((length as u16).to_be_bytes());
        }
        length => {
            wire.push(0x80 | 127);
            wire.extend((length as u64).to_be_bytes());
        }
    }
    wire.extend(MASK);
    wire.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    wire
}

/// A frame that is a message.
pub(super) fn whole(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(true, 0, opcode, payload)
}

/// A close with this code.
pub(super) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    whole(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// A live channel, seen as bytes.
pub(super) struct Channel {
    wire: Wire,
    read: Vec<u8>,
}

impl Channel {
    /// Opens the live channel of this bin, and reads over its hello.
    pub(super) fn open(server: &Server, bin: &str) -> Self {
        let mut wire = Wire::connect(&server.dashboard).unwrap();
        wire.send(upgrade(&server.dashboard, &format!("/bins/{bin}/live")).as_bytes()).unwrap();
        let answer = wire.answer().unwrap();
        assert_eq!(answer.status, 101, "{answer:?}");
        // RFC 6455, section 1.3: what this key has to be answered with.
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        let mut channel = Self { wire, read: Vec::new() };
        let hello = channel.next().unwrap();
        assert_eq!(hello.opcode, TEXT);
        assert!(hello.payload.starts_with(b"{\"type\":\"hello\""), "{hello:?}");
        channel
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        // A side that has failed the connection takes no more.
        let _ = self.wire.send(bytes);
    }

    /// The next frame; it must be a whole message, unmasked, as a server sends it.
    pub(super) fn next(&mut self) -> io::Result<Frame> {
        let start = self.exactly(2)?;
        assert_eq!(start[0] & 0xf0, 0x80, "reserved bits, or a fragment");
        assert_eq!(start[1] & 0x80, 0, "a server's frame is not masked");
        let length = match start[1] {
            126 => self.exactly(2)?.into_iter().fold(0, |sum, byte| sum << 8 | usize::from(byte)),
            127 => self.exactly(8)?.into_iter().fold(0, |sum, byte| sum << 8 | usize::from(byte)),
            length => usize::from(length),
        };
        Ok(Frame { opcode: start[0] & 0x0f, payload: self.exactly(length)? })
    }

    /// How the other side ends it: the code of its close, none where it only hangs up.
    pub(super) fn ending(&mut self) -> Option<u16> {
        loop {
            match self.next() {
                Ok(frame) if frame.opcode == CLOSE => {
                    return Some(match frame.payload.get(..2) {
                        Some(code) => u16::from_be_bytes([code[0], code[1]]),
                        None => 1005,
                    });
                }
                Ok(_) => {}
                Err(error) => {
                    let hangs = [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut];
                    assert!(!hangs.contains(&error.kind()), "the channel stays open");
                    return None;
                }
            }
        }
    }

    /// That it is still there: it answers a ping, after whatever is on its way.
    pub(super) fn lives(&mut self) {
        self.send(&whole(PING, b"there?"));
        loop {
            let frame = self.next().expect("the channel is open");
            assert_ne!(frame.opcode, CLOSE, "{frame:?}");
            if frame.opcode == PONG && frame.payload == b"there?" {
                return;
            }
        }
    }

    fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.read.len() < count {
            let piece = self.wire.piece()?;
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.read.extend(piece);
        }
        Ok(self.read.drain(..count).collect())
    }
}

/// The opening handshake of RFC 6455, section 1.3, for a route of the API.
pub(crate) fn upgrade(host: &str, path: &str) -> String {
    format!(
        "GET /api/v1{path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}
