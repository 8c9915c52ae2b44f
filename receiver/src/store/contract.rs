//! What every store keeps to, run against each engine at each level.

mod bins;
mod captures;
mod configured;
mod damage;
mod dropping;
mod failures;
mod filtered;
mod live;
mod live_random;
mod many;
mod reopen;
mod retention;
mod reuse;
mod rolling;
mod space;
mod strays;

use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use hooklab_shared::bin::Keep;
use hooklab_shared::body::{Body, Framing};
use hooklab_shared::capture::{Capture, Outcome, Protocol, Replied, Timing};
use hooklab_shared::headers::Head;
use hooklab_shared::id::{BinName, Seq, Timestamp};
use hooklab_shared::limits::Limits;
use tempfile::TempDir;
use uuid::Uuid;

use super::disk::Sizes;
use super::{Durability, Engine, OpenError, Range, Store, Where};

/// Where a test's store lives.
struct Home {
    directory: TempDir,
    level: Durability,
    limits: Limits,
    keep: Keep,
    sizes: Sizes,
}

const URL: &str = "http://127.0.0.1:4665";

impl Home {
    fn at(level: Durability) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            level,
            limits: Limits::default(),
            keep: Keep::default(),
            sizes: Sizes::default(),
        }
    }

    /// Every engine at every level; small segments, so that they roll over.
    fn all() -> Vec<Self> {
        let small = Sizes { segment_bytes: 16 * 1024, ..Sizes::default() };
        vec![
            Self::at(Durability::Memory),
            Self::at(Durability::Process),
            Self::at(Durability::Disk),
            Self { sizes: small, ..Self::at(Durability::Process) },
        ]
    }

    fn disks() -> Vec<Self> {
        Self::all().into_iter().filter(|home| home.level != Durability::Memory).collect()
    }

    fn small_segments(bytes: u64) -> Self {
        let sizes = Sizes { segment_bytes: bytes, ..Sizes::default() };
        Self { sizes, ..Self::at(Durability::Process) }
    }

    fn place(&self) -> Where {
        match self.level {
            Durability::Memory => Where::Memory,
            Durability::Process | Durability::Disk => Where::Disk(self.path()),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("captures")
    }

    fn open(&self) -> Store {
        let place = self.place();
        Store::open_sized(&place, self.level, self.limits, self.keep, URL, self.sizes).unwrap()
    }

    /// As a program opens it.
    fn try_open(&self) -> Result<Store, OpenError> {
        Store::open(&self.place(), self.level, self.limits, self.keep, URL)
    }

    async fn reopen(&self, store: Store) -> Store {
        store.close().await;
        self.open()
    }

    /// Files of this kind in the directory, in order.
    fn files(&self, extension: &str) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect();
        files.sort();
        files
    }
}

impl Store {
    fn faults(&self) -> &super::disk::Faults {
        match &self.0.engine {
            Engine::Disk(disk) => disk.faults(),
            Engine::Memory(_) => panic!("memory has no faults"),
        }
    }

    async fn put(&self, bin: &str, body: &str) -> Seq {
        self.append(capture(bin, body.as_bytes()), true).await.unwrap()
    }

    fn seqs(&self, bin: &str) -> Vec<Seq> {
        let all = Range { after: None, before: None, newest_first: false, limit: 1_000_000 };
        let found = self.summaries(bin, all).unwrap().unwrap_or_default();
        found.iter().map(|summary| summary.seq).collect()
    }
}

fn name(bin: &str) -> BinName {
    bin.parse().unwrap()
}

fn capture(bin: &str, body: &[u8]) -> Capture {
    let head = format!("POST /{bin}/x HTTP/1.1\r\nHost: here\r\nX-Odd:  a \r\n\r\n");
    Capture {
        bin: name(bin),
        seq: 0,
        id: Uuid::now_v7(),
        received_at: Timestamp::from_micros(1_790_000_000_123_456),
        peer: SocketAddr::from(([127, 0, 0, 1], 53_122)),
        client: None,
        protocol: Protocol::Http11,
        outcome: Outcome::Complete,
        timing: Timing { head_us: 180, body_us: 40 },
        reply: Replied { status: 200, ..Replied::default() },
        head: Head::from(Bytes::from(head)),
        body: Body { wire: Bytes::copy_from_slice(body), framing: Framing::Length },
        content_bytes: body.len() as u64,
    }
}
