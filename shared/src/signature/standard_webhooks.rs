//! Standard Webhooks 1.0.0, symmetric (`v1`): HMAC-SHA256 over `{id}.{timestamp}.{body}`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use thiserror::Error;

/// How far a timestamp may be from now, both ways, in seconds: what every reference library uses.
pub const TOLERANCE_SECS: i64 = 300;

/// A signing secret: 24 to 64 bytes, written `whsec_` and base64. It has no `Debug` that shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// Why a text is not a secret.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadSecret {
    /// It is not base64.
    #[error("read the secret: after `whsec_` comes standard base64 with its padding")]
    NotBase64,
    /// Its key is too short or too long.
    #[error("use the secret: its key has {0} bytes, the specification asks for 24 to 64")]
    Length(usize),
}

/// Why a request does not verify.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Invalid {
    /// The timestamp is not an integer of seconds.
    #[error("webhook-timestamp is not an integer of seconds")]
    Timestamp,
    /// The timestamp is too old; by how many seconds.
    #[error("webhook-timestamp is {0} s old, more than 300")]
    Stale(i64),
    /// The timestamp is too far ahead; by how many seconds.
    #[error("webhook-timestamp is {0} s in the future, more than 300")]
    Future(i64),
    /// No entry matches.
    #[error("no v1 entry of webhook-signature matches the body")]
    Mismatch,
}

impl Secret {
    /// From the key itself, for a secret that is being generated.
    ///
    /// # Errors
    /// The key is not 24 to 64 bytes long.
    pub fn from_key(key: &[u8]) -> Result<Self, BadSecret> {
        if !(24..=64).contains(&key.len()) {
            return Err(BadSecret::Length(key.len()));
        }
        Ok(Self(key.to_vec()))
    }

    /// From its text, with or without `whsec_`.
    ///
    /// # Errors
    /// It is not base64, or its key is not 24 to 64 bytes long.
    pub fn parse(text: &str) -> Result<Self, BadSecret> {
        let encoded = text.trim();
        let encoded = encoded.strip_prefix("whsec_").unwrap_or(encoded);
        Self::from_key(&BASE64.decode(encoded).map_err(|_| BadSecret::NotBase64)?)
    }

    /// Its text, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("whsec_{}", BASE64.encode(&self.0))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The value of `webhook-signature`: one entry.
#[must_use]
pub fn sign(secret: &Secret, id: &str, timestamp: i64, body: &[u8]) -> String {
    format!("v1,{}", BASE64.encode(mac(secret, id, &timestamp.to_string(), body)))
}

/// Verifies the three header values over the raw body. Entries that cannot be read are skipped.
///
/// # Errors
/// Which part does not hold.
pub fn verify(
    secret: &Secret,
    id: &str,
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now_secs: i64,
) -> Result<(), Invalid> {
    let digits = !timestamp.is_empty() && timestamp.bytes().all(|b| b.is_ascii_digit());
    let sent: i64 = digits.then(|| timestamp.parse().ok()).flatten().ok_or(Invalid::Timestamp)?;
    let age = now_secs.saturating_sub(sent);
    if age > TOLERANCE_SECS {
        return Err(Invalid::Stale(age));
    }
    if age < -TOLERANCE_SECS {
        return Err(Invalid::Future(-age));
    }
    let want = mac(secret, id, timestamp, body);
    let matches = signature
        .split(' ')
        .filter_map(|entry| BASE64.decode(entry.strip_prefix("v1,")?).ok())
        .any(|got| bool::from(got.ct_eq(&want)));
    if matches { Ok(()) } else { Err(Invalid::Mismatch) }
}

fn mac(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    // HMAC takes a key of any length, so this never fails.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&secret.0) else { return Vec::new() };
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_published_vector_holds() {
        let secret = Secret::parse(TEXT).unwrap();
        assert_eq!(sign(&secret, ID, 1_614_265_330, BODY), SIGNED);
        assert_eq!(secret.reveal(), TEXT);
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn what_does_not_hold_is_named() {
        let secret = Secret::parse(TEXT).unwrap();
        let check = |ts: &str, sig: &str, body: &[u8], now| verify(&secret, ID, ts, sig, body, now);
        let now = 1_614_265_330;
        let many = format!("v2,x v1 v1, {SIGNED}");
        assert_eq!(check("1614265330", &many, BODY, now + 300), Ok(()));
        assert_eq!(check("1614265330", SIGNED, BODY, now + 301), Err(Invalid::Stale(301)));
        assert_eq!(check("1614265330", SIGNED, BODY, now - 301), Err(Invalid::Future(301)));
        assert_eq!(check("1614265330", SIGNED, b"{}", now), Err(Invalid::Mismatch));
        assert_eq!(check("+1614265330", SIGNED, BODY, now), Err(Invalid::Timestamp));
        assert_eq!(check("1614265330", "", BODY, now), Err(Invalid::Mismatch));
        assert_eq!(Secret::parse("whsec_AAAA"), Err(BadSecret::Length(3)));
        assert_eq!(Secret::parse("whsec_!"), Err(BadSecret::NotBase64));
    }
}
