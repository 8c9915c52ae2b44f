//! GETs to a dashboard, over connections that are kept; every one of them goes through egress.

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use url::{Position, Url};

use super::{Server, SourceError};
use crate::egress::Egress;

/// How long connecting may take: a server is near, or it is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may take: a filtered page looks at 20,000 captures.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// An answer in bytes: the largest capture, its body in base64, with room.
const ANSWER_BYTES_MAX: usize = 96 * 1024 * 1024;

/// Connections that are kept: one for each target that is delivered to at once, mostly.
const IDLE_MAX: usize = 8;

type Connection = SendRequest<Empty<Bytes>>;

#[derive(Debug)]
pub(super) struct Http {
    egress: Egress,
    server: Url,
    token: Option<String>,
    idle: Mutex<Vec<Connection>>,
}

impl Http {
    pub(super) fn new(egress: Egress, server: &Server) -> Self {
        let (server, token) = (server.url.clone(), server.token.clone());
        Self { egress, server, token, idle: Mutex::default() }
    }

    pub(super) fn server(&self) -> &Url {
        &self.server
    }

    /// GET; the whole body of a 2xx.
    pub(super) async fn get(&self, url: &Url) -> Result<Bytes, SourceError> {
        let whole = async {
            let (response, connection) = self.exchange(url, "application/json").await?;
            let body = self.accepted(url, response).await?;
            let read = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let bytes = read.map_err(|why| self.unreachable(why.to_string()))?.to_bytes();
            self.keep(connection);
            Ok(bytes)
        };
        timeout(ANSWER_TIMEOUT, whole).await.unwrap_or_else(|_| Err(self.silent()))
    }

    /// GET; the body of a 2xx, to be read as it comes. Its connection is its own.
    pub(super) async fn open(&self, url: &Url, accept: &str) -> Result<Incoming, SourceError> {
        let head = async {
            let (response, _) = self.exchange(url, accept).await?;
            self.accepted(url, response).await
        };
        timeout(ANSWER_TIMEOUT, head).await.unwrap_or_else(|_| Err(self.silent()))
    }

    pub(super) fn foreign(&self, cause: String) -> SourceError {
        SourceError::Foreign { server: self.told(), cause }
    }

    /// One exchange. A kept connection may have been closed meanwhile: a GET may be said again.
    async fn exchange(
        &self,
        url: &Url,
        accept: &str,
    ) -> Result<(Response<Incoming>, Connection), SourceError> {
        if let Some(mut connection) = self.kept()
            && connection.ready().await.is_ok()
            && let Ok(response) = connection.send_request(self.request(url, accept)?).await
        {
            return Ok((response, connection));
        }
        let mut connection = self.connect().await?;
        let response = connection.send_request(self.request(url, accept)?).await;
        response.map(|response| (response, connection)).map_err(|error| self.broken(&error))
    }

    async fn connect(&self) -> Result<Connection, SourceError> {
        let resolved = timeout(CONNECT_TIMEOUT, self.egress.resolve(&self.server)).await;
        let resolved = resolved.map_err(|_| self.unreachable("its name takes too long".into()))?;
        let vetted = resolved.map_err(|why| self.unreachable(why.to_string()))?;
        let stream = self.egress.connect(&vetted, CONNECT_TIMEOUT).await;
        let stream = stream.map_err(|why| self.unreachable(plain(&why)))?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| self.broken(&error))?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn request(&self, url: &Url, accept: &str) -> Result<Request<Empty<Bytes>>, SourceError> {
        let authority = &self.server[Position::BeforeHost..Position::AfterPort];
        let mut request = Request::builder()
            .uri(&url[Position::BeforePath..Position::AfterQuery])
            .header(header::HOST, authority)
            .header(header::ACCEPT, accept);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        request
            .body(Empty::new())
            .map_err(|error| self.foreign(format!("the request cannot be sent ({error})")))
    }

    /// The body of a 2xx; what an answer says that is none.
    async fn accepted(
        &self,
        url: &Url,
        response: Response<Incoming>,
    ) -> Result<Incoming, SourceError> {
        if response.headers().contains_key("hooklab-capture") {
            return Err(self.foreign(
                "this is the capture listener, which has just captured the request; give the \
                 dashboard's address, by default the next port"
                    .to_owned(),
            ));
        }
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        let status = response.status();
        let read = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = read.map(|read| read.to_bytes()).unwrap_or_default();
        Err(self.refusal(url, status, &body))
    }

    fn refusal(&self, url: &Url, status: StatusCode, body: &[u8]) -> SourceError {
        let doing = format!("read {}", url.path().trim_start_matches("/api/v1/"));
        match serde_json::from_slice(body) {
            Ok(problem) => SourceError::Refused { doing, problem },
            Err(_) => self.foreign(format!(
                "it answers {status}, and not as hooklab's dashboard would; check the address"
            )),
        }
    }

    fn kept(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !connection.is_closed() {
            idle.push(connection);
        }
    }

    fn told(&self) -> String {
        self.server[..Position::AfterPort].to_owned()
    }

    fn unreachable(&self, cause: String) -> SourceError {
        SourceError::Unreachable { server: self.told(), cause }
    }

    fn silent(&self) -> SourceError {
        self.unreachable(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()))
    }

    fn broken(&self, error: &hyper::Error) -> SourceError {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        self.unreachable(format!("the exchange broke off ({error}{cause})"))
    }
}

/// An error of the system in its own words, without its number.
fn plain(error: &crate::egress::ConnectError) -> String {
    match error {
        crate::egress::ConnectError::Io(io)
            if io.kind() == std::io::ErrorKind::ConnectionRefused =>
        {
            "connection refused".to_owned()
        }
        other => other.to_string(),
    }
}
