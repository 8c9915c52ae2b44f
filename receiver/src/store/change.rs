//! What a store is asked, and the changes that come of it; the same for every engine.

use std::collections::HashMap;
use std::sync::Arc;

use hooklab_shared::bin::Config;
use hooklab_shared::capture::Capture;
use hooklab_shared::id::{BinName, Seq};

use super::bins::{Bin, Bins};
use super::error::StoreError;
use super::index::At;

/// What is asked.
#[derive(Debug)]
pub(crate) enum Request<'a> {
    Create(Arc<Bin>),
    Append {
        capture: Capture,
        auto_create: bool,
    },
    Delete(&'a str, Seq),
    Clear(&'a str),
    Drop(&'a str),
    /// Writes a bin's state again, so that the segment of its last record can go.
    Rewrite(Arc<Bin>),
}

/// One change of one bin.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) bin: Arc<Bin>,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Put,
    Capture(Arc<Capture>),
    Delete(Seq),
    Clear(Seq),
    Drop,
}

/// The changes that a request comes to.
#[derive(Debug)]
pub(crate) struct Plan {
    /// A bin that is made on the way.
    pub(crate) made: Option<Arc<Bin>>,
    pub(crate) change: Change,
}

/// Which bins there are to whoever asks now: those that are committed, and what is being written.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    pub(crate) bins: &'a Bins,
    pub(crate) unwritten: &'a HashMap<BinName, Unwritten>,
}

/// A name that changes hands: its bin to be, or none where it is being deleted.
#[derive(Debug)]
pub(crate) struct Unwritten {
    pub(crate) bin: Option<Arc<Bin>>,
    /// The batch that does it.
    pub(crate) batch: u64,
}

impl Table<'_> {
    fn find(&self, name: &str) -> Option<Arc<Bin>> {
        match self.unwritten.get(name) {
            Some(unwritten) => unwritten.bin.clone(),
            None => self.bins.get(name),
        }
    }

    fn is_full(&self) -> bool {
        let coming = |unwritten: &&Unwritten| {
            let bin = unwritten.bin.as_ref();
            bin.is_some_and(|bin| self.bins.get(bin.name.as_str()).is_none())
        };
        let coming = self.unwritten.values().filter(coming).count();
        self.bins.len() + coming >= self.bins.limits.bins_max
    }
}

impl Request<'_> {
    /// Plans the changes, and gives a capture its seq; `None` where there is nothing to change.
    ///
    /// Called under the engine's lock, so that what is planned is also the next in order.
    pub(crate) fn plan(self, table: &Table<'_>) -> Result<Option<Plan>, StoreError> {
        let (bin, what) = match self {
            Self::Create(bin) => {
                if table.find(bin.name.as_str()).is_some() {
                    return Err(StoreError::Exists);
                }
                if table.is_full() {
                    return Err(StoreError::TooManyBins);
                }
                (Some(bin), What::Put)
            }
            Self::Append { capture, auto_create } => {
                return append(capture, auto_create, table).map(Some);
            }
            Self::Delete(name, seq) => {
                let holds = |bin: &Arc<Bin>| bin.find(At::Seq(seq)).is_some();
                (table.find(name).filter(holds), What::Delete(seq))
            }
            Self::Clear(name) => {
                let bin = table.find(name);
                let to = bin.as_ref().map_or(0, |bin| bin.given());
                (bin, What::Clear(to))
            }
            Self::Drop(name) => (table.find(name), What::Drop),
            Self::Rewrite(bin) => {
                let same = |found: &Arc<Bin>| Arc::ptr_eq(found, &bin);
                (table.find(bin.name.as_str()).filter(same), What::Put)
            }
        };
        Ok(bin.map(|bin| Plan { made: None, change: Change { bin, what } }))
    }
}

fn append(mut capture: Capture, auto_create: bool, table: &Table<'_>) -> Result<Plan, StoreError> {
    let found = table.find(capture.bin.as_str());
    let made = match &found {
        Some(_) => None,
        None if !auto_create => return Err(StoreError::UnknownBin),
        None if table.is_full() => return Err(StoreError::TooManyBins),
        None => Some(Bin::new(capture.bin.clone(), capture.received_at, Config::default())),
    };
    let Some(bin) = found.or_else(|| made.clone()) else { return Err(StoreError::UnknownBin) };
    capture.seq = bin.give();
    // One name for all captures of a bin, instead of one allocation each.
    capture.bin = bin.name.clone();
    Ok(Plan { made, change: Change { bin, what: What::Capture(Arc::new(capture)) } })
}
