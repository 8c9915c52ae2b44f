//! The accept loop that both listeners run on: permits, timeouts, a graceful stop.
//!
//! hyper never times a stalled client out by itself, so every connection is wrapped in a
//! [`Timed`] that does. One timer a connection, armed only when the socket has nothing to give.

mod phase;
mod timed;
pub mod websocket;

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::limits::Limits;

pub use phase::{Held, Phase, Serving};
pub use timed::Timed;

/// The wish to stop, seen by every loop and connection; true once and for all.
pub type Stop = watch::Receiver<bool>;

/// Accepts from every listener until told to stop, hands each connection to `connected`, then
/// waits for those that are open, at most for the drain timeout, and cuts what is left.
///
/// `connections_max` is the number of connections at once; who comes above it waits in the
/// kernel's queue.
pub async fn serve<C, F>(
    listeners: Vec<TcpListener>,
    connections_max: usize,
    limits: Limits,
    stop: Stop,
    connected: C,
) where
    C: Fn(Timed<TcpStream>, SocketAddr, Stop) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(connections_max));
    let mut loops = JoinSet::new();
    for listener in listeners {
        let (permits, stop, connected) = (permits.clone(), stop.clone(), connected.clone());
        loops.spawn(accept(listener, permits, limits, stop, connected));
    }
    let mut connections = JoinSet::new();
    while let Some(joined) = loops.join_next().await {
        connections.extend(joined.into_iter().map(drain));
    }
    let _ =
        timeout(limits.drain_timeout, async { while connections.join_next().await.is_some() {} })
            .await;
}

async fn drain(mut connections: JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

/// Accepts until told to stop; the connections that are still open then.
async fn accept<C, F>(
    listener: TcpListener,
    permits: Arc<Semaphore>,
    limits: Limits,
    mut stop: Stop,
    connected: C,
) -> JoinSet<()>
where
    C: Fn(Timed<TcpStream>, SocketAddr, Stop) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut backoff = Duration::ZERO;
    loop {
        while connections.try_join_next().is_some() {}
        let next = async {
            let permit = permits.clone().acquire_owned().await.map_err(io::Error::other)?;
            // A sleep of nothing takes until the timer's next tick, a millisecond.
            if !backoff.is_zero() {
                sleep(backoff).await;
            }
            listener.accept().await.map(|accepted| (permit, accepted))
        };
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|&stopped| stopped) => return connections,
            accepted = next => accepted,
        };
        match accepted {
            Ok((permit, (stream, peer))) => {
                backoff = Duration::ZERO;
                // Answers are small and waited for: Nagle would hold them back.
                let _ = stream.set_nodelay(true);
                let work = connected(Timed::new(stream, limits), peer, stop.clone());
                connections.spawn(async move {
                    work.await;
                    drop(permit);
                });
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                backoff = (backoff * 2).clamp(Duration::from_millis(20), Duration::from_secs(1));
                tracing::warn!(%error, wait_ms = backoff.as_millis(), "accept failed, waiting");
            }
        }
    }
}

/// A client that went away before it was accepted is no reason to wait.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Runs one hyper connection to its end; told to stop, it is asked to finish what is in flight by
/// `shutdown`: hyper's `graceful_shutdown`, which its connections have without a common trait.
///
/// # Errors
/// What hyper reports: a malformed head, a client that went away, a timeout.
pub async fn drive<C, E>(
    connection: C,
    mut stop: Stop,
    shutdown: impl FnOnce(Pin<&mut C>),
) -> Result<(), E>
where
    C: Future<Output = Result<(), E>>,
{
    let mut connection = pin!(connection);
    let news = stop.clone();
    let mut stopped = pin!(stop.wait_for(|&stopped| stopped));
    let mut is_waiting = false;
    let ended = poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        // Polled once it rings by itself: a connection is polled too often to ask it each time.
        if is_waiting && matches!(news.has_changed(), Ok(false)) {
            return Poll::Pending;
        }
        is_waiting = true;
        stopped.as_mut().poll(cx).map(|_| None)
    });
    if let Some(ended) = ended.await {
        return ended;
    }
    shutdown(connection.as_mut());
    connection.await
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::time::{Instant, advance};

    use super::*;

    /// The clock stands still, but for what sleeps: so nothing does.
    #[tokio::test(start_paused = true)]
    async fn who_connects_does_not_wait_for_a_timer() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stopping, stop) = watch::channel(false);
        let goodbye = |_: Timed<TcpStream>, _: SocketAddr, _: Stop| async {};
        let serving = tokio::spawn(serve(vec![listener], 8, Limits::default(), stop, goodbye));
        // Between two ticks of the timer.
        advance(Duration::from_micros(300)).await;
        let began = Instant::now();
        for _ in 0..20 {
            let mut client = TcpStream::connect(address).await.unwrap();
            assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        stopping.send(true).unwrap();
        serving.await.unwrap();
    }
}
