//! Two faults of one delivery: what cannot be true together.

use std::mem::discriminant;

use super::Fault;

impl Fault {
    /// Why these two cannot be told of one delivery, if they cannot.
    pub(crate) fn contradicts(self, other: Self) -> Option<&'static str> {
        let either = |holds: fn(Self) -> bool| holds(self) || holds(other);
        let is_truncated = |fault| matches!(fault, Self::Truncated | Self::Cut);
        if discriminant(&self) == discriminant(&other)
            || (is_truncated(self) && is_truncated(other))
        {
            return Some("the same fault twice is one: give it once");
        }
        if self.needs_timestamp() && other.needs_timestamp() {
            return Some("one timestamp is not in the past and in the future");
        }
        if either(|fault| fault == Self::MissingSignature)
            && either(|fault| fault == Self::WrongSignature || fault.needs_secret())
        {
            return Some("nothing signs it, so nothing that is signed can be bent");
        }
        if either(|fault| fault == Self::Cut) && either(|fault| fault == Self::Chunked) {
            return Some("chunks have no length that could promise more");
        }
        None
    }
}
