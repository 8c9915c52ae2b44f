//! What was changed, is old, or is no header at all: refused, and never a panic.

mod syntax;

use super::{Keys, Message, Reason, Request, Scheme, Secret, Verdict, sign, verify};

const AT: i64 = 1_674_087_231;
const PAIR: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ\
                    6p9lMicMFs6Kvg==";

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// A signed request that a test may change.
#[derive(Clone)]
struct Sample {
    scheme: Scheme,
    keys: Keys,
    url: String,
    fields: Fields,
    body: Vec<u8>,
}

impl Sample {
    fn of(scheme: Scheme, secret: &str) -> Self {
        let keys = Keys::from(Secret::from_text(secret));
        let body = match scheme {
            Scheme::Linear => br#"{"webhookTimestamp":1674087231000}"#.to_vec(),
            _ => br#"{"a":1}"#.to_vec(),
        };
        let url = match scheme {
            Scheme::Twilio => super::twilio::url_with_digest("https://h.example/x?a=b", &body),
            _ => "https://h.example/x?a=b".to_owned(),
        };
        let headers = [(&b"content-type"[..], &b"application/json"[..])];
        let message = Message {
            method: b"POST",
            url: url.as_bytes(),
            headers: &headers,
            body: &body,
            id: "msg_1",
            timestamp: AT,
        };
        let signed = sign(scheme, &keys, &message).unwrap();
        let signed = signed.into_iter().map(|(name, value)| (name.into(), value.into_bytes()));
        let fields = headers.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).chain(signed).collect();
        Self { scheme, keys, url, fields, body }
    }

    fn all() -> Vec<Self> {
        let secret = |scheme| match scheme {
            Scheme::StandardWebhooks => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            Scheme::Svix => "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            _ => "hush",
        };
        let plain = Scheme::ALL.map(|scheme| Self::of(scheme, secret(scheme)));
        let asymmetric = [Scheme::StandardWebhooks, Scheme::HttpMessage];
        plain.into_iter().chain(asymmetric.map(|scheme| Self::of(scheme, PAIR))).collect()
    }

    fn verdict_at(&self, now: i64) -> Verdict {
        let headers: Vec<_> = self.fields.iter().map(|(n, v)| (&n[..], &v[..])).collect();
        let url = self.url.as_bytes();
        let request = Request { method: b"POST", url, headers: &headers, body: &self.body };
        verify(self.scheme, &self.keys, &request, now, 300)
    }

    fn verdict(&self) -> Verdict {
        self.verdict_at(AT)
    }

    fn field(&mut self, name: &str) -> &mut Vec<u8> {
        let mut fields = self.fields.iter_mut();
        &mut fields.find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).unwrap().1
    }

    fn with(&self, name: &str, value: &[u8]) -> Self {
        let mut changed = self.clone();
        *changed.field(name) = value.to_vec();
        changed
    }
}

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    for sample in Sample::all() {
        assert_eq!(sample.verdict(), Verdict::Valid, "{}", sample.scheme);
        for bit in 0..sample.body.len() * 8 {
            let mut changed = sample.clone();
            changed.body[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(changed.verdict(), Verdict::Valid, "{} body {bit}", sample.scheme);
        }
        // ed25519 takes milliseconds without optimisation: a prime step meets every kind of byte.
        let step = if sample.keys.secrets[0].is_ed25519() { 17 } else { 1 };
        for place in 1..sample.fields.len() {
            for bit in (0..sample.fields[place].1.len() * 8).step_by(step) {
                let mut changed = sample.clone();
                changed.fields[place].1[bit / 8] ^= 1 << (bit % 8);
                let told = String::from_utf8_lossy(&changed.fields[place].1).into_owned();
                assert_ne!(changed.verdict(), Verdict::Valid, "{} {told}", sample.scheme);
            }
        }
    }
}

