//! A signing secret: kept as the text it was given in, because schemes read it differently.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{SigningKey, VerifyingKey};
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::mac::from_hex;

/// A secret of any text in bytes at most: more than any provider gives out.
const SHARED_BYTES_MAX: usize = 512;

/// A signing secret. Neither `Debug` nor `Display` shows it; [`reveal`](Self::reveal) does.
///
/// `whsec_` and base64 is Standard Webhooks' symmetric secret, `whsk_` its ed25519 key pair and
/// `whpk_` the public half; the other schemes take any text.
///
/// ```
/// use hooklab_shared::signature::Secret;
/// assert_eq!(format!("{:?}", Secret::from_text("hush")), "Secret(…)");
/// ```
#[derive(Clone)]
pub struct Secret(Box<str>);

/// Why a text is not a secret of a scheme.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadSecret {
    /// It is not base64.
    #[error("read the secret: after `whsec_` comes standard base64 with its padding")]
    NotBase64,
    /// Its key is too short or too long.
    #[error("use the secret: its key has {0} bytes, the specification asks for 24 to 64")]
    Length(usize),
    /// It is empty, of several lines, or too long.
    #[error("use the secret: give one line of 1 to {SHARED_BYTES_MAX} bytes")]
    Shared,
    /// It is no ed25519 key.
    #[error(
        "use the key: after `whsk_` comes base64 of 32 bytes of seed and the 32 of its public \
             key, after `whpk_` base64 of the public key"
    )]
    Ed25519,
    /// A public key where there is something to sign.
    #[error("sign with a public key (`whpk_`): give the pair it belongs to, `whsk_`")]
    PublicKey,
}

/// A way to make key bytes of a secret's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The text's own bytes, prefix and all.
    Text,
    /// The text's bytes without `whsec_`.
    Stripped,
    /// The bytes that the base64 after `whsec_` stands for.
    Decoded,
    /// The bytes that the text's hex digits stand for.
    Hex,
    /// The text's bytes with a newline after them, as an editor or `echo` leaves it in a file.
    Newline,
}

impl Form {
    pub(crate) const ALL: [Self; 5] =
        [Self::Text, Self::Stripped, Self::Decoded, Self::Hex, Self::Newline];
}

impl Secret {
    /// From any text, as it was given: nothing is trimmed.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// From the key itself, for a secret that is being generated.
    ///
    /// # Errors
    /// The key is not 24 to 64 bytes long.
    pub fn from_key(key: &[u8]) -> Result<Self, BadSecret> {
        length(key)?;
        Ok(Self(format!("whsec_{}", BASE64.encode(key)).into()))
    }

    /// From the text of one that can sign Standard Webhooks: base64 with or without `whsec_`, or a
    /// `whsk_` pair. The space around it is dropped.
    ///
    /// # Errors
    /// It is not base64, its key is not 24 to 64 bytes long, or it is no ed25519 pair.
    pub fn parse(text: &str) -> Result<Self, BadSecret> {
        let secret = Self::from_text(text.trim());
        if secret.is_ed25519() {
            return secret.signing_key().map(|_| secret);
        }
        Self::from_key(&secret.key(Form::Decoded)?)
    }

    /// From the text of one that both sides agreed on, for schemes that take any text. The space
    /// around it is dropped.
    ///
    /// # Errors
    /// It is empty, has more than one line, or more than 512 bytes.
    pub fn shared(text: &str) -> Result<Self, BadSecret> {
        let text = text.trim();
        let is_line = !text.is_empty() && !text.contains(char::is_control);
        if is_line && text.len() <= SHARED_BYTES_MAX {
            return Ok(Self::from_text(text));
        }
        Err(BadSecret::Shared)
    }

