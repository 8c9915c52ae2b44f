//! A reader of server-sent events, as the HTML standard parses them (section 9.2.6).

use serde_json::Value;

use crate::harness::http::Wire;
use crate::harness::server::Server;

pub(super) struct Stream {
    wire: Wire,
    read: Vec<u8>,
    /// Whether the body comes in chunks; it does unless the server chose otherwise.
    chunked: bool,
    text: String,
}

/// One event.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: Option<String>,
    pub(super) data: String,
}

impl Stream {
    /// Opens an event stream, naming the last id that was seen if there is one.
    pub(super) fn open(server: &Server, path: &str, last: Option<&str>) -> Self {
        let mut wire = Wire::connect(&server.dashboard).unwrap();
        let last = last.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
        let host = &server.dashboard;
        let ask = format!(
            "GET /api/v1{path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n{last}\r\n"
        );
        wire.send(ask.as_bytes()).unwrap();
        let answer = wire.begin().unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("text/event-stream"), "{answer:?}");
        let chunked = answer.header("transfer-encoding").is_some();
        Self { wire, read: Vec::new(), chunked, text: String::new() }
    }

    /// The next event; comments, which keep the connection alive, are read over.
    pub(super) fn next(&mut self) -> Event {
        loop {
            let block = loop {
                if let Some((block, rest)) = self.text.split_once("\n\n") {
                    let block = block.to_owned();
                    self.text = rest.to_owned();
                    break block;
                }
                assert!(self.more(), "the stream ended: {:?}", self.text);
            };
            let (mut id, mut data) = (None, Vec::new());
            for line in block.lines() {
                let (field, value) = line.split_once(':').unwrap_or((line, ""));
                let value = value.strip_prefix(' ').unwrap_or(value);
                match field {
                    "id" => id = Some(value.to_owned()),
                    "data" => data.push(value),
                    "" | "retry" | "event" => {}
                    other => panic!("no field of an event stream: {other}"),
                }
            }
            if !data.is_empty() {
                return Event { id, data: data.join("\n") };
            }
        }
    }

    pub(super) fn message(&mut self) -> Value {
        let event = self.next();
        serde_json::from_str(&event.data).unwrap_or_else(|why| panic!("{why}: {event:?}"))
    }

    /// The next message's seq, which must be of a capture, and its event's id.
    pub(super) fn seq(&mut self) -> u64 {
        let event = self.next();
        let message: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(message["type"], "capture", "{message}");
        assert_eq!(event.id, Some(message["seq"].to_string()));
        message["seq"].as_u64().unwrap()
    }

    /// Whether nothing more comes, ever.
    pub(super) fn ends(&mut self) -> bool {
        while self.more() {}
        self.text.trim().is_empty()
    }

    fn more(&mut self) -> bool {
        if !self.chunked {
            let piece = self.wire.piece().expect("the stream goes on or ends");
            self.text += &String::from_utf8(piece.clone()).unwrap();
            return !piece.is_empty();
        }
        let Some(size) = self.line() else { return false };
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            return false;
        }
        let chunk = self.exactly(size + 2).expect("a whole chunk");
        self.text += std::str::from_utf8(&chunk[..size]).unwrap();
        true
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.iter().position(|&byte| byte == b'\n') {
                return String::from_utf8(self.read.drain(..=end).collect()).ok();
            }
            self.fill()?;
        }
    }

    fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.read.len() < count {
            self.fill()?;
        }
        Some(self.read.drain(..count).collect())
    }

    fn fill(&mut self) -> Option<()> {
        let piece = self.wire.piece().expect("the stream goes on or ends");
        self.read.extend_from_slice(&piece);
        (!piece.is_empty()).then_some(())
    }
}
