//! How a reply misbehaves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A planned misbehaviour of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The connection is reset (TCP RST) without an answer.
    Reset,
    /// The connection is closed without an answer.
    Close,
    /// No answer, and the connection stays open.
    Stall,
    /// The answer's body comes a byte every 100 ms.
    Drip,
    /// The answer's body ends halfway, and the connection with it.
    Truncate,
    /// Bytes that are not HTTP.
    Garbage,
    /// An answer's body that does not end.
    Endless,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Reset,
        Self::Close,
        Self::Stall,
        Self::Drip,
        Self::Truncate,
        Self::Garbage,
        Self::Endless,
    ];

    /// As it is told.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Close => "close",
            Self::Stall => "stall",
            Self::Drip => "drip",
            Self::Truncate => "truncate",
            Self::Garbage => "garbage",
            Self::Endless => "endless",
        }
    }

    /// Whether an answer comes with its status, and only the body is bent.
    #[must_use]
    pub fn bends_body(self) -> bool {
        matches!(self, Self::Drip | Self::Truncate | Self::Endless)
    }
}
