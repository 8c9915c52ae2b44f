//! One change of many webhooks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to do with many webhooks. Exactly one of `ids`, `search` and `all` says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bulk {
    /// What to do with each.
    pub action: BulkAction,
    /// These numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<i64>>,
    /// Those that a list with the same `search` shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Every one of them, if `true`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// What is done with each of many webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkAction {
    /// Events trigger it.
    Activate,
    /// Events no longer trigger it.
    Deactivate,
    /// It goes; its deliveries stay in the log.
    Delete,
}

impl BulkAction {
    /// What has happened to a webhook, in a word.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Activate => "activated",
            Self::Deactivate => "deactivated",
            Self::Delete => "deleted",
        }
    }
}

/// What became of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkResult {
    /// What was asked for.
    pub action: BulkAction,
    /// How many it was done with.
    pub done: u64,
    /// How many it could not be done with.
    pub failed: u64,
    /// Each, in the order given; by number where none was.
    pub items: Vec<BulkItem>,
}

/// What became of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkItem {
    /// Its number.
    pub id: i64,
    /// Whether it was done.
    pub ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
