//! Every cause, provoked and named.

use super::super::mac::{Hash, hmac};
use super::super::{Escapes, Message, Secret, Style, sign, twilio};
use super::*;

const AT: i64 = 1_674_087_231;
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PAIR: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ\
                    6p9lMicMFs6Kvg==";

/// Signs one body and sends another, then asks why.
struct Case<'a> {
    scheme: Scheme,
    keys: Keys,
    signed: &'a [u8],
    sent: &'a [u8],
    signed_url: &'a str,
    url: &'a str,
    at: i64,
}

impl<'a> Case<'a> {
    fn new(scheme: Scheme, secret: &str) -> Self {
        let url = "https://h.example/x?a=b";
        let keys = Keys::from(Secret::from_text(secret));
        Self { scheme, keys, signed: b"{}", sent: b"{}", signed_url: url, url, at: AT }
    }

    fn bodies(self, signed: &'a [u8], sent: &'a [u8]) -> Self {
        Self { signed, sent, ..self }
    }

    fn fields(&self, secret: &str) -> Vec<(&'static str, String)> {
        let message = Message {
            method: b"POST",
            url: self.signed_url.as_bytes(),
            headers: &[],
            body: self.signed,
            id: "msg_1",
            timestamp: self.at,
        };
        sign(self.scheme, &Keys::from(Secret::from_text(secret)), &message).unwrap()
    }

    /// The causes when this secret signs.
    fn why(&self, secret: &str) -> Vec<Cause> {
        self.why_with(&self.fields(secret))
    }

