//! What a store is asked, and the changes that come of it; the same for every engine.

use std::collections::HashMap;
use std::sync::Arc;

use hooklab_shared::bin::Config;
use hooklab_shared::capture::Capture;
use hooklab_shared::id::{BinName, Seq, Timestamp};
use hooklab_shared::stray::Stray;

use super::bin::Bin;
use super::bins::Bins;
use super::error::StoreError;
use super::index::At;

/// What is asked, beside appending.
#[derive(Debug)]
pub(crate) enum Request<'a> {
    Create(Arc<Bin>),
    Update(&'a str, Config),
    Delete(&'a str, Seq),
    /// Runs of seqs, first and last included, which rise.
    DeleteMany(&'a str, Vec<(Seq, Seq)>),
    Clear(&'a str),
    Drop(&'a str),
    /// Drops what is older than a bin may keep it.
    Expire(Arc<Bin>),
    /// Writes a bin's state again, so that the segment of its last record can go.
    Rewrite(Arc<Bin>),
    Stray(Stray),
    /// The same for a stray.
    RewriteStray(u64),
    /// Asks nothing, but that all before it is committed.
    Barrier,
    /// The same, with what comes from here on in a segment of its own.
    Roll,
}

/// One change.
#[derive(Debug)]
pub(crate) enum Change {
    Capture(Captured),
    Bin(Arc<Bin>, What),
    Stray(Arc<Stray>),
    /// The log is told what retention has dropped from this bin already: up to and with this seq.
    Dropped(Arc<Bin>, Seq),
    Nothing,
}

/// A capture that is being written.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) bin: Arc<Bin>,
    pub(crate) seq: Seq,
    pub(crate) received_at: Timestamp,
    /// The capture itself, where somebody watches or memory keeps it; else its record is enough.
    pub(crate) whole: Option<Arc<Capture>>,
}

/// What changes of a bin.
#[derive(Debug)]
pub(crate) enum What {
    Put,
    Update(Arc<Config>),
    Delete(Seq),
    DeleteMany(Vec<(Seq, Seq)>),
    Clear(Seq),
    Drop,
    Expire,
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

/// The bin that a capture goes to.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) bin: Arc<Bin>,
    /// Whether it is made on the way.
    pub(crate) made: bool,
}

impl Table<'_> {
    fn find(&self, name: &str) -> Option<Arc<Bin>> {
        match self.unwritten.get(name) {
            Some(unwritten) => unwritten.bin.clone(),
            None => self.bins.get(name),
        }
    }

    /// Whether this very bin is there, and not another of its name.
    pub(crate) fn holds(&self, bin: &Arc<Bin>) -> bool {
        self.find(bin.name.as_str()).is_some_and(|found| Arc::ptr_eq(&found, bin))
    }

    fn is_full(&self) -> bool {
        let coming = |unwritten: &&Unwritten| {
            let bin = unwritten.bin.as_ref();
            bin.is_some_and(|bin| self.bins.get(bin.name.as_str()).is_none())
        };
        let coming = self.unwritten.values().filter(coming).count();
        self.bins.len() + coming >= self.bins.limits.bins_max
    }

    /// Finds the bin of a capture, or makes it.
    pub(crate) fn admit(
        &self,
        name: &BinName,
        received_at: Timestamp,
        auto_create: bool,
    ) -> Result<Admitted, StoreError> {
        match self.find(name.as_str()) {
            Some(bin) => Ok(Admitted { bin, made: false }),
            None if !auto_create => Err(StoreError::UnknownBin),
            None if self.is_full() => Err(StoreError::TooManyBins),
            None => {
                let bin = Bin::new(name.clone(), received_at, Config::default());
                Ok(Admitted { bin, made: true })
            }
        }
    }
}

impl Request<'_> {
    /// Plans the change; `None` where there is nothing to change.
    ///
    /// Called under the engine's lock, so that what is planned is also the next in order.
    pub(crate) fn plan(self, table: &Table<'_>) -> Result<Option<Change>, StoreError> {
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
            Self::Update(name, config) => (table.find(name), What::Update(Arc::new(config))),
            Self::Delete(name, seq) => {
                let holds = |bin: &Arc<Bin>| bin.find(At::Seq(seq)).is_some();
                (table.find(name).filter(holds), What::Delete(seq))
            }
            Self::DeleteMany(name, runs) => (table.find(name), What::DeleteMany(runs)),
            Self::Clear(name) => {
                let bin = table.find(name);
                let to = bin.as_ref().map_or(0, |bin| bin.given());
                (bin, What::Clear(to))
            }
            Self::Drop(name) => (table.find(name), What::Drop),
            Self::Expire(bin) => (Some(bin).filter(|bin| table.holds(bin)), What::Expire),
            Self::Rewrite(bin) => (Some(bin).filter(|bin| table.holds(bin)), What::Put),
            Self::Stray(mut stray) => {
                stray.seq = table.bins.strays().give();
                return Ok(Some(Change::Stray(Arc::new(stray))));
            }
            Self::RewriteStray(seq) => return Ok(table.bins.strays().get(seq).map(Change::Stray)),
            Self::Barrier | Self::Roll => return Ok(Some(Change::Nothing)),
        };
        Ok(bin.map(|bin| Change::Bin(bin, what)))
    }
}

/// Seqs as runs of neighbours that rise, first and last included.
pub(crate) fn runs(seqs: &[Seq]) -> Vec<(Seq, Seq)> {
    let mut seqs = seqs.to_vec();
    seqs.sort_unstable();
    let mut runs: Vec<(Seq, Seq)> = Vec::new();
    for seq in seqs {
        match runs.last_mut() {
            Some((_, last)) if seq <= last.saturating_add(1) => *last = seq,
            _ => runs.push((seq, seq)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seqs_become_runs() {
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[3, 1, 2, 9, 2, 7]), [(1, 3), (7, 7), (9, 9)]);
        assert_eq!(runs(&[u64::MAX, u64::MAX]), [(u64::MAX, u64::MAX)]);
    }
}
