//! Gives back the space of what is dead.
//!
//! The oldest segment, once nothing lives in it, is removed or becomes the next one: what its
//! deletes and clears undid is gone with it or before it, and the bins and strays it tells of are
//! written again first. Others are shrunk to what lives in them, in place, so that the order of the
//! log stays: their other records may undo what older segments hold.

mod shrink;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::log::Log;
use super::segment;
use super::sidecar;
use super::writer::{self, is_full};
use crate::store::change::Request;
use crate::store::record;

/// Bins and strays that are written again at once.
const REWRITES_AT_ONCE: usize = 256;

/// After what time it is tried again, where something could not be freed.
const AGAIN: Duration = Duration::from_secs(5);

pub(super) async fn run(log: Arc<Log>) {
    let mut told = String::new();
    while !log.is_closed() {
        match tidy(&log).await {
            Ok(()) => {
                told.clear();
                rest(&log).await;
            }
            Err(error) => {
                give_up_spare(&log).await;
                let error = error.to_string();
                if told != error {
                    tracing::warn!(error, "dead segments stay for now; it is tried again");
                    told = error;
                }
                // Nobody may come who says that there is room again.
                let _ = timeout(AGAIN, log.untidy.notified()).await;
            }
        }
    }
}

/// Waits for something to do.
async fn rest(log: &Arc<Log>) {
    let work = log.untidy.notified();
    let spare = log.spare.left(Instant::now());
    let again = log.lacks_room().then_some(AGAIN);
    let Some(left) = spare.into_iter().chain(again).min() else { return work.await };
    if timeout(left, work).await.is_ok() {
        return;
    }
    match again.is_some_and(|again| again == left) {
        true => probe(log).await,
        false => give_up_spare(log).await,
    }
}

/// Who waits for it to be ready sends nothing that would tell that there is room again.
async fn probe(log: &Arc<Log>) {
    let shared = Arc::clone(log);
    let probed = blocking(move || {
        writer::probe(&shared);
        Ok(())
    });
    if let Err(error) = probed.await {
        tracing::warn!(%error, "whether there is room could not be seen");
    }
}

async fn give_up_spare(log: &Arc<Log>) {
    let shared = Arc::clone(log);
    // Where it cannot be removed, the next one takes its place.
    let _ = blocking(move || {
        shared.spare.give_up();
        Ok(())
    })
    .await;
}

/// Frees all that can be freed, then says what could not be.
async fn tidy(log: &Arc<Log>) -> io::Result<()> {
    let mut failed = write_sidecars(log).await;
    let mut stuck = BTreeSet::new();
    loop {
        let freed = free_one(log, &mut stuck, &mut failed).await;
        if !freed {
            break;
        }
    }
    let shared = Arc::clone(log);
    let filled = blocking(move || shared.reserve.fill()).await;
    failed.and(filled)
}

/// Says whether there may be more. A segment that cannot be freed is left for another time.
async fn free_one(log: &Arc<Log>, stuck: &mut BTreeSet<u32>, failed: &mut io::Result<()>) -> bool {
    if let Some(number) = log.segments.oldest_dead().filter(|number| !stuck.contains(number)) {
        match remove_oldest(log, number).await {
            Ok(true) => {}
            Ok(false) => drop(stuck.insert(number)),
            Err(error) => {
                stuck.insert(number);
                *failed = Err(error);
            }
        }
        return true;
    }
    let Some(number) = log.segments.to_shrink(log.sizes.segment_bytes, stuck) else {
        return roll(log, stuck, failed).await;
    };
    // One that comes after the shrinking would be that of the segment as it was.
    let sidecars = write_sidecars(log).await;
    let shared = Arc::clone(log);
    let shrunk = blocking(move || shrink::shrink(&shared, number)).await;
    if let Err(error) = sidecars.and(shrunk) {
        // With what is kept for it, it may go at once.
        let spent = is_full(&error) && log.reserve.spend();
        if !spent {
            stuck.insert(number);
            *failed = Err(error);
        }
    }
    true
}

