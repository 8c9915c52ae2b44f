//! What waits to be written: encoded already, in the order of the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hooklab_shared::capture::Capture;
use hooklab_shared::id::{BinName, Seq};
use tokio::sync::oneshot;

use super::records::{LARGE_BODY_BYTES, Records, Span};
use super::ticket::{Stub, Ticket};
use crate::store::bins::Bins;
use crate::store::change::{Captured, Change, Request, Table, Unwritten, What};
use crate::store::error::StoreError;
use crate::store::record::{self, Kind};

/// What a request comes to.
pub(super) type Answer = Result<u64, StoreError>;

/// Records that are written by one call.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) number: u64,
    pub(super) records: Records,
    pub(super) waiting: Vec<Waiting>,
    /// For those who append, if there are any.
    pub(super) stub: Option<Stub>,
    /// Whether it is to begin a segment.
    pub(super) rolls: bool,
}

/// A change in a batch, and who waits for it, unless a ticket answers.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) change: Change,
    /// Where its record is in the batch, if it has one.
    pub(super) span: Span,
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
    /// Empties it; keeps its buffers for the next.
    pub(super) fn reuse(&mut self) {
        self.waiting.clear();
        self.records.clear();
        self.stub = None;
        self.rolls = false;
    }

    /// Whether anything in it frees space, or is written again so that space can be freed.
    pub(super) fn frees(&self) -> bool {
        // What retention dropped is told with the next capture, which is not to have the room.
        let is_alone = !self
            .waiting
            .iter()
            .any(|waiting| matches!(waiting.change, Change::Capture(_) | Change::Stray(_)));
        (self.rolls && is_alone)
            || self.waiting.iter().any(|waiting| match &waiting.change {
                // A bin's first record makes it, a later one lets an old segment go.
                Change::Bin(bin, What::Put) => bin.put_in.load(Ordering::Relaxed) > 0,
                Change::Bin(_, what) => !matches!(what, What::Update(_)),
                Change::Dropped(..) => is_alone,
                Change::Capture(_) | Change::Stray(_) | Change::Nothing => false,
            })
    }

    /// Answers everybody in it.
    pub(super) fn refuse(&mut self, bins: &Bins, error: &StoreError) {
        refuse(bins, self.waiting.drain(..), self.stub.take(), error);
        self.reuse();
    }
}

/// Answers those who wait, and takes back what was announced.
pub(super) fn refuse(
    bins: &Bins,
    waiting: impl IntoIterator<Item = Waiting>,
    stub: Option<Stub>,
    error: &StoreError,
) {
    for waiting in waiting {
        match &waiting.change {
            Change::Bin(bin, What::Update(_)) => bin.renounce(),
            Change::Dropped(bin, _) => bins.retention.note(bin),
            _ => {}
        }
        if let Some(answer) = waiting.answer {
            // An error says that nobody waits any more.
            let _ = answer.send(Err(error.clone()));
        }
    }
    if let Some(stub) = stub {
        stub.settle(Err(error.clone()));
    }
}

impl Queue {
    /// Gives a capture its seq, and encodes it.
    pub(super) fn append(
        &mut self,
        mut capture: Capture,
        auto_create: bool,
        bins: &Bins,
        body_crc: u32,
    ) -> Result<(Seq, Arc<Ticket>), StoreError> {
        let table = Table { bins, unwritten: &self.unwritten };
        let admitted = table.admit(&capture.bin, capture.received_at, auto_create)?;
        let bin = admitted.bin;
        self.tell_dropped(bins);
        if admitted.made {
            self.add(Change::Bin(Arc::clone(&bin), What::Put), None);
        }
        capture.seq = bin.give();
        let (seq, received_at) = (capture.seq, capture.received_at);
        let body = &capture.body.wire;
        let large = (body.len() >= LARGE_BODY_BYTES).then_some(body);
        let encode = |into: &mut Vec<u8>| {
            record::encode_capture(into, &capture, body_crc, large.is_none());
        };
        let span = self.batch.records.add(encode, large);
        let whole = bins.is_watched(&bin).then(|| {
            // One name for all captures of a bin, instead of one allocation each.
            capture.bin = bin.name.clone();
            Arc::new(capture)
        });
        let change = Change::Capture(Captured { bin, seq, received_at, whole });
        self.batch.waiting.push(Waiting { change, span, answer: None });
        let stub = self.batch.stub.get_or_insert_default();
        if cfg!(feature = "broken-ack-before-write") {
            // Wrong on purpose: the durability test must notice.
            stub.settle(Ok(()));
        }
        Ok((seq, stub.ticket()))
    }

    /// Plans and encodes a request; `None` where there is nothing to do.
    pub(super) fn push(
        &mut self,
        request: Request<'_>,
        bins: &Bins,
    ) -> Result<Option<oneshot::Receiver<Answer>>, StoreError> {
        let table = Table { bins, unwritten: &self.unwritten };
        let rolls = matches!(request, Request::Roll);
        let Some(change) = request.plan(&table)? else { return Ok(None) };
        self.batch.rolls |= rolls;
        self.tell_dropped(bins);
        let (answer, receiver) = oneshot::channel();
        self.add(change, Some(answer));
        Ok(Some(receiver))
    }

    /// Tells the log what retention has dropped since it was told last.
    pub(super) fn tell_dropped(&mut self, bins: &Bins) {
        for bin in bins.retention.take_unlogged() {
            let table = Table { bins, unwritten: &self.unwritten };
            // Of a bin that goes there is nothing more to tell, least of all to its successor.
            if table.holds(&bin) {
                let to = bin.state().index.dropped_to;
                self.add(Change::Dropped(bin, to), None);
            }
        }
    }

    fn add(&mut self, change: Change, answer: Option<oneshot::Sender<Answer>>) {
        let span = self.batch.records.add(|into| encode(into, &change), None);
        if let Change::Bin(bin, what) = &change {
            let to_be = match what {
                What::Put => Some(Some(Arc::clone(bin))),
                What::Drop => Some(None),
                _ => None,
            };
            if let Some(to_be) = to_be {
                let unwritten = Unwritten { bin: to_be, batch: self.batch.number };
                self.unwritten.insert(bin.name.clone(), unwritten);
            }
        }
        self.batch.waiting.push(Waiting { change, span, answer });
    }
}

fn encode(into: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Bin(bin, what) => encode_bin(into, bin, what),
        Change::Stray(stray) => record::encode_stray(into, stray),
        Change::Dropped(bin, to) => {
            let dropped = bin.state().index.dropped;
            record::encode_dropped(into, &bin.name, *to, dropped);
        }
        // A capture is encoded by whoever has it; an expiry is told when it is done.
        Change::Capture(_) | Change::Nothing => {}
    }
}

fn encode_bin(into: &mut Vec<u8>, bin: &Arc<crate::store::bin::Bin>, what: &What) {
    let name = &bin.name;
    match what {
        What::Put => record::encode_put(into, name, &bin.as_put()),
        What::Update(config) => {
            bin.announce(config);
            record::encode_put(into, name, &bin.as_put());
        }
        What::Delete(seq) => record::encode_change(into, Kind::Delete, name, *seq),
        What::DeleteMany(runs) => record::encode_delete_many(into, name, runs),
        What::Clear(to) => record::encode_change(into, Kind::Clear, name, *to),
        What::Drop => record::encode_change(into, Kind::Drop, name, 0),
        What::Expire => {}
    }
}
