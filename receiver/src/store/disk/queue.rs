//! What waits to be written: encoded already, in the order of the log.

use std::collections::HashMap;

use hooklab_shared::id::BinName;
use tokio::sync::oneshot;

use crate::store::bins::Bins;
use crate::store::change::{Change, Request, Table, Unwritten, What};
use crate::store::error::StoreError;
use crate::store::record::{self, Kind};

/// What a request comes to.
pub(super) type Answer = Result<u64, StoreError>;

/// A buffer that grew beyond this for a large batch is given back, in bytes.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Records that are written by one call.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) waiting: Vec<Waiting>,
}

/// A change in a batch, and who waits for it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) change: Change,
    /// Where its record begins in the batch.
    pub(super) at: usize,
    pub(super) bytes: usize,
    pub(super) answer: Option<oneshot::Sender<Answer>>,
}

/// The batch that is being filled.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) batch: Batch,
    pub(super) unwritten: HashMap<BinName, Unwritten>,
    /// Why nothing more is taken.
    pub(super) end: Option<StoreError>,
}

impl Batch {
    /// Empties it; keeps its buffers for the next, unless they are huge.
    pub(super) fn reuse(&mut self) {
        self.waiting.clear();
        self.bytes.clear();
        if self.bytes.capacity() > KEPT_BYTES_MAX {
            self.bytes = Vec::new();
        }
    }

    /// Answers everybody in it.
    pub(super) fn refuse(&mut self, error: &StoreError) {
        refuse(self.waiting.drain(..), error);
        self.reuse();
    }
}

pub(super) fn refuse(waiting: impl IntoIterator<Item = Waiting>, error: &StoreError) {
    for waiting in waiting {
        if let Some(answer) = waiting.answer {
            // An error says that nobody waits any more.
            let _ = answer.send(Err(error.clone()));
        }
    }
}

impl Queue {
    /// Plans and encodes a request; `None` where there is nothing to do.
    pub(super) fn push(
        &mut self,
        request: Request<'_>,
        bins: &Bins,
        marker: u64,
        body_crc: u32,
    ) -> Result<Option<oneshot::Receiver<Answer>>, StoreError> {
        let table = Table { bins, unwritten: &self.unwritten };
        let Some(plan) = request.plan(&table)? else { return Ok(None) };
        if let Some(bin) = plan.made {
            self.add(Change { bin, what: What::Put }, marker, 0, None);
        }
        let (answer, receiver) = oneshot::channel();
        let answer = match &plan.change.what {
            // Wrong on purpose: the durability test must notice.
            What::Capture(capture) if cfg!(feature = "broken-ack-before-write") => {
                let _ = answer.send(Ok(capture.seq));
                None
            }
            _ => Some(answer),
        };
        self.add(plan.change, marker, body_crc, answer);
        Ok(Some(receiver))
    }

    fn add(
        &mut self,
        change: Change,
        marker: u64,
        body_crc: u32,
        answer: Option<oneshot::Sender<Answer>>,
    ) {
        let into = &mut self.batch.bytes;
        let at = into.len();
        let name = &change.bin.name;
        match &change.what {
            What::Put => record::encode_put(into, marker, name, &change.bin.as_put()),
            What::Capture(capture) => record::encode_capture(into, marker, capture, body_crc),
            What::Delete(seq) => record::encode_change(into, marker, Kind::Delete, name, *seq),
            What::Clear(to) => record::encode_change(into, marker, Kind::Clear, name, *to),
            What::Drop => record::encode_change(into, marker, Kind::Drop, name, 0),
        }
        let bytes = into.len() - at;
        let bin = match &change.what {
            What::Put => Some(Some(change.bin.clone())),
            What::Drop => Some(None),
            What::Capture(_) | What::Delete(_) | What::Clear(_) => None,
        };
        if let Some(bin) = bin {
            self.unwritten.insert(name.clone(), Unwritten { bin, batch: self.batch.number });
        }
        self.batch.waiting.push(Waiting { change, at, bytes, answer });
    }
}
