//! A bin as its store knows it, and what it works by.

use std::sync::{Arc, Mutex};

use hooklab_shared::bin::{Bin, Config};
use hooklab_shared::id::{BinName, Seq, Timestamp};
use hooklab_shared::reply::Counts;

/// A bin as its store knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct BinState {
    /// Its name.
    pub name: BinName,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it was told.
    pub config: Arc<Config>,
    /// How many captures it holds now.
    pub captures: u64,
    /// What they take in the store, in bytes.
    pub bytes: u64,
    /// The oldest capture that is still there.
    pub oldest_seq: Option<Seq>,
    /// The newest that was ever given, 0 before the first.
    pub newest_seq: Seq,
    /// How many captures retention has dropped.
    pub dropped: u64,
}

/// What a bin was told, and how far its reply program is.
#[derive(Debug, Default)]
pub struct Configured {
    /// What it was told.
    pub config: Arc<Config>,
    /// How often each rule has answered.
    pub counts: Mutex<Counts>,
}

impl BinState {
    /// The bin as users see it; `capture_url` is what bins' URLs begin with.
    #[must_use]
    pub fn told(self, capture_url: &str) -> Bin {
        Bin {
            url: format!("{capture_url}/{}", self.name),
            name: self.name,
            created_at: self.created_at,
            config: self.config.told(),
            captures: self.captures,
            bytes: self.bytes,
            oldest_seq: self.oldest_seq,
            newest_seq: self.newest_seq,
            dropped: self.dropped,
        }
    }
}

impl Configured {
    pub(crate) fn new(config: Arc<Config>) -> Arc<Self> {
        Arc::new(Self { config, counts: Mutex::default() })
    }
}
