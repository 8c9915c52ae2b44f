//! Every vector of `signature-vectors.json`, checked in both directions where it is a scheme's.

use serde_json::Value;

use super::mac::{Hash, ed25519_holds_bytes, from_hex, hmac};
use super::{Encoding, Keys, Message, Reason, Request, Scheme, Secret, Verdict, http_message};
use super::{sign, verify};

const VECTORS: &str = include_str!("../../data/signature-vectors.json");
const COMMON: &str = "{\"type\":\"contact.created\",\"timestamp\":\"2022-11-03T20:26:10.344522Z\",\
                      \"data\":{\"id\":\"1f81eb52-5198-4599-803e-771906343485\"}}";
const NOW: i64 = 1_674_087_231;

#[test]
fn every_vector_holds() {
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(vectors.len(), 25);
    for vector in &vectors {
        let vector = Vector(vector);
        match vector.text("name").split([' ', ':']).next().unwrap() {
            "SW" => vector.standard_webhooks(),
            "GitHub" => {
                vector.simple(Scheme::Github, "secret", "header");
                vector.simple(Scheme::GithubSha1, "secret", "legacy_sha1");
            }
            "Stripe-Signature" => vector.simple(Scheme::Stripe, "secret", "header"),
            "Slack" => vector.simple(Scheme::Slack, "secret", "header"),
            "Shopify" => vector.simple(Scheme::Shopify, "secret", "header"),
            "Twilio" => vector.twilio(),
            "Square" => vector.square(),
            "Zendesk" => vector.simple(Scheme::Zendesk, "secret", "header"),
            "Linear-Signature" => vector.simple(Scheme::Linear, "secret", "header"),
            "RFC9421" if vector.0["base"].is_string() && vector.published() => {
                vector.rfc9421_b25();
            }
            "RFC9421" => vector.rfc9421_fixture(),
            "RFC9530" => vector.content_digest(),
            "PagerDuty" => vector.hmac("secret", "body", "header", "v1="),
            "Zoom" => vector.hmac("secret", "plainToken", "encryptedToken", ""),
            "Twitter/X" => {
                let made = hmac_of(vector.text("secret"), &[vector.text("crc_token")]);
                let text = format!("sha256={}", Encoding::Base64.encode(&made));
                assert_eq!(text, vector.text("response_token"));
            }
            "WebSub" => {
                vector.hmac("secret", "body", "sha256", "sha256=");
                vector.simple(Scheme::GithubSha1, "secret", "sha1");
            }
            "Discord" => vector.discord(),
            "HubSpot" => {
                let ts = vector.0["ts"].to_string();
                let parts = [vector.text("method"), vector.text("uri"), vector.text("body"), &ts];
                let made = hmac_of(vector.text("secret"), &parts);
                assert_eq!(Encoding::Base64.encode(&made), vector.text("header"));
            }
            other => panic!("a vector that nothing checks: {other}"),
        }
    }
}

#[derive(Clone, Copy)]
struct Vector<'a>(&'a Value);