/// Begins another segment where nothing lives in the one that is being written, so that this one's
/// space comes back before it is full.
async fn roll(log: &Arc<Log>, stuck: &mut BTreeSet<u32>, failed: &mut io::Result<()>) -> bool {
    let to_roll = log.segments.to_roll().filter(|number| stuck.insert(*number));
    let Some(number) = to_roll else { return false };
    if !is_worth_it(log, number, &rewrites(log, number)).is_ok_and(|is_worth| is_worth) {
        return false;
    }
    match log.submit(Request::Roll).await {
        // There was no room for another.
        Ok(_) if log.segments.newest() == number => false,
        // It is closed now, and can go.
        Ok(_) => {
            log.let_go(number);
            stuck.remove(&number)
        }
        Err(error) => {
            *failed = Err(io::Error::other(error));
            false
        }
    }
}

async fn write_sidecars(log: &Arc<Log>) -> io::Result<()> {
    if !log.has_rolled() {
        return Ok(());
    }
    let shared = Arc::clone(log);
    blocking(move || {
        shared.write_sidecars();
        Ok(())
    })
    .await
}

/// Bins that take more than half of what is freed would be written again and again.
fn is_worth_it(log: &Log, number: u32, rewrites: &Rewrites) -> io::Result<bool> {
    let freed = fs::metadata(segment::path(&log.path, number))?.len();
    Ok(rewrites.bytes <= freed / 2)
}

/// Says whether it was worth it.
async fn remove_oldest(log: &Arc<Log>, number: u32) -> io::Result<bool> {
    let rewrites = rewrites(log, number);
    if !is_worth_it(log, number, &rewrites)? {
        return Ok(false);
    }
    let nothing = rewrites.requests.is_empty();
    let from = log.segments.newest();
    let mut requests = rewrites.requests.into_iter();
    loop {
        let some: Vec<Request<'_>> = requests.by_ref().take(REWRITES_AT_ONCE).collect();
        if some.is_empty() {
            break;
        }
        for rewritten in join_all(some.into_iter().map(|request| log.submit(request))).await {
            rewritten.map_err(io::Error::other)?;
        }
    }
    // What retention dropped from this segment is to be in the log before it goes.
    log.submit(Request::Barrier).await.map_err(io::Error::other)?;
    let written = from..=log.segments.newest();
    let shared = Arc::clone(log);
    blocking(move || {
        for at in written.filter(|at| *at > number && !nothing) {
            sync(&shared, at)?;
        }
        remove(&shared, number)
    })
    .await?;
    Ok(true)
}

/// What has to be written again before a segment goes.
struct Rewrites {
    requests: Vec<Request<'static>>,
    bytes: u64,
}

fn rewrites(log: &Log, number: u32) -> Rewrites {
    let mut record = Vec::new();
    let mut requests = Vec::new();
    let mut bytes = 0;
    for bin in log.bins.put_until(number) {
        record.clear();
        record::encode_put(&mut record, &bin.name, &bin.as_put());
        bytes += record.len() as u64;
        requests.push(Request::Rewrite(bin));
    }
    for stray in log.bins.strays().until(number) {
        record.clear();
        record::encode_stray(&mut record, &stray);
        bytes += record.len() as u64;
        requests.push(Request::RewriteStray(stray.seq));
    }
    Rewrites { requests, bytes }
}

fn sync(log: &Log, number: u32) -> io::Result<()> {
    match File::open(segment::path(&log.path, number)) {
        Ok(file) => file.sync_data(),
        // Removed meanwhile, or never made.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn remove(log: &Log, number: u32) -> io::Result<()> {
    remove_sidecar(log, number)?;
    let path = segment::path(&log.path, number);
    let bytes = fs::metadata(&path)?.len();
    {
        // Who reads again what could not be read finds the segment, or knows that it is gone.
        let _moving = log.layout.write().unwrap_or_else(PoisonError::into_inner);
        match bytes <= 2 * log.sizes.segment_bytes {
            true => log.spare.keep(&path, Instant::now())?,
            false => fs::remove_file(&path)?,
        }
    }
    log.segments.remove(number);
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
