//! What to tell whoever asks for what is not there: that nothing is, or that this server runs one
//! half only, or that the plugin's API is off.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::Uri;
use hooklab_receiver::Receiver;
use hooklab_sender::Sender;
use hooklab_shared::problem::Problem;
use utoipa::openapi::OpenApi;

use super::{Halves, is_below_plugin_api};

/// Characters of a path that are told back.
const PATH_CHARS_TOLD: usize = 200;

/// What this server leaves out.
#[derive(Clone)]
pub(super) struct Absent {
    /// The first segments of the routes that only the half left out has.
    segments: Arc<BTreeSet<String>>,
    told: &'static str,
}

impl Absent {
    /// What a server with these halves leaves out.
    pub(super) fn of(halves: &Halves) -> Self {
        let (theirs, told) = match (&halves.receiver, &halves.sender) {
            (Some(_), Some(_)) => return Self::nothing(),
            (None, _) => (
                Receiver::openapi(),
                "this server runs only the sender: bins and captures are the receiver's",
            ),
            (_, None) => (
                Sender::openapi(),
                "this server runs only the receiver: webhooks, events and deliveries are the \
                 sender's",
            ),
        };
        Self { segments: Arc::new(firsts(&theirs)), told }
    }

    /// For a server that has both halves.
    pub(super) fn nothing() -> Self {
        Self { segments: Arc::default(), told: "" }
    }

    /// Why nothing is at this path.
    pub(super) fn not_found(&self, uri: &Uri) -> Problem {
        let path: String = uri.path().chars().take(PATH_CHARS_TOLD).collect();
        let segment = path.strip_prefix("/api/v1/").and_then(|rest| rest.split('/').next());
        if segment.is_some_and(|segment| self.segments.contains(segment)) {
            let detail =
                format!("{}; start it without --only, or ask another with --server", self.told);
            return Problem::new(404, "half-not-served", detail);
        }
        if is_below_plugin_api(&path) {
            let detail = "the plugin's REST API is off: start the server with --plugin-api \
                          env:NAME, where NAME holds KEY:SECRET";
            return Problem::new(404, "plugin-api-off", detail);
        }
        let detail = format!(
            "nothing is at `{path}`: GET / says what is where; bins are sent to elsewhere, on the \
             capture listener"
        );
        Problem::new(404, "unknown-route", detail)
    }
}

fn firsts(document: &OpenApi) -> BTreeSet<String> {
    let paths = document.paths.paths.keys();
    paths.filter_map(|path| path.split('/').nth(1).map(str::to_owned)).collect()
}
