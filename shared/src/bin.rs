//! A bin: a named URL that captures whatever is sent to it.

mod config;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::capture::Summary;
use crate::id::{BinName, Seq, Timestamp};
use crate::json::object;
use crate::reply::Program;

pub use config::{BinPatch, Config, Keep, KeepPatch, Told, ToldVerify, Verify};

/// A bin as it is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Bin {
    /// Its name.
    pub name: BinName,
    /// Where to send to it: on the capture listener.
    pub url: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it was told.
    #[serde(flatten)]
    pub config: Told,
    /// How many captures it holds now.
    pub captures: u64,
    /// What they take in the store, in bytes.
    pub bytes: u64,
    /// The oldest capture that is still there; none in an empty bin.
    #[schema(value_type = Option<u64>)]
    pub oldest_seq: Option<Seq>,
    /// The newest that was ever given, 0 before the first.
    #[schema(value_type = u64)]
    pub newest_seq: Seq,
    /// How many captures retention has dropped; deleting by hand does not count.
    pub dropped: u64,
}

/// What a bin is made from. Unknown fields are refused, so that a typo is not silence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBin {
    /// Its name; a random one of 122 bits is minted where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<BinName>,
    /// The user's own marks: at most 32, keys and values at most 256 bytes each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What it answers; 200 with JSON that names the capture, unless told otherwise.
    #[serde(default, skip_serializing_if = "Program::is_default")]
    pub reply: Program,
    /// How it verifies what comes, if it does.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub verify: Option<Verify>,
    /// What it keeps; everything, unless told otherwise.
    #[serde(
        default,
        skip_serializing_if = "Keep::is_unlimited",
        deserialize_with = "object::required"
    )]
    pub keep: Keep,
}

impl NewBin {
    /// A bin of this name and nothing else.
    #[must_use]
    pub fn named(name: BinName) -> Self {
        Self { name: Some(name), ..Self::default() }
    }

    /// Its name and its configuration, apart.
    #[must_use]
    pub fn into_parts(self) -> (Option<BinName>, Config) {
        let Self { name, labels, reply, verify, keep } = self;
        (name, Config { labels, reply, verify, keep })
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order that was asked for.
    pub items: Vec<T>,
    /// What to give as `after` (or `before`, when the newest come first) to get the next page; none
    /// on the last.
    pub next: Option<String>,
}

/// A page of captures, and what became of a jq filter that failed on some of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Found {
    /// The page.
    #[serde(flatten)]
    pub page: Page<Summary>,
    /// Nothing where the filter could be applied to every capture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jq_failed: Option<JqFailed>,
}

/// A jq filter failed: such captures do not match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JqFailed {
    /// On how many captures.
    pub captures: u64,
    /// Of how many that it was applied to for this page.
    pub of: u64,
    /// Why, on the first of them.
    pub why: String,
}
