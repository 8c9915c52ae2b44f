//! Captures of a running receiver, read through its public API: one way, even in one process.

mod events;
mod follow;
mod http;

use std::sync::Arc;

use hooklab_shared::bin::{Bin, Page};
use hooklab_shared::capture::{Document, Summary};
use hooklab_shared::id::{BinName, Seq};
use hooklab_shared::problem::Problem;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use thiserror::Error;
use url::Url;

use crate::egress::{AllowTarget, Egress};
use http::Http;

pub(crate) use follow::{Follow, Followed};

/// Items of one page: what the API gives at most.
const PAGE_ITEMS: usize = 500;

/// A receiver's API, and who may read it.
#[derive(Clone, Debug)]
pub struct Server {
    /// The dashboard's address, `http://host:port`; a path is ignored.
    pub url: Url,
    /// Its token, if it asks for one.
    pub token: Option<String>,
}

/// One bin of a running receiver. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Source {
    http: Arc<Http>,
    bin: BinName,
}

/// Why captures cannot be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Nobody answers there.
    #[error(
        "reach {server}: {cause}; start a server with `hooklab serve`, or name a running one by \
         --server URL"
    )]
    Unreachable {
        /// Where.
        server: String,
        /// Why.
        cause: String,
    },
    /// The server says no.
    #[error("{doing}: {}", .problem.detail)]
    Refused {
        /// What was asked, such as `read bins/orders`.
        doing: String,
        /// Why not.
        problem: Box<Problem>,
    },
    /// Whoever answers is no dashboard of this release.
    #[error("talk to {server}: {cause}")]
    Foreign {
        /// Where.
        server: String,
        /// What is odd.
        cause: String,
    },
}

impl SourceError {
    /// Whether it may go away by itself: the server is starting, stopping or busy.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { problem, .. } => problem.status == 503,
            Self::Foreign { .. } => false,
        }
    }

    /// Whether what was asked for is not there.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { problem, .. } if problem.status == 404)
    }
}

/// Which captures of a list.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Those that this query asks for.
    pub query: Option<String>,
    /// Those for which this jq filter is true.
    pub jq: Option<String>,
}

impl Source {
    /// A bin of the server at this address. The address itself may be dialled: whoever names a
    /// server to read from wants it read.
    #[must_use]
    pub fn new(server: &Server, bin: BinName) -> Self {
        let host = server.url.host_str().unwrap_or_default();
        let allowed: Vec<AllowTarget> = host.parse().into_iter().collect();
        Self::through(Egress::new(allowed), server, bin)
    }

    /// The same, by an egress with rules of its own.
    pub(crate) fn through(egress: Egress, server: &Server, bin: BinName) -> Self {
        Self { http: Arc::new(Http::new(egress, server)), bin }
    }

    /// The bin's name.
    #[must_use]
    pub fn name(&self) -> &BinName {
        &self.bin
    }

    /// The bin as it stands.
    ///
    /// # Errors
    /// The server cannot be reached, or has no such bin.
    pub async fn bin(&self) -> Result<Bin, SourceError> {
        self.json(&self.path(&[])).await
    }

    /// A capture, whole; none where it is gone.
    ///
    /// # Errors
    /// The server cannot be reached, or is none of this release.
    pub async fn document(&self, seq: Seq) -> Result<Option<Document>, SourceError> {
        match self.json(&self.path(&["captures", &seq.to_string()])).await {
            Ok(document) => Ok(Some(document)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The next captures after this one, the oldest first. A filtered page may be empty and still
    /// have a next one.
    ///
    /// # Errors
    /// The server cannot be reached, has no such bin, or cannot read the selection.
    pub async fn page(
        &self,
        after: &str,
        selection: &Selection,
    ) -> Result<Page<Summary>, SourceError> {
        let limit = PAGE_ITEMS.to_string();
        let given = [("q", selection.query.as_deref()), ("jq", selection.jq.as_deref())];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let always = [("order", "asc"), ("limit", limit.as_str()), ("after", after)];
        let mut url = self.path(&["captures"]);
        url.query_pairs_mut().extend_pairs(always.into_iter().chain(given));
        self.json(&url).await
    }

    /// Every capture after this one as NDJSON, whole, piece by piece.
    pub(crate) async fn export(&self, after: Seq) -> Result<Incoming, SourceError> {
        let mut url = self.path(&["export"]);
        url.query_pairs_mut()
            .append_pair("format", "ndjson")
            .append_pair("q", &format!("after:{after}"));
        self.http.open(&url, "application/x-ndjson").await
    }

    /// An answer that broke off, or is none of this release.
    pub(crate) fn broken(&self, cause: &str) -> SourceError {
        self.http.foreign(format!("its answer is not whole: {cause}"))
    }

    /// Captures after this one, as they come; from now on where there is none.
    pub(crate) fn follow(&self, after: Option<Seq>, query: Option<String>) -> Follow {
        Follow::new(self.clone(), after, query)
    }

    /// Opens the bin's live channel.
    async fn live(&self, after: Option<Seq>, query: Option<&str>) -> Result<Incoming, SourceError> {
        let mut url = self.path(&["live"]);
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", &after.to_string());
        }
        if let Some(query) = query {
            url.query_pairs_mut().append_pair("q", query);
        }
        self.http.open(&url, "text/event-stream").await
    }

    async fn json<T: DeserializeOwned>(&self, url: &Url) -> Result<T, SourceError> {
        let body = self.http.get(url).await?;
        serde_json::from_slice(&body).map_err(|error| {
            self.http.foreign(format!("its answer is not what this release expects ({error})"))
        })
    }

    fn path(&self, below: &[&str]) -> Url {
        let mut url = self.http.server().clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(["api", "v1", "bins", self.bin.as_str()]).extend(below);
        }
        url
    }
}
