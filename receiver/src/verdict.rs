//! What came of checking a capture's signature, and the mistake that explains it.

use hooklab_shared::bin::Verify;
use hooklab_shared::capture::{Capture, SignatureVerdict};
use hooklab_shared::forwarded::origin;
use hooklab_shared::id::BinName;
use hooklab_shared::signature::{Cause, Request, Secret, Verdict, verify, why_not};

/// Checks a capture as of the moment it came. `base` is the capture listener's origin: its scheme
/// is part of the URL that some schemes sign.
pub(crate) fn verdict(verifying: &Verify, capture: &Capture, base: &str) -> SignatureVerdict {
    let Verify { scheme, tolerance_secs, .. } = *verifying;
    let now = capture.received_at.as_secs();
    let found = asked(capture, base, |request| {
        verify(scheme, &verifying.keys(), request, now, tolerance_secs)
    });
    let mut told = found.told(scheme);
    told.reason = told.reason.map(|reason| format!("failed to {reason}"));
    told
}

/// The same, with the known mistakes that explain it in the place of a bare mismatch. `known` are
/// the secrets of other bins. May take a second: keep it off the runtime.
pub(crate) fn explained(
    verifying: &Verify,
    capture: &Capture,
    base: &str,
    known: &[(BinName, Secret)],
) -> SignatureVerdict {
    let mut told = verdict(verifying, capture, base);
    if told.verdict == Verdict::Valid.told(verifying.scheme).verdict {
        return told;
    }
    let Verify { scheme, tolerance_secs, .. } = *verifying;
    let mut keys = verifying.keys();
    keys.known = known.iter().map(|(_, secret)| secret.clone()).collect();
    let now = capture.received_at.as_secs();
    let causes =
        asked(capture, base, |request| why_not(scheme, &keys, request, now, tolerance_secs));
    if !causes.is_empty() {
        let causes: Vec<String> = causes.iter().map(|cause| tell(cause, known)).collect();
        told.reason = Some(causes.join("; "));
    }
    told
}

fn tell(cause: &Cause, known: &[(BinName, Secret)]) -> String {
    match cause {
        Cause::OtherSecret(place) => match known.get(*place) {
            Some((bin, _)) => format!("it is signed with the secret of bin `{bin}`"),
            None => cause.to_string(),
        },
        other => other.to_string(),
    }
}

fn asked<T>(capture: &Capture, base: &str, look: impl FnOnce(&Request<'_>) -> T) -> T {
    let headers: Vec<_> = capture.head.fields().collect();
    let url = url(capture, base);
    let body = capture.body.decoded();
    look(&Request { method: capture.head.method(), url: &url, headers: &headers, body: &body })
}

/// The URL as the sender knew it: the host that it named, not the one that we listen on, and what
/// a proxy says that it was asked, if it was believed when it told the client.
fn url(capture: &Capture, base: &str) -> Vec<u8> {
    let target = capture.head.target();
    if !target.starts_with(b"/") {
        return target.to_vec();
    }
    let (scheme, own) = base.split_once("://").unwrap_or(("http", base));
    let own = capture.head.field("host").unwrap_or(own.as_bytes());
    let told = capture.client.map(|_| origin(&capture.head)).unwrap_or_default();
    [told.0.unwrap_or(scheme).as_bytes(), b"://", told.1.unwrap_or(own), target].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::capture;

    fn verifying(json: &str) -> Verify {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_verdict_says_which_mistake_was_made() {
        let shopify = verifying(r#"{"scheme":"github","secrets":["It's a Secret to Everybody"]}"#);
        let signed = |value: &str| {
            let head =
                format!("POST /a HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: {value}\r\n\r\n");
            capture("a", &head, "Hello, World!")
        };
        let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let told = explained(&shopify, &signed(good), "http://x", &[]);
        assert_eq!((&*told.verdict, told.reason), ("valid", None));
        let base64 = "sha256=dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc=";
        let told = explained(&shopify, &signed(base64), "http://x", &[]);
        assert_eq!(told.verdict, "invalid");
        assert!(told.reason.unwrap().contains("base64"));
        let other = verifying(r#"{"scheme":"github","secrets":["another"]}"#);
        let known = [("shop".parse().unwrap(), Secret::from_text("It's a Secret to Everybody"))];
        let told = explained(&other, &signed(good), "http://x", &known);
        assert_eq!(told.reason.unwrap(), "it is signed with the secret of bin `shop`");
        let told = verdict(&other, &signed(good), "http://x");
        assert!(told.reason.unwrap().starts_with("failed to match"));
    }

    #[test]
    fn the_url_is_the_one_that_the_sender_knew() {
        let with =
            |head: &str| String::from_utf8(url(&capture("a", head, ""), "https://own:1")).unwrap();
        assert_eq!(
            with("GET /a?x=1 HTTP/1.1\r\nHost: hooks.test\r\n\r\n"),
            "https://hooks.test/a?x=1"
        );
        assert_eq!(with("GET /a HTTP/1.0\r\n\r\n"), "https://own:1/a");
        assert_eq!(with("GET http://b/a HTTP/1.1\r\nHost: b\r\n\r\n"), "http://b/a");
    }

    #[test]
    fn a_proxy_that_is_believed_says_what_it_was_asked() {
        let with = |client: Option<&str>, fields: &str| {
            let head = format!("POST /a HTTP/1.1\r\nHost: inner:1\r\n{fields}\r\n");
            let client = client.map(|client| client.parse().unwrap());
            let capture = Capture { client, ..capture("a", &head, "") };
            String::from_utf8(url(&capture, "http://own:1")).unwrap()
        };
        let known = Some("203.0.113.7");
        let https = "X-Forwarded-Proto: HTTPS\r\n";
        assert_eq!(with(known, https), "https://inner:1/a");
        assert_eq!(with(None, https), "http://inner:1/a", "anyone may write that");
        let host = "X-Forwarded-Proto: https, http\r\nX-Forwarded-Host: hooks.test\r\n";
        assert_eq!(with(known, host), "https://hooks.test/a");
        assert_eq!(
            with(known, "X-Forwarded-Proto: ftp\r\nX-Forwarded-Host:\r\n"),
            "http://inner:1/a"
        );
        assert_eq!(with(known, ""), "http://inner:1/a");
    }
}
