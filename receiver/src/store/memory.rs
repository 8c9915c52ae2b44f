//! The engine that keeps nothing: captures live as long as the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use hooklab_shared::body::Body;
use hooklab_shared::capture::Capture;
use hooklab_shared::headers::Head;

use super::bins::Bins;
use super::change::{Change, Request, Table, What};
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

    pub(crate) fn submit(&self, request: Request<'_>) -> Result<Option<u64>, StoreError> {
        let request = match request {
            Request::Append { capture, auto_create } => {
                Request::Append { capture: right_sized(&capture), auto_create }
            }
            other => other,
        };
        let order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        if *order {
            return Err(StoreError::Closed);
        }
        let table = Table { bins: &self.bins, unwritten: &HashMap::new() };
        let Some(plan) = request.plan(&table)? else { return Ok(None) };
        if let Some(bin) = plan.made {
            self.bins.apply(&Change { bin, what: What::Put }, None);
        }
        let place = match &plan.change.what {
            What::Capture(capture) => Some(Place::Memory(Arc::clone(capture))),
            _ => None,
        };
        Ok(Some(self.bins.apply(&plan.change, place).answer))
    }

    pub(crate) fn close(&self) {
        *self.order.lock().unwrap_or_else(PoisonError::into_inner) = true;
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
