//! The request out, the answer in, over a connection that stands.

use std::io;
use std::pin::pin;
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, split};
use tokio::time::sleep;

use super::answer::Answer;
use super::cause::{self, Cause};
use super::stream::Stream;
use super::{Trace, micros};
use crate::outgoing::{Manner, Outgoing};

/// Room for an answer's first bytes: the head of most, and a short body.
const INBOX_BYTES: usize = 2 * 1024;

/// How much of a request has been written, and how much of its answer has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
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
    let began = Instant::now();
    let mut inbox = BytesMut::with_capacity(INBOX_BYTES);
    let talked = talk(stream, outgoing, &mut trace.progress, &mut inbox, answer_bytes_max).await;
    let Talked { first_byte, ended } = talked;
    trace.phases.first_byte_us = first_byte.map(|at| micros(began, at));
    trace.phases.body_us = first_byte.map(|at| micros(at, Instant::now()));
    ended?;
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
) -> Talked {
    let (reader, mut writer) = split(stream);
    let Progress { sent_bytes, is_sent, answer } = progress;
    let mut sending = pin!(send(&mut writer, outgoing, sent_bytes));
    let mut receiving = pin!(receive(reader, inbox, outgoing, answer, answer_bytes_max));
    let mut sent: Option<io::Result<()>> = None;
    let mut talked = loop {
        tokio::select! {
            biased;
            ended = &mut sending, if sent.is_none() => {
                *is_sent = ended.is_ok();
                sent = Some(ended);
            }
            talked = &mut receiving => break talked,
        }
    };
    match (&talked.ended, sent) {
        // What could not be sent is the cause of what was not answered.
        (Err(_), Some(Err(error))) => talked.ended = Err(cause::of_io(&error)),
        // A target that answers early gets the rest.
        (Ok(()), None) => *is_sent = sending.await.is_ok(),
        _ => {}
    }
    talked
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

/// What came, and how it ended.
struct Talked {
    first_byte: Option<Instant>,
    ended: Result<(), Cause>,
}

async fn receive(
    mut reader: ReadHalf<&mut Stream>,
    inbox: &mut BytesMut,
    outgoing: &Outgoing,
    answer: &mut Option<Answer>,
    answer_bytes_max: usize,
) -> Talked {
    let mut first_byte = None;
    let ended = loop {
        match reader.read_buf(inbox).await {
            Err(error) => break Err(cause::of_io(&error)),
            Ok(0) => {
                let is_end = answer.as_mut().is_some_and(Answer::close);
                break if is_end { Ok(()) } else { Err(Cause::Closed) };
            }
            Ok(_) => {}
        }
        first_byte.get_or_insert_with(Instant::now);
        match take(inbox, outgoing, answer, answer_bytes_max) {
            Ok(false) => {}
            Ok(true) => break Ok(()),
            Err(cause) => break Err(cause),
        }
    };
    Talked { first_byte, ended }
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
