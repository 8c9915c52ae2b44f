//! A running server, seen from a command: its API, and its live channel.

mod address;
mod http;
mod installation;
mod live;
mod pieces;

pub(crate) use address::Address;
pub(crate) use installation::Installation;
pub(crate) use live::{Channel, Live};

use std::fmt::Display;
use std::time::Duration;

use hooklab_sender::source::{Server, Source, SourceError};
use hooklab_shared::bin::Page;
use hooklab_shared::id::BinName;
use hooklab_shared::problem::Problem;
use hyper::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use url::Url;

use crate::dashboard::operations::Readiness;
use crate::exit::{Code, Failure};

/// How long connecting may take: a server is near, or it is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Items of one page: what the API gives at most.
const PAGE_ITEMS: usize = 500;

/// How long an answer may take: a delivery waits up to 45 s for its target, and more than one may
/// be waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// A server to talk to.
#[derive(Clone)]
pub(crate) struct Client {
    address: Address,
    token: Option<String>,
}

/// Why there is no answer, or not the one that was hoped for.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    /// Nobody is there.
    #[error(
        "reach {address}: {cause}; start a server with `hooklab serve`, or name a running one by \
         --server URL"
    )]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        cause: String,
    },
    /// The server says no.
    #[error("{doing}: {}", told(.problem))]
    Problem {
        /// What was asked, such as `read bin orders`.
        doing: String,
        /// Why not.
        problem: Box<Problem>,
    },
    /// Whoever answered is not a dashboard.
    #[error("talk to {address}: {cause}")]
    Foreign {
        /// Where.
        address: String,
        /// What is odd.
        cause: String,
    },
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let code = match &error {
            ClientError::Unreachable { .. } => Code::NotConnected,
            ClientError::Problem { problem, .. } => code(problem),
            ClientError::Foreign { .. } => Code::Usage,
        };
        Self::new(code, error)
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let code = match &error {
            SourceError::Unreachable { .. } => Code::NotConnected,
            SourceError::Refused { problem, .. } => code(problem),
            SourceError::Foreign { .. } => Code::Usage,
        };
        Self::new(code, error)
    }
}

fn code(problem: &Problem) -> Code {
    match problem.status {
        503 | 504 => Code::NotConnected,
        500.. => Code::Bug,
        _ => Code::Usage,
    }
}

impl Client {
    /// A client of the server at this address, with its token if it asks for one.
    pub(crate) fn new(address: Address, token: Option<String>) -> Self {
        Self { address, token }
    }

    /// The server's address.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// A bin of this server, to be read by what delivers its captures.
    pub(crate) fn source(&self, bin: BinName) -> Source {
        Source::new(&Server { url: self.address.url(), token: self.token.clone() }, bin)
    }

    /// The URL of an API path, its segments encoded.
    pub(crate) fn url<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.address.url();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(["api", "v1"]).extend(segments);
        }
        url
    }

    /// The same with those of these parameters that have a value.
    pub(crate) fn asking<'a, const N: usize>(
        &self,
        path: impl IntoIterator<Item = &'a str>,
        parameters: [(&str, Option<String>); N],
    ) -> Url {
        let mut url = self.url(path);
        for (name, value) in parameters {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        url
    }

    /// GET, as JSON.
    pub(crate) async fn get<T: DeserializeOwned>(&self, url: &Url) -> Result<T, ClientError> {
        let answer = self.send(Method::GET, url, None).await?;
        self.json(&answer.body)
    }

    /// GET, as bytes.
    pub(crate) async fn get_bytes(&self, url: &Url) -> Result<hyper::body::Bytes, ClientError> {
        Ok(self.send(Method::GET, url, None).await?.body)
    }

    /// Every item of a list, page after page.
    pub(crate) async fn get_all<T: DeserializeOwned>(
        &self,
        url: &Url,
    ) -> Result<Vec<T>, ClientError> {
        Ok(self.get_some(url, "after", usize::MAX).await?.items)
    }

    /// So many items of a list, page after page; `resume` is the parameter that takes `next`.
    ///
    /// A page of a filtered list may be empty and still have a next one.
    pub(crate) async fn get_some<T: DeserializeOwned>(
        &self,
        url: &Url,
        resume: &str,
        most: usize,
    ) -> Result<Page<T>, ClientError> {
        let mut all = Page { items: Vec::new(), next: None };
        loop {
            let mut url = url.clone();
            if most < usize::MAX {
                let left = most - all.items.len();
                url = set(&url, "limit", &left.min(PAGE_ITEMS).to_string());
            }
            if let Some(next) = &all.next {
                url = set(&url, resume, next);
            }
            let page: Page<T> = self.get(&url).await?;
            let ended = page.next.is_none() || page.next == all.next;
            all.items.extend(page.items);
            all.next = page.next;
            if ended || all.items.len() >= most {
                all.items.truncate(most);
                return Ok(all);
            }
        }
    }

    /// POST of JSON, the answer as JSON.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        url: &Url,
        body: &(impl Serialize + Sync),
    ) -> Result<T, ClientError> {
        let answer = self.send(Method::POST, url, Some(self.encoded(body)?)).await?;
        self.json(&answer.body)
    }

    /// POST of JSON; what is answered does not matter.
    pub(crate) async fn post_only(
        &self,
        url: &Url,
        body: &(impl Serialize + Sync),
    ) -> Result<(), ClientError> {
        self.send(Method::POST, url, Some(self.encoded(body)?)).await.map(|_| ())
    }

    /// PUT of JSON, the answer as JSON.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        url: &Url,
        body: &(impl Serialize + Sync),
    ) -> Result<T, ClientError> {
        let answer = self.send(Method::PUT, url, Some(self.encoded(body)?)).await?;
        self.json(&answer.body)
    }

    /// PATCH with JSON, the answer as JSON.
    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        url: &Url,
        body: &(impl Serialize + Sync),
    ) -> Result<T, ClientError> {
        let answer = self.send(Method::PATCH, url, Some(self.encoded(body)?)).await?;
        self.json(&answer.body)
    }

    /// DELETE; what was answered, if anything was.
    pub(crate) async fn delete(&self, url: &Url) -> Result<hyper::body::Bytes, ClientError> {
        Ok(self.send(Method::DELETE, url, None).await?.body)
    }

    /// Whether the server is ready; one that is not says so with 503.
    pub(crate) async fn readiness(&self) -> Result<Readiness, ClientError> {
        let mut url = self.address.url();
        url.set_path("/readyz");
        let (status, _, body) = self.exchange(Method::GET, &url, None).await?;
        match serde_json::from_slice(&body) {
            Ok(readiness) => Ok(readiness),
            Err(_) => Err(self.refusal("read readyz".into(), status, &body)),
        }
    }

    /// Reads an answer.
    pub(crate) fn json<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(body).map_err(|error| {
            self.foreign(format!("its answer is not what this release expects ({error})"))
        })
    }

    /// What an answer that is no success says.
    fn refusal(&self, doing: String, status: StatusCode, body: &[u8]) -> ClientError {
        match serde_json::from_slice(body) {
            Ok(problem) => ClientError::Problem { doing, problem },
            Err(_) => self.foreign(format!(
                "it answers {status}, and not as hooklab's dashboard would; check --server"
            )),
        }
    }

    fn encoded(&self, body: &impl Serialize) -> Result<Vec<u8>, ClientError> {
        serde_json::to_vec(body).map_err(|error| self.foreign(format!("cannot say it: {error}")))
    }

    fn foreign(&self, cause: String) -> ClientError {
        ClientError::Foreign { address: self.address.to_string(), cause }
    }

    fn unreachable(&self, cause: impl Display) -> ClientError {
        ClientError::Unreachable { address: self.address.to_string(), cause: cause.to_string() }
    }
}

