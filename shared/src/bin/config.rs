//! What a bin can be told: its labels, its reply program, what it verifies, what it keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::json::object;
use crate::problem::FieldError;
use crate::reply::Program;
use crate::signature::{Keys, Scheme, Secret, TOLERANCE_SECS};
use crate::span::Span;

/// Labels of a bin.
const LABELS_MAX: usize = 32;

/// A label's key or value, in bytes.
const LABEL_BYTES_MAX: usize = 256;

/// Secrets that a bin verifies with: the old and the new of a rotation, with room.
const SECRETS_MAX: usize = 16;

/// What a bin was told. Its JSON is what the store keeps, secrets included; [`Told`] hides them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The user's own marks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Program::is_default")]
    pub reply: Program,
    /// How it verifies what comes, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
    /// What it keeps.
    #[serde(default, skip_serializing_if = "Keep::is_unlimited")]
    pub keep: Keep,
}

/// How a bin verifies signatures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// The scheme.
    pub scheme: Scheme,
    /// The secrets in force; any of them may match.
    #[serde(with = "revealed")]
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 16)]
    pub secrets: Vec<Secret>,
    /// How far a timestamp may be from now, in seconds.
    #[serde(default = "tolerance")]
    pub tolerance_secs: i64,
}

/// A bin's retention; what is not given is not limited by the bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// The newest so many captures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captures: Option<u64>,
    /// The newest captures that fit in so many bytes of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Captures that are younger than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<Span>,
}

/// A bin's configuration as users see it: every secret is `"…"`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Told {
    /// The user's own marks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Program::is_default")]
    pub reply: Program,
    /// How it verifies what comes, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<ToldVerify>,
    /// What it keeps.
    #[serde(default, skip_serializing_if = "Keep::is_unlimited")]
    pub keep: Keep,
}

/// How a bin verifies, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToldVerify {
    /// The scheme.
    pub scheme: Scheme,
    /// How many secrets are in force.
    pub secrets: usize,
    /// How far a timestamp may be from now, in seconds.
    pub tolerance_secs: i64,
}

/// What to change of a bin: what is absent stays, and `null` takes away (RFC 7396). `keep` is
/// merged limit by limit; `labels`, `reply` and `verify` are replaced whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BinPatch {
    /// New labels, in the place of the old ones; `null` for none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "or_default")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub labels: Option<BTreeMap<String, String>>,
    /// Another reply program, or `null` for the default reply; its counts begin anew.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "or_default")]
    #[schema(value_type = Option<Program>)]
    pub reply: Option<Program>,
    /// Another way to verify, or none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub verify: Option<Option<Verify>>,
    /// Another retention: the limits that it names; `null` takes them all away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "keep_patch")]
    #[schema(value_type = Option<KeepPatch>)]
    pub keep: Option<KeepPatch>,
}

/// What to change of a retention: what is absent stays, and `null` takes a limit away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepPatch {
    /// The newest so many captures.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    #[schema(value_type = Option<u64>)]
    pub captures: Option<Option<u64>>,
    /// The newest captures that fit in so many bytes of the store.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    #[schema(value_type = Option<u64>)]
    pub bytes: Option<Option<u64>>,
    /// Captures that are younger than this.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    #[schema(value_type = Option<Span>)]
    pub age: Option<Option<Span>>,
}

impl From<Keep> for KeepPatch {
    /// Every limit as it is there, and none where it has none.
    fn from(keep: Keep) -> Self {
        Self { captures: Some(keep.captures), bytes: Some(keep.bytes), age: Some(keep.age) }
    }
}

impl Config {
    /// What is wrong with it, beyond what its types can say.
    #[must_use]
    pub fn errors(&self) -> Vec<FieldError> {
        let labels = labels_error(&self.labels).map(|detail| ("labels", detail));
        let reply = self.reply.check_new().err();
        let reply = reply.map(|why| ("reply", format!("is refused: failed to {why}")));
        let verify = self.verify.as_ref().and_then(Verify::error).map(|why| ("verify", why));
        let keep = self.keep.error().map(|detail| ("keep", detail));
        [labels, reply, verify, keep]
            .into_iter()
            .flatten()
            .map(|(field, detail)| FieldError { field: field.to_owned(), detail })
            .collect()
    }

    /// The same after this change.
    #[must_use]
    pub fn patched(&self, patch: BinPatch) -> Self {
        Self {
            labels: patch.labels.unwrap_or_else(|| self.labels.clone()),
            reply: patch.reply.unwrap_or_else(|| self.reply.clone()),
            verify: patch.verify.unwrap_or_else(|| self.verify.clone()),
            keep: patch.keep.map_or(self.keep, |patch| self.keep.patched(patch)),
        }
    }

    /// As users see it.
    #[must_use]
    pub fn told(&self) -> Told {
        let verify = self.verify.as_ref().map(|verify| ToldVerify {
            scheme: verify.scheme,
            secrets: verify.secrets.len(),
            tolerance_secs: verify.tolerance_secs,
        });
        Told { labels: self.labels.clone(), reply: self.reply.clone(), verify, keep: self.keep }
    }
}

impl Verify {
    /// What signs and verifies.
    #[must_use]
    pub fn keys(&self) -> Keys {
        Keys { secrets: self.secrets.clone(), ..Keys::default() }
    }

