//! One bin read from end to end, for those who have to know that they got all of it.

use std::sync::Arc;
use std::vec::IntoIter;

use hooklab_shared::capture::Capture;

use super::bin::Bin;
use super::{BinState, Range, Store, StoreError};

/// Captures that are read at once.
const CHUNK_CAPTURES: usize = 64;

/// One bin, whatever later takes its name.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    store: Store,
    bin: Arc<Bin>,
}

impl Standing {
    pub(super) fn of(store: &Store, bin: Arc<Bin>) -> Self {
        Self { store: store.clone(), bin }
    }

    pub(crate) fn state(&self) -> BinState {
        self.bin.told()
    }

    /// The captures of a range, the oldest first; its limit does not count.
    pub(crate) fn captures(&self, range: Range) -> Whole {
        let range = Range { limit: CHUNK_CAPTURES, newest_first: false, ..range };
        Whole {
            standing: self.clone(),
            range,
            chunk: Vec::new().into_iter(),
            left: None,
            over: false,
        }
    }
}

/// Reads in small chunks, so that a long bin takes little memory. Where captures go that it has
/// not given yet, it ends with [`StoreError::Shrank`]; what goes before its first chunk was never
/// its own.
#[derive(Debug)]
pub(crate) struct Whole {
    standing: Standing,
    range: Range,
    chunk: IntoIter<Capture>,
    /// How many there are behind the chunk; none before the first.
    left: Option<u64>,
    over: bool,
}

impl Whole {
    /// How many it is going to give.
    pub(crate) fn total(&mut self) -> Result<u64, StoreError> {
        if self.left.is_none() {
            self.read()?;
        }
        Ok(self.chunk.len() as u64 + self.left.unwrap_or_default())
    }

    fn read(&mut self) -> Result<(), StoreError> {
        let Standing { store, bin } = &self.standing;
        let chunk = store.0.captures(bin, self.range)?;
        let left = match chunk.last() {
            Some(last) => {
                self.range.after = Some(last.seq);
                bin.state().index.count(&self.range)
            }
            // What is still listed, if anything, cannot be read.
            None => 0,
        };
        let there = chunk.len() as u64 + left;
        let lost = self.left.map_or(0, |left| left.saturating_sub(there));
        if lost > 0 {
            return Err(StoreError::Shrank { lost });
        }
        if self.left.is_none() && bin.state().deleted {
            return Err(StoreError::UnknownBin);
        }
        self.left = Some(left);
        self.chunk = chunk.into_iter();
        Ok(())
    }
}

impl Iterator for Whole {
    type Item = Result<Capture, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(capture) = self.chunk.next() {
            return Some(Ok(capture));
        }
        if self.over || self.left == Some(0) {
            return None;
        }
        if let Err(error) = self.read() {
            self.over = true;
            return Some(Err(error));
        }
        self.chunk.next().map(Ok)
    }
}
