//! One record after the other becomes state.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hooklab_shared::bin::Config;
use hooklab_shared::id::{BinName, Timestamp};

use super::Found;
use crate::store::bins::{Bin, Bins};
use crate::store::change::{Change, What};
use crate::store::disk::segments::{Segment, Segments};
use crate::store::index::{Entry, Location, Place};
use crate::store::record::{Kind, Put};

pub(super) struct Replay<'a> {
    bins: &'a Bins,
    segments: BTreeMap<u32, Segment>,
    /// The bin of the record before: most often also that of the next.
    last: Option<Arc<Bin>>,
}

impl<'a> Replay<'a> {
    pub(super) fn new(bins: &'a Bins) -> Self {
        Self { bins, segments: BTreeMap::new(), last: None }
    }

    /// Those before this one are closed.
    pub(super) fn begin(&mut self, number: u32) {
        for segment in self.segments.values_mut() {
            segment.closed = true;
        }
        self.segments.insert(number, Segment::default());
    }

    /// Applies a sound record.
    pub(super) fn record(&mut self, segment: u32, found: &Found<'_>) -> Result<(), String> {
        let seq = found.header.seq;
        let (name, rest) = name(found).ok_or("a record holds no bin's name")?;
        let location = Location {
            segment,
            offset: found.offset,
            bytes: u32::try_from(found.header.record_bytes()).unwrap_or(u32::MAX),
        };
        match Kind::of(found.header.kind) {
            Some(Kind::Capture) => self.capture(name, Entry { seq, place: Place::Disk(location) }),
            Some(Kind::Put) => {
                let put = Put::decode(rest).ok_or("a bin's record cannot be understood")?;
                self.put(name, put, segment)?;
            }
            Some(Kind::Drop) => self.change(name, What::Drop),
            Some(Kind::Clear) => self.change(name, What::Clear(seq)),
            Some(Kind::Delete) => self.change(name, What::Delete(seq)),
            None => {
                let kind = found.header.kind;
                return Err(format!("a newer release wrote records of kind {kind} to it"));
            }
        }
        Ok(())
    }

    /// A capture that is lost still has used its seq.
    pub(super) fn damaged(&mut self, found: &Found<'_>) {
        if let Some((name, _)) = name(found)
            && found.header.kind == Kind::Capture as u8
            && let Some(bin) = self.bin(name)
        {
            let mut state = bin.state();
            state.index.newest = state.index.newest.max(found.header.seq);
        }
    }

    pub(super) fn finish(self) -> Segments {
        self.bins.resume();
        Segments::from(self.segments)
    }

    fn capture(&mut self, name: &str, entry: Entry) {
        let Some(bin) = self.bin(name).or_else(|| self.unannounced(name)) else { return };
        let (seq, segment) = (entry.seq, segment_of(&entry));
        if !bin.state().index.push(entry) {
            tracing::warn!(bin = name, seq, "left out a capture whose seq does not rise");
            return;
        }
        if let Some(segment) = segment.and_then(|number| self.segments.get_mut(&number)) {
            segment.alive += 1;
            segment.captures = true;
        }
    }

    /// A bin whose record went with an old segment, and stands again further on.
    fn unannounced(&mut self, name: &str) -> Option<Arc<Bin>> {
        let bin = Bin::new(name.parse().ok()?, Timestamp::default(), Config::default());
        self.bins.insert(Arc::clone(&bin));
        self.last = Some(Arc::clone(&bin));
        Some(bin)
    }

    fn put(&mut self, name: &str, put: Put, segment: u32) -> Result<(), String> {
        let name: BinName = name.parse().map_err(|error| format!("cannot {error}"))?;
        let before = self.bin(name.as_str());
        let (bin, freed) = Bin::restored(name, put, before.as_deref(), segment);
        self.bins.insert(Arc::clone(&bin));
        self.last = Some(bin);
        self.went(&freed);
        Ok(())
    }

    fn change(&mut self, name: &str, what: What) {
        let Some(bin) = self.bin(name) else { return };
        if matches!(what, What::Drop) {
            self.last = None;
        }
        let applied = self.bins.apply(&Change { bin, what }, None);
        self.went(&applied.freed);
    }

    fn went(&mut self, freed: &VecDeque<Entry>) {
        for number in freed.iter().filter_map(segment_of) {
            if let Some(segment) = self.segments.get_mut(&number) {
                segment.alive -= 1;
            }
        }
    }

    fn bin(&mut self, name: &str) -> Option<Arc<Bin>> {
        if self.last.as_ref().is_none_or(|last| last.name.as_str() != name) {
            self.last = self.bins.get(name);
        }
        self.last.clone()
    }
}

fn name<'a>(found: &Found<'a>) -> Option<(&'a str, &'a [u8])> {
    let (name, rest) = found.front.split_at_checked(found.header.name_bytes.into())?;
    Some((std::str::from_utf8(name).ok()?, rest))
}

fn segment_of(entry: &Entry) -> Option<u32> {
    match entry.place {
        Place::Disk(location) => Some(location.segment),
        Place::Memory(_) => None,
    }
}
