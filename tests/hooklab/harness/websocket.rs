//! A watcher of a bin's live channel.

use std::net::TcpStream;

use serde_json::Value;
use tokio_tungstenite::tungstenite::client::{IntoClientRequest, client};
use tokio_tungstenite::tungstenite::handshake::HandshakeError;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocket;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::HANGING;
use super::server::Server;

pub(crate) struct Watcher(WebSocket<TcpStream>);

impl Watcher {
    /// Watches a bin, after this seq if one is given.
    pub(crate) fn open(server: &Server, bin: &str, after: Option<u64>) -> Self {
        let query = after.map(|seq| format!("?after={seq}")).unwrap_or_default();
        Self::upgrade(server, &format!("/bins/{bin}/live{query}"), &[])
            .unwrap_or_else(|status| panic!("the live channel of {bin} answered {status}"))
    }

    /// Upgrades with these headers too (a `host` replaces the right one); the status, if refused.
    pub(crate) fn upgrade(
        server: &Server,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let stream = TcpStream::connect(&server.dashboard).unwrap();
        stream.set_read_timeout(Some(HANGING)).unwrap();
        let url = format!("ws://{}/api/v1{path}", server.dashboard);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        match client(request, stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The next live message as it stands in its frame.
    pub(crate) fn frame(&mut self) -> String {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("not a live message: {other:?}"),
            }
        }
    }

    /// The next live message.
    pub(crate) fn next(&mut self) -> Value {
        serde_json::from_str(&self.frame()).unwrap()
    }

    /// The next message's seq, which must be of a capture.
    pub(crate) fn seq(&mut self) -> u64 {
        let message = self.next();
        assert_eq!(message["type"], "capture", "{message}");
        assert_eq!(message["seq"], message["summary"]["seq"]);
        message["seq"].as_u64().unwrap()
    }

    /// Reads over what is left; the code that the channel was closed with, if it was not cut.
    pub(crate) fn closed(&mut self) -> Option<u16> {
        loop {
            match self.0.read() {
                Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(Error::Io(error)) => panic!("cut, not closed: {error}"),
                Err(_) => return None,
            }
        }
    }

    /// Says goodbye as a polite watcher does.
    pub(crate) fn leave(mut self) {
        let _ = self.0.close(None);
        let _ = self.0.flush();
    }
}
