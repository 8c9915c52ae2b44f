//! One request, one connection: commands ask little, and then they end.

use std::error::Error;

use axum::BoxError;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use url::{Position, Url};

use super::{ANSWER_TIMEOUT, CONNECT_TIMEOUT, Client, ClientError, doing};

/// What was answered with 2xx.
pub(super) struct Answer {
    /// Its body.
    pub(super) body: Bytes,
}

impl Client {
    /// The connection to the server.
    pub(super) async fn connect(&self) -> Result<TcpStream, ClientError> {
        let address = (self.address.host(), self.address.port());
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(self.unreachable(plain(&error))),
            Err(_) => Err(self.unreachable("no answer within 5 s")),
        }
    }

    /// Sends a request; any answer but 2xx is an error.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &Url,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, ClientError> {
        let doing = doing(&method, url);
        let (status, headers, body) = self.exchange(method, url, body).await?;
        self.vet(&headers)?;
        if status.is_success() {
            return Ok(Answer { body });
        }
        Err(self.refusal(doing, status, &body))
    }

    /// One exchange, whatever comes of it.
    pub(super) async fn exchange(
        &self,
        method: Method,
        url: &Url,
        body: Option<Vec<u8>>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), ClientError> {
        let kind = body.is_some().then_some("application/json");
        let request = self.request(method, url, kind, Full::from(body.unwrap_or_default()))?;
        let whole = async {
            let Answering { response, connection: _connection } = self.open(request).await?;
            let response = response.await.map_err(|error| self.broken(&error))?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| self.broken(&error))?.to_bytes();
            Ok((head.status, head.headers, body))
        };
        timeout(ANSWER_TIMEOUT, whole).await.unwrap_or_else(|_| Err(self.silent()))
    }

    /// Sends a request on a connection of its own.
    pub(super) async fn open<B>(
        &self,
        request: Request<B>,
    ) -> Result<Answering<impl Future<Output = hyper::Result<Response<Incoming>>>>, ClientError>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let stream = self.connect().await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.broken(&error))?;
        let connection = Connection(tokio::spawn(async move {
            let _ = connection.await;
        }));
        let response = async move { sender.send_request(request).await };
        Ok(Answering { response, connection })
    }

    /// A request as every request of ours is.
    pub(super) fn request<B>(
        &self,
        method: Method,
        url: &Url,
        kind: Option<&str>,
        body: B,
    ) -> Result<Request<B>, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(&url[Position::BeforePath..Position::AfterQuery])
            .header(header::HOST, self.address.authority());
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        request
            .body(body)
            .map_err(|error| self.foreign(format!("the request cannot be sent ({error})")))
    }

    /// Whether whoever answers is a dashboard at all.
    pub(super) fn vet(&self, headers: &HeaderMap) -> Result<(), ClientError> {
        if headers.contains_key("hooklab-capture") {
            return Err(self.foreign(
                "this is the capture listener, which has just captured the request; give the \
                 dashboard's address to --server, by default the next port"
                    .into(),
            ));
        }
        Ok(())
    }

    pub(super) fn broken(&self, error: &hyper::Error) -> ClientError {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        self.unreachable(format!("the exchange broke off ({error}{cause})"))
    }

    pub(super) fn silent(&self) -> ClientError {
        self.unreachable("no answer within 120 s")
    }
}

/// An answer that is on its way, and the connection it comes by.
pub(super) struct Answering<F> {
    /// The answer's head, once it is there.
    pub(super) response: F,
    /// Lives as long as the answer is read.
    pub(super) connection: Connection,
}

/// A connection at work; it ends with this.
pub(super) struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An error of the system in its own words, without its number.
fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => error.to_string(),
    }
}
