//! The terms a webhook may set for its own deliveries: headers, timeout, schedule, rate, overlap.

use std::time::Duration;

use super::Profile;
use crate::problem::FieldError;
use crate::span::Span;

/// Header fields of its own: gateways ask for two or three.
const HEADERS_MAX: usize = 20;

/// A field's name in bytes.
const NAME_BYTES_MAX: usize = 128;

/// A field's value in bytes: a signed token fits, and twenty of them into any server's head.
const VALUE_BYTES_MAX: usize = 2_048;

/// Attempts of one schedule: twice what any sender's documentation promises.
const SCHEDULE_MAX: usize = 20;

/// The longest wait between two attempts: later, nobody knows any more what it was about.
const DELAY_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// What an attempt may take.
const TIMEOUT_MIN: Duration = Duration::from_secs(1);
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Deliveries a second that can be asked for.
const RATE_MAX: u32 = 1_000;

/// The longest time two secrets sign side by side.
const OVERLAP_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a connection, not a delivery, decides about (RFC 9110, section 7.6.1, and what frames or
/// addresses the message), and what every delivery says of itself.
const OURS: [&str; 17] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "http2-settings",
    "signature",
    "signature-input",
];

/// Prefixes that belong to signatures.
const OUR_PREFIXES: [&str; 2] = ["webhook-", "svix-"];

/// What is wrong with a webhook's own header fields. `profile_headers` are the names that its
/// profile sends, in any case.
#[must_use]
pub fn headers_error(
    headers: &[(String, String)],
    profile: Profile,
    profile_headers: &[&str],
) -> Option<FieldError> {
    if headers.len() > HEADERS_MAX {
        let detail = format!("has {} fields: at most {HEADERS_MAX} are taken", headers.len());
        return Some(FieldError { field: "headers".into(), detail });
    }
    headers.iter().enumerate().find_map(|(at, (name, value))| {
        let detail = name_detail(name, profile, profile_headers).or_else(|| value_detail(value))?;
        Some(FieldError { field: format!("headers[{at}]"), detail })
    })
}

fn name_detail(name: &str, profile: Profile, profile_headers: &[&str]) -> Option<String> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_token) {
        return Some(format!(
            "has no name of a header field: 1 to {NAME_BYTES_MAX} letters, digits or -"
        ));
    }
    let lower = name.to_ascii_lowercase();
    if OURS.contains(&lower.as_str()) || OUR_PREFIXES.iter().any(|ours| lower.starts_with(ours)) {
        return Some(format!("sets `{name}`, which the delivery itself decides about"));
    }
    let taken = profile_headers.iter().any(|own| own.eq_ignore_ascii_case(name));
    taken.then(|| format!("sets `{name}`, which the profile {} sends", profile.as_str()))
}

fn value_detail(value: &str) -> Option<String> {
    if value.len() > VALUE_BYTES_MAX {
        return Some(format!("has a value of {} bytes, of at most {VALUE_BYTES_MAX}", value.len()));
    }
    let is_text = |c: char| c == '\t' || (' '..='~').contains(&c);
    let trimmed = value.trim_matches([' ', '\t']);
    (!value.chars().all(is_text) || trimmed.len() != value.len()).then(|| {
        "has a value with a control character, a character beyond ASCII, or space around it".into()
    })
}

/// What is wrong with a timeout.
#[must_use]
pub fn timeout_error(timeout: Span) -> Option<FieldError> {
    let wrong = !(TIMEOUT_MIN..=TIMEOUT_MAX).contains(&timeout.as_duration());
    wrong.then(|| FieldError {
        field: "timeout".into(),
        detail: format!("is {timeout}: an attempt takes 1s to 60s"),
    })
}

/// What is wrong with a schedule.
#[must_use]
pub fn schedule_error(schedule: &[Span]) -> Option<FieldError> {
    let error = |detail| Some(FieldError { field: "schedule".into(), detail });
    if !(1..=SCHEDULE_MAX).contains(&schedule.len()) {
        let count = schedule.len();
        return error(format!("has {count} entries: one for each attempt, 1 to {SCHEDULE_MAX}"));
    }
    let long = schedule.iter().find(|delay| delay.as_duration() > DELAY_MAX)?;
    error(format!("waits {long}: at most 7days lie between two attempts"))
}

/// What is wrong with a rate.
#[must_use]
pub fn rate_error(rate: u32) -> Option<FieldError> {
    (!(1..=RATE_MAX).contains(&rate)).then(|| FieldError {
        field: "rate".into(),
        detail: format!("is {rate}: 1 to {RATE_MAX} deliveries a second can be asked for"),
    })
}

/// What is wrong with the time that two secrets sign side by side.
#[must_use]
pub fn overlap_error(overlap: Span) -> Option<FieldError> {
    (overlap.as_duration() > OVERLAP_MAX).then(|| FieldError {
        field: "overlap".into(),
        detail: format!("is {overlap}: an old secret signs for at most 30days more"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(name: &str, value: &str) -> Option<String> {
        let headers = [(name.to_owned(), value.to_owned())];
        let profile = Profile::StandardWebhooks;
        headers_error(&headers, profile, &["user-agent"]).map(|error| error.detail)
    }

    #[test]
    fn own_headers_cannot_take_the_deliverys_place() {
        assert_eq!(detail("X-Api-Key", "k 1"), None);
        assert_eq!(detail("Authorization", "Bearer x"), None);
        for name in ["Webhook-Signature", "webhook-id", "SVIX-ID", "Host", "content-TYPE", "TE"] {
            assert!(detail(name, "x").unwrap().contains("itself decides"), "{name}");
        }
        assert!(detail("User-Agent", "x").unwrap().contains("standard-webhooks"));
        for name in ["", "a b", "a:b", "ä", &"x".repeat(129)] {
            assert!(detail(name, "x").unwrap().contains("no name"), "{name}");
        }
        for value in ["a\r\nHost: b", "ä", " a", "a ", &"x".repeat(2_049)] {
            assert!(detail("x", value).unwrap().contains("value"), "{value}");
        }
        let many = vec![("x".to_owned(), String::new()); 21];
        assert!(headers_error(&many, Profile::StandardWebhooks, &[]).is_some());
        assert_eq!(headers_error(&many[..20], Profile::StandardWebhooks, &[]), None);
    }

    #[test]
    fn terms_have_their_ranges() {
        let span = |text: &str| text.parse::<Span>().unwrap();
        assert_eq!(timeout_error(span("1s")).or(timeout_error(span("60s"))), None);
        assert!(timeout_error(span("999ms")).is_some() && timeout_error(span("61s")).is_some());
        assert_eq!(schedule_error(&[span("0s"), span("7days")]), None);
        assert!(schedule_error(&[]).is_some() && schedule_error(&[span("8days")]).is_some());
        assert!(schedule_error(&[span("1s"); 21]).is_some());
        assert_eq!(rate_error(1).or(rate_error(1_000)), None);
        assert!(rate_error(0).is_some() && rate_error(1_001).is_some());
        assert_eq!(overlap_error(span("0s")).or(overlap_error(span("30days"))), None);
        assert!(overlap_error(span("31days")).is_some());
    }
}
