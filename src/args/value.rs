//! Values that flags take: secrets, payloads, durations, sizes, labels, profiles, header fields.

use std::io::Read;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use hooklab_shared::id::Timestamp;
use hooklab_shared::limits::Limits;
use hooklab_shared::span::Span;
use hooklab_shared::webhook::Profile;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::exit::Failure;

/// What is read from standard input or a file at most: more is no secret and no payload.
const INPUT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A secret from where it is kept: `env:NAME`, `file:PATH`, `-`, or the text itself.
pub(crate) fn secret(given: &str) -> Result<String, Failure> {
    let text = match given.split_once(':') {
        Some(("env", name)) => std::env::var(name).map_err(|_| {
            Failure::usage(format!("read the secret: the variable {name} is not set; export it"))
        })?,
        Some(("file", path)) => file(path)?,
        _ if given == "-" => standard_input()?,
        _ => given.to_owned(),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::usage("read the secret: it is empty"));
    }
    Ok(text.to_owned())
}

/// A payload: JSON, `@file`, or `-` for standard input.
pub(crate) fn payload(given: &str) -> Result<Box<RawValue>, Failure> {
    let text = text(given)?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!(
            "read the payload as JSON: {error}; try --payload '{{\"order\":42}}' or @file"
        ))
    })
}

/// Text itself, `@file`, or `-` for standard input.
pub(crate) fn text(given: &str) -> Result<String, Failure> {
    match given.strip_prefix('@') {
        Some(path) => file(path),
        None if given == "-" => standard_input(),
        None => Ok(given.to_owned()),
    }
}

/// Bytes: text itself, `@file`, or `-` for standard input.
pub(crate) fn content(given: &str) -> Result<Vec<u8>, Failure> {
    let read = |source: &mut dyn Read| {
        let mut bytes = Vec::new();
        let max = Limits::SEND_BODY_BYTES_MAX as u64;
        source.take(max + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > max {
            true => Err(std::io::Error::other(format!("it is longer than {max} bytes"))),
            false => Ok(bytes),
        }
    };
    match given.strip_prefix('@') {
        Some(path) => {
            let told = |error| Failure::usage(format!("read {path}: {error}; check the path"));
            read(&mut std::fs::File::open(path).map_err(told)?).map_err(told)
        }
        None if given == "-" => read(&mut std::io::stdin())
            .map_err(|error| Failure::usage(format!("read standard input: {error}"))),
        None => Ok(given.as_bytes().to_vec()),
    }
}

/// A size in bytes, at least 1; `k`, `m` and `g` are powers of 1024.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err("a size is a number and k, m or g, such as 500m".into()),
    };
    let number: u64 = number.parse().map_err(|_| "a size begins with a number: try 500m")?;
    match number.checked_mul(1 << shift) {
        Some(0) => Err("0 would keep nothing: give at least 1".into()),
        Some(bytes) => Ok(bytes),
        None => Err("is too large".into()),
    }
}

/// How long captures are kept, above 0.
pub(crate) fn age(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|_| "an age is a number and its unit, such as 12h")?;
    match span.as_duration().is_zero() {
        true => Err("0 would keep nothing: try 1h".into()),
        false => Ok(span),
    }
}

/// A duration such as `500ms`, `10s`, `2m`, `1h` or `7d`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("a duration is a number and ms, s, m, h or d, such as 10s".into()),
    };
    let number: u64 = number.parse().map_err(|_| "a duration begins with a number: try 10s")?;
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(|| "is too long".into())
}

/// An instant, as users name one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instant {
    /// This one.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
}

impl Instant {
    /// Which it is, as of now.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => {
                let micros = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
                Timestamp::from_micros(now.as_micros().saturating_sub(micros))
            }
        }
    }
}

/// An instant in RFC 3339, or a duration: so long ago.
pub(crate) fn instant(text: &str) -> Result<Instant, String> {
    let ago = |span: Span| Instant::Ago(span.as_duration());
    text.parse().map(Instant::At).or_else(|_| text.parse().map(ago)).map_err(|_| {
        "an instant is 2026-11-24T10:00:00Z, or how long ago it was, such as 2h".into()
    })
}

/// A label, `KEY=VALUE`.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a label is KEY=VALUE, such as team=billing".into()),
    }
}

/// A delivery's id.
pub(crate) fn delivery(text: &str) -> Result<Uuid, &'static str> {
    text.parse().map_err(|_| "give a delivery's id in full, as `hooklab deliveries` lists it")
}

/// A webhook's number.
pub(crate) fn webhook(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "a webhook has a number: hooklab webhook list tells them".into())
}

