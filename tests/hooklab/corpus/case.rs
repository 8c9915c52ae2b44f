//! One case of the corpus: what is written, and what must become of it.

/// Where every case sends to, unless where it sends is what it tries.
pub(super) const BIN: &str = "corpus";

/// What one request of a case must become: exactly one record, and this answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Becomes {
    /// A capture of this outcome, answered so.
    Capture(&'static str, u16),
    /// A stray for this reason, answered so; 0 is no answer.
    Stray(&'static str, u16),
}

use Becomes::{Capture, Stray};

/// What the client does after it has written everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Waits for the answers.
    Waits,
    /// Ends its sending side, and waits for the answers.
    Finishes,
    /// Goes away without a look at what is answered.
    Leaves,
}

/// One connection.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) wire: Vec<u8>,
    pub(super) then: Then,
    /// In the order of the wire.
    pub(super) becomes: Vec<Becomes>,
}

impl Case {
    pub(super) fn new(name: impl Into<String>, wire: impl Into<Vec<u8>>, one: Becomes) -> Self {
        Self { name: name.into(), wire: wire.into(), then: Then::Waits, becomes: vec![one] }
    }

    /// A request that comes whole and is kept.
    pub(super) fn kept(name: impl Into<String>, wire: impl Into<Vec<u8>>) -> Self {
        Self::new(name, wire, Capture("complete", 200))
    }

    /// A request that is refused with 400 for this reason.
    pub(super) fn refused(
        name: impl Into<String>,
        wire: impl Into<Vec<u8>>,
        reason: &'static str,
    ) -> Self {
        Self::new(name, wire, Stray(reason, 400))
    }

    /// A body that breaks off or breaks its framing.
    pub(super) fn aborted(name: impl Into<String>, wire: impl Into<Vec<u8>>) -> Self {
        Self::new(name, wire, Capture("aborted", 400))
    }

    pub(super) fn and_finishes(mut self) -> Self {
        self.then = Then::Finishes;
        self
    }

    pub(super) fn and_leaves(mut self) -> Self {
        self.then = Then::Leaves;
        self
    }

    /// The same with more that follows on the connection.
    pub(super) fn followed_by(mut self, next: Self) -> Self {
        self.name = format!("{}, then {}", self.name, next.name);
        self.wire.extend(next.wire);
        self.becomes.extend(next.becomes);
        self.then = next.then;
        self
    }

    pub(super) fn is_head(&self) -> bool {
        self.wire.starts_with(b"HEAD ")
    }
}

/// A request line to the corpus's bin and a Host, then these lines as they are.
pub(super) fn head(method: &str, more: &str) -> Vec<u8> {
    format!("{method} /{BIN} HTTP/1.1\r\nHost: h\r\n{more}\r\n").into_bytes()
}

/// A POST with these header lines and this body, framed by its length.
pub(super) fn post(more: &str, body: &[u8]) -> Vec<u8> {
    [head("POST", &format!("{more}Content-Length: {}\r\n", body.len())), body.to_vec()].concat()
}

/// A chunked POST with this body as it stands on the wire.
pub(super) fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    [head("POST", "Transfer-Encoding: chunked\r\n"), body.as_ref().to_vec()].concat()
}
