//! What a bin can be told on the command line: labels, reply, verification, retention.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use hooklab_shared::bin::{Bin, BinPatch, Keep, KeepPatch, NewBin, Verify};
use hooklab_shared::id::BinName;
use hooklab_shared::reply::Program;
use hooklab_shared::signature::{Scheme, Secret, TOLERANCE_SECS};
use hooklab_shared::span::Span;

use crate::args::value;
use crate::exit::Failure;

/// What a bin can be told.
#[derive(Args)]
pub(crate) struct Told {
    /// A mark of your own; may be given more than once
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = value::label)]
    labels: Vec<(String, String)>,
    /// What it answers: ok, empty, echo, fail-twice, flaky, slow, gone or busy; a rule, a list of
    /// rules or a program in JSON; @FILE or - for JSON from there
    #[arg(long, value_name = "REPLY")]
    reply: Option<String>,
    /// What the reply's chance is drawn from: the same seed, the same sequence
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Verify signatures by this scheme, such as standard-webhooks, github or stripe; or none
    #[arg(long, value_name = "SCHEME", value_parser = or_none::<Scheme>)]
    verify: Option<OrNone<Scheme>>,
    /// The secret it is signed with: env:NAME, file:PATH, - or itself; may be given more than once
    #[arg(long = "secret", value_name = "SECRET", requires = "verify")]
    secrets: Vec<String>,
    /// How far a signed timestamp may be from now [default: 5m]
    #[arg(long, value_name = "DURATION", requires = "verify", value_parser = value::duration)]
    tolerance: Option<Duration>,
    /// Keep the newest so many captures; or none, for no limit
    #[arg(long, value_name = "N", value_parser = or_none::<u64>)]
    keep_captures: Option<OrNone<u64>>,
    /// Keep the newest captures that fit in so many bytes, such as 20m; or none
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    keep_bytes: Option<OrNone<u64>>,
    /// Keep captures that are younger than this, such as 12h or 7d; or none
    #[arg(long, value_name = "DURATION", value_parser = age)]
    keep_age: Option<OrNone<Span>>,
}

/// A value, or the wish that there be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OrNone<T> {
    None,
    This(T),
}

impl<T: Copy> OrNone<T> {
    fn value(self) -> Option<T> {
        match self {
            Self::None => None,
            Self::This(value) => Some(value),
        }
    }
}

fn or_none<T: FromStr<Err: ToString>>(text: &str) -> Result<OrNone<T>, String> {
    either(text, |text| text.parse().map_err(|error: T::Err| error.to_string()))
}

fn bytes(text: &str) -> Result<OrNone<u64>, String> {
    either(text, value::bytes)
}

fn age(text: &str) -> Result<OrNone<Span>, String> {
    either(text, value::age)
}

fn either<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<OrNone<T>, String> {
    match text {
        "none" => Ok(OrNone::None),
        _ => read(text).map(OrNone::This),
    }
}

impl Told {
    /// A bin that is made so.
    pub(super) fn new_bin(&self, name: Option<BinName>) -> Result<NewBin, Failure> {
        Ok(NewBin {
            name,
            labels: self.labels.iter().cloned().collect(),
            reply: self.program(None)?.unwrap_or_default(),
            verify: self.verify()?.flatten(),
            keep: self.keep(),
        })
    }

    /// What is to change of this bin: what is not named stays as it is.
    pub(super) fn patch(&self, bin: &Bin) -> Result<BinPatch, Failure> {
        let patch = BinPatch {
            labels: (!self.labels.is_empty()).then(|| {
                let mut labels = bin.config.labels.clone();
                for (key, value) in &self.labels {
                    match value.is_empty() {
                        true => labels.remove(key),
                        false => labels.insert(key.clone(), value.clone()),
                    };
                }
                labels
            }),
            reply: self.program(Some(&bin.config.reply))?,
            verify: self.verify()?,
            keep: self.keep_patch(),
        };
        if patch == BinPatch::default() {
            return Err(Failure::usage(format!(
                "change {}: nothing is given; give --reply, --verify, --label or a --keep flag",
                bin.name
            )));
        }
        Ok(patch)
    }

    fn program(&self, before: Option<&Program>) -> Result<Option<Program>, Failure> {
        let given = self.reply.as_deref().map(program).transpose()?;
        let Some(seed) = self.seed else { return Ok(given) };
        let Some(program) = given.or_else(|| before.cloned()) else {
            return Err(Failure::usage("draw from --seed: there is no chance without --reply"));
        };
        Ok(Some(Program { seed, ..program }))
    }