/// A header field, `NAME: VALUE`; the value may be kept elsewhere, as secrets are: `env:NAME` or
/// `file:PATH`.
pub(crate) fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            let value = match value.trim() {
                kept if kept.starts_with("env:") || kept.starts_with("file:") => {
                    secret(kept).map_err(|failure| format!("failed to {}", failure.told))?
                }
                value => value.to_owned(),
            };
            Ok((name.trim().to_owned(), value))
        }
        _ => Err("a header field is NAME: VALUE, such as 'X-Team: billing'".into()),
    }
}

/// A value of its own, or `none`: what the profile has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Own<T>(pub(crate) Option<T>);

impl<T: FromStr> FromStr for Own<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "none" { Ok(Self(None)) } else { text.parse().map(|own| Self(Some(own))) }
    }
}

/// Waits between attempts, separated by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule(pub(crate) Vec<Span>);

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wait = |text: &str| {
            let why = |_| format!("`{text}` is no duration: give waits such as 0s,5s,5m");
            text.trim().parse().map_err(why)
        };
        text.split(',').map(wait).collect::<Result<_, _>>().map(Self)
    }
}

/// Reads a profile's name.
pub(crate) fn profile() -> impl TypedValueParser<Value = Profile> {
    PossibleValuesParser::new(Profile::ALL.map(Profile::as_str)).map(|name| {
        Profile::ALL.into_iter().find(|profile| profile.as_str() == name).unwrap_or_default()
    })
}

fn file(path: &str) -> Result<String, Failure> {
    let told = |error| Failure::usage(format!("read {path}: {error}; check the path"));
    read(std::fs::File::open(path).map_err(told)?).map_err(told)
}

fn standard_input() -> Result<String, Failure> {
    read(std::io::stdin()).map_err(|error| Failure::usage(format!("read standard input: {error}")))
}

fn read(source: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    source.take(INPUT_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > INPUT_BYTES_MAX {
        return Err(std::io::Error::other("it is longer than 4 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for bad in ["", "s", "-1s", "1.5s", "10 s", "1w", "99999999999999999999s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(duration(&format!("{}h", u64::MAX)).is_err());
    }

    #[test]
    fn instants_are_told_or_counted_back() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let told = |text: &str| instant(text).map(|instant| instant.at(now).to_string());
        assert_eq!(told("2h").unwrap(), "2026-11-24T08:00:00.000000Z");
        assert_eq!(told("2026-11-23T10:00:00+01:00").unwrap(), "2026-11-23T09:00:00.000000Z");
        assert!(told("yesterday").is_err() && told("").is_err());
    }

    #[test]
    fn sizes_and_ages() {
        assert_eq!(bytes("512"), Ok(512));
        assert_eq!(bytes("2k"), Ok(2048));
        assert_eq!(bytes("1GiB"), Ok(1 << 30));
        for bad in ["", "k", "0", "-1", "1.5m", "1t", "99999999999g", "99999999999999999999"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(age("1h").unwrap().as_duration().as_secs(), 3600);
        assert!(age("0s").is_err() && age("5").is_err());
    }

    #[test]
    fn header_fields_waits_and_none() {
        assert_eq!(header("X-A: b: c"), Ok(("X-A".into(), "b: c".into())));
        assert_eq!(header("X-A:"), Ok(("X-A".into(), String::new())));
        assert!(header("X-A").is_err() && header(": b").is_err());
        let waits: Schedule = "0s, 5s,1m 30s".parse().unwrap();
        assert_eq!(waits.0.len(), 3);
        assert!("0s,,1s".parse::<Schedule>().unwrap_err().contains("0s,5s,5m"));
        assert_eq!("none".parse(), Ok(Own::<u32>(None)));
        assert_eq!("7".parse(), Ok(Own(Some(7_u32))));
        assert!(webhook("x").unwrap_err().contains("webhook list"));
    }

    #[test]
    fn secrets_and_payloads_come_from_where_they_are_kept() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("it");
        std::fs::write(&path, "{\"a\":1}\n").unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(secret(&format!("file:{path}")).unwrap(), "{\"a\":1}");
        assert_eq!(secret("whsec_x").unwrap(), "whsec_x");
        assert!(secret("env:HOOKLAB_NO_SUCH_VARIABLE").unwrap_err().told.contains("not set"));
        assert!(secret(" ").is_err());
        assert_eq!(payload(&format!("@{path}")).unwrap().get(), r#"{"a":1}"#);
        assert!(payload("{").unwrap_err().told.contains("JSON"));
        assert!(payload("@/no/such").unwrap_err().told.contains("/no/such"));
    }
}
