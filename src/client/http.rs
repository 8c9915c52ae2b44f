//! One request, one connection: commands ask little, and then they end.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
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
        if headers.contains_key("hooklab-capture") {
            return Err(self.foreign(
                "this is the capture listener, which has just captured the request; give the \
                 dashboard's address to --server, by default the next port"
                    .into(),
            ));
        }
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
    ) -> Result<(hyper::StatusCode, HeaderMap, Bytes), ClientError> {
        let request = self.request(method, url, body)?;
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unreachable(error))?;
        let driver = tokio::spawn(connection);
        let whole = async {
            let response = sender.send_request(request).await?;
            collect(response).await
        };
        let answered = timeout(ANSWER_TIMEOUT, whole).await;
        driver.abort();
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.unreachable(format!("the answer broke off ({error})"))),
            Err(_) => Err(self.unreachable("no answer within 120 s")),
        }
    }

    fn request(
        &self,
        method: Method,
        url: &Url,
        body: Option<Vec<u8>>,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(&url[Position::BeforePath..Position::AfterQuery])
            .header(header::HOST, self.address.authority());
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request
            .body(Full::new(body.unwrap_or_default().into()))
            .map_err(|error| self.foreign(format!("the request cannot be sent ({error})")))
    }
}

async fn collect(
    response: Response<Incoming>,
) -> Result<(hyper::StatusCode, HeaderMap, Bytes), hyper::Error> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((head.status, head.headers, body))
}

/// An error of the system in its own words, without its number.
fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => error.to_string(),
    }
}
