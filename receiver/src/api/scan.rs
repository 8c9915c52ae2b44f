//! Reading a bin's captures one after the other, a page of those that pass at a time.

use std::time::{Duration, Instant};

use hooklab_shared::capture::Capture;
use hooklab_shared::id::Seq;
use hooklab_shared::problem::Problem;

use super::select::Selection;
use crate::receiver::store_problem;
use crate::store::{Range, Store, StoreError};

/// Captures that are looked at for one page: what the time allows for ordinary webhooks.
const PAGE_LOOKED_MAX: usize = 20_000;

/// How long is looked for one page: a list answers at once, and says where it got to.
const PAGE_TIME: Duration = Duration::from_millis(100);

/// Captures that are read at once.
const CHUNK_CAPTURES: usize = 64;

/// A page of what passed.
pub(super) struct Found<T> {
    /// What passed, in the range's order.
    pub(super) items: Vec<T>,
    /// The last capture that was looked at, if there are more; nothing may have passed yet.
    pub(super) next: Option<Seq>,
}

/// Looks through a range until `limit` captures have passed, or it has looked long enough.
pub(super) fn page<T>(
    store: &Store,
    bin: &str,
    range: Range,
    selection: &Selection,
    take: impl Fn(&Capture) -> T,
) -> Result<Found<T>, Problem> {
    let until = Instant::now() + PAGE_TIME;
    let mut walk = Walk::new(store, bin, selection.narrowed(range)).peekable();
    let mut items = Vec::new();
    let mut looked = 0;
    let mut last = None;
    for capture in walk.by_ref() {
        let capture = capture.map_err(|error| store_problem(&error))?;
        if selection.passes(&capture)? {
            items.push(take(&capture));
        }
        looked += 1;
        last = Some(capture.seq);
        if items.len() == range.limit || looked == PAGE_LOOKED_MAX || Instant::now() >= until {
            break;
        }
    }
    Ok(Found { items, next: last.filter(|_| walk.peek().is_some()) })
}

/// The captures of a range, read in small chunks so that a long bin takes little memory; the
/// range's own limit does not count. A bin that goes away ends it.
pub(super) struct Walk {
    store: Store,
    bin: String,
    range: Range,
    chunk: std::vec::IntoIter<Capture>,
    over: bool,
}

impl Walk {
    pub(super) fn new(store: &Store, bin: &str, range: Range) -> Self {
        Self {
            store: store.clone(),
            bin: bin.to_owned(),
            range: Range { limit: CHUNK_CAPTURES, ..range },
            chunk: Vec::new().into_iter(),
            over: false,
        }
    }
}

impl Iterator for Walk {
    type Item = Result<Capture, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(capture) = self.chunk.next() {
            return Some(Ok(capture));
        }
        if self.over {
            return None;
        }
        let chunk = match self.store.captures(&self.bin, self.range) {
            Ok(chunk) => chunk.unwrap_or_default(),
            Err(error) => {
                self.over = true;
                return Some(Err(error));
            }
        };
        match (chunk.last(), self.range.newest_first) {
            (None, _) => self.over = true,
            (Some(last), true) => self.range.before = Some(last.seq),
            (Some(last), false) => self.range.after = Some(last.seq),
        }
        self.chunk = chunk.into_iter();
        self.chunk.next().map(Ok)
    }
}
