//! What is too large to hold: answers taken, and bodies given, piece by piece.

use std::io::{self, Read};

use futures_util::stream::poll_fn;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::Method;
use hyper::body::{Bytes, Frame};
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use url::Url;

use super::http::Answering;
use super::{ANSWER_TIMEOUT, Client, ClientError, doing};
use crate::exit::Failure;

/// A piece that is read and sent at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Pieces that are read ahead of the network.
const PIECES_AHEAD: usize = 4;

impl Client {
    /// GET; every piece of the answer is given to `take` as it comes.
    pub(crate) async fn get_pieces(
        &self,
        url: &Url,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let request = self.request(Method::GET, url, None, Empty::<Bytes>::new())?;
        let Answering { response, connection: _connection } = self.open(request).await?;
        let response = timeout(ANSWER_TIMEOUT, response).await.map_err(|_| self.silent())?;
        let (head, mut body) = response.map_err(|error| self.broken(&error))?.into_parts();
        self.vet(&head.headers)?;
        if !head.status.is_success() {
            let body = body.collect().await.map_err(|error| self.broken(&error))?.to_bytes();
            return Err(self.refusal(doing(&Method::GET, url), head.status, &body).into());
        }
        loop {
            let frame = timeout(ANSWER_TIMEOUT, body.frame()).await.map_err(|_| self.silent())?;
            match frame {
                None => return Ok(()),
                Some(Err(error)) => return Err(self.broken(&error).into()),
                Some(Ok(frame)) => {
                    if let Some(piece) = frame.data_ref() {
                        take(piece)?;
                    }
                }
            }
        }
    }

    /// POST of what a reader holds, the answer as JSON.
    pub(crate) async fn upload<T: DeserializeOwned>(
        &self,
        url: &Url,
        kind: &str,
        reader: impl Read + Send + 'static,
    ) -> Result<T, ClientError> {
        let (pieces, mut read) = mpsc::channel(PIECES_AHEAD);
        let (end, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            read_ahead(reader, &pieces);
            drop(end);
        });
        let body = StreamBody::new(poll_fn(move |context| read.poll_recv(context)));
        let request = self.request(Method::POST, url, Some(kind), body)?;
        let Answering { response, connection: _connection } = self.open(request).await?;
        // The clock of the answer begins when everything has been said.
        let silent = async {
            let _ = ended.await;
            sleep(ANSWER_TIMEOUT).await;
        };
        let response = tokio::select! {
            response = response => response.map_err(|error| self.broken(&error))?,
            () = silent => return Err(self.silent()),
        };
        let (head, body) = response.into_parts();
        self.vet(&head.headers)?;
        let body = body.collect().await.map_err(|error| self.broken(&error))?.to_bytes();
        match head.status.is_success() {
            true => self.json(&body),
            false => Err(self.refusal(doing(&Method::POST, url), head.status, &body)),
        }
    }
}

/// Reads until the end, an error, or until nobody wants more.
fn read_ahead(mut reader: impl Read, pieces: &mpsc::Sender<io::Result<Frame<Bytes>>>) {
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let read = match reader.read(&mut piece) {
            Ok(0) => return,
            Ok(read) => Ok(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        let piece = read.map(|read| {
            piece.truncate(read);
            Frame::data(Bytes::from(piece))
        });
        if pieces.blocking_send(piece).is_err() || failed {
            return;
        }
    }
}
