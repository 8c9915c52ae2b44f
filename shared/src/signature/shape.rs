//! What a scheme is made of: the names of its fields, its hash, its spelling; and what a request
//! claims in those fields.

use std::borrow::Cow;

use super::clock::Clock;
use super::mac::{ED25519_BYTES, Encoding, Hash};
use super::secret::Form;

/// A scheme, as far as it is data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The field of the signature, spelled as providers send it.
    pub(crate) header: &'static str,
    /// What stands before an encoded signature.
    pub(crate) prefix: &'static str,
    /// The field of the id, where it is signed.
    pub(crate) id: Option<&'static str>,
    /// The field of the timestamp, where it has one of its own.
    pub(crate) timestamp: Option<&'static str>,
    /// The hash under the HMAC.
    pub(crate) hash: Hash,
    /// How the signature is written.
    pub(crate) encoding: Encoding,
    /// What the key is of a secret's text.
    pub(crate) form: Form,
    /// What the timestamp is, and how far it may be off.
    pub(crate) clock: Clock,
    /// Whether ed25519 keys sign too.
    pub(crate) ed25519: bool,
}

/// What most schemes are; each says how it differs.
pub(crate) const PLAIN: Shape = Shape {
    header: "",
    prefix: "",
    id: None,
    timestamp: None,
    hash: Hash::Sha256,
    encoding: Encoding::Base64,
    form: Form::Text,
    clock: Clock::None,
    ed25519: false,
};

impl Shape {
    /// Whether a text can be a signature of this scheme at all, whatever it signs.
    pub(crate) fn is_formed(&self, text: &[u8]) -> bool {
        let bytes = self.encoding.decoded_bytes(text);
        bytes == Some(self.hash.bytes()) || (self.ed25519 && bytes == Some(ED25519_BYTES))
    }
}

/// What a request claims: the signed id and timestamp as text, and its signatures.
#[derive(Clone, Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) id: &'a [u8],
    pub(crate) timestamp: &'a [u8],
    pub(crate) marks: Vec<Mark<'a>>,
}

/// One signature of a request, still encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) text: &'a [u8],
}

/// What made a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hmac,
    Ed25519,
}

/// What a scheme signs: named pieces with a separator between them.
#[derive(Clone, Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) pieces: Vec<(&'static str, Cow<'a, [u8]>)>,
    pub(crate) separator: &'static str,
}

impl<'a> Signed<'a> {
    pub(crate) fn new<const N: usize>(
        separator: &'static str,
        pieces: [(&'static str, &'a [u8]); N],
    ) -> Self {
        let pieces = pieces.into_iter().map(|(name, piece)| (name, piece.into())).collect();
        Self { pieces, separator }
    }

    /// The bytes to hash, in order.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().enumerate().flat_map(|(place, (_, piece))| {
            let separator = if place == 0 { "" } else { self.separator };
            [separator.as_bytes(), piece]
        })
    }

    /// How many bytes are hashed.
    pub(crate) fn len(&self) -> usize {
        self.parts().map(<[u8]>::len).sum()
    }
}
