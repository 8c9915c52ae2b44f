//! The request out, the answer in, over a connection that stands.

use std::pin::pin;
use std::time::Instant;

use bytes::Bytes;
use hooklab_shared::delivery::Phase;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use super::cause::{self, Cause};
use super::{Trace, micros};
use crate::profile::Wire;

/// Sends one request and reads the answer, of the body at most `answer_bytes_max`.
pub(super) async fn exchange<S>(
    stream: S,
    Outgoing { request, title_case }: Outgoing,
    trace: &mut Trace,
    answer_bytes_max: usize,
) -> Result<(), Cause>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    trace.phase = Phase::Send;
    let mut builder = Builder::new();
    builder.title_case_headers(title_case);
    let (sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|e| cause::of_hyper(&e))?;
    // The connection is driven here, not in a task of its own, so that it ends with the attempt.
    let mut connection = pin!(connection);
    let mut talk = pin!(talk(sender, request, trace, answer_bytes_max));
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            ended = &mut talk => return ended,
            _ = &mut connection, if open => open = false,
        }
    }
}

async fn talk(
    mut sender: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    trace: &mut Trace,
    answer_bytes_max: usize,
) -> Result<(), Cause> {
    let clock = Instant::now();
    trace.phase = Phase::FirstByte;
    let response = sender.send_request(request).await.map_err(|error| {
        if cause::while_sending(&error) {
            trace.phase = Phase::Send;
        }
        cause::of_hyper(&error)
    })?;
    trace.phases.first_byte_us = Some(micros(clock));
    let clock = Instant::now();
    trace.phase = Phase::Body;
    let (head, body) = response.into_parts();
    trace.head = Some(head);
    let read = read(body, trace, answer_bytes_max).await;
    trace.phases.body_us = Some(micros(clock));
    read
}

async fn read(mut body: Incoming, trace: &mut Trace, answer_bytes_max: usize) -> Result<(), Cause> {
    // Until the end is seen, what is kept is not the whole.
    trace.truncated = true;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|e| cause::of_hyper(&e))?.into_data() else { continue };
        let room = answer_bytes_max - trace.content.len();
        trace.content.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok(());
        }
    }
    trace.truncated = false;
    Ok(())
}

/// A request that is ready to go out.
pub(super) struct Outgoing {
    request: Request<Full<Bytes>>,
    title_case: bool,
}

/// What the profile sends, and the webhook's own header fields after it.
pub(super) fn request(
    target: &Url,
    wire: Wire,
    own: &[(String, String)],
) -> Result<Outgoing, Cause> {
    let unusable = |why: String| Cause::Unusable(why);
    let path = &target[url::Position::BeforePath..url::Position::AfterQuery];
    let uri: Uri = path.parse().map_err(|why| unusable(format!("its path: {why}")))?;
    let mut request = Request::new(Full::new(wire.body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let own = own.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let fields = wire.headers.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in fields.chain(own) {
        let value = HeaderValue::from_str(value).map_err(|why| unusable(why.to_string()))?;
        let name = HeaderName::from_bytes(name.as_bytes());
        request.headers_mut().append(name.map_err(|why| unusable(why.to_string()))?, value);
    }
    Ok(Outgoing { request, title_case: wire.title_case })
}
