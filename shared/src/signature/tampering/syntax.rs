//! How fields are spelled: the one right way, the wrong ones, and what is no field at all.

use super::{PAIR, Sample};
use crate::signature::{Keys, Message, Reason, Request, Scheme, Secret, Verdict, sign, verify};

#[test]
fn timestamps_are_ascii_digits_or_refused() {
    let now = "1674087231";
    let bad = [
        "",
        " ",
        "123abc",
        "1.6e9",
        "1674087231.9",
        " 1674087231",
        "1674087231 ",
        "+1674087231",
        "-1674087231",
        "-1",
        "0x63c8a77f",
        "NaN",
        "Infinity",
        "１６７４０８７２３１",
        "1_674_087_231",
        "1674087231\n",
        "1674087231,1674087231",
        "2023-01-19T00:13:51Z",
        "9223372036854775808",
        "99999999999999999999999999",
        "1,674,087,231",
    ];
    for scheme in [Scheme::StandardWebhooks, Scheme::Svix, Scheme::Slack] {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let sample = Sample::of(scheme, secret);
        let name = scheme.shape().timestamp.unwrap();
        for bad in bad {
            let verdict = sample.with(name, bad.as_bytes()).verdict();
            assert_eq!(verdict, Verdict::Invalid(Reason::Timestamp), "{scheme} {bad:?}");
        }
        for far in ["0", "4102444800", "9223372036854775807", "1674087231000"] {
            let verdict = sample.with(name, far.as_bytes()).verdict();
            let refused = Verdict::Invalid(Reason::Stale(0));
            assert!(matches!(verdict, Verdict::Invalid(Reason::Stale(_) | Reason::Future(_))));
            assert_ne!(verdict, refused, "{scheme} {far}");
        }
        assert_eq!(sample.with(name, now.as_bytes()).verdict(), Verdict::Valid, "{scheme}");
    }
    let stripe = Sample::of(Scheme::Stripe, "hush");
    let good = String::from_utf8(stripe.clone().field("stripe-signature").clone()).unwrap();
    // What follows a comma is an item of its own.
    for bad in bad.into_iter().filter(|bad| !bad.contains(',')) {
        let value = good.replace(now, bad);
        assert_ne!(stripe.with("stripe-signature", value.as_bytes()).verdict(), Verdict::Valid);
    }
    let zendesk = Sample::of(Scheme::Zendesk, "hush");
    for bad in ["1674087231", "2023-01-19", "2023-01-19 00:13", "\u{ff12}", ""] {
        let name = Scheme::Zendesk.shape().timestamp.unwrap();
        let verdict = zendesk.with(name, bad.as_bytes()).verdict();
        assert_eq!(verdict, Verdict::Invalid(Reason::Timestamp), "{bad:?}");
    }
}

#[test]
fn a_good_entry_counts_whatever_stands_before_it() {
    for secret in ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", PAIR] {
        let mut sample = Sample::of(Scheme::StandardWebhooks, secret);
        let good = String::from_utf8(sample.field("webhook-signature").clone()).unwrap();
        let kind = good.split(',').next().unwrap().to_owned();
        let junk = [
            "v1",
            "v1,",
            ",",
            "v1,,",
            " ",
            "\t",
            "v2,AAAA",
            "v1a,AAAA",
            "v1,!!!!",
            "v1,é",
            "v0,AAAA",
            "sha256=00",
            "v1a,é",
        ];
        for junk in junk {
            let value = format!("{junk} {good}");
            assert_eq!(
                sample.with("webhook-signature", value.as_bytes()).verdict(),
                Verdict::Valid
            );
        }
        let many = format!("{kind},AAAA ").repeat(if kind == "v1" { 10_000 } else { 20 }) + &good;
        assert_eq!(sample.with("webhook-signature", many.as_bytes()).verdict(), Verdict::Valid);
        for other in ["v0", "v2", "V1", "v1b", "v11"] {
            let value = good.replace(&kind, other);
            let verdict = sample.with("webhook-signature", value.as_bytes()).verdict();
            assert_eq!(verdict, Verdict::Invalid(Reason::Unreadable("webhook-signature")));
        }
        let swapped = if kind == "v1" { "v1a" } else { "v1" };
        let value = good.replace(&kind, swapped);
        let verdict = sample.with("webhook-signature", value.as_bytes()).verdict();
        assert_eq!(verdict, Verdict::Invalid(Reason::Mismatch));
    }
}

