//! A real installation of Ultimate Multisite: its REST API, asked by a command that names it.
//!
//! The URL that is given is the one that is asked: redirects are not followed, proxy variables are
//! not read, and credentials never cross a network in clear.

mod tls;

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Body as _, Bytes};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Position, Url};

use super::CONNECT_TIMEOUT;
use crate::exit::{Code, Failure};

/// Where the plugin's API is below its site.
const API: &str = "/wp-json/wu/v2";

/// An answer in bytes: a hundred times what thirty event types take.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// An answer's head in bytes: eight times what common servers send.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The whole exchange: WordPress may take its time, and nobody waits longer.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);

/// What of its own words is told, in characters.
const WORDS_CHARS_MAX: usize = 200;

/// The URL of an installation's REST API.
#[derive(Clone, Debug)]
pub(crate) struct Installation(Url);

/// Why an installation's answer cannot be had.
#[derive(Debug, Error)]
pub(crate) enum InstallationError {
    /// Nobody is there, or not in time.
    #[error("reach {at}: {cause}; check the URL")]
    Unreachable {
        /// Where.
        at: String,
        /// Why.
        cause: String,
    },
    /// It says no.
    #[error("read {at}: it answers {status}{words}; {hint}")]
    Refused {
        /// Where.
        at: String,
        /// Its status.
        status: u16,
        /// Its own words, if it has any.
        words: String,
        /// What to try.
        hint: &'static str,
    },
    /// It is no installation of the plugin, or not one that can be trusted.
    #[error("read {at}: {cause}")]
    Foreign {
        /// Where.
        at: String,
        /// What is odd.
        cause: String,
    },
}

impl From<InstallationError> for Failure {
    fn from(error: InstallationError) -> Self {
        let code = match &error {
            InstallationError::Unreachable { .. } => Code::NotConnected,
            InstallationError::Refused { .. } | InstallationError::Foreign { .. } => Code::Usage,
        };
        Self::new(code, error)
    }
}

impl FromStr for Installation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let try_this = "try https://network.example";
        let mut url = Url::parse(text).map_err(|why| format!("{why}; {try_this}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{}` is not http or https; {try_this}", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("leave the credentials out: they go into --key and --secret".into());
        }
        if url.scheme() == "http" && !is_here(&url) {
            return Err("its credentials would cross the network in clear: use https".into());
        }
        let path = url.path();
        let site = path.find("/wp-json").map_or(path, |at| &path[..at]).trim_end_matches('/');
        let path = format!("{site}{API}/");
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self(url))
    }
}

/// Whether the URL names this machine, by its address or by the name that always means it.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).to_canonical().is_loopback(),
        None => false,
    }
}

impl Installation {
    /// What it answers to GET, with these credentials; at most 4 MiB, within a minute.
    pub(crate) async fn get(
        &self,
        route: &str,
        key: &str,
        secret: &str,
    ) -> Result<Bytes, InstallationError> {
        let url = self.0.join(route).unwrap_or_else(|_| self.0.clone());
        let pair = STANDARD.encode(format!("{key}:{secret}"));
        let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
            .header(header::HOST, &url[Position::BeforeHost..Position::AfterPort])
            .header(header::AUTHORIZATION, format!("Basic {pair}"))
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::USER_AGENT, concat!("hooklab/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(|error| self.foreign(&format!("it cannot be asked ({error})")))?;
        let exchange = Box::pin(self.exchange(&url, request));
        match timeout(EXCHANGE_TIMEOUT, exchange).await {
            Ok(answered) => answered,
            Err(_) => Err(self.unreachable("no whole answer within 60 s")),
        }
    }

    /// That its answer is not what it should be.
    pub(crate) fn foreign(&self, cause: &str) -> InstallationError {
        let cause = format!("{cause}; is it the URL of an Ultimate Multisite?");
        InstallationError::Foreign { at: self.0.to_string(), cause }
    }

    async fn exchange(
        &self,
        url: &Url,
        request: Request<Empty<Bytes>>,
    ) -> Result<Bytes, InstallationError> {
        let stream = self.connect(url).await?;
        match url.scheme() {
            "https" => {
                let stream = tls::handshake(url, stream).await;
                self.ask(stream.map_err(|cause| self.unreachable(cause))?, request).await
            }
            _ => self.ask(stream, request).await,
        }
    }

    async fn connect(&self, url: &Url) -> Result<TcpStream, InstallationError> {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default().unwrap_or(443);
        match timeout(CONNECT_TIMEOUT, TcpStream::connect((host, port))).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(self.unreachable(error)),
            Err(_) => Err(self.unreachable("no answer within 5 s")),
        }
    }

