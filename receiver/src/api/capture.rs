//! One capture: told, as it came on the wire, its body, understood, compared, deleted.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use hooklab_shared::bin::Verify;
use hooklab_shared::capture::{Capture, Document, SignatureVerdict};
use hooklab_shared::diff::{self, Diff};
use hooklab_shared::extract::{Json, Path};
use hooklab_shared::id::BinName;
use hooklab_shared::limits::{Limits, ViewLimits};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use hooklab_shared::signature::Secret;
use hooklab_shared::view::{self, View};

use super::looking::{blocking, look};
use super::{unknown_bin, unknown_capture};
use crate::Receiver;
use crate::receiver::store_problem;
use crate::store::At;
use crate::verdict::explained;

/// Bins whose secrets are tried in search of why a signature does not hold.
const KNOWN_BINS_MAX: usize = 1_000;

/// Tells a capture whole, with what came of checking its signature, where the bin verifies.
#[utoipa::path(
    get, path = "/bins/{bin}/captures/{seq}", operation_id = "show_capture", tag = "captures",
    params(
        ("bin" = String, Path, description = "The bin's name."),
        ("seq" = String, Path, description = "Its seq, or `latest`."),
    ),
    responses(
        (status = 200, description = "The capture.", body = Document),
        Refused<400>, Refused<404>, Refused<503>,
    )
)]
pub(super) async fn show(
    State(receiver): State<Receiver>,
    Path((bin, seq)): Path<(String, String)>,
) -> Result<Json<Document>, Problem> {
    let capture = read(&receiver, bin, seq).await?;
    let asked = receiver.clone();
    look(&receiver, move || {
        let mut document = capture.document();
        document.signature = signature(&asked, &capture);
        Ok(Json(document))
    })
    .await
}

/// What came of checking a capture's signature, where its bin verifies. May take a second.
fn signature(receiver: &Receiver, capture: &Capture) -> Option<SignatureVerdict> {
    let configured = receiver.store.configured(capture.bin.as_str())?;
    let verify = configured.config.verify.as_ref()?;
    let known = known(receiver, &capture.bin, verify);
    Some(explained(verify, capture, receiver.capture_url(), &known))
}

/// The secrets of other bins: who mixes up two of them is told so.
fn known(receiver: &Receiver, own: &BinName, verify: &Verify) -> Vec<(BinName, Secret)> {
    let others = receiver.store.bins(None, KNOWN_BINS_MAX).into_iter();
    let others = others.filter(|bin| bin.name != *own).filter_map(|bin| {
        let secrets = bin.config.verify.as_ref()?.secrets.clone();
        Some(secrets.into_iter().map(move |secret| (bin.name.clone(), secret)))
    });
    let new = |secret: &Secret| verify.secrets.iter().all(|own| own.reveal() != secret.reveal());
    others.flatten().filter(|(_, secret)| new(secret)).take(Limits::WHY_NOT_SECRETS_MAX).collect()
}

/// The request as it came on the wire, byte for byte.
#[utoipa::path(
    get, path = "/bins/{bin}/captures/{seq}/raw", operation_id = "raw_capture", tag = "captures",
    params(
        ("bin" = String, Path, description = "The bin's name."),
        ("seq" = String, Path, description = "Its seq, or `latest`."),
    ),
    responses(
        (status = 200, description = "Head and body, chunked framing included.",
            body = Vec<u8>, content_type = "application/octet-stream"),
        Refused<400>, Refused<404>, Refused<503>,
    )
)]
pub(super) async fn raw(
    State(receiver): State<Receiver>,
    Path((bin, seq)): Path<(String, String)>,
) -> Result<Response<Body>, Problem> {
    let capture = read(&receiver, bin, seq).await?;
    Ok(attachment(&capture, "http", capture.wire().concat().into()))
}

/// The body, byte for byte, its chunks joined.
#[utoipa::path(
    get, path = "/bins/{bin}/captures/{seq}/body", operation_id = "body_of_capture",
    tag = "captures",
    params(
        ("bin" = String, Path, description = "The bin's name."),
        ("seq" = String, Path, description = "Its seq, or `latest`."),
    ),
    responses(
        (status = 200, description = "The content, as an attachment.",
            body = Vec<u8>, content_type = "application/octet-stream"),
        Refused<400>, Refused<404>, Refused<503>,
    )
)]
pub(super) async fn body(
    State(receiver): State<Receiver>,
    Path((bin, seq)): Path<(String, String)>,
) -> Result<Response<Body>, Problem> {
    let capture = read(&receiver, bin, seq).await?;
    Ok(attachment(&capture, "bin", capture.body.decoded().into_owned().into()))
}

