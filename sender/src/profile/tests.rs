//! Every profile as it goes out, to the byte.

use hooklab_shared::signature::{Request, Verdict, verify};

use super::*;

const AT: i64 = 1_790_000_005;

fn event() -> Event {
    Event {
        id: "evt_0199aabbccdd7eee8fff001122334455".into(),
        kind: "payment_received".into(),
        created_at: Timestamp::from_micros(1_790_000_000_123_456),
        payload: r#"{"b":1.10,"type":"x","a":12345678901234567890123}"#.into(),
    }
}

/// The head's lines after the request line, and the body.
fn told(profile: Profile, keys: &Keys, scheme: Option<Scheme>) -> (Vec<String>, String) {
    let target = Url::parse("https://127.0.0.1:4665/orders?x=1").unwrap();
    let sending = Sending {
        method: "POST",
        target: &target,
        at: Timestamp::from_micros(AT * 1_000_000 + 999_999),
        n: 1,
        keys,
        scheme,
        content_type: None,
        user_agent: "hooklab/0.1.0",
    };
    let Wire { fields, body } = wire(profile, &event(), &sending).unwrap();
    if let Some(scheme) = scheme.or_else(|| super::scheme(profile))
        && !keys.secrets.is_empty()
    {
        let headers: Vec<_> = fields.iter().map(|(name, value)| (name.as_bytes(), value)).collect();
        let url = target.as_str().as_bytes();
        let request = Request { method: b"POST", url, headers: &headers, body: &body };
        assert_eq!(verify(scheme, keys, &request, AT, 300), Verdict::Valid, "{profile:?}");
    }
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (fields.iter().map(|(n, v)| format!("{n}: {}", text(v))).collect(), text(&body))
}

fn key(profile: Profile) -> Keys {
    Keys::from(generated(profile, &[7; 32]).unwrap())
}

const PAYLOAD: &str = r#"{"b":1.10,"type":"x","a":12345678901234567890123}"#;

#[test]
fn standard_webhooks() {
    let keys = key(Profile::StandardWebhooks);
    let (head, body) = told(Profile::StandardWebhooks, &keys, None);
    assert_eq!(
        body,
        format!(
            "{{\"type\":\"payment_received\",\"timestamp\":\"2026-09-21T14:13:20.123456Z\",\
             \"data\":{PAYLOAD}}}"
        )
    );
    let want = [
        "host: 127.0.0.1:4665",
        "user-agent: hooklab/0.1.0",
        "content-type: application/json",
        "content-length: 126",
        "webhook-id: evt_0199aabbccdd7eee8fff001122334455",
        "webhook-timestamp: 1790000005",
    ];
    assert_eq!(head[..6], want);
    assert!(head[6].starts_with("webhook-signature: v1,") && head.len() == 7, "{head:?}");
    let (unsigned, _) = told(Profile::StandardWebhooks, &Keys::default(), None);
    assert_eq!(unsigned[..], want);
}

#[test]
fn github() {
    let keys = Keys::from(Secret::from_text("It's a Secret to Everybody"));
    let (head, body) = told(Profile::Github, &keys, None);
    assert_eq!(body, PAYLOAD);
    let want = [
        "Host: 127.0.0.1:4665",
        "User-Agent: GitHub-Hookshot/044aadd",
        "Content-Length: 49",
        "Accept: */*",
        "Content-Type: application/json",
        "X-GitHub-Delivery: 0199aabb-ccdd-7eee-8fff-001122334455",
        "X-GitHub-Event: payment_received",
        "X-GitHub-Hook-ID: 292430182",
        "X-GitHub-Hook-Installation-Target-ID: 79929171",
        "X-GitHub-Hook-Installation-Target-Type: repository",
    ];
    assert_eq!(head[..10], want);
    assert!(head[10].starts_with("X-Hub-Signature: sha1="), "{head:?}");
    assert!(head[11].starts_with("X-Hub-Signature-256: sha256="), "{head:?}");
    assert_eq!(told(Profile::Github, &Keys::default(), None).0[..], want);
}

#[test]
fn stripe() {
    let (head, body) = told(Profile::Stripe, &key(Profile::Stripe), None);
    let want = format!(
        "{{\n  \"id\": \"evt_0199aabbccdd7eee8fff001122334455\",\n  \"object\": \"event\",\n  \
         \"api_version\": \"2024-06-20\",\n  \"created\": 1790000000,\n  \"data\": {{\n    \
         \"object\": {PAYLOAD}\n  }},\n  \"livemode\": false,\n  \"pending_webhooks\": 1,\n  \
         \"request\": {{\n    \"id\": null,\n    \"idempotency_key\": null\n  }},\n  \
         \"type\": \"payment_received\"\n}}"
    );
    assert_eq!(body, want);
    assert_eq!(
        head[..6],
        [
            "Host: 127.0.0.1:4665",
            "User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            &format!("Content-Length: {}", want.len()),
            "Accept: */*; q=0.5, application/xml",
            "Cache-Control: no-cache",
            "Content-Type: application/json; charset=utf-8",
        ]
    );
    assert!(head[6].starts_with("Stripe-Signature: t=1790000005,v1="), "{head:?}");
}

