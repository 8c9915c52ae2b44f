//! How a command ends: its exit code, and what it tells on the way out.

use std::fmt::Display;

/// An exit code. Programs rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// Done.
    Done = 0,
    /// Something answered, and not as was asked: a server that is not ready.
    Unmet = 1,
    /// It cannot be done as it was asked: a flag, a name, a port that is taken.
    Usage = 2,
    /// The target answered, and not with 2xx, or never to the end.
    NotDelivered = 3,
    /// The server or the target could not be connected to.
    NotConnected = 4,
    /// Of many deliveries, some failed.
    SomeFailed = 5,
    /// A bug of ours.
    Bug = 70,
    /// Nothing came in time.
    TimedOut = 124,
    /// A second Ctrl-C.
    Forced = 130,
}

/// What `--help` says of the codes.
pub(crate) const CODES: &str = "\
Exit codes:
    0  done; also when whoever reads the output went away
    1  something answered, but not as asked (a server that is not ready)
    2  not possible as asked: wrong flag or name, unknown bin or webhook, or a
       refusal to start (port taken, data directory locked, foreign, unwritable)
    3  not delivered: the target did not answer with 2xx
    4  could not connect: no server there, or the target could not be reached
    5  of many deliveries, some failed
   70  a bug in hooklab: please report it
  124  nothing came in time
  130  ended by a second Ctrl-C";

/// A command that did not come to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// How the process ends.
    pub(crate) code: Code,
    /// A fragment that completes "failed to …"; empty where there is nothing to say.
    pub(crate) told: String,
}

impl Failure {
    /// A failure that ends with this code; `told` completes "failed to …".
    pub(crate) fn new(code: Code, told: impl Display) -> Self {
        Self { code, told: told.to_string() }
    }

    /// A failure of what was asked.
    pub(crate) fn usage(told: impl Display) -> Self {
        Self::new(Code::Usage, told)
    }

    /// The reader of the output went away: an end like any other.
    pub(crate) fn nobody_reads() -> Self {
        Self::new(Code::Done, "")
    }
}