    fn verify(&self) -> Result<Option<Option<Verify>>, Failure> {
        let scheme = match self.verify {
            None => return Ok(None),
            Some(OrNone::None) if self.secrets.is_empty() => return Ok(Some(None)),
            Some(OrNone::None) => {
                return Err(Failure::usage("verify none: leave --secret out"));
            }
            Some(OrNone::This(scheme)) => scheme,
        };
        if self.secrets.is_empty() {
            return Err(Failure::usage(format!(
                "verify {}: the secret is missing; give --secret env:NAME or file:PATH",
                scheme.as_str()
            )));
        }
        let read = |given: &String| Ok(Secret::from_text(&value::secret(given)?));
        let secrets = self.secrets.iter().map(read).collect::<Result<_, Failure>>()?;
        let tolerance_secs = self.tolerance.map_or(TOLERANCE_SECS, |tolerance| {
            i64::try_from(tolerance.as_secs()).unwrap_or(i64::MAX)
        });
        Ok(Some(Some(Verify { scheme, secrets, tolerance_secs })))
    }

    fn keep(&self) -> Keep {
        Keep {
            captures: self.keep_captures.and_then(OrNone::value),
            bytes: self.keep_bytes.and_then(OrNone::value),
            age: self.keep_age.and_then(OrNone::value),
        }
    }

    fn keep_patch(&self) -> Option<KeepPatch> {
        let patch = KeepPatch {
            captures: self.keep_captures.map(OrNone::value),
            bytes: self.keep_bytes.map(OrNone::value),
            age: self.keep_age.map(OrNone::value),
        };
        (patch != KeepPatch::default()).then_some(patch)
    }
}

/// A reply program as it is typed: a preset's name, JSON, or where there is JSON.
fn program(given: &str) -> Result<Program, Failure> {
    let text = value::text(given)?;
    let text = text.trim();
    let is_json = text.starts_with(['{', '[', '"']);
    let read = match is_json {
        true => serde_json::from_str(text),
        false => serde_json::from_value(serde_json::Value::String(text.to_owned())),
    };
    read.map_err(|error| Failure::usage(format!("read the reply: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        told: Told,
    }

    fn told(words: &[&str]) -> Result<Told, clap::Error> {
        Line::try_parse_from([&["x"], words].concat()).map(|line| line.told)
    }

    fn made(words: &[&str]) -> NewBin {
        told(words).unwrap().new_bin(None).unwrap()
    }

    fn bin() -> Bin {
        let json = r#"{"name":"a","url":"u","created_at":"2026-11-24T10:31:02.000000Z",
            "labels":{"k":"v","x":"y"},"reply":{"seed":0,"rules":[{"status":503}]},
            "keep":{"captures":5,"age":"1h"},
            "captures":0,"bytes":0,"oldest_seq":null,"newest_seq":0,"dropped":0}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn bins_are_made_as_told() {
        assert_eq!(made(&[]), NewBin::default());
        let bin = made(&["--reply", "flaky", "--seed", "7", "--keep-bytes", "2k"]);
        assert_eq!((bin.reply.seed, bin.keep.bytes), (7, Some(2048)));
        let bin = made(&["--reply", r#"[{"status":503}]"#, "--keep-captures", "none"]);
        assert_eq!((bin.reply.rules[0].status, bin.keep), (503, Keep::default()));
        let verify = made(&["--verify", "stripe", "--secret", "whsec_x", "--tolerance", "1h"]);
        let verify = verify.verify.unwrap();
        assert_eq!((verify.scheme, verify.tolerance_secs), (Scheme::Stripe, 3600));
        assert_eq!(verify.secrets[0].reveal(), "whsec_x");
    }

    #[test]
    fn a_change_leaves_the_rest_as_it_was() {
        let patch = |words: &[&str]| told(words).unwrap().patch(&bin()).unwrap();
        let keep = patch(&["--keep-captures", "none"]).keep.unwrap();
        assert_eq!((keep.captures, keep.age), (Some(None), None));
        let labels = patch(&["--label", "k=", "--label", "n=m"]).labels.unwrap();
        assert_eq!(
            labels.into_iter().collect::<Vec<_>>(),
            [("n".to_owned(), "m".to_owned()), ("x".to_owned(), "y".to_owned())]
        );
        assert_eq!(patch(&["--verify", "none"]).verify, Some(None));
        let reply = patch(&["--seed", "9"]).reply.unwrap();
        assert_eq!((reply.seed, reply.rules[0].status), (9, 503));
        assert!(told(&[]).unwrap().patch(&bin()).unwrap_err().told.contains("--reply"));
    }

    #[test]
    fn mistakes_are_told() {
        for words in [&["--secret", "x"][..], &["--verify", "stripes"], &["--keep-age", "7"]] {
            assert!(told(words).is_err(), "{words:?}");
        }
        for (words, part) in [
            (&["--verify", "stripe"][..], "--secret"),
            (&["--verify", "none", "--secret", "x"], "leave"),
            (&["--reply", "okay"], "fail-twice"),
            (&["--reply", "{\"staus\":1}"], "staus"),
            (&["--reply", "@/no/such"], "/no/such"),
            (&["--seed", "7"], "--reply"),
        ] {
            let error = told(words).unwrap().new_bin(None).unwrap_err().told;
            assert!(error.contains(part), "{words:?}: {error}");
        }
    }
}