#[test]
fn slack() {
    let (head, body) = told(Profile::Slack, &key(Profile::Slack), None);
    assert_eq!(
        body,
        "{\"token\":\"hooklab\",\"team_id\":\"T0HOOKLAB0\",\"api_app_id\":\"A0HOOKLAB0\",\
         \"event\":{\"type\":\"payment_received\",\"b\":1.1,\"a\":1.2345678901234568e+22},\
         \"type\":\"event_callback\",\"event_id\":\"evt_0199aabbccdd7eee8fff001122334455\",\
         \"event_time\":1790000000}"
    );
    assert_eq!(
        head[..7],
        [
            "Host: 127.0.0.1:4665",
            "User-Agent: Slackbot 1.0 (+https://api.slack.com/robots)",
            &format!("Content-Length: {}", body.len()),
            "Accept: */*",
            "Accept-Encoding: gzip,deflate",
            "Content-Type: application/json",
            "X-Slack-Request-Timestamp: 1790000005",
        ]
    );
    assert!(head[7].starts_with("X-Slack-Signature: v0="), "{head:?}");
    assert!(names(Profile::Slack).contains(&"X-Slack-Retry-Num"));
}

#[test]
fn shopify() {
    let (head, body) = told(Profile::Shopify, &key(Profile::Shopify), None);
    assert_eq!(body, PAYLOAD);
    let (signature, others): (Vec<_>, Vec<_>) =
        head.into_iter().partition(|line| line.starts_with("X-Shopify-Hmac-Sha256: "));
    assert_eq!(signature.len(), 1);
    assert_eq!(
        others,
        [
            "Host: 127.0.0.1:4665",
            "User-Agent: Shopify-Captain-Hook",
            "Content-Length: 49",
            "Accept: */*",
            "Accept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
            "Content-Type: application/json",
            "X-Shopify-API-Version: 2025-01",
            "X-Shopify-Event-Id: 0199aabb-ccdd-7eee-8fff-001122334455",
            "X-Shopify-Shop-Domain: hooklab.myshopify.com",
            "X-Shopify-Topic: payment_received",
            "X-Shopify-Triggered-At: 2026-09-21T14:13:20.123456Z",
            "X-Shopify-Webhook-Id: 0199aabb-ccdd-7eee-8fff-001122334455",
        ]
    );
}

#[test]
fn ultimate_multisite() {
    let (head, body) = told(Profile::UltimateMultisite, &Keys::default(), None);
    assert_eq!(body, r#"{"b":1.1,"type":"x","a":1.2345678901234568e+22,"wu_version":"2.4.13"}"#);
    assert_eq!(
        head,
        [
            "Host: 127.0.0.1:4665",
            "User-Agent: WordPress/6.9; https://network.example",
            "Accept: */*",
            "Accept-Encoding: deflate, gzip, br",
            "Content-Type: application/json",
            "Connection: close",
            "Content-Length: 69",
        ]
    );
}

#[test]
fn plain_is_signed_by_the_scheme_that_is_named() {
    let (head, body) = told(Profile::Plain, &Keys::default(), None);
    assert_eq!(body, PAYLOAD);
    let want = [
        "Host: 127.0.0.1:4665",
        "User-Agent: hooklab/0.1.0",
        "Content-Type: application/json",
        "Content-Length: 49",
    ];
    assert_eq!(head, want);
    for scheme in Scheme::ALL.into_iter().filter(|scheme| *scheme != Scheme::Twilio) {
        let (head, _) = told(Profile::Plain, &key(Profile::StandardWebhooks), Some(scheme));
        assert_eq!(head[..4], want);
        assert!(head.len() > 4, "{scheme}");
    }
}

#[test]
fn secrets_have_their_providers_form() {
    let revealed = |profile| generated(profile, &[0xab; 32]).unwrap().reveal();
    assert!(revealed(Profile::StandardWebhooks).starts_with("whsec_q6ur"));
    assert_eq!(revealed(Profile::Stripe), format!("whsec_{}", "ab".repeat(32)));
    assert_eq!(revealed(Profile::Github), "ab".repeat(32));
    for profile in Profile::ALL {
        let text = revealed(profile);
        assert_eq!(secret(profile, &text).unwrap().reveal(), text);
    }
    assert!(secret(Profile::StandardWebhooks, "hush").is_err());
    assert!(secret(Profile::Github, "hush").is_ok());
}

#[test]
fn what_cannot_be_signed_says_why() {
    let target = Url::parse("http://127.0.0.1/").unwrap();
    let keys = Keys::from(Secret::from_text("no base64!"));
    let sending = Sending {
        method: "POST",
        target: &target,
        at: Timestamp::from_micros(0),
        n: 1,
        keys: &keys,
        scheme: None,
        content_type: None,
        user_agent: "h",
    };
    assert!(matches!(
        wire(Profile::StandardWebhooks, &event(), &sending),
        Err(Reason::Key(BadSecret::NotBase64))
    ));
}

#[test]
fn an_old_secret_of_another_profile_spoils_nothing() {
    let new = Secret::parse("whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").unwrap();
    let old = Secret::shared("mysecret").unwrap();
    let both = Keys { secrets: vec![new.clone(), old], ..Keys::default() };
    let usable = usable(Profile::StandardWebhooks, &both);
    assert_eq!(usable.secrets, [new]);
    assert_eq!(super::usable(Profile::Github, &both).secrets.len(), 2);
    told(Profile::StandardWebhooks, &usable, None);
}