#[test]
fn every_signed_field_is_needed_once_and_whole() {
    for sample in Sample::all() {
        let shape = sample.scheme.shape();
        for place in 1..sample.fields.len() {
            let mut changed = sample.clone();
            let (name, value) = changed.fields.remove(place);
            let told = String::from_utf8_lossy(&name).into_owned();
            let verdict = changed.verdict();
            assert_ne!(verdict, Verdict::Valid, "{} without {told}", sample.scheme);
            assert_eq!(verdict == Verdict::Missing, told == shape.header, "{told}");
            assert_ne!(sample.with(&told, b"").verdict(), Verdict::Valid, "{told} empty");
            let mut suffixed = value.clone();
            suffixed.push(b'A');
            assert_ne!(sample.with(&told, &suffixed).verdict(), Verdict::Valid, "{told} longer");
            assert_ne!(
                sample.with(&told, &value[..value.len() / 2]).verdict(),
                Verdict::Valid,
                "{told} cut"
            );
        }
    }
}

#[test]
fn a_repeated_field_is_refused_in_either_order() {
    for sample in Sample::all().into_iter().filter(|s| s.scheme != Scheme::HttpMessage) {
        let header = sample.scheme.shape().header;
        for good_first in [true, false] {
            let mut twice = sample.clone();
            let end = twice.fields.len();
            let place = if good_first { end } else { 1 };
            twice.fields.insert(place, (header.to_lowercase().into(), b"v1,bad".to_vec()));
            assert_eq!(twice.verdict(), Verdict::Invalid(Reason::Repeated(header)));
        }
    }
}

#[test]
fn the_tolerance_has_sharp_edges() {
    for sample in Sample::all() {
        let at = |offset: i64| sample.verdict_at(AT + offset);
        if matches!(
            sample.scheme.as_str(),
            "github" | "github-sha1" | "shopify" | "twilio" | "square"
        ) {
            assert_eq!(at(1 << 40), Verdict::Valid, "{}", sample.scheme);
            continue;
        }
        assert_eq!(at(300), Verdict::Valid, "{}", sample.scheme);
        assert_eq!(at(301), Verdict::Invalid(Reason::Stale(301)), "{}", sample.scheme);
        assert_eq!(at(-300), Verdict::Valid, "{}", sample.scheme);
        let future = match sample.scheme {
            Scheme::Stripe => Verdict::Valid,
            _ => Verdict::Invalid(Reason::Future(301)),
        };
        assert_eq!(at(-301), future, "{}", sample.scheme);
        assert_ne!(sample.verdict_at(i64::MAX), Verdict::Valid);
        assert_ne!(sample.verdict_at(i64::MIN) == Verdict::Valid, sample.scheme != Scheme::Stripe);
    }
}

#[test]
fn rotation_signs_with_each_key_and_takes_any() {
    let old = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let new = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    for scheme in [Scheme::StandardWebhooks, Scheme::Svix, Scheme::Stripe, Scheme::HttpMessage] {
        let mut secrets = vec![Secret::from_text(new), Secret::from_text(old)];
        if scheme != Scheme::Stripe {
            secrets.push(Secret::from_text(PAIR));
        }
        let message = Message {
            method: b"POST",
            url: b"http://h/",
            headers: &[],
            body: b"{}",
            id: "msg_1",
            timestamp: AT,
        };
        let keys = Keys { secrets: secrets.clone(), ..Keys::default() };
        let fields = sign(scheme, &keys, &message).unwrap();
        let fields = fields.into_iter().map(|(name, value)| (name.into(), value.into_bytes()));
        let mut sample = Sample::of(scheme, old);
        (sample.fields, sample.body) = (fields.collect(), b"{}".to_vec());
        sample.url = "http://h/".into();
        for secret in secrets {
            sample.keys = Keys::from(secret);
            assert_eq!(sample.verdict(), Verdict::Valid, "{scheme}");
        }
        sample.keys = Keys::from(Secret::from_key(&[7; 32]).unwrap());
        assert_eq!(sample.verdict(), Verdict::Invalid(Reason::Mismatch), "{scheme}");
    }
}

#[test]
fn ids_and_signatures_of_svix_and_its_successor_never_mix() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let mut sample = Sample::of(Scheme::StandardWebhooks, secret);
    let svix = Sample::of(Scheme::Svix, secret);
    sample.field("webhook-id").extend_from_slice(b"2");
    sample.fields.extend(svix.fields.into_iter().skip(1));
    assert_eq!(sample.verdict(), Verdict::Invalid(Reason::Mismatch));
    sample.scheme = Scheme::Svix;
    assert_eq!(sample.verdict(), Verdict::Valid);
}
