//! One record after the other becomes state.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hooklab_shared::bin::Config;
use hooklab_shared::id::{BinName, Seq, Timestamp};

use super::Found;
use crate::store::bin::Bin;
use crate::store::bins::Bins;
use crate::store::change::{Change, What};
use crate::store::clock::Moment;
use crate::store::disk::segments::{Segment, Segments};
use crate::store::index::{Entry, Location, Place};
use crate::store::record::{self, Kind, Put};

pub(super) struct Replay<'a> {
    bins: &'a Bins,
    segments: BTreeMap<u32, Segment>,
    /// The bin of the record before: most often also that of the next.
    last: Option<Arc<Bin>>,
    /// Where the newest strays are.
    strays: BTreeMap<u64, Location>,
    moment: Moment,
}

/// What a replay comes to, beside the bins.
pub(super) struct Finished {
    pub(super) segments: Segments,
    /// Where the strays are that are remembered, in their order.
    pub(super) strays: BTreeMap<u64, Location>,
}

impl<'a> Replay<'a> {
    pub(super) fn new(bins: &'a Bins) -> Self {
        Self {
            bins,
            segments: BTreeMap::new(),
            last: None,
            strays: BTreeMap::new(),
            moment: bins.clock.moment(),
        }
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
        let unread = "a record cannot be understood";
        let location = Location {
            segment,
            offset: found.offset,
            bytes: u32::try_from(found.header.record_bytes()).unwrap_or(u32::MAX),
        };
        match Kind::of(found.header.kind) {
            Some(Kind::Capture) => {
                let came = record::received_at(rest).ok_or(unread)?;
                let at = self.moment.stamp(came);
                self.capture(name, Entry { seq, at, place: Place::Disk(location) });
            }
            Some(Kind::Put) => self.put(name, Put::decode(rest).ok_or(unread)?, segment)?,
            Some(Kind::Drop) => self.change(name, What::Drop),
            Some(Kind::Clear) => self.change(name, What::Clear(seq)),
            Some(Kind::Delete) => self.change(name, What::Delete(seq)),
            Some(Kind::DeleteMany) => {
                let runs = record::decode_runs(rest).ok_or(unread)?;
                self.change(name, What::DeleteMany(runs));
            }
            Some(Kind::Dropped) => {
                self.dropped(name, seq, record::decode_dropped(rest).ok_or(unread)?);
            }
            Some(Kind::Stray) => self.stray(seq, location),
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

    pub(super) fn finish(mut self) -> Finished {
        let freed = self.bins.resume();
        self.went(&freed);
        Finished { segments: Segments::from(self.segments), strays: self.strays }
    }

    fn capture(&mut self, name: &str, entry: Entry) {
        let Some(bin) = self.bin(name).or_else(|| self.unannounced(name)) else { return };
        let (seq, segment, bytes) = (entry.seq, entry.place.segment(), entry.place.bytes());
        if !bin.state().index.push(entry) {
            tracing::warn!(bin = name, seq, "left out a capture whose seq does not rise");
            return;
        }
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.came(bytes);
        }
    }

    fn stray(&mut self, seq: u64, location: Location) {
        if let Some(segment) = self.segments.get_mut(&location.segment) {
            segment.held_bytes += u64::from(location.bytes);
        }
        self.strays.insert(seq, location);
        if self.strays.len() > self.bins.limits.strays_max {
            self.strays.pop_first();
        }
    }

    fn dropped(&mut self, name: &str, to: Seq, dropped: u64) {
        let Some(bin) = self.bin(name) else { return };
        let gone = bin.state().index.drop_as_told(to, dropped);
        self.went(&gone);
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
        let applied = self.bins.apply(&Change::Bin(bin, what), None, self.moment);
        self.went(&applied.freed);
    }

    fn went(&mut self, freed: &VecDeque<Entry>) {
        for entry in freed {
            if let Some(segment) = self.segments.get_mut(&entry.place.segment()) {
                let mut went = Segment::default();
                went.came(entry.place.bytes());
                segment.went(&went);
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
