//! The request out, the answer in, over a connection that stands.

use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, split};
use tokio::time::{sleep, timeout};

use super::Trace;
use super::answer::Answer;
use super::cause::{self, Cause};
use super::stream::Stream;
use crate::outgoing::{Manner, Outgoing};

/// Room for an answer's first bytes: the head of most, and a short body.
const INBOX_BYTES: usize = 2 * 1024;

/// How long a target that has refused a request may take in the rest of it.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// How much of a request has been written, and how much of its answer has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// When the request began to go out, and when the first of its answer came.
    pub(super) began: Option<Instant>,
    pub(super) first_byte: Option<Instant>,
    /// Bytes written; what is 0 can be tried again elsewhere.
    pub(super) sent_bytes: usize,
    pub(super) is_sent: bool,
    pub(super) answer: Option<Answer>,
}

/// Sends one request and reads the answer, of its content at most `answer_bytes_max`. Both go on at
/// once: a target may answer before it has read everything, and close after it.
pub(super) async fn exchange(
    stream: &mut Stream,
    outgoing: &Outgoing,
    trace: &mut Trace,
    answer_bytes_max: usize,
) -> Result<(), Cause> {
    trace.progress.began = Some(Instant::now());
    let mut inbox = BytesMut::with_capacity(INBOX_BYTES);
    talk(stream, outgoing, &mut trace.progress, &mut inbox, answer_bytes_max).await?;
    let Progress { is_sent, answer, .. } = &trace.progress;
    trace.is_reusable = *is_sent
        && outgoing.fields.get("connection").is_none()
        && outgoing.manner.cut_bytes.is_none()
        && outgoing.is_framed()
        && inbox.is_empty()
        && answer.as_ref().is_some_and(Answer::is_persistent);
    Ok(())
}

async fn talk(
    stream: &mut Stream,
    outgoing: &Outgoing,
    progress: &mut Progress,
    inbox: &mut BytesMut,
    answer_bytes_max: usize,
) -> Result<(), Cause> {
    let (reader, mut writer) = split(stream);
    let Progress { first_byte, sent_bytes, is_sent, answer, .. } = progress;
    let mut sending = pin!(send(&mut writer, outgoing, sent_bytes));
    let mut sent: Option<io::Result<()>> = None;
    let ended = {
        let receiving = receive(reader, inbox, outgoing, first_byte, answer, answer_bytes_max);
        let mut receiving = pin!(receiving);
        loop {
            tokio::select! {
                biased;
                ended = &mut sending, if sent.is_none() => {
                    *is_sent = ended.is_ok();
                    sent = Some(ended);
                }
                ended = &mut receiving => break ended,
            }
        }
    };
    match (ended, sent) {
        // What could not be sent is the cause of what was not answered.
        (Err(_), Some(Err(error))) => Err(cause::of_io(&error)),
        (Ok(()), None) => {
            // A target that answers early gets the rest; one that refused has no claim to it.
            let is_success = answer.as_ref().is_some_and(Answer::is_success);
            let rest = if is_success { outgoing.timeout } else { REST_TIMEOUT };
            *is_sent = timeout(rest, sending).await.is_ok_and(|sent| sent.is_ok());
            Ok(())
        }
        (ended, _) => ended,
    }
}

/// Writes the request as its manner says, and counts what has gone out.
async fn send(
    writer: &mut (impl AsyncWrite + Unpin),
    outgoing: &Outgoing,
    sent_bytes: &mut usize,
) -> io::Result<()> {
    let head = Bytes::from(outgoing.head());
    let content = outgoing.content();
    let Manner { drip, cut_bytes, .. } = outgoing.manner;
    match drip {
        None => write(writer, head.chain(content), sent_bytes).await?,
        Some((piece_bytes, pause)) => {
            write(writer, head, sent_bytes).await?;
            for piece in content.chunks(piece_bytes.max(1)) {
                sleep(pause).await;
                write(writer, piece, sent_bytes).await?;
            }
        }
    }
    if cut_bytes.is_some() { writer.shutdown().await } else { Ok(()) }
}

async fn write(
    writer: &mut (impl AsyncWrite + Unpin),
    mut bytes: impl Buf,
    sent_bytes: &mut usize,
) -> io::Result<()> {
    while bytes.has_remaining() {
        match writer.write_buf(&mut bytes).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => *sent_bytes += count,
        }
    }
    writer.flush().await
}

async fn receive(
    mut reader: ReadHalf<&mut Stream>,
    inbox: &mut BytesMut,
    outgoing: &Outgoing,
    first_byte: &mut Option<Instant>,
    answer: &mut Option<Answer>,
    answer_bytes_max: usize,
) -> Result<(), Cause> {
    loop {
        match reader.read_buf(inbox).await {
            Err(error) => {
                let is_end = answer.as_mut().is_some_and(Answer::cut);
                return if is_end { Ok(()) } else { Err(cause::of_io(&error)) };
            }
            Ok(0) => {
                let is_end = answer.as_mut().is_some_and(Answer::close);
                return if is_end { Ok(()) } else { Err(Cause::Closed) };
            }
            Ok(_) => {}
        }
        first_byte.get_or_insert_with(Instant::now);
        if take(inbox, outgoing, answer, answer_bytes_max)? {
            return Ok(());
        }
    }
}

/// Takes what has come into the answer; whether that was its end.
fn take(
    inbox: &mut BytesMut,
    outgoing: &Outgoing,
    answer: &mut Option<Answer>,
    answer_bytes_max: usize,
) -> Result<bool, Cause> {
    if answer.is_none() {
        *answer = Answer::parse(inbox, &outgoing.method, answer_bytes_max)?;
    }
    answer.as_mut().map_or(Ok(false), |answer| answer.feed(inbox))
}
