//! What came of verifying.

use thiserror::Error;

use crate::capture::SignatureVerdict;

use super::{BadSecret, Scheme};

/// What came of verifying a request.
///
/// ```
/// use hooklab_shared::signature::{Reason, Scheme, Verdict};
/// let told = Verdict::Invalid(Reason::Repeated("Stripe-Signature")).told(Scheme::Stripe);
/// assert_eq!((&*told.scheme, &*told.verdict), ("stripe", "invalid"));
/// assert!(told.reason.unwrap().ends_with("send it once"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A key in force made one of its signatures, within the tolerance.
    Valid,
    /// It has no signature of this scheme.
    Missing,
    /// It has one that does not hold.
    Invalid(Reason),
}

/// Why a request does not verify, or cannot be signed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Reason {
    /// There is nothing to check with.
    #[error("find a key: give the secret that the sender signs with")]
    NoKey,
    /// The secret is none of this scheme's.
    #[error(transparent)]
    Key(#[from] BadSecret),
    /// A field that belongs to the signature is absent.
    #[error("find `{0}`: it is signed, so it must be sent")]
    NoHeader(&'static str),
    /// A field that belongs to the signature came more than once.
    #[error("choose between several `{0}`: send it once")]
    Repeated(&'static str),
    /// The signature's field holds no entry of the scheme's form.
    #[error("read `{0}`: it holds no entry of this scheme's form")]
    Unreadable(&'static str),
    /// The timestamp is not what the scheme writes.
    #[error("read the timestamp: it is not in this scheme's form, such as an integer of seconds")]
    Timestamp,
    /// The timestamp is too old; by how many seconds.
    #[error("accept the timestamp: it is {0} s old; check the sender's clock, or for a replay")]
    Stale(i64),
    /// The timestamp is too far ahead; by how many seconds.
    #[error("accept the timestamp: it is {0} s in the future; check the clocks of both sides")]
    Future(i64),
    /// `expires` is past; by how many seconds.
    #[error("accept the signature: it expired {0} s ago")]
    Expired(i64),
    /// No entry matches.
    #[error("match the signature: none of its entries is of these bytes under a key in force")]
    Mismatch,
    /// A digest is not the body's; the field or parameter it stands in.
    #[error("match `{0}` with the body: one of the two was changed")]
    Digest(&'static str),
    /// A part that must be signed is not; which.
    #[error("trust the body: the signature does not cover `{0}`")]
    Uncovered(&'static str),
    /// A covered component that is absent, or that hooklab does not know.
    #[error("build the signature base: the component `{0}` is absent or of a kind not supported")]
    Component(String),
}

impl Verdict {
    /// As a capture tells it.
    #[must_use]
    pub fn told(&self, scheme: Scheme) -> SignatureVerdict {
        let (verdict, reason) = match self {
            Self::Valid => ("valid", None),
            Self::Missing => ("missing", None),
            Self::Invalid(reason) => ("invalid", Some(reason.to_string())),
        };
        SignatureVerdict { scheme: scheme.as_str().into(), verdict: verdict.into(), reason }
    }
}