    /// Its text, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.0.to_string()
    }

    /// Whether it names itself an ed25519 key.
    pub(crate) fn is_ed25519(&self) -> bool {
        self.0.starts_with("whsk_") || self.0.starts_with("whpk_")
    }

    /// The key that this form makes of it.
    pub(crate) fn key(&self, form: Form) -> Result<Cow<'_, [u8]>, BadSecret> {
        let text = &*self.0;
        let stripped = text.strip_prefix("whsec_").unwrap_or(text);
        Ok(match form {
            Form::Text => text.as_bytes().into(),
            Form::Stripped => stripped.as_bytes().into(),
            Form::Decoded => {
                let key = BASE64.decode(stripped).map_err(|_| BadSecret::NotBase64)?;
                length(&key)?;
                key.into()
            }
            Form::Hex => from_hex(stripped.as_bytes()).ok_or(BadSecret::NotBase64)?.into(),
            Form::Newline => format!("{text}\n").into_bytes().into(),
        })
    }

    /// The form in which a scheme without a rule of its own takes it.
    pub(crate) fn plain_form(&self) -> Form {
        if self.0.starts_with("whsec_") { Form::Decoded } else { Form::Text }
    }

    pub(crate) fn signing_key(&self) -> Result<SigningKey, BadSecret> {
        let encoded = self.0.strip_prefix("whsk_").ok_or(BadSecret::PublicKey)?;
        let pair = BASE64.decode(encoded).map_err(|_| BadSecret::Ed25519)?;
        let pair = pair.try_into().map_err(|_| BadSecret::Ed25519)?;
        SigningKey::from_keypair_bytes(&pair).map_err(|_| BadSecret::Ed25519)
    }

    pub(crate) fn verifying_key(&self) -> Result<VerifyingKey, BadSecret> {
        let Some(encoded) = self.0.strip_prefix("whpk_") else {
            return Ok(self.signing_key()?.verifying_key());
        };
        let key = BASE64.decode(encoded).map_err(|_| BadSecret::Ed25519)?;
        let key = key.try_into().map_err(|_| BadSecret::Ed25519)?;
        VerifyingKey::from_bytes(&key).map_err(|_| BadSecret::Ed25519)
    }
}

fn length(key: &[u8]) -> Result<(), BadSecret> {
    if (24..=64).contains(&key.len()) { Ok(()) } else { Err(BadSecret::Length(key.len())) }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJ\
                        p4AJ6p9lMicMFs6Kvg==";

    #[test]
    fn texts_are_read_and_refused() {
        let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let secret = Secret::parse(text).unwrap();
        assert_eq!(secret.reveal(), text);
        assert_eq!(Secret::parse(&text["whsec_".len()..]), Ok(secret.clone()));
        assert_eq!(Secret::parse(&format!(" {text}\n")), Ok(secret));
        assert_eq!(Secret::parse("whsec_AAAA"), Err(BadSecret::Length(3)));
        assert_eq!(Secret::parse("whsec_!"), Err(BadSecret::NotBase64));
        assert_eq!(Secret::parse(PAIR).unwrap().reveal(), PAIR);
        assert_eq!(Secret::parse("whsk_AAAA"), Err(BadSecret::Ed25519));
        assert_eq!(Secret::shared(" It's a Secret\n").unwrap().reveal(), "It's a Secret");
        for bad in ["", " \n", "a\nb", &"x".repeat(513)] {
            assert_eq!(Secret::shared(bad), Err(BadSecret::Shared));
        }
        let public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
        assert_eq!(Secret::parse(public), Err(BadSecret::PublicKey));
        assert!(Secret::from_text(public).verifying_key().is_ok());
    }

    #[test]
    fn a_pair_whose_halves_do_not_belong_together_is_refused() {
        let wrong = PAIR.replace("VKIDij2HKp", "VKIDij2HKq");
        assert_eq!(Secret::parse(&wrong), Err(BadSecret::Ed25519));
    }

    #[test]
    fn nothing_shows_it() {
        let keys = crate::signature::Keys::from(Secret::from_text("hush-hush"));
        assert!(!format!("{keys:?}").contains("hush"));
    }
}