    fn why_with(&self, fields: &[(&'static str, String)]) -> Vec<Cause> {
        let headers: Vec<_> = fields.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
        let url = self.url.as_bytes();
        let request = Request { method: b"POST", url, headers: &headers, body: self.sent };
        why_not(self.scheme, &self.keys, &request, AT, 300)
    }

    /// The causes when the signature's field holds this instead.
    fn why_value(&self, value: String) -> Vec<Cause> {
        let mut fields = self.fields(&self.keys.secrets[0].reveal());
        fields.last_mut().unwrap().1 = value;
        self.why_with(&fields)
    }
}

fn sha256_of(secret: &str, parts: &[&[u8]]) -> Vec<u8> {
    hmac(Hash::Sha256, secret.as_bytes(), parts.iter().copied())
}

#[test]
fn what_verifies_has_no_cause() {
    for scheme in Scheme::ALL.into_iter().filter(|scheme| *scheme != Scheme::Twilio) {
        assert_eq!(Case::new(scheme, WHSEC).why(WHSEC), [], "{scheme}");
    }
}

#[test]
fn a_body_that_was_written_again_is_named() {
    let json = |style, sorted, escapes| Rewrite::Json { style, sorted, escapes };
    let plain = |style| json(style, false, Escapes::AsIs);
    let compact = r#"{"b":[1.0,1e2,{}],"a":{"x":[]}}"#;
    let indented2 =
        "{\n  \"b\": [\n    1.0,\n    1e2,\n    {}\n  ],\n  \"a\": {\n    \"x\": []\n  }\n}";
    let indented4 = indented2.replace("  ", "    ");
    let tabs = indented2.replace("  ", "\t");
    let spaced = r#"{"b": [1.0, 1e2, {}], "a": {"x": []}}"#;
    let sorted = r#"{"a":{"x":[]},"b":[1.0,1e2,{}]}"#;
    let raw = r#"{"u":"http://h/<é>&😀","n": 9007199254740993}"#;
    let both = r#"{"u":"http:\/\/h\/<\u00e9>&\ud83d\ude00","n": 9007199254740993}"#;
    let cases = [
        (compact, indented2, plain(Style::Compact)),
        (spaced, compact, plain(Style::Spaced)),
        (indented2, compact, plain(Style::Indented2)),
        (&indented4, compact, plain(Style::Indented4)),
        (&tabs, spaced, plain(Style::Tabs)),
        (sorted, compact, json(Style::Compact, true, Escapes::AsIs)),
        (sorted, indented2, json(Style::Compact, true, Escapes::AsIs)),
        (r#"{"u":"a\/b"}"#, r#"{"u":"a/b"}"#, json(Style::AsIs, false, Escapes::Slashes)),
        (r#"{"u":"a/b"}"#, r#"{"u":"a\/b"}"#, json(Style::AsIs, false, Escapes::Plain)),
        (r#"{"u":"\u00e9"}"#, r#"{"u":"é"}"#, json(Style::AsIs, false, Escapes::Unicode)),
        (r#"{"u":"é"}"#, r#"{"u":"\u00e9"}"#, json(Style::AsIs, false, Escapes::Plain)),
        (r#"{"u":"\u003cb"}"#, r#"{"u":"<b"}"#, json(Style::AsIs, false, Escapes::Html)),
        (both, raw, json(Style::AsIs, false, Escapes::SlashesAndUnicode)),
        (raw, both, json(Style::AsIs, false, Escapes::Plain)),
        ("{}\n", "{}", Rewrite::WithNewline),
        ("{}", "{}\n", Rewrite::WithoutNewline),
        ("{}", "{}\r\n", Rewrite::WithoutNewline),
        ("{}\r\n", "{}", Rewrite::WithCrlf),
        ("a\r\nb", "a\nb", Rewrite::LfAsCrlf),
        ("a\nb", "a\r\nb", Rewrite::CrlfAsLf),
        ("a", " a\t", Rewrite::Trimmed),
        ("\u{feff}a", "a", Rewrite::WithMark),
        ("a", "\u{feff}a", Rewrite::WithoutMark),
    ];
    for (signed, sent, rewrite) in cases {
        let (signed, sent) = (signed.as_bytes(), sent.as_bytes());
        for scheme in [Scheme::StandardWebhooks, Scheme::Github, Scheme::HttpMessage] {
            let case = Case::new(scheme, WHSEC).bodies(signed, sent);
            assert_eq!(case.why(WHSEC), [Cause::Body(rewrite)], "{scheme} {rewrite}");
        }
        let signed_url = twilio::url_with_digest("http://h/", signed);
        let case =
            Case { signed_url: &signed_url, url: &signed_url, ..Case::new(Scheme::Twilio, "x") };
        assert_eq!(case.bodies(signed, sent).why("x"), [Cause::Body(rewrite)], "{rewrite}");
    }
}

#[test]
fn a_wrong_clock_is_named_beside_what_else_is_wrong() {
    let at = |at| Case { at, ..Case::new(Scheme::StandardWebhooks, WHSEC) };
    assert_eq!(at(AT - 301).why(WHSEC), [Cause::Stale(301)]);
    assert_eq!(at(AT + 301).why(WHSEC), [Cause::Future(301)]);
    assert_eq!(at(AT * 1000).why(WHSEC), [Cause::Milliseconds]);
    let both = at(AT - 301).bodies(b"{}", b"{}\n");
    assert_eq!(both.why(WHSEC), [Cause::Stale(301), Cause::Body(Rewrite::WithoutNewline)]);
    let stripe = Case { at: AT - 400, ..Case::new(Scheme::Stripe, WHSEC) };
    assert_eq!(stripe.why(WHSEC), [Cause::Stale(400)]);
    let http = Case { at: AT - 400, ..Case::new(Scheme::HttpMessage, WHSEC) };
    assert_eq!(http.why(WHSEC), [Cause::Stale(400)]);
    let mut fields = at(AT).fields(WHSEC);
    fields[1].1 = "2023-01-19T00:13:51Z".into();
    assert_eq!(at(AT).why_with(&fields), [Cause::TimestampForm]);
}

#[test]
fn milliseconds_in_the_signature_alone_are_named() {
    let case = Case::new(Scheme::Slack, "hush");
    let made = sha256_of("hush", &[b"v0:1674087231000:{}"]);
    let value = format!("v0={}", Encoding::Hex.encode(&made));
    assert_eq!(case.why_value(value), [Cause::Milliseconds]);
    let late = sha256_of("hush", &[b"v0:1674087231:{}"]);
    let fields = [
        ("X-Slack-Request-Timestamp", "1674087231000".to_owned()),
        ("X-Slack-Signature", format!("v0={}", Encoding::Hex.encode(&late))),
    ];
    assert_eq!(case.why_with(&fields), [Cause::Milliseconds]);
}

#[test]
fn other_encodings_and_prefixes_are_named() {
    let made = sha256_of("hush", &[b"{}"]);
    let github = Case::new(Scheme::Github, "hush");
    for encoding in [Encoding::UpperHex, Encoding::Base64, Encoding::UnpaddedBase64] {
        let value = format!("sha256={}", encoding.encode(&made));
        assert_eq!(github.why_value(value), [Cause::Encoding(encoding)]);
    }
    let shopify = Case::new(Scheme::Shopify, "hush");
    assert_eq!(shopify.why_value(Encoding::Hex.encode(&made)), [Cause::Encoding(Encoding::Hex)]);
    let url = Encoding::UrlBase64.encode(&sha256_of("hush", &[b"[4]"]));
    assert!(url.contains(['-', '_']), "{url}");
    let shopify = shopify.bodies(b"[4]", b"[4]");
    assert_eq!(shopify.why_value(url.clone()), [Cause::Encoding(Encoding::UrlBase64)]);
    assert_eq!(shopify.why_value(url + "="), [Cause::Encoding(Encoding::UrlBase64)]);
    assert_eq!(github.why_value(Encoding::Hex.encode(&made)), [Cause::Prefix]);
    let value = format!("sha1={}", Encoding::Hex.encode(&made));
    assert_eq!(github.why_value(value), [Cause::Prefix]);
    let value = Encoding::Base64.encode(&made);
    assert_eq!(github.why_value(value), [Cause::Encoding(Encoding::Base64), Cause::Prefix]);
    let webhook = Case::new(Scheme::StandardWebhooks, WHSEC);
    let bare = webhook.fields(WHSEC).pop().unwrap().1.replace("v1,", "");
    assert_eq!(webhook.why_value(bare), [Cause::Prefix]);
}

#[test]
fn other_readings_of_the_secret_are_named() {
    let webhook = Case::new(Scheme::StandardWebhooks, WHSEC);
    let signed = |secret: &str| {
        let made = sha256_of(secret, &[b"msg_1.1674087231.{}"]);
        format!("v1,{}", Encoding::Base64.encode(&made))
    };
    assert_eq!(webhook.why_value(signed(WHSEC)), [Cause::SecretForm(Form::Text)]);
    let stripped = webhook.why_value(signed(&WHSEC[6..]));
    assert_eq!(stripped, [Cause::SecretForm(Form::Stripped)]);
    let newline = webhook.why_value(signed(&format!("{WHSEC}\n")));
    assert_eq!(newline, [Cause::SecretForm(Form::Newline)]);
    let decoded = Secret::from_text(WHSEC);
    let key = decoded.key(Form::Decoded).unwrap();
    let made = hmac(Hash::Sha256, &key, [&b"1674087231.{}"[..]].into_iter());
    let value = format!("t=1674087231,v1={}", Encoding::Hex.encode(&made));
    let stripe = Case::new(Scheme::Stripe, WHSEC);
    assert_eq!(stripe.why_value(value), [Cause::SecretForm(Form::Decoded)]);
    let github = Case::new(Scheme::Github, "68757368");
    assert_eq!(github.why("hush"), [Cause::SecretForm(Form::Hex)]);
    let http = Case::new(Scheme::HttpMessage, "68757368");
    assert_eq!(http.why("hush"), [Cause::SecretForm(Form::Hex)]);
}

#[test]
fn another_known_secret_is_named() {
    for scheme in Scheme::ALL.into_iter().filter(|scheme| *scheme != Scheme::Twilio) {
        let mut case = Case::new(scheme, WHSEC);
        let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        case.keys.known = vec![Secret::from_text(PAIR), Secret::from_text(other)];
        assert_eq!(case.why(other), [Cause::OtherSecret(1)], "{scheme}");
        let both = Case { sent: b"{}\n", ..case };
        let causes = both.why(other);
        let rewritten = Cause::Body(Rewrite::WithoutNewline);
        match scheme {
            // The digest is in the signature, so only the secret shows.
            Scheme::HttpMessage => assert_eq!(causes, [Cause::OtherSecret(1)]),
            _ => assert_eq!(causes, [rewritten, Cause::OtherSecret(1)], "{scheme}"),
        }
        if scheme.shape().ed25519 {
            let both = Case { sent: b"{}", ..both };
            assert_eq!(both.why(PAIR), [Cause::OtherSecret(0)], "{scheme}");
        }
    }
}

#[test]
fn another_scheme_is_named() {
    for (told, used) in [
        (Scheme::Github, Scheme::Shopify),
        (Scheme::StandardWebhooks, Scheme::Svix),
        (Scheme::Svix, Scheme::Stripe),
        (Scheme::Stripe, Scheme::HttpMessage),
        (Scheme::Github, Scheme::GithubSha1),
        (Scheme::HttpMessage, Scheme::Linear),
    ] {
        let fields = Case::new(used, WHSEC).fields(WHSEC);
        let causes = Case::new(told, WHSEC).why_with(&fields);
        assert_eq!(causes, [Cause::OtherScheme(used)], "{told}");
    }
}

#[test]
fn what_was_signed_otherwise_is_named() {
    let webhook = |content: &str| {
        let key = Secret::from_text(WHSEC);
        let key = key.key(Form::Decoded).unwrap();
        let made = hmac(Hash::Sha256, &key, [content.as_bytes()].into_iter());
        let value = format!("v1,{}", Encoding::Base64.encode(&made));
        Case::new(Scheme::StandardWebhooks, WHSEC).why_value(value)
    };
    assert_eq!(webhook("{}"), [Cause::BodyOnly]);
    assert_eq!(webhook("1674087231.{}"), [Cause::Omitted("id")]);
    assert_eq!(webhook("msg_1.{}"), [Cause::Omitted("timestamp")]);
    for separator in ["", ":", ",", "\n", "-", "|", " "] {
        let content = ["msg_1", "1674087231", "{}"].join(separator);
        assert_eq!(webhook(&content), [Cause::Separator(separator)], "{separator:?}");
    }
    let both = webhook("msg_1:1674087231:{}\n");
    assert_eq!(both, [Cause::Body(Rewrite::WithNewline), Cause::Separator(":")]);
    let stripe = sha256_of("hush", &[b"{}"]);
    let value = format!("t=1674087231,v1={}", Encoding::Hex.encode(&stripe));
    assert_eq!(Case::new(Scheme::Stripe, "hush").why_value(value), [Cause::BodyOnly]);
    for scheme in [Scheme::Square, Scheme::Twilio] {
        let signed = if scheme == Scheme::Twilio { &b""[..] } else { b"{}" };
        let case = Case { url: "http://h.example/x?a=b", ..Case::new(scheme, "hush") };
        assert_eq!(case.bodies(signed, signed).why("hush"), [Cause::UrlScheme], "{scheme}");
    }
}

#[test]
fn fields_that_were_repeated_or_split_are_named() {
    let case = Case::new(Scheme::StandardWebhooks, WHSEC);
    let header = "webhook-signature";
    let fields = case.fields(WHSEC);
    let good = fields[2].1.clone();
    let mut twice = fields.clone();
    twice.insert(0, (header, "v1,AAAA".into()));
    assert_eq!(case.why_with(&twice), [Cause::Repeated(header)]);
    let mut ids = fields.clone();
    ids.push(("webhook-id", "msg_2".into()));
    assert_eq!(case.why_with(&ids), [Cause::Repeated("webhook-id")]);
    assert_eq!(case.why_value(format!("v1,AAAA,{good}")), [Cause::Split(header)]);
    let lines = [fields[0].clone(), fields[1].clone(), (header, "v1,AAAA".into())];
    let lines: Vec<_> = lines.into_iter().chain([(header, format!("v1,BBBB {good}"))]).collect();
    assert_eq!(case.why_with(&lines), [Cause::Repeated(header)]);
    let stripe = Case::new(Scheme::Stripe, WHSEC);
    let value = stripe.fields(WHSEC).pop().unwrap().1;
    let (time, mark) = value.split_once(',').unwrap();
    let header = "Stripe-Signature";
    let split = [(header, time.to_owned()), (header, mark.to_owned())];
    assert_eq!(stripe.why_with(&split), [Cause::Split(header)]);
    assert_eq!(stripe.why_value(value.replace(',', ", ")), [Cause::Split(header)]);
}

#[test]
fn what_nothing_explains_ends_within_its_bounds() {
    let body = format!("[{}\"http://é<\"]", "{\"b\":1,\"a\":[[[[]]]]},".repeat(50));
    let junk = "v1,AAAA ".repeat(8_000);
    for scheme in [Scheme::StandardWebhooks, Scheme::Square, Scheme::HttpMessage] {
        let mut case = Case::new(scheme, WHSEC).bodies(b"other", body.as_bytes());
        case.keys.known = (0..100).map(|n| Secret::from_text(&format!("known{n}"))).collect();
        assert_eq!(case.why("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"), [], "{scheme}");
        assert_eq!(case.why_value(junk.clone()), [], "{scheme}");
    }
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let case = Case::new(Scheme::Github, "hush").bodies(b"other", deep.as_bytes());
    assert_eq!(case.why("nobody"), []);
    let long = vec![b' '; Limits::WHY_NOT_BODY_BYTES_MAX + 1];
    let case = Case::new(Scheme::Github, "hush").bodies(b"", &long);
    assert_eq!(case.why("hush"), []);
}

#[test]
fn causes_read_as_sentences() {
    let told = Cause::Body(Rewrite::Json {
        style: Style::Compact,
        sorted: true,
        escapes: Escapes::Slashes,
    });
    assert_eq!(
        told.to_string(),
        "the body was written again on the way: what was signed is this JSON written compactly, \
         its keys sorted, with `/` as `\\/`; sign and verify the very bytes that are sent"
    );
    assert_eq!(
        Cause::OtherSecret(0).to_string(),
        "it is signed with another secret that is known, number 1"
    );
}
