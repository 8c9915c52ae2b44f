//! The primitives: HMAC, ed25519, and the two ways to write their bytes.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// How a signature's bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Lowercase hex.
    Hex,
    /// Uppercase hex: in no scheme, often in mistakes.
    UpperHex,
    /// Standard base64 with its padding.
    Base64,
    /// Standard base64 without its padding: a mistake.
    UnpaddedBase64,
    /// The alphabet of URLs, padded or not: a mistake.
    UrlBase64,
}

impl Encoding {
    pub(crate) const ALL: [Self; 5] =
        [Self::Hex, Self::UpperHex, Self::Base64, Self::UnpaddedBase64, Self::UrlBase64];

    /// How many bytes a text stands for that is hex, or else base64; none where it is not.
    pub(crate) fn decoded_bytes(self, text: &[u8]) -> Option<usize> {
        match self {
            Self::Hex | Self::UpperHex => {
                let is_hex = text.len().is_multiple_of(2) && text.iter().all(u8::is_ascii_hexdigit);
                is_hex.then_some(text.len() / 2)
            }
            Self::Base64 | Self::UnpaddedBase64 | Self::UrlBase64 => {
                BASE64.decode(text).ok().map(|bytes| bytes.len())
            }
        }
    }

    /// The bytes written this way; `UrlBase64` without padding.
    pub(crate) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex(bytes),
            Self::UpperHex => hex(bytes).to_ascii_uppercase(),
            Self::Base64 => BASE64.encode(bytes),
            Self::UnpaddedBase64 => BASE64.encode(bytes).trim_end_matches('=').to_owned(),
            Self::UrlBase64 => {
                let text = BASE64.encode(bytes);
                text.trim_end_matches('=').replace('+', "-").replace('/', "_")
            }
        }
    }
}

/// The length of an ed25519 signature.
pub(crate) const ED25519_BYTES: usize = 64;

/// The hash under an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// SHA-1: only for schemes that never left it.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Hash {
    /// How many bytes it gives.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// The HMAC of the parts one after the other.
pub(crate) fn hmac<'a>(hash: Hash, key: &[u8], parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    match hash {
        Hash::Sha1 => finish(Hmac::<Sha1>::new_from_slice(key), parts),
        Hash::Sha256 => finish(Hmac::<Sha256>::new_from_slice(key), parts),
    }
}

/// HMAC takes a key of any length, so that there always is a state.
fn finish<'a, M: Mac, E>(state: Result<M, E>, parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let Ok(mut state) = state else { return Vec::new() };
    for part in parts {
        state.update(part);
    }
    state.finalize().into_bytes().to_vec()
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

pub(crate) fn sha512(bytes: &[u8]) -> Vec<u8> {
    Sha512::digest(bytes).to_vec()
}

pub(crate) fn ed25519_sign(key: &SigningKey, content: &[u8]) -> [u8; 64] {
    key.sign(content).to_bytes()
}

/// Whether base64 of an ed25519 signature holds; weak keys and other spellings never do.
pub(crate) fn ed25519_holds(key: &VerifyingKey, content: &[u8], text: &[u8]) -> bool {
    // 64 bytes take 88 characters, so that nothing longer is decoded.
    let bytes = (text.len() == 88).then(|| BASE64.decode(text).ok()).flatten();
    bytes.is_some_and(|bytes| ed25519_holds_bytes(key, content, &bytes))
}

pub(crate) fn ed25519_holds_bytes(key: &VerifyingKey, content: &[u8], bytes: &[u8]) -> bool {
    let signature = Signature::from_slice(bytes);
    signature.is_ok_and(|signature| key.verify_strict(content, &signature).is_ok())
}

/// Lowercase hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that hex digits of either case stand for.
pub(crate) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}
