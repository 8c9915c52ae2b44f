//! A target on loopback that answers as it is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How a target answers, once it has read the request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// With these bytes, then the end.
    Bytes(&'static [u8]),
    /// With the bytes whose turn it is, then the end; the last ones again and again.
    Turns(&'static [&'static [u8]]),
    /// With these bytes, to every request of a connection.
    Keep(&'static [u8]),
    /// With these bytes before anything is read, then the end.
    AtOnce(&'static [u8]),
    /// With these bytes, then nothing more, the connection open.
    Hang(&'static [u8]),
    /// With these bytes, then a reset.
    Reset(&'static [u8]),
    /// With these bytes, then `x` without end.
    Flood(&'static [u8]),
}

pub(crate) const OK: Answer = Answer::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

pub(super) const FAIL: &[u8] = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";

pub(super) const WELL: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// A listening target; it stops when this is dropped.
pub(crate) struct Target {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    came: watch::Receiver<usize>,
    task: tokio::task::JoinHandle<()>,
}

impl Target {
    pub(crate) async fn new(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let connections = Arc::<AtomicUsize>::default();
        let (seen, opened) = (requests.clone(), connections.clone());
        let (come, came) = watch::channel(0);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                opened.fetch_add(1, Ordering::Relaxed);
                let (seen, come) = (seen.clone(), come.clone());
                tokio::spawn(async move { serve(stream, answer, &seen, &come).await });
            }
        });
        Self { port, requests, connections, came, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/orders?x=1", self.port)
    }

    /// Waits until so many requests have come, and makes sure that it was no more.
    pub(crate) async fn until_requests(&self, count: usize) {
        let mut came = self.came.clone();
        let enough = came.wait_for(|came| *came >= count);
        // A machine that is busy is slow, not wrong.
        drop(tokio::time::timeout(Duration::from_secs(60), enough).await.unwrap().unwrap());
        assert_eq!(self.requests().len(), count);
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Answer,
    seen: &Mutex<Vec<String>>,
    come: &watch::Sender<usize>,
) {
    if let Answer::AtOnce(bytes) = answer {
        drop(stream.write_all(bytes).await);
    }
    let request = read(&mut stream).await;
    let turn = {
        let mut seen = seen.lock().unwrap();
        seen.push(request);
        seen.len() - 1
    };
    come.send_modify(|came| *came += 1);
    // Whoever sent may be gone by now: that is its right.
    match answer {
        Answer::AtOnce(_) => {}
        Answer::Turns(all) => drop(stream.write_all(all[turn.min(all.len() - 1)]).await),
        Answer::Bytes(bytes) => drop(stream.write_all(bytes).await),
        Answer::Keep(bytes) => {
            while stream.write_all(bytes).await.is_ok() {
                match read(&mut stream).await {
                    end if end.is_empty() => break,
                    request => seen.lock().unwrap().push(request),
                }
            }
        }
        Answer::Hang(bytes) => {
            drop(stream.write_all(bytes).await);
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        Answer::Reset(bytes) => {
            drop(stream.write_all(bytes).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
            stream.set_zero_linger().unwrap();
        }
        Answer::Flood(bytes) => {
            drop(stream.write_all(bytes).await);
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
    }
}

/// The head and, by its `content-length`, the body.
async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let n = stream.read(&mut piece).await.unwrap_or(0);
        bytes.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).unwrap_or("0");
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            body.len() >= length
        });
        if n == 0 || whole {
            return text;
        }
    }
}