#[test]
fn base64_and_hex_have_one_spelling() {
    let mut sample = Sample::of(Scheme::Shopify, "hush");
    let name = Scheme::Shopify.shape().header;
    let good = String::from_utf8(sample.field(name).clone()).unwrap();
    let url_safe = good.replace('+', "-").replace('/', "_");
    assert_ne!(url_safe, good);
    for other in
        [&url_safe, good.trim_end_matches('='), &(good.clone() + "\n"), &(good.clone() + "=")]
    {
        assert_ne!(sample.with(name, other.as_bytes()).verdict(), Verdict::Valid, "{other}");
    }
    let mut github = Sample::of(Scheme::Github, "hush");
    let name = Scheme::Github.shape().header;
    let good = String::from_utf8(github.field(name).clone()).unwrap();
    let upper = good.to_uppercase().replace("SHA256", "sha256");
    for other in [&upper, &good.replace("sha256=", "sha1="), &good.replace("sha256=", "")] {
        assert_ne!(github.with(name, other.as_bytes()).verdict(), Verdict::Valid, "{other}");
    }
}

#[test]
fn hostile_headers_are_refused_and_nothing_panics() {
    let long = vec![b'v'; 64 * 1024];
    let entries = b"v1,AAAA v1a,AAAA t=1,v1=00,".repeat(10_000);
    let labels: Vec<u8> = (0..10_000).flat_map(|n| format!("l{n}=:AA==:,").into_bytes()).collect();
    let lists: Vec<u8> = (0..10_000).flat_map(|n| format!("l{n}=(\"a\" ),").into_bytes()).collect();
    let components = [&b"sig1=("[..], &b"\"@method\" ".repeat(9_000), b")"].concat();
    let nested = b"(".repeat(60_000);
    let values = [
        &long[..],
        &entries,
        &labels,
        &lists,
        &components,
        &nested,
        b"",
        b"=",
        b",",
        b"\xff\xfe",
        b"t=",
        b"v1=",
        b"sha256=",
        b"\0",
        b"sig1=:!:",
        b"sig1=()",
        b"sig1=(;",
        b"?1",
    ];
    for sample in Sample::all() {
        for place in 0..sample.fields.len() {
            for value in values {
                let mut changed = sample.clone();
                changed.fields[place].1 = value.to_vec();
                let verdict = changed.verdict();
                let signed = place > 0 || sample.scheme == Scheme::HttpMessage;
                assert!(!signed || verdict != Verdict::Valid, "{} {place}", sample.scheme);
            }
        }
        for url in ["", "://", "http://", "h", "?", "#", "http://[", "http://h:/x", "é://é"] {
            let changed = Sample { url: url.into(), ..sample.clone() };
            let _ = changed.verdict();
        }
    }
}

#[test]
fn an_http_signature_binds_the_body_and_its_algorithm() {
    let mut sample = Sample::of(Scheme::HttpMessage, "hush");
    let mut body = sample.clone();
    body.body.push(b' ');
    assert_eq!(body.verdict(), Verdict::Invalid(Reason::Digest("Content-Digest")));
    let input = String::from_utf8(sample.field("signature-input").clone()).unwrap();
    let uncovered = input.replace(" \"content-digest\"", "");
    let verdict = sample.with("signature-input", uncovered.as_bytes()).verdict();
    assert_eq!(verdict, Verdict::Invalid(Reason::Uncovered("content-digest")));
    let swapped = input.replace("hmac-sha256", "ed25519");
    let verdict = sample.with("signature-input", swapped.as_bytes()).verdict();
    assert_eq!(verdict, Verdict::Invalid(Reason::Mismatch));
    let absent = input.replace("@method", "x-absent");
    let verdict = sample.with("signature-input", absent.as_bytes()).verdict();
    assert_eq!(verdict, Verdict::Invalid(Reason::Component("x-absent".into())));
    let other_label = input.replace("sig1", "sig2");
    let verdict = sample.with("signature-input", other_label.as_bytes()).verdict();
    assert_eq!(verdict, Verdict::Invalid(Reason::Unreadable("Signature")));
}

