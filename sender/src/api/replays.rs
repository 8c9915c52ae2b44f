//! Replays: captures of a running receiver to other URLs again.

use std::time::Duration;

use axum::Json as Told;
use axum::extract::State;
use hooklab_shared::extract::Json;
use hooklab_shared::id::{BinName, Seq};
use hooklab_shared::limits::Limits;
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::{FieldError, Problem};
use hooklab_shared::query::jq::Jq;
use hooklab_shared::signature::Scheme;
use hooklab_shared::webhook::url_error;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use url::Url;
use utoipa::ToSchema;

use crate::forward::{self, Form, Header, Plan, Reshape, Retry, Signing, Tally};
use crate::replay::{Pace, Replay, Which};
use crate::sender::Sender;
use crate::source::{Selection, Server, Source, SourceError};

/// Which captures, and how they go out. Unknown fields are refused, so that a typo is not silence.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewReplay {
    /// The dashboard's address of the receiver; it may be this server's own.
    #[schema(example = "http://127.0.0.1:4666")]
    server: String,
    /// Its token, if it asks for one.
    #[serde(default)]
    token: Option<String>,
    /// The bin.
    bin: BinName,
    /// These captures, in this order; the oldest first, where none are named.
    #[serde(default)]
    #[schema(value_type = Vec<u64>, max_items = 500)]
    seqs: Vec<Seq>,
    /// Of those that are not named, only what this query asks for.
    #[serde(default)]
    #[schema(max_length = 4096)]
    query: Option<String>,
    /// Where to.
    #[schema(min_items = 1, max_items = 16)]
    to: Vec<String>,
    /// Send what this jq filter gives of each capture, in the place of what was captured.
    #[serde(default)]
    #[schema(max_length = 4096)]
    jq: Option<String>,
    /// Send a string that the filter gives as its text, not as JSON.
    #[serde(default)]
    raw: bool,
    /// Header fields of your own, in the place of captured ones.
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// Sign what goes out anew.
    #[serde(default)]
    scheme: Option<Scheme>,
    /// What to sign with.
    #[serde(default)]
    secret: Option<String>,
}

/// What became of a replay.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Replayed {
    /// What happened, in its order.
    items: Vec<forward::Told>,
    /// What it came to.
    tally: Tally,
    /// Whether it came to its end: it takes at most 500 captures and a minute.
    complete: bool,
}