    fn error(&self) -> Option<String> {
        let secrets = self.secrets.len();
        if !(1..=SECRETS_MAX).contains(&secrets) {
            return Some(format!("has {secrets} secrets: give 1 to {SECRETS_MAX}"));
        }
        (self.tolerance_secs < 1).then(|| "the tolerance must be at least a second".to_owned())
    }
}

impl Keep {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    fn patched(self, patch: KeepPatch) -> Self {
        Self {
            captures: patch.captures.unwrap_or(self.captures),
            bytes: patch.bytes.unwrap_or(self.bytes),
            age: patch.age.unwrap_or(self.age),
        }
    }

    fn error(&self) -> Option<String> {
        let none = self.captures == Some(0) || self.bytes == Some(0);
        let zero = self.age.is_some_and(|age| age.as_duration().is_zero());
        (none || zero).then(|| "0 would keep nothing: give at least 1, or leave it out".to_owned())
    }
}

fn labels_error(labels: &BTreeMap<String, String>) -> Option<String> {
    let fits = |text: &String| text.len() <= LABEL_BYTES_MAX;
    let fit = labels.iter().all(|(key, value)| fits(key) && fits(value));
    let told = || {
        format!("a bin takes {LABELS_MAX} labels, each key and value of {LABEL_BYTES_MAX} bytes")
    };
    (labels.len() > LABELS_MAX || !fit).then(told)
}

fn tolerance() -> i64 {
    TOLERANCE_SECS
}

/// Tells `null` from absent.
fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    object::optional(deserializer).map(Some)
}

/// The same for a value that has no object's form.
fn some<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// `null` is what there is where nothing is told.
fn or_default<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(|given| Some(given.unwrap_or_default()))
}

/// `null` takes every limit away.
fn keep_patch<'de, D>(deserializer: D) -> Result<Option<KeepPatch>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    let given: Option<KeepPatch> = object::optional(deserializer)?;
    Ok(Some(given.unwrap_or_else(|| Keep::default().into())))
}

/// Secrets as text: for the store and for what users send, never for what they are shown.
mod revealed {
    use super::{Deserialize, Secret, Serializer};
    use serde::Deserializer;

    pub(super) fn serialize<S: Serializer>(
        secrets: &[Secret],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(secrets.iter().map(Secret::reveal))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Secret>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        Ok(texts.iter().map(|text| Secret::from_text(text)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_gets_secrets_and_users_do_not() {
        let json = r#"{"reply":"busy","verify":{"scheme":"stripe","secrets":["whsec_x"]},
                       "keep":{"captures":10,"age":"1h"}}"#;
        let config: Config = serde_json::from_str(json).unwrap();
        assert_eq!(config.errors(), []);
        let kept = serde_json::to_string(&config).unwrap();
        assert!(kept.contains("whsec_x"));
        assert_eq!(serde_json::from_str::<Config>(&kept).unwrap(), config);
        let told = serde_json::to_string(&config.told()).unwrap();
        assert!(!told.contains("whsec_x") && told.contains(r#""secrets":1"#), "{told}");
    }

    #[test]
    fn a_patched_retention_keeps_the_limits_that_it_does_not_name() {
        let with = r#"{"labels":{"a":"b"},"keep":{"captures":2,"bytes":9,"age":"1h"}}"#;
        let config: Config = serde_json::from_str(with).unwrap();
        let kept = |json: &str| {
            let patch: BinPatch = serde_json::from_str(json).unwrap();
            // What is sent on is the same patch.
            let sent = serde_json::to_string(&patch).unwrap();
            assert_eq!(serde_json::from_str::<BinPatch>(&sent).unwrap(), patch, "{sent}");
            let keep = config.patched(patch).keep;
            (keep.captures, keep.bytes, keep.age.map(|age| age.to_string()))
        };
        let age = |text: &str| Some(text.to_owned());
        assert_eq!(kept(r#"{"keep":{"age":"5m"}}"#), (Some(2), Some(9), age("5m")));
        assert_eq!(kept(r#"{"keep":{"captures":null,"bytes":8}}"#), (None, Some(8), age("1h")));
        assert_eq!(kept(r#"{"keep":{}}"#), (Some(2), Some(9), age("1h")));
        assert_eq!(kept(r#"{"keep":null}"#), (None, None, None));
        let patch: BinPatch = serde_json::from_str(r#"{"labels":null}"#).unwrap();
        assert!(config.patched(patch).labels.is_empty());
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let with = r#"{"reply":"busy","verify":{"scheme":"stripe","secrets":["x"]}}"#;
        let config: Config = serde_json::from_str(with).unwrap();
        let patch = |json: &str| config.patched(serde_json::from_str(json).unwrap());
        assert_eq!(patch("{}"), config);
        assert_eq!(patch(r#"{"verify":null}"#).verify, None);
        assert_eq!(patch(r#"{"verify":null}"#).reply, config.reply);
        assert_eq!(patch(r#"{"reply":"ok"}"#).reply, Program::default());
        assert_eq!(patch(r#"{"reply":null}"#).reply, Program::default());
        assert_eq!(patch(r#"{"keep":{"captures":0}}"#).errors()[0].field, "keep");
        for list in [r#"{"keep":[null,null]}"#, r#"{"verify":["stripe",["x"]]}"#] {
            let error = serde_json::from_str::<BinPatch>(list).unwrap_err().to_string();
            assert!(error.contains("an object"), "{error}");
        }
    }
}