impl<'a> Vector<'a> {
    fn text(self, key: &str) -> &'a str {
        self.0[key].as_str().unwrap_or_else(|| panic!("{key} in {}", self.0["name"]))
    }

    fn published(self) -> bool {
        self.0["published"].as_bool().unwrap()
    }

    /// Some vectors hold a JSON string inside a string.
    fn unquoted(self, key: &str) -> String {
        let text = self.text(key);
        serde_json::from_str(text).unwrap_or_else(|_| text.to_owned())
    }

    fn standard_webhooks(self) {
        let secret = self.0["secret"].as_str().or(self.0["whsk"].as_str()).unwrap();
        let secret = Secret::parse(secret).unwrap();
        for scheme in [Scheme::StandardWebhooks, Scheme::Svix] {
            let keys = Keys::from(secret.clone());
            let message = Message {
                id: self.text("id"),
                timestamp: self.0["ts"].as_i64().unwrap(),
                body: self.text("body").as_bytes(),
                ..EMPTY
            };
            self.both_ways(scheme, &keys, &message, self.text("signature"));
            if let Some(public) = self.0["whpk"].as_str() {
                let fields = sign(scheme, &keys, &message).unwrap();
                let public = Keys::from(Secret::from_text(public));
                assert_eq!(self.verify(scheme, &public, &message, &fields), Verdict::Valid);
            }
        }
    }

    fn simple(self, scheme: Scheme, secret: &str, header: &str) {
        let keys = Keys::from(Secret::from_text(self.text(secret)));
        let body = self.unquoted("body");
        let ts = self.0["ts"].as_i64();
        let zendesk = self.0["timestamp"].as_str().map(|_| 1_616_648_967);
        let timestamp = ts.or(zendesk).unwrap_or(NOW);
        let message = Message { body: body.as_bytes(), timestamp, ..EMPTY };
        self.both_ways(scheme, &keys, &message, self.text(header));
    }

    fn twilio(self) {
        let keys = Keys::from(Secret::from_text("12345"));
        let form = [(&b"Content-Type"[..], &b"application/x-www-form-urlencoded"[..])];
        let json = [(&b"Content-Type"[..], &b"application/json"[..])];
        if let Some(params) = self.0["params"].as_str() {
            let body = params.replace('+', "%2B").replace(' ', "&");
            let url = self.text("url").as_bytes();
            let message = Message { url, headers: &form, body: body.as_bytes(), ..EMPTY };
            self.both_ways(Scheme::Twilio, &keys, &message, self.text("header"));
        } else {
            let (url, body) = (self.text("signed_string").as_bytes(), self.text("body").as_bytes());
            let message = Message { url, headers: &json, body, ..EMPTY };
            self.both_ways(Scheme::Twilio, &keys, &message, self.text("header"));
        }
    }

    fn square(self) {
        let keys = Keys::from(Secret::from_text(self.text("key")));
        let (url, body) = (self.text("url").as_bytes(), self.text("body").as_bytes());
        let message = Message { url, body, ..EMPTY };
        self.both_ways(Scheme::Square, &keys, &message, self.text("header"));
        let parts = [self.text("url").as_bytes(), self.text("body").as_bytes()];
        let sha1 = hmac(Hash::Sha1, self.text("key").as_bytes(), parts.into_iter());
        assert_eq!(Encoding::Base64.encode(&sha1), self.text("legacy_sha1_x_square_signature"));
    }

    fn rfc9421_b25(self) {
        let headers: [(&[u8], &[u8]); 4] = [
            (b"Date", b"Tue, 20 Apr 2021 02:07:55 GMT"),
            (b"Content-Type", b"application/json"),
            (b"Signature-Input", self.text("signature_input").as_bytes()),
            (b"Signature", self.text("signature").as_bytes()),
        ];
        let url = b"https://example.com/foo?param=Value&Pet=dog";
        let request = Request { method: b"POST", url, headers: &headers, body: b"" };
        let entry = http_message::read(&request).unwrap().unwrap().remove(0);
        assert_eq!(entry.base(&request).unwrap(), self.unquoted("base").as_bytes());
        let keys = shared_secret();
        let now = 1_618_884_473;
        assert_eq!(verify(Scheme::HttpMessage, &keys, &request, now, 300), Verdict::Valid);
        let request = Request { body: br#"{"hello": "world"}"#, ..request };
        let verdict = verify(Scheme::HttpMessage, &keys, &request, now, 300);
        assert_eq!(verdict, Verdict::Invalid(Reason::Uncovered("content-digest")));
    }

    fn rfc9421_fixture(self) {
        let digest = http_message::content_digest(COMMON.as_bytes());
        let headers: [(&[u8], &[u8]); 5] = [
            (b"content-type", b"application/json"),
            (b"content-digest", digest.as_bytes()),
            (b"webhook-id", b"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
            (b"signature-input", self.text("signature_input").as_bytes()),
            (b"signature", self.text("signature").as_bytes()),
        ];
        let url = b"https://consumer.example.com/hooks?x=1";
        let body = COMMON.as_bytes();
        let request = Request { method: b"POST", url, headers: &headers, body };
        let public = from_hex(PUBLIC_HEX.as_bytes()).unwrap();
        let public = format!("whpk_{}", Encoding::Base64.encode(&public));
        let ed25519 = self.text("name").contains("ed25519");
        let keys = if ed25519 { Keys::from(Secret::from_text(&public)) } else { shared_secret() };
        if ed25519 {
            assert_eq!(self.text("content_digest"), digest);
            let entry = http_message::read(&request).unwrap().unwrap().remove(0);
            assert_eq!(entry.base(&request).unwrap(), self.unquoted("base").as_bytes());
        }
        assert_eq!(verify(Scheme::HttpMessage, &keys, &request, NOW + 300, 300), Verdict::Valid);
        let late = verify(Scheme::HttpMessage, &keys, &request, NOW + 301, 300);
        assert_eq!(late, Verdict::Invalid(Reason::Expired(1)));
    }

    fn content_digest(self) {
        for kind in ["sha256", "sha512"] {
            let headers = [(&b"Content-Digest"[..], self.text(kind).as_bytes())];
            let body = self.text("body").as_bytes();
            let request = Request { method: b"POST", url: b"", headers: &headers, body };
            let digests = http_message::digests(&request).unwrap();
            assert!(digests.len() == 1 && digests[0].is_of(body), "{kind}");
            assert!(!digests[0].is_of(b""), "{kind}");
        }
    }

    fn discord(self) {
        assert_eq!(self.text("pub_hex"), PUBLIC_HEX);
        let key = from_hex(PUBLIC_HEX.as_bytes()).unwrap();
        let key = format!("whpk_{}", Encoding::Base64.encode(&key));
        let key = Secret::from_text(&key).verifying_key().unwrap();
        let content = self.text("ts").to_owned() + self.text("body");
        let signature = from_hex(self.text("header_X_Signature_Ed25519").as_bytes()).unwrap();
        assert!(ed25519_holds_bytes(&key, content.as_bytes(), &signature));
    }

    fn hmac(self, secret: &str, content: &str, header: &str, prefix: &str) {
        let made = hmac_of(self.text(secret), &[self.text(content)]);
        assert_eq!(prefix.to_owned() + &Encoding::Hex.encode(&made), self.text(header));
    }

    /// Signing gives the vector's value, and what was signed verifies.
    fn both_ways(self, scheme: Scheme, keys: &Keys, message: &Message<'_>, want: &str) {
        let fields = sign(scheme, keys, message).unwrap();
        assert_eq!(fields.last().unwrap().1, want, "{}", self.0["name"]);
        assert_eq!(self.verify(scheme, keys, message, &fields), Verdict::Valid, "{}", self.0);
    }

    fn verify(
        self,
        scheme: Scheme,
        keys: &Keys,
        message: &Message<'_>,
        fields: &[(&'static str, String)],
    ) -> Verdict {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let headers: Vec<_> = message.headers.iter().copied().chain(fields).collect();
        let request = Request { headers: &headers, ..message.request() };
        verify(scheme, keys, &request, message.timestamp, 0)
    }
}

/// The public half of RFC 9421's `test-key-ed25519`.
const PUBLIC_HEX: &str = "26b40b8f93fff3d897112f7ebc582b232dbd72517d082fe83cfb30ddce43d1bb";

const EMPTY: Message<'static> =
    Message { method: b"POST", url: b"", headers: &[], body: b"", id: "", timestamp: 0 };

/// RFC 9421's `test-shared-secret`.
fn shared_secret() -> Keys {
    let key = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMt\
               DQ==";
    Keys::from(Secret::parse(key).unwrap())
}

fn hmac_of(key: &str, parts: &[&str]) -> Vec<u8> {
    hmac(Hash::Sha256, key.as_bytes(), parts.iter().map(|part| part.as_bytes()))
}
