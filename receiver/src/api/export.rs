//! Taking captures away, streamed as they are read.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::Response;
use futures_util::stream;
use hooklab_shared::bin::{Config, NewBin};
use hooklab_shared::capture::Capture;
use hooklab_shared::extract::{Path, Query};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::capture::download;
use super::looking::look;
use super::scan::Walk;
use super::select::Selection;
use super::unknown_bin;
use crate::Receiver;
use crate::export::{self, ExportError, Format, bundle};
use crate::store::{BinState, Range};

/// A piece of an export in bytes: what one write to a socket takes.
const PIECE_BYTES: usize = 64 * 1024;

/// Pieces that wait for the client; the writer waits for room.
const PIECES_MAX: usize = 4;

/// What an export takes.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// In which form; NDJSON unless given.
    #[param(inline)]
    format: Option<Form>,
    /// Only captures that this query asks for.
    #[param(max_length = 4096)]
    q: Option<String>,
}

/// The forms of an export.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Form {
    Curl,
    Har,
    Ndjson,
    Bundle,
}

/// Exports a bin's captures, the oldest first, as an attachment.
///
/// `ndjson` and `bundle` can be imported again without loss; a bundle also tells what the bin was
/// made from, without its secrets. An export that cannot be finished breaks off, so that the client
/// notices.
#[utoipa::path(
    get, path = "/bins/{bin}/export", operation_id = "export_bin", tag = "bins",
    params(("bin" = String, Path, description = "The bin's name."), Asked),
    responses(
        (status = 200, description = "The export.", content(
            (String = "application/x-ndjson"),
            (Object = "application/har+json"),
            (String = "text/x-shellscript"),
        )),
        Refused<404>, Refused<422>, Refused<503>,
    )
)]
pub(super) async fn export(
    State(receiver): State<Receiver>,
    Path(bin): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response<Body>, Problem> {
    let selection = Selection::read(&receiver, asked.q.as_deref(), None)?;
    let state = receiver.store.bin(&bin).ok_or_else(|| unknown_bin(&bin))?;
    let form = asked.format.unwrap_or(Form::Ndjson);
    let taking = Taking { receiver: receiver.clone(), state, selection, form };
    let (taking, count) = match form {
        Form::Bundle => look(&receiver, move || taking.counted()).await?,
        _ => (taking, 0),
    };
    let (name, media) = form.file(&bin);
    let (to, mut pieces) = mpsc::channel(PIECES_MAX);
    // One thread a client at most: the dashboard's connections are fewer than tokio's threads.
    tokio::task::spawn_blocking(move || {
        let mut out = Pieces { to, piece: Vec::with_capacity(PIECE_BYTES) };
        let done = taking.write(count, &mut out).and_then(|()| Ok(out.flush()?));
        if let Err(error) = done {
            let _ = out.to.blocking_send(Err(io::Error::other(error.to_string())));
        }
    });
    let pieces = stream::poll_fn(move |cx| pieces.poll_recv(cx));
    Ok(download(&name, media, Body::from_stream(pieces)))
}

impl Form {
    /// The name of the file and its media type.
    fn file(self, bin: &str) -> (String, &'static str) {
        match self {
            Self::Curl => (format!("{bin}.sh"), "text/x-shellscript"),
            Self::Har => (format!("{bin}.har"), "application/har+json"),
            Self::Ndjson => (format!("{bin}.ndjson"), "application/x-ndjson"),
            Self::Bundle => (format!("{bin}.bundle.ndjson"), "application/x-ndjson"),
        }
    }
}

/// An export of what a bin held when it was asked for.
struct Taking {
    receiver: Receiver,
    state: BinState,
    selection: Selection,
    form: Form,
}

impl Taking {
    /// How many captures there are to take, which a bundle tells before the first.
    fn counted(self) -> Result<(Self, u64), Problem> {
        if self.selection.is_everything() {
            let count = self.state.captures;
            return Ok((self, count));
        }
        let mut count = 0;
        self.walk(|_| ()).for_each(|_| count += 1);
        Ok((self, count))
    }

    fn write(&self, count: u64, out: &mut Pieces) -> Result<(), ExportError> {
        let mut failed = None;
        let captures = self.walk(|error| failed = Some(error));
        let base = self.receiver.capture_url();
        match self.form {
            Form::Curl => export::write(Format::Curl, base, captures, out),
            Form::Har => export::write(Format::Har, base, captures, out),
            Form::Ndjson => export::write(Format::Ndjson, base, captures, out),
            Form::Bundle => bundle::write(&self.made_from(), count, captures, out),
        }?;
        failed.map_or(Ok(()), |error: String| Err(ExportError::Write(io::Error::other(error))))
    }

    /// What is there up to now and passes; a store that cannot be read ends it, and is told.
    fn walk(&self, mut fail: impl FnMut(String)) -> impl Iterator<Item = Capture> {
        let before = Some(self.state.newest_seq.saturating_add(1));
        let range = Range { after: None, before, newest_first: false, limit: 0 };
        let range = self.selection.narrowed(range);
        Walk::new(&self.receiver.store, self.state.name.as_str(), range)
            .map_while(move |read| read.map_err(|error| fail(error.to_string())).ok())
            .filter(|capture| self.selection.passes(capture).unwrap_or(false))
    }

    /// Secrets do not leave with a bundle, and a way to verify without them is none.
    fn made_from(&self) -> NewBin {
        let Config { labels, reply, keep, .. } = Config::clone(&self.state.config);
        NewBin { name: Some(self.state.name.clone()), labels, reply, verify: None, keep }
    }
}

/// Hands what is written to the client, a piece at a time.
struct Pieces {
    to: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE_BYTES - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE_BYTES {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.to.blocking_send(Ok(piece.into())).map_err(gone)
    }
}
