//! Taking captures away, streamed as they are read.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::Response;
use futures_util::stream;
use hooklab_shared::bin::{Config, NewBin};
use hooklab_shared::extract::{Path, Query};
use hooklab_shared::openapi::Refused;
use hooklab_shared::problem::Problem;
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::capture::download;
use super::looking::look;
use super::select::Selection;
use super::unknown_bin;
use crate::Receiver;
use crate::export::{self, ExportError, Exported, Format, bundle};
use crate::store::{BinState, Range, Standing, StoreError, Whole};

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
    let standing = receiver.store.standing(&bin).ok_or_else(|| unknown_bin(&bin))?;
    let state = standing.state();
    let form = asked.format.unwrap_or(Form::Ndjson);
    let taking = Taking { receiver: receiver.clone(), standing, state, selection, form };
    let (taking, count) = match form {
        Form::Bundle if !taking.selection.is_everything() => {
            look(&receiver, move || taking.counted()).await?
        }
        _ => (taking, None),
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
    standing: Standing,
    state: BinState,
    selection: Selection,
    form: Form,
}

impl Taking {
    /// How many captures there are to take, which a bundle tells before the first.
    fn counted(self) -> Result<(Self, Option<u64>), Problem> {
        let count = self.passing(self.whole(), |_| ()).count() as u64;
        Ok((self, Some(count)))
    }

    fn write(&self, count: Option<u64>, out: &mut Pieces) -> Result<(), ExportError> {
        let mut whole = self.whole();
        let count = count.map_or_else(|| whole.total(), Ok)?;
        let mut failed = None;
        let captures = self.passing(whole, |error| failed = Some(error));
        let base = self.receiver.capture_url();
        match self.form {
            Form::Curl => export::write(Format::Curl, base, captures, out),
            Form::Har => export::write(Format::Har, base, captures, out),
            Form::Ndjson => export::write(Format::Ndjson, base, captures, out),
            Form::Bundle => bundle::write(&self.made_from(), count, captures, out),
        }?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// What was there when it was asked for.
    fn whole(&self) -> Whole {
        let before = Some(self.state.newest_seq.saturating_add(1));
        let range = Range { after: None, before, newest_first: false, limit: 0 };
        self.standing.captures(self.selection.narrowed(range))
    }

    /// Those of them that pass; what is not all that was there ends it, and is told.
    fn passing(
        &self,
        whole: Whole,
        mut fail: impl FnMut(StoreError),
    ) -> impl Iterator<Item = Exported> {
        whole
            .map_while(move |read| read.map_err(&mut fail).ok())
            .filter(|capture| self.selection.passes(capture).unwrap_or(false))
            .map(|capture| {
                let told = matches!(self.form, Form::Ndjson | Form::Bundle);
                let signature = told.then(|| self.selection.signature(&capture)).flatten();
                Exported { capture, signature }
            })
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
