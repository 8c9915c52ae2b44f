//! Gives back the space of segments in which nothing lives.
//!
//! The oldest segment is removed: what its deletes and clears undid is gone with it or before it,
//! and the bins it tells of are written again first. A dead one in the middle is shrunk to its
//! other records, in place, so that their order stays: they may undo what older ones hold.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use tokio::task::spawn_blocking;

use super::log::Log;
use super::replay::{Scanned, scan};
use super::segment;
use super::sidecar;
use crate::store::bins::Bin;
use crate::store::change::Request;
use crate::store::record::{self, Kind};

/// Bins that are written again at once.
const BINS_AT_ONCE: usize = 256;

pub(super) async fn run(log: Arc<Log>) {
    loop {
        if log.is_closed() {
            return;
        }
        if let Err(error) = tidy(&log).await {
            tracing::warn!(%error, "dead segments stay for now");
        }
        log.untidy.notified().await;
    }
}

async fn tidy(log: &Arc<Log>) -> io::Result<()> {
    while let Some(number) = log.segments.oldest_dead() {
        if !remove_oldest(log, number).await? {
            break;
        }
    }
    for number in log.segments.dead() {
        let shared = Arc::clone(log);
        blocking(move || shrink(&shared, number)).await?;
    }
    Ok(())
}

/// Says whether it was worth it: bins that take more than half of what is freed would be written
/// again and again.
async fn remove_oldest(log: &Arc<Log>, number: u32) -> io::Result<bool> {
    let bins = log.bins.put_until(number);
    let freed = fs::metadata(segment::path(&log.path, number))?.len();
    if !bins.is_empty() && put_bytes(&bins) > freed / 2 {
        return Ok(false);
    }
    for some in bins.chunks(BINS_AT_ONCE) {
        let rewrites = some.iter().map(|bin| log.submit(Request::Rewrite(Arc::clone(bin))));
        for rewritten in join_all(rewrites).await {
            rewritten.map_err(io::Error::other)?;
        }
    }
    let now_in: BTreeSet<u32> = bins
        .iter()
        .map(|bin| bin.put_in.load(Ordering::Relaxed))
        .filter(|at| *at > number)
        .collect();
    let shared = Arc::clone(log);
    blocking(move || {
        for at in now_in {
            File::open(segment::path(&shared.path, at))?.sync_data()?;
        }
        remove(&shared, number)
    })
    .await?;
    Ok(true)
}

fn put_bytes(bins: &[Arc<Bin>]) -> u64 {
    let mut record = Vec::new();
    let bytes = bins.iter().map(|bin| {
        record.clear();
        record::encode_put(&mut record, 0, &bin.name, &bin.as_put());
        record.len() as u64
    });
    bytes.sum()
}

fn remove(log: &Log, number: u32) -> io::Result<()> {
    remove_sidecar(log, number)?;
    fs::remove_file(segment::path(&log.path, number))?;
    log.segments.remove(number);
    Ok(())
}

/// A crash leaves the segment as it was, or shrunk; the sidecar of the one does not fit the other.
fn shrink(log: &Log, number: u32) -> io::Result<()> {
    let path = segment::path(&log.path, number);
    let bytes = fs::read(&path)?;
    let mut kept = segment::preface(log.marker, number).to_vec();
    let preface_bytes = kept.len();
    let scanned = scan(&bytes, log.marker, |scanned| {
        if let Scanned::Record(found, record) = scanned
            && found.header.kind != Kind::Capture as u8
        {
            kept.extend_from_slice(record);
        }
        Ok(())
    });
    scanned.map_err(io::Error::other)?;
    if kept.len() == preface_bytes {
        return remove(log, number);
    }
    let new = path.with_extension("seg.new");
    let mut file = File::create(&new)?;
    file.write_all(&kept)?;
    file.sync_all()?;
    remove_sidecar(log, number)?;
    fs::rename(&new, &path)?;
    log.segments.shrunk(number);
    Ok(())
}

fn remove_sidecar(log: &Log, number: u32) -> io::Result<()> {
    match fs::remove_file(sidecar::path(&log.path, number)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
