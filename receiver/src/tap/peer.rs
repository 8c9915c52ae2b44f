//! Whether the peer is still there, asked while a request waits for its answer.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::sockopt::{
    set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl,
};
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

/// How often the kernel asks for a peer that is looked for. A system that has forgotten the
/// connection, as it does a minute after its program has gone, answers with a reset.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// How many of these in a row may stay without an answer: half a minute of a broken network.
const PROBES_MAX: u32 = 6;

/// Has the kernel ask by itself from now on.
pub(super) fn probe(tcp: &TcpStream) -> io::Result<()> {
    set_tcp_keepidle(tcp, PROBE_EVERY)?;
    set_tcp_keepintvl(tcp, PROBE_EVERY)?;
    set_tcp_keepcnt(tcp, PROBES_MAX)?;
    set_socket_keepalive(tcp, true)?;
    Ok(())
}

/// Whether the peer has ended its side, where that can be told; an error once it is reset.
pub(super) fn ended(tcp: &TcpStream, cx: &mut Context<'_>) -> io::Result<Option<bool>> {
    if let Some(error) = tcp.take_error()? {
        return Err(error);
    }
    let mut byte = [0];
    match tcp.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
        Poll::Ready(came) => Ok(Some(came? == 0)),
        Poll::Pending => Ok(None),
    }
}
