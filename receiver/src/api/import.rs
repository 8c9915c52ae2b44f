//! Bringing captures back: NDJSON or a bundle, kept only if all of it is whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, Write as _};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use futures_util::future::join_all;
use hooklab_shared::bin::NewBin;
use hooklab_shared::capture::Capture;
use hooklab_shared::extract::{Json, Path, bad_parameter};
use hooklab_shared::id::BinName;
use hooklab_shared::limits::Limits;
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use http_body_util::BodyExt;
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::looking::look;
use crate::Receiver;
use crate::export::bundle::Bundle;
use crate::export::import::ImportError;
use crate::export::ndjson;
use crate::receiver::store_problem;

/// Captures that are committed together.
const BATCH_CAPTURES: usize = 64;

/// The same in bytes of content: a batch waits in memory while the one before is committed.
const BATCH_BYTES: u64 = 4 * 1024 * 1024;

/// How a bundle begins, and no capture.
const BUNDLE: &[u8] = b"{\"hooklab\":";

/// What no web page can send without asking first.
const MEDIA: [&str; 4] =
    ["application/x-ndjson", "application/ndjson", "application/json", "application/octet-stream"];

/// What was imported.
#[derive(Serialize, ToSchema)]
pub(super) struct Imported {
    /// How many captures.
    imported: u64,
}

/// Imports what an export gave as `ndjson` or `bundle`.
///
/// All of it is checked before the first capture is kept. Captures keep their id, time and bytes,
/// and get new seqs. A bin that is not there is made: from the bundle, or with only its name.
#[utoipa::path(
    post, path = "/bins/{bin}/import", operation_id = "import_captures", tag = "bins",
    params(("bin" = String, Path, description = "The bin's name.")),
    request_body(content((String = "application/x-ndjson")), description = "The export."),
    responses(
        (status = 200, description = "How many came in.", body = Imported),
        Refused<400>, Refused<413>, Refused<415>, Refused<422>, Refused<503>, Refused<507>,
    )
)]
pub(super) async fn import(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
    request: Request,
) -> Result<Json<Imported>, Problem> {
    vet(request.headers())?;
    let bin: BinName = bin
        .parse()
        .map_err(|error| bad_parameter("bin", format!("does not fit: failed to {error}")))?;
    let limits = *receiver.limits();
    let file = spooled(request.into_body(), limits.import_bytes_max).await?;
    let checked = look(&receiver, move || checked(file, limits)).await?;
    made(&receiver, &bin, &checked).await?;
    kept(&receiver, bin, checked).await.map(|imported| Json(Imported { imported }))
}

fn vet(headers: &HeaderMap) -> Result<(), Problem> {
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = sent.and_then(|value| value.split(';').next()).map(str::trim);
    if media.is_some_and(|media| MEDIA.iter().any(|known| media.eq_ignore_ascii_case(known))) {
        return Ok(());
    }
    let detail = "an import is NDJSON: send `Content-Type: application/x-ndjson`";
    Err(Problem::new(415, "content-type", detail))
}

/// The body in a file without a name, which goes with its last handle.
async fn spooled(mut body: Body, bytes_max: u64) -> Result<File, Problem> {
    let mut file = tempfile::tempfile().map_err(|error| unspooled(&error))?;
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::new(400, "body-cut-off", "the body ended early: send it whole")
        })?;
        let Ok(piece) = frame.into_data() else { continue };
        bytes += piece.len() as u64;
        if bytes > bytes_max {
            let detail = format!("an import takes {bytes_max} bytes at most: bring it in parts");
            return Err(Problem::new(413, "body-too-large", detail));
        }
        // As long as the kernel takes to copy a piece: it writes to the disk when it likes.
        file.write_all(&piece).map_err(|error| unspooled(&error))?;
    }
    file.rewind().map_err(|error| unspooled(&error))?;
    Ok(file)
}

fn unspooled(error: &io::Error) -> Problem {
    let detail = format!(
        "failed to keep the import in a temporary file while it is checked: {error}; TMPDIR says \
         where those are"
    );
    Problem::new(503, "temporary-file", detail).retry_after(1)
}

/// An import that was read to its end and found whole.
enum Checked {
    Bundle(Box<Bundle<BufReader<File>>>),
    Ndjson(BufReader<File>),
}

fn checked(file: File, limits: Limits) -> Result<Checked, Problem> {
    let mut reader = BufReader::new(file);
    let begins = reader.fill_buf().map_err(|error| unspooled(&error))?;
    if begins.starts_with(BUNDLE) {
        let bundle = Bundle::open(reader, limits).map_err(|error| refused(&error))?;
        return Ok(Checked::Bundle(Box::new(bundle)));
    }
    for capture in ndjson::captures(&mut reader, limits) {
        capture.map_err(|error| refused(&error))?;
    }
    reader.rewind().map_err(|error| unspooled(&error))?;
    Ok(Checked::Ndjson(reader))
}

fn refused(error: &ImportError) -> Problem {
    let detail = format!("nothing was imported: failed to {error}");
    Problem::new(422, "import", detail)
}

/// Makes the bin, if it is not there.
async fn made(receiver: &Receiver, bin: &BinName, checked: &Checked) -> Result<(), Problem> {
    if receiver.store.bin(bin.as_str()).is_some() {
        return Ok(());
    }
    let new = match checked {
        Checked::Bundle(bundle) => NewBin { name: Some(bin.clone()), ..bundle.bin.clone() },
        Checked::Ndjson(_) => NewBin::named(bin.clone()),
    };
    match receiver.create_bin(new).await {
        Ok(_) => Ok(()),
        // Somebody made it meanwhile, which is all that was wanted.
        Err(problem) if problem.status == 409 => Ok(()),
        Err(problem) => Err(problem),
    }
}

/// Keeps the captures in their order, a batch at a time; says how many.
async fn kept(receiver: &Receiver, bin: BinName, checked: Checked) -> Result<u64, Problem> {
    let (to, mut batches) = mpsc::channel(1);
    let limits = *receiver.limits();
    tokio::task::spawn_blocking(move || match checked {
        Checked::Bundle(bundle) => hand_over(*bundle, &to),
        Checked::Ndjson(reader) => hand_over(ndjson::captures(reader, limits), &to),
    });
    let mut imported = 0;
    while let Some(batch) = batches.recv().await {
        let batch: Vec<Capture> = batch?;
        let appended = batch.into_iter().map(|capture| {
            receiver.store.append(Capture { bin: bin.clone(), seq: 0, ..capture }, false)
        });
        for appended in join_all(appended).await {
            appended.map_err(|error| {
                let problem = store_problem(&error);
                let detail = format!("{}; {imported} captures were imported", problem.detail);
                Problem { detail, ..problem }
            })?;
            imported += 1;
        }
    }
    Ok(imported)
}

type Batch = Result<Vec<Capture>, Problem>;

fn hand_over(
    captures: impl Iterator<Item = Result<Capture, ImportError>>,
    to: &mpsc::Sender<Batch>,
) {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for capture in captures {
        match capture {
            Ok(capture) => {
                bytes += capture.body.wire.len() as u64;
                batch.push(capture);
            }
            Err(error) => {
                let _ = to.blocking_send(Err(refused(&error)));
                return;
            }
        }
        if batch.len() == BATCH_CAPTURES || bytes >= BATCH_BYTES {
            bytes = 0;
            if to.blocking_send(Ok(std::mem::take(&mut batch))).is_err() {
                return;
            }
        }
    }
    let _ = to.blocking_send(Ok(batch));
}