/// Replays captures of a receiver, read over its API, to any URLs that may be dialled; each is
/// tried once. Answers when all of it has ended: at most 500 captures, in at most a minute.
#[utoipa::path(
    post, path = "/replays", operation_id = "replay", tag = "replays",
    request_body = NewReplay,
    responses(
        (status = 200, description = "What became of it.", body = Replayed),
        Refused<400>, Refused<404>, Refused<413>, Refused<415>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn replay(
    State(sender): State<Sender>,
    Json(new): Json<NewReplay>,
) -> Result<Told<Replayed>, Problem> {
    let Ok(_permit) = sender.replays().try_acquire() else {
        let most = Limits::REPLAYS_MAX;
        let detail = format!("{most} replays are under way: try again when one of them has ended");
        return Err(Problem::new(503, "too-many-replays", detail).retry_after(5));
    };
    let until = Instant::now() + Limits::REPLAY_API_TIMEOUT;
    let which = new.which()?;
    let plan = new.plan(&sender)?;
    let captures_max = Limits::REPLAY_API_CAPTURES_MAX as u64;
    let replay = Replay { which, pace: Pace::Fast, captures_max };
    let mut running = plan.replay(replay).await.map_err(unreadable)?;
    let (mut items, mut tally) = (Vec::new(), Tally::default());
    let mut complete = true;
    loop {
        match timeout_at(until, running.next()).await {
            Ok(Some(told)) => {
                tally.count(&told);
                complete &= !matches!(told, forward::Told::Cut { .. });
                items.push(told);
            }
            Ok(None) => break,
            Err(_) => {
                complete = false;
                running.stop();
                break;
            }
        }
    }
    running.end().await.map_err(unreadable)?;
    Ok(Told(Replayed { items, tally, complete }))
}

impl NewReplay {
    fn which(&self) -> Result<Which, Problem> {
        if self.seqs.len() > Limits::REPLAY_API_CAPTURES_MAX {
            let most = Limits::REPLAY_API_CAPTURES_MAX;
            return Err(invalid("seqs", format!("names more than {most} captures")));
        }
        if self.seqs.is_empty() {
            return Ok(Which::Listed(Selection { query: self.query.clone(), jq: None }));
        }
        match &self.query {
            Some(_) => Err(invalid("query", "does not go with `seqs`: leave one out".to_owned())),
            None => Ok(Which::Seqs(self.seqs.clone())),
        }
    }

    fn plan(&self, sender: &Sender) -> Result<Plan, Problem> {
        let server = Server { url: url("server", &self.server)?, token: self.token.clone() };
        if server.url.scheme() != "http" {
            let detail = "is not http: a dashboard speaks http, and the token would go in clear";
            return Err(invalid("server", detail.to_owned()));
        }
        let caller = sender.poster().caller();
        let targets: Result<Vec<Url>, Problem> = self.to.iter().map(|to| url("to", to)).collect();
        let targets = targets?;
        if targets.is_empty() || targets.len() > Limits::FORWARD_TARGETS_MAX {
            let most = Limits::FORWARD_TARGETS_MAX;
            return Err(invalid(
                "to",
                format!("names {} targets: give 1 to {most}", targets.len()),
            ));
        }
        Ok(Plan {
            source: Source::through(caller.egress().clone(), &server, self.bin.clone()),
            targets,
            form: self.form(sender.limits().attempt_timeout, caller.user_agent())?,
            retry: Retry::from(Vec::new()),
            poster: sender.poster().clone(),
        })
    }

    fn form(&self, timeout: Duration, user_agent: &str) -> Result<Form, Problem> {
        let jq = self.jq.as_deref().map(Jq::compile).transpose();
        let jq = jq.map_err(|error| invalid("jq", format!("cannot be used: failed to {error}")))?;
        let headers: Result<Vec<Header>, _> =
            self.headers.iter().map(|(name, value)| Header::new(name, value)).collect();
        let told = |error| invalid("headers", format!("cannot be used: failed to {error}"));
        Ok(Form {
            reshape: jq.map(|jq| Reshape { jq, raw: self.raw }),
            signing: self.signing()?,
            headers: headers.map_err(told)?,
            timeout,
            user_agent: user_agent.to_owned(),
        })
    }

    fn signing(&self) -> Result<Option<Signing>, Problem> {
        let (scheme, text) = match (self.scheme, &self.secret) {
            (None, None) => return Ok(None),
            (Some(scheme), Some(text)) => (scheme, text),
            (Some(_), None) => {
                return Err(invalid("secret", "is missing: `scheme` signs with it".to_owned()));
            }
            (None, Some(_)) => {
                return Err(invalid("scheme", "is missing: say how `secret` signs".to_owned()));
            }
        };
        let told = |error| invalid("secret", format!("cannot be used: failed to {error}"));
        Signing::new(scheme, [text.as_str()]).map(Some).map_err(told)
    }
}

fn url(field: &str, text: &str) -> Result<Url, Problem> {
    if let Some(error) = url_error(text) {
        return Err(invalid(field, error.detail));
    }
    Url::parse(text).map_err(|why| invalid(field, format!("is not a URL ({why})")))
}

fn unreadable(error: SourceError) -> Problem {
    match error {
        SourceError::Refused { problem, .. } if problem.status == 503 => *problem,
        error if error.is_absent() => {
            Problem::new(404, "unknown-bin", format!("failed to {error}"))
        }
        error => invalid("server", format!("cannot be read: failed to {error}")),
    }
}

fn invalid(field: &str, detail: String) -> Problem {
    let summary = format!("the field `{field}` {detail}");
    Problem::new(422, "invalid-field", summary)
        .with_errors(vec![FieldError { field: field.to_owned(), detail }])
}
