//! The engine that keeps nothing: captures live as long as the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use hooklab_shared::body::Body;
use hooklab_shared::capture::Capture;
use hooklab_shared::headers::Head;
use hooklab_shared::id::Seq;

use super::bins::Bins;
use super::change::{Captured, Change, Request, Table, What};
use super::error::StoreError;
use super::index::Place;

#[derive(Debug)]
pub(crate) struct Memory {
    bins: Arc<Bins>,
    /// Held while a change is planned and made; `true` once closed.
    order: Mutex<bool>,
}

impl Memory {
    pub(crate) fn new(bins: Arc<Bins>) -> Self {
        Self { bins, order: Mutex::new(false) }
    }

    pub(crate) fn append(&self, capture: &Capture, auto_create: bool) -> Result<Seq, StoreError> {
        let mut capture = right_sized(capture);
        let _order = self.order()?;
        let admitted =
            self.table(&HashMap::new()).admit(&capture.bin, capture.received_at, auto_create)?;
        let (bin, moment) = (admitted.bin, self.bins.clock.moment());
        if admitted.made {
            self.bins.apply(&Change::Bin(Arc::clone(&bin), What::Put), None, moment);
        }
        capture.seq = bin.give();
        // One name for all captures of a bin, instead of one allocation each.
        capture.bin = bin.name.clone();
        let (seq, received_at) = (capture.seq, capture.received_at);
        let whole = Arc::new(capture);
        let place = Place::Memory(Arc::clone(&whole));
        let captured = Captured { bin, seq, received_at, whole: Some(whole) };
        Ok(self.bins.apply(&Change::Capture(captured), Some(place), moment).answer)
    }

    pub(crate) fn submit(&self, request: Request<'_>) -> Result<Option<u64>, StoreError> {
        let _order = self.order()?;
        let Some(change) = request.plan(&self.table(&HashMap::new()))? else { return Ok(None) };
        Ok(Some(self.bins.apply(&change, None, self.bins.clock.moment()).answer))
    }

    pub(crate) fn close(&self) {
        *self.order.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn order(&self) -> Result<MutexGuard<'_, bool>, StoreError> {
        let order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        if *order { Err(StoreError::Closed) } else { Ok(order) }
    }

    fn table<'a>(
        &'a self,
        unwritten: &'a HashMap<hooklab_shared::id::BinName, super::change::Unwritten>,
    ) -> Table<'a> {
        Table { bins: &self.bins, unwritten }
    }
}

/// A copy that takes what it holds: slices of a connection's buffers would keep these whole.
fn right_sized(capture: &Capture) -> Capture {
    let (head, body) = (capture.head.as_bytes(), &capture.body.wire);
    let mut both = BytesMut::with_capacity(head.len() + body.len());
    both.extend_from_slice(head);
    both.extend_from_slice(body);
    let both: Bytes = both.freeze();
    Capture {
        body: Body { wire: both.slice(head.len()..), framing: capture.body.framing },
        head: Head::from(both.slice(..head.len())),
        ..capture.clone()
    }
}
