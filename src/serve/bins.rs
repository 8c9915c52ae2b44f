//! Bins that are to be there when a server says that it is ready.

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use hooklab_receiver::Receiver;
use hooklab_shared::bin::{BinPatch, Config, NewBin};
use hooklab_shared::id::BinName;
use hooklab_shared::problem::Problem;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::settings::Wanted;
use crate::exit::{Code, Failure};

/// Makes a bin; one that is there from an earlier run is told what the file says.
pub(super) async fn make<'a>(
    receiver: &Receiver,
    wanted: &'a Wanted,
) -> Result<&'a BinName, Failure> {
    let (name, config) = match wanted {
        Wanted::Named(name) => (name, None),
        Wanted::Told(name, config) => (name, Some(config)),
    };
    let Config { labels, reply, verify, keep } = config.map(|c| (**c).clone()).unwrap_or_default();
    let new = NewBin { name: Some(name.clone()), labels, reply, verify, keep };
    let made = match (receiver.create_bin(new).await, config) {
        (Ok(_), _) => Ok(()),
        // It is there from an earlier run, which is all that was asked.
        (Err(problem), None) if problem.status == 409 => Ok(()),
        (Err(problem), Some(config)) if problem.status == 409 => tell(receiver, name, config).await,
        (Err(problem), _) => Err(problem),
    };
    made.map(|()| name).map_err(|problem| {
        let code = if problem.status < 500 { Code::Usage } else { Code::Bug };
        Failure::new(code, format!("make bin `{name}`: {}", problem.detail))
    })
}

/// Changes a bin by the receiver's own API, the one way in which bins are changed.
async fn tell(receiver: &Receiver, name: &BinName, config: &Config) -> Result<(), Problem> {
    let patch = BinPatch {
        labels: Some(config.labels.clone()),
        reply: Some(config.reply.clone()),
        verify: Some(config.verify.clone()),
        keep: Some(config.keep.into()),
    };
    let bug = |why: String| Problem::new(500, "bug", why);
    let patch = serde_json::to_vec(&patch).map_err(|error| bug(error.to_string()))?;
    let request = Request::patch(format!("/bins/{name}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(patch))
        .map_err(|error| bug(error.to_string()))?;
    let response = match receiver.api().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    refusal(response).await
}

async fn refusal(response: Response<Body>) -> Result<(), Problem> {
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(());
    }
    let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let told = || Problem::new(status.as_u16(), "unknown", format!("it answered {status}"));
    Err(serde_json::from_slice(&body).unwrap_or_else(|_| told()))
}