#[test]
fn a_twilio_signature_holds_with_and_without_the_port() {
    let form = b"application/x-www-form-urlencoded; charset=utf-8";
    let headers = [(&b"Content-Type"[..], &form[..])];
    let keys = Keys::from(Secret::from_text("12345"));
    let body = b"b=2&a=1&a=1&a=0&c=%E9+%2B&empty=&bare";
    let urls = ["https://h.example/x?a=b", "https://h.example:443/x?a=b"];
    for (signed, sent) in [(urls[0], urls[1]), (urls[1], urls[0])] {
        let url = signed.as_bytes();
        let message =
            Message { method: b"POST", url, headers: &headers, body, id: "", timestamp: 0 };
        let (name, value) = sign(Scheme::Twilio, &keys, &message).unwrap().remove(0);
        let fields = [headers[0], (name.as_bytes(), value.as_bytes())];
        let verdict = |sent: &str, body| {
            let url = sent.as_bytes();
            let request = Request { method: b"POST", url, headers: &fields, body };
            verify(Scheme::Twilio, &keys, &request, 0, 300)
        };
        assert_eq!(verdict(sent, body), Verdict::Valid);
        let reordered = b"a=0&a=1&b=2&bare=&c=%e9%20%2b&empty";
        assert_eq!(verdict(sent, reordered), Verdict::Valid);
        assert_ne!(verdict("https://h.example:8443/x?a=c", body), Verdict::Valid);
        assert_ne!(verdict(sent, b"a=0&a=1&b=2&bare=&c=%e9%20%2b"), Verdict::Valid);
    }
}

#[test]
fn what_cannot_sign_says_so() {
    let message =
        Message { method: b"POST", url: b"", headers: &[], body: b"{}", id: "", timestamp: 0 };
    for scheme in Scheme::ALL {
        assert_eq!(sign(scheme, &Keys::default(), &message), Err(Reason::NoKey), "{scheme}");
    }
    let public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    for scheme in [Scheme::StandardWebhooks, Scheme::Svix, Scheme::HttpMessage] {
        let refused = sign(scheme, &Keys::from(Secret::from_text(public)), &message);
        assert!(matches!(refused, Err(Reason::Key(_))), "{scheme}");
    }
    let keys = Keys::from(Secret::from_text("hush"));
    assert!(matches!(sign(Scheme::StandardWebhooks, &keys, &message), Err(Reason::Key(_))));
    let refused = sign(Scheme::Twilio, &keys, &message);
    assert_eq!(refused, Err(Reason::Uncovered("bodySHA256")));
}

#[test]
fn a_value_that_can_be_no_signature_is_told_from_a_wrong_one() {
    for (scheme, header, prefix, wrong) in [
        (Scheme::Github, "X-Hub-Signature-256", "sha256=", "00".repeat(32)),
        (Scheme::GithubSha1, "X-Hub-Signature", "sha1=", "00".repeat(20)),
        (Scheme::Shopify, "X-Shopify-Hmac-Sha256", "", format!("{}=", "A".repeat(43))),
    ] {
        let verdict = |mark: &str| {
            let sample = Sample::of(scheme, "hush");
            sample.with(header, format!("{prefix}{mark}").as_bytes()).verdict()
        };
        assert_eq!(verdict(&wrong), Verdict::Invalid(Reason::Mismatch), "{scheme}");
        for malformed in ["zz", "00", "AAAA"] {
            let unreadable = Verdict::Invalid(Reason::Unreadable(header));
            assert_eq!(verdict(malformed), unreadable, "{scheme} {malformed}");
        }
    }
}