/// The URL with this parameter, in the place of an earlier one.
fn set(url: &Url, name: &str, value: &str) -> Url {
    let mut changed = url.clone();
    let others = url.query_pairs().filter(|(found, _)| found != name);
    changed.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
    changed
}

/// A problem's detail, and the fields that it does not already speak of.
fn told(problem: &Problem) -> String {
    let mut told = problem.detail.clone();
    for error in problem.errors.iter().filter(|error| !problem.detail.contains(&error.detail)) {
        told += &format!("\n  {} {}", error.field, error.detail);
    }
    told
}

/// What a request asks for, as a fragment that completes "failed to …".
fn doing(method: &Method, url: &Url) -> String {
    let path = url.path().trim_start_matches("/api/v1/");
    let segments: Vec<&str> = path.split('/').collect();
    let verb = match (method.as_str(), segments.as_slice()) {
        ("POST", ["bins"]) => return "make the bin".to_owned(),
        ("POST", ["webhooks"]) => return "add the webhook".to_owned(),
        ("POST", ["webhooks", "bulk"]) => return "change the webhooks".to_owned(),
        ("POST", ["webhooks", id, "test"]) => return format!("test webhook {id}"),
        ("POST", ["webhooks", id, "secret"]) => return format!("give webhook {id} a new secret"),
        ("POST", ["events"]) => return "fire the event".to_owned(),
        ("POST", ["event-types"]) => return "add the event type".to_owned(),
        ("POST", _) => "post to",
        ("PUT", _) => "put",
        ("PATCH", _) => "change",
        ("DELETE", _) => "delete",
        _ => "read",
    };
    let one = match segments.as_slice() {
        ["bins", name] => format!("bin {name}"),
        ["webhooks", id] => format!("webhook {id}"),
        ["deliveries", id] => format!("delivery {id}"),
        ["event-types", slug] => format!("event type {slug}"),
        _ => path.to_owned(),
    };
    format!("{verb} {one}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hooklab_shared::problem::FieldError;

    fn client() -> Client {
        Client::new("http://[::1]:4666".parse().unwrap(), None)
    }

    #[test]
    fn segments_stay_segments() {
        let url = client().url(["event-types", "a/b ?#é"]);
        assert_eq!(url.as_str(), "http://[::1]:4666/api/v1/event-types/a%2Fb%20%3F%23%C3%A9");
    }

    #[test]
    fn failures_say_what_why_and_end_with_their_code() {
        let url = client().url(["webhooks"]);
        let fields = vec![
            FieldError { field: "name".into(), detail: "is short".into() },
            FieldError { field: "url".into(), detail: "is long".into() },
        ];
        let problem = Problem::new(422, "x", "the name is short").with_errors(fields).into();
        let doing = doing(&Method::POST, &url);
        let failure = Failure::from(ClientError::Problem { doing, problem });
        assert_eq!(failure.told, "add the webhook: the name is short\n  url is long");
        assert_eq!(failure.code, Code::Usage);
        let gone = Failure::from(client().unreachable("connection refused"));
        assert_eq!(gone.code, Code::NotConnected);
        assert!(gone.told.contains("hooklab serve"), "{}", gone.told);
    }
}
