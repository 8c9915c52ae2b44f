//! A stray: a request that belongs to no bin, or could not be parsed.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::headers::Octets;
use crate::id::Timestamp;

/// How much of a stray's first bytes is kept: enough to see who sent it and what is wrong with it,
/// since anybody can send as many as they like.
pub const HEAD_BYTES_MAX: usize = 4 * 1024;

/// A request that belongs to no bin.
///
/// ```
/// use hooklab_shared::stray::StrayReason;
/// assert_eq!(StrayReason::NoHost.as_str(), "no_host");
/// assert_eq!(serde_json::to_string(&StrayReason::NoHost).unwrap(), r#""no_host""#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stray {
    /// Its place in the list of strays, from 1, rising; 0 until the store has given it one.
    pub seq: u64,
    /// When it had been read as far as it was.
    pub received_at: Timestamp,
    /// Who sent it, as the socket says.
    #[schema(value_type = String)]
    pub peer: SocketAddr,
    /// Why it belongs to no bin.
    pub reason: StrayReason,
    /// The status that was answered; 0 where there was no answer.
    pub status: u16,
    /// Its first bytes, at most [`HEAD_BYTES_MAX`].
    pub head: Octets,
    /// How many bytes came, those that are not kept included.
    pub bytes: u64,
}

/// Why a request belongs to no bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StrayReason {
    /// The head is not HTTP.
    MalformedHead,
    /// It has more header fields than are taken.
    TooManyHeaders,
    /// Its target is longer than is taken.
    UriTooLong,
    /// Its head is longer than the limit.
    HeadTooLong,
    /// Its head did not come to its end in time.
    HeadTimedOut,
    /// The client went away inside the head.
    HeadCutOff,
    /// It has more than one length.
    ManyLengths,
    /// It has no Host field where there must be one.
    NoHost,
    /// It has more than one Host field.
    ManyHosts,
    /// A line ends without a carriage return.
    BareLineFeed,
    /// Another transfer coding than `chunked`, or it twice, or in HTTP/1.0.
    TransferCoding,
    /// It has both a length and chunks.
    LengthAndChunks,
    /// Two readers made different requests of it.
    Disagreement,
    /// Its target names no bin.
    NoBin,
    /// What its target names cannot be a bin's name.
    BadBinName,
    /// There is no such bin, and bins are not made by sending to them.
    UnknownBin,
    /// It would make a bin, and there are as many as the limit allows.
    TooManyBins,
    /// HTTP/2 that breaks its rules; the bytes are frames.
    MalformedHttp2,
    /// More streams of one connection at once than are taken.
    TooManyStreams,
    /// Something else than TLS came where TLS is spoken.
    NotTls,
    /// The TLS handshake failed.
    TlsFailed,
    /// The TLS handshake did not come to its end in time.
    TlsTimedOut,
}

impl StrayReason {
    /// As it is told.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MalformedHead => "malformed_head",
            Self::TooManyHeaders => "too_many_headers",
            Self::UriTooLong => "uri_too_long",
            Self::HeadTooLong => "head_too_long",
            Self::HeadCutOff => "head_cut_off",
            Self::ManyLengths => "many_lengths",
            Self::HeadTimedOut => "head_timed_out",
            Self::NoHost => "no_host",
            Self::ManyHosts => "many_hosts",
            Self::BareLineFeed => "bare_line_feed",
            Self::TransferCoding => "transfer_coding",
            Self::LengthAndChunks => "length_and_chunks",
            Self::Disagreement => "disagreement",
            Self::NoBin => "no_bin",
            Self::BadBinName => "bad_bin_name",
            Self::UnknownBin => "unknown_bin",
            Self::TooManyBins => "too_many_bins",
            Self::MalformedHttp2 => "malformed_http2",
            Self::TooManyStreams => "too_many_streams",
            Self::NotTls => "not_tls",
            Self::TlsFailed => "tls_failed",
            Self::TlsTimedOut => "tls_timed_out",
        }
    }
}

impl fmt::Display for StrayReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
