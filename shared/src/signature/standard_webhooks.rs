//! Standard Webhooks 1.0.0: `v1` is HMAC-SHA256 and `v1a` ed25519 over `{id}.{timestamp}.{body}`.

pub use super::secret::{BadSecret, Secret};
pub use super::{Reason, TOLERANCE_SECS};

use super::clock::Clock;
use super::secret::Form;
use super::shape::{Algorithm, Claim, Mark, PLAIN, Shape, Signed};
use super::{Keys, Request, Scheme, Verdict, mark};

pub(super) const SHAPE: Shape = Shape {
    header: "webhook-signature",
    prefix: "v1,",
    id: Some("webhook-id"),
    timestamp: Some("webhook-timestamp"),
    form: Form::Decoded,
    clock: Clock::Seconds,
    ed25519: true,
    ..PLAIN
};

/// The value of `webhook-signature`: one entry. A secret that cannot sign, which [`Secret::parse`]
/// refuses, gives an empty one.
#[must_use]
pub fn sign(secret: &Secret, id: &str, timestamp: i64, body: &[u8]) -> String {
    let timestamp = timestamp.to_string();
    let pieces = [("id", id.as_bytes()), ("timestamp", timestamp.as_bytes()), ("body", body)];
    let made = mark(Scheme::StandardWebhooks, secret, &Signed::new(".", pieces));
    made.map_or_else(|_| String::new(), |mark| write(&[mark]))
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
) -> Result<(), Reason> {
    let headers: [(&[u8], &[u8]); 3] = [
        (b"webhook-id", id.as_bytes()),
        (b"webhook-timestamp", timestamp.as_bytes()),
        (b"webhook-signature", signature.as_bytes()),
    ];
    let request = Request { method: b"POST", url: b"", headers: &headers, body };
    let keys = Keys::from(secret.clone());
    match super::verify(Scheme::StandardWebhooks, &keys, &request, now_secs, TOLERANCE_SECS) {
        Verdict::Valid => Ok(()),
        Verdict::Missing => Err(Reason::NoHeader("webhook-signature")),
        Verdict::Invalid(reason) => Err(reason),
    }
}

pub(super) fn marks(value: &[u8]) -> Vec<Mark<'_>> {
    let entries = value.split(|&b| b == b' ');
    let entry = |entry: &'_ [u8]| match entry {
        [b'v', b'1', b',', ..] => Some((Algorithm::Hmac, 3)),
        [b'v', b'1', b'a', b',', ..] => Some((Algorithm::Ed25519, 4)),
        _ => None,
    };
    let mark = |text| entry(text).map(|(algorithm, at)| Mark { algorithm, text: &text[at..] });
    entries.filter_map(mark).filter(|mark| !mark.text.is_empty()).collect()
}

pub(super) fn signed<'a>(claim: &Claim<'a>, request: &Request<'a>) -> Signed<'a> {
    let pieces = [("id", claim.id), ("timestamp", claim.timestamp), ("body", request.body)];
    Signed::new(".", pieces)
}

pub(super) fn write(marks: &[(Algorithm, String)]) -> String {
    let entry = |(algorithm, text): &(Algorithm, String)| match algorithm {
        Algorithm::Hmac => format!("v1,{text}"),
        Algorithm::Ed25519 => format!("v1a,{text}"),
    };
    marks.iter().map(entry).collect::<Vec<_>>().join(" ")
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
        assert_eq!(check("1614265330", SIGNED, BODY, now + 301), Err(Reason::Stale(301)));
        assert_eq!(check("1614265330", SIGNED, BODY, now - 301), Err(Reason::Future(301)));
        assert_eq!(check("1614265330", SIGNED, b"{}", now), Err(Reason::Mismatch));
        assert_eq!(check("+1614265330", SIGNED, BODY, now), Err(Reason::Timestamp));
        let unreadable = Err(Reason::Unreadable("webhook-signature"));
        assert_eq!(check("1614265330", "", BODY, now), unreadable);
    }
}