    async fn ask(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        request: Request<Empty<Bytes>>,
    ) -> Result<Bytes, InstallationError> {
        let broken = |error: hyper::Error| self.unreachable(format!("it broke off ({error})"));
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD_BYTES_MAX);
        let (mut sender, connection) =
            builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let connection = tokio::spawn(connection);
        let answered = async {
            let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
            // What says that it is too long is not waited for.
            if body.size_hint().lower() > ANSWER_BYTES_MAX as u64 {
                return Err(self.foreign("its answer is longer than 4 MiB"));
            }
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| {
                match error.is::<http_body_util::LengthLimitError>() {
                    true => self.foreign("its answer is longer than 4 MiB"),
                    false => self.unreachable(format!("it broke off ({error})")),
                }
            })?;
            self.vet(head.status, &head.headers, body.to_bytes())
        };
        let answered = answered.await;
        connection.abort();
        answered
    }

    fn vet(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Bytes, InstallationError> {
        if status.is_redirection() {
            let to = headers.get(header::LOCATION).and_then(|to| to.to_str().ok());
            let to: String = to.unwrap_or("nowhere").chars().take(WORDS_CHARS_MAX).collect();
            let cause = format!("it refers to {to}, and nothing is followed: give that URL");
            return Err(InstallationError::Foreign { at: self.0.to_string(), cause });
        }
        if !status.is_success() {
            return Err(self.refused(status, &body));
        }
        match headers.get(header::CONTENT_ENCODING) {
            Some(coding) if coding != "identity" => {
                Err(self.foreign("its answer is encoded, which was not asked for"))
            }
            _ => Ok(body),
        }
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> InstallationError {
        let message = serde_json::from_slice::<Value>(body).unwrap_or_default();
        let message = message.get("message").and_then(Value::as_str).unwrap_or_default();
        let words: String = message.chars().take(WORDS_CHARS_MAX).collect();
        InstallationError::Refused {
            at: self.0.to_string(),
            status: status.as_u16(),
            words: if words.is_empty() { words } else { format!(" ({words})") },
            hint: match status.as_u16() {
                401 | 403 => "check --key and --secret: Settings, API & Webhooks shows them",
                404 => "check the URL, and that Settings, API & Webhooks enables the API",
                _ => "try again, or look into its log",
            },
        }
    }

    fn unreachable(&self, cause: impl std::fmt::Display) -> InstallationError {
        InstallationError::Unreachable { at: self.0.to_string(), cause: cause.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_people_copy_them() {
        let read = |text: &str| text.parse::<Installation>().unwrap().0.to_string();
        let api = "https://network.example/wp-json/wu/v2/";
        for text in [
            "https://network.example",
            "https://network.example/",
            "https://network.example/wp-json",
            "https://network.example/wp-json/wu/v2/hooks?x=1#y",
        ] {
            assert_eq!(read(text), api, "{text}");
        }
        assert_eq!(read("https://h/sub/"), "https://h/sub/wp-json/wu/v2/");
        assert_eq!(read("http://127.0.0.1:8080"), "http://127.0.0.1:8080/wp-json/wu/v2/");
        assert!(read("http://localhost").starts_with("http://localhost/"));
        assert!(read("http://[::1]:1").starts_with("http://[::1]:1/"));
    }

    #[test]
    fn credentials_never_cross_a_network_in_clear() {
        for (text, words) in [
            ("http://network.example", "in clear"),
            ("http://192.0.2.1", "in clear"),
            ("http://localhost.evil.example", "in clear"),
            ("https://user@network.example", "--key"),
            ("ftp://network.example", "not http"),
            ("network.example", "https://network.example"),
        ] {
            let why = text.parse::<Installation>().unwrap_err();
            assert!(why.contains(words), "{text}: {why}");
        }
    }
}
