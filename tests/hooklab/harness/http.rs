//! HTTP/1.1 by hand over a blocking socket: what is written is exactly what the test says.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::HANGING;

/// One connection.
pub(crate) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Wire {
    pub(crate) fn connect(address: &str) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?)
    }

    /// From an address of the loopback range: ports are used again, and would not tell peers apart.
    pub(crate) fn connect_from(local: Ipv4Addr, address: &str) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let stream = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind((local, 0).into())?;
            socket.connect(address.parse().map_err(io::Error::other)?).await?.into_std()
        })?;
        stream.set_nonblocking(false)?;
        Self::over(stream)
    }

    fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(HANGING))?;
        stream.set_write_timeout(Some(HANGING))?;
        Ok(Self { stream, read: Vec::new() })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The address that the server sees as the peer.
    pub(crate) fn local(&self) -> String {
        self.stream.local_addr().unwrap().to_string()
    }

    /// Waits so long for bytes, and no longer.
    pub(crate) fn be_patient(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).unwrap();
    }

    /// Ends the sending side; answers can still come.
    pub(crate) fn finish(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next bytes that come; none at the end.
    pub(crate) fn piece(&mut self) -> io::Result<Vec<u8>> {
        if self.read.is_empty()
            && let Err(error) = self.more()
            && error.kind() != io::ErrorKind::UnexpectedEof
        {
            return Err(error);
        }
        Ok(std::mem::take(&mut self.read))
    }

    /// The next status and header fields, of whatever kind of answer.
    pub(crate) fn begin(&mut self) -> io::Result<Answer> {
        let (status, headers) = self.head()?;
        Ok(Answer { status, headers, body: Vec::new() })
    }

    /// The next answer to a request other than HEAD.
    pub(crate) fn answer(&mut self) -> io::Result<Answer> {
        self.answer_to("GET")
    }

    /// The next final answer; interim ones (1xx but 101) are read over.
    pub(crate) fn answer_to(&mut self, method: &str) -> io::Result<Answer> {
        loop {
            let (status, headers) = self.head()?;
            if status < 200 && status != 101 {
                continue;
            }
            let mut answer = Answer { status, headers, body: Vec::new() };
            if method != "HEAD" && !matches!(status, 101 | 204 | 304) {
                answer.body = self.body(&answer)?;
            }
            return Ok(answer);
        }
    }

    /// Whether the interim answer that `Expect: 100-continue` asks for comes.
    pub(crate) fn is_told_to_continue(&mut self) -> io::Result<bool> {
        Ok(self.head()?.0 == 100)
    }

    /// Whether the other side has closed, with nothing more to say.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.more() {
            Ok(()) => false,
            Err(error) => {
                !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
            }
        }
    }

    fn head(&mut self) -> io::Result<(u16, Vec<(String, String)>)> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more()?;
        };
        let head: Vec<u8> = self.read.drain(..end).collect();
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status: {status_line}")))?;
        let fields = lines.filter_map(|line| line.split_once(':'));
        let fields = fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Ok((status, fields.collect()))
    }

    fn body(&mut self, answer: &Answer) -> io::Result<Vec<u8>> {
        if let Some(length) = answer.header("content-length") {
            return self.exactly(length.parse().map_err(io::Error::other)?);
        }
        if answer.header("transfer-encoding").is_some() {
            return self.chunked();
        }
        while self.more().is_ok() {}
        Ok(std::mem::take(&mut self.read))
    }

    fn chunked(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            body.extend(self.exactly(size)?);
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let end = loop {
            if let Some(at) = self.read.iter().position(|&b| b == b'\n') {
                break at + 1;
            }
            self.more()?;
        };
        Ok(String::from_utf8_lossy(&self.read.drain(..end).collect::<Vec<u8>>()).into_owned())
    }

    fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.read.len() < count {
            self.more()?;
        }
        Ok(self.read.drain(..count).collect())
    }

    fn more(&mut self) -> io::Result<()> {
        let mut piece = [0; 64 * 1024];
        match self.stream.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.read.extend_from_slice(&piece[..count]);
                Ok(())
            }
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|why| panic!("not JSON ({why}): {} {}", self.status, self.text()))
    }

    /// The bin and seq that the answer to a captured request names.
    pub(crate) fn captured(&self) -> (String, u64) {
        let told = self.header("hooklab-capture");
        let told = told.unwrap_or_else(|| panic!("not captured: {self:?}"));
        let (bin, seq) = told.split_once('/').unwrap();
        (bin.to_owned(), seq.parse().unwrap())
    }

    /// That what was asked cannot be read or does not make sense, in these words.
    pub(crate) fn assert_bad_request(&self, words: &[&str]) {
        assert!([400, 422].contains(&self.status), "{} {}", self.status, self.text());
        self.assert_problem(self.status, words);
    }

    /// That this is a problem of this status whose detail holds each of these words.
    pub(crate) fn assert_problem(&self, status: u16, words: &[&str]) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].as_str().unwrap().starts_with("urn:hooklab:problem:"));
        let told = format!("{} {}", problem["detail"], problem["errors"]);
        for word in words {
            assert!(told.contains(word), "`{word}` is missing: {told}");
        }
    }
}
