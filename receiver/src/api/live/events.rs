//! Server-sent events (the HTML standard, section 9.2).

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use futures_util::stream;
use hooklab_shared::listen::websocket::BURST;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, interval_at};

use crate::Receiver;
use crate::store::Watch;

/// Proxies cut a connection that is silent for a minute; the comment also finds out who is gone.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// How a capture's message begins, before its seq.
const CAPTURE: &str = "{\"type\":\"capture\",\"seq\":";

/// The channel as a response that ends with its bin, its store or the server; its events have ids
/// if it can be resumed.
pub(super) fn response(watch: Watch, receiver: &Receiver, resumable: bool) -> Response<Body> {
    let telling = Telling {
        watch,
        resumable,
        comment: interval_at(Instant::now() + COMMENT_EVERY, COMMENT_EVERY),
        stopping: receiver.stopping(),
        _alive: receiver.alive(),
    };
    let events = stream::unfold(telling, |mut telling| async move {
        telling.next().await.map(|events| (Ok::<_, io::Error>(events), telling))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

struct Telling {
    watch: Watch,
    resumable: bool,
    comment: Interval,
    stopping: watch::Receiver<bool>,
    _alive: watch::Receiver<()>,
}

impl Telling {
    /// What is to be sent next: all that is there, or a comment; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        tokio::select! {
            biased;
            // A stream that went on would hold up the stop until it is cut.
            _ = self.stopping.wait_for(|&stopping| stopping) => None,
            message = self.watch.next() => {
                let mut events = String::new();
                event(&message?, self.resumable, &mut events);
                for _ in 1..BURST {
                    let Some(message) = self.watch.try_next() else { break };
                    event(&message, self.resumable, &mut events);
                }
                Some(events.into())
            }
            _ = self.comment.tick() => Some(Bytes::from_static(b": still here\n\n")),
        }
    }
}

/// Writes one event. JSON on one line holds no line break that would end its data.
fn event(message: &str, resumable: bool, events: &mut String) {
    if resumable && let Some(seq) = seq(message) {
        events.extend(["id: ", seq, "\n"]);
    }
    events.extend(["data: ", message, "\n\n"]);
}

/// The seq of a capture's message, read off its beginning: parsing every message again for every
/// watcher would undo that it was encoded once.
fn seq(message: &str) -> Option<&str> {
    let rest = message.strip_prefix(CAPTURE)?;
    rest.find(|c: char| !c.is_ascii_digit()).map(|end| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::capture;
    use hooklab_shared::live::Message;

    #[test]
    fn the_id_of_a_capture_is_its_seq() {
        let mut capture = capture("a", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "");
        capture.seq = 42;
        let summary = Box::new(capture.summary());
        let message = serde_json::to_string(&Message::Capture { seq: 42, summary }).unwrap();
        let mut events = String::new();
        event(&message, true, &mut events);
        assert!(events.starts_with("id: 42\ndata: {\"type\":\"capture\""), "{events}");
        assert!(events.ends_with("}\n\n"));
        let mut events = String::new();
        event(r#"{"type":"deleted"}"#, true, &mut events);
        assert_eq!(events, "data: {\"type\":\"deleted\"}\n\n");
    }
}
