//! The limit that capturing is measured against: hyper alone, the body read, 200 answered.
//!
//! `bare PORT`: one thread, so that it can be pinned to a core.
//!
//! `bare PORT FILE [BYTES]` writes each body to a new file before it answers, and nothing else: no
//! head, no checksum, no index. It is what of a log no format can save. From BYTES on the file is
//! written again from its beginning, where its pages are there already.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::yield_now;

const ANSWER: &[u8] =
    br#"{"captured":true,"bin":"orders","seq":42,"id":"01990000-0000-7000-8000-000000000000"}"#;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().and_then(|port| port.parse().ok()).unwrap_or(4700);
    let file = arguments.next().map(File::create).transpose()?;
    let bytes_max = arguments.next().and_then(|bytes| bytes.parse().ok()).unwrap_or(u64::MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let Some(file) = file else { return serve(port, None).await };
        let log = Arc::new(Log::default());
        let writing = log.clone();
        let writing = tokio::spawn(async move { writing.write(&file, bytes_max).await });
        tokio::select! {
            ended = serve(port, Some(log)) => ended,
            ended = writing => ended?,
        }
    })
}

async fn serve(port: u16, log: Option<Arc<Log>>) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let log = log.clone();
        let service = service_fn(move |request| answer(request, log.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    log: Option<Arc<Log>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut body = request.into_body();
    match log {
        None => while let Some(Ok(_)) = body.frame().await {},
        Some(log) => {
            let mut pieces = Vec::new();
            while let Some(Ok(frame)) = body.frame().await {
                pieces.extend(frame.into_data());
            }
            log.append(pieces).await;
        }
    }
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The least that a log does: what came together is written by one call.
#[derive(Default)]
struct Log {
    batch: Mutex<Batch>,
    work: Notify,
}

#[derive(Default)]
struct Batch {
    pieces: Vec<Bytes>,
    written: Arc<Notify>,
}

impl Log {
    /// Waits until a body is with the system.
    async fn append(&self, pieces: Vec<Bytes>) {
        let written = {
            let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
            batch.pieces.extend(pieces);
            batch.written.clone()
        };
        self.work.notify_one();
        // On the one thread nothing is written before this is polled.
        written.notified().await;
    }

    async fn write(&self, file: &File, bytes_max: u64) -> io::Result<()> {
        let mut at = 0;
        loop {
            self.work.notified().await;
            // Whoever is about to append as well gets into this batch.
            yield_now().await;
            let batch =
                std::mem::take(&mut *self.batch.lock().unwrap_or_else(PoisonError::into_inner));
            if at >= bytes_max {
                at = 0;
            }
            let mut slices: Vec<_> = batch.pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            let mut left = &mut slices[..];
            while !left.is_empty() {
                let most = left.len().min(1024);
                let written = rustix::io::pwritev(file, &left[..most], at)?;
                at += written as u64;
                IoSlice::advance_slices(&mut left, written);
            }
            batch.written.notify_waiters();
        }
    }
}
