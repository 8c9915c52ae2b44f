//! The TLS handshake, and what comes in its place.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hooklab_shared::limits::Limits;
use hooklab_shared::listen::Timed;
use hooklab_shared::stray::{HEAD_BYTES_MAX, StrayReason};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use crate::tap::Unserved;

/// How a handshake begins (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// For whoever speaks plain HTTP where TLS is spoken.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Content-Length: 57\r\nConnection: close\r\n\r\n\
    nothing was captured: TLS is spoken here, so use https://\n";

/// The stream within TLS; or what came instead, if anything did.
pub(super) async fn handshake(
    tls: Arc<ServerConfig>,
    mut socket: Timed<TcpStream>,
    peer: SocketAddr,
    limits: &Limits,
) -> Result<TlsStream<Timed<TcpStream>>, Option<Unserved>> {
    let mut first = vec![0; HEAD_BYTES_MAX];
    let mut came = 0;
    let ended = timeout(limits.head_timeout, async {
        came = socket.get_ref().peek(&mut first).await?;
        if came > 0 && first[0] != HANDSHAKE {
            came = socket.read(&mut first).await?;
            socket.write_all(PLAIN).await?;
            socket.shutdown().await?;
            return Ok(None);
        }
        TlsAcceptor::from(tls).accept(socket).await.map(Some)
    })
    .await;
    let is_plain = came > 0 && first[0] != HANDSHAKE;
    let reason = match ended {
        Ok(Ok(Some(stream))) => return Ok(stream),
        _ if is_plain => StrayReason::NotTls,
        Err(_) => StrayReason::TlsTimedOut,
        // The socket has the same limit for a head.
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => StrayReason::TlsTimedOut,
        Ok(ended) => {
            let error = ended.err().unwrap_or_else(|| io::ErrorKind::Other.into());
            tracing::info!(%peer, %error, "no TLS handshake");
            StrayReason::TlsFailed
        }
    };
    let status = if is_plain { 400 } else { 0 };
    let (head, bytes) = (first[..came].into(), came as u64);
    Err((came > 0).then_some(Unserved { reason, status, head, bytes }))
}