/// What the body holds: decoded, told apart and laid out.
#[utoipa::path(
    get, path = "/bins/{bin}/captures/{seq}/view", operation_id = "view_capture",
    tag = "captures",
    params(
        ("bin" = String, Path, description = "The bin's name."),
        ("seq" = String, Path, description = "Its seq, or `latest`."),
    ),
    responses(
        (status = 200, description = "The view.", body = View),
        Refused<400>, Refused<404>, Refused<503>,
    )
)]
pub(super) async fn view(
    State(receiver): State<Receiver>,
    Path((bin, seq)): Path<(String, String)>,
) -> Result<Json<View>, Problem> {
    let capture = read(&receiver, bin, seq).await?;
    let asked = receiver.clone();
    look(&receiver, move || {
        let mut view = view::of(&capture, &ViewLimits::default());
        view.signature = signature(&asked, &capture);
        Ok(Json(view))
    })
    .await
}

/// What differs from one capture to another of the same bin.
#[utoipa::path(
    get, path = "/bins/{bin}/captures/{seq}/diff/{other}", operation_id = "diff_captures",
    tag = "captures",
    params(
        ("bin" = String, Path, description = "The bin's name."),
        ("seq" = String, Path, description = "The first one's seq, or `latest`."),
        ("other" = String, Path, description = "The second one's seq, or `latest`."),
    ),
    responses(
        (status = 200, description = "The difference.", body = Diff),
        Refused<400>, Refused<404>, Refused<503>,
    )
)]
pub(super) async fn diff(
    State(receiver): State<Receiver>,
    Path((bin, seq, other)): Path<(String, String, String)>,
) -> Result<Json<Diff>, Problem> {
    let from = read(&receiver, bin.clone(), seq).await?;
    let to = read(&receiver, bin, other).await?;
    look(&receiver, move || Ok(Json(diff::between(&from, &to)))).await
}

/// Deletes one capture. Its seq is never used again.
#[utoipa::path(
    delete, path = "/bins/{bin}/captures/{seq}", operation_id = "delete_capture",
    tag = "captures",
    params(
        ("bin" = String, Path, description = "The bin's name."),
        ("seq" = u64, Path, description = "Its seq."),
    ),
    responses(
        (status = 204, description = "It is gone."),
        Refused<400>, Refused<404>, Refused<503>,
    )
)]
pub(super) async fn delete(
    State(receiver): State<Receiver>,
    Path((bin, seq)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let At::Seq(number) = place(&seq)? else {
        let detail = "say which capture to delete by its seq: the latest may be another by now";
        return Err(Problem::new(400, "seq", detail));
    };
    match receiver.store.delete(&bin, number).await {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        Ok(false) => Err(unknown_capture(&receiver, &bin, &seq)),
        Err(error) => Err(store_problem(&error)),
    }
}

async fn read(receiver: &Receiver, bin: String, seq: String) -> Result<Capture, Problem> {
    if receiver.store.bin(&bin).is_none() {
        return Err(unknown_bin(&bin));
    }
    let at = place(&seq)?;
    let store = receiver.store.clone();
    let name = bin.clone();
    let capture = blocking(move || store.read(&name, at)).await?;
    capture.ok_or_else(|| unknown_capture(receiver, &bin, &seq))
}

fn place(seq: &str) -> Result<At, Problem> {
    if seq == "latest" {
        return Ok(At::Latest);
    }
    seq.parse().map(At::Seq).map_err(|_| {
        let detail = "a capture is named by its seq, a whole number, or by `latest`";
        Problem::new(400, "seq", detail)
    })
}

/// Captured bytes as a download that no browser will run; the file's name is ours.
fn attachment(capture: &Capture, extension: &str, bytes: Bytes) -> Response<Body> {
    let name = format!("{}-{}.{extension}", capture.bin, capture.seq);
    download(&name, "application/octet-stream", Body::from(bytes))
}

/// A download under this name, which is ours and needs no quoting.
pub(super) fn download(name: &str, media: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    response
}
