//! Faults that tests inject where the engine meets the file system.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

#[derive(Debug, Default)]
pub(in crate::store) struct Faults {
    /// How many of the next writes stop half way.
    pub(in crate::store) short_writes: AtomicU32,
    /// Whether what a short write left cannot be cut off either.
    pub(in crate::store) no_cut: AtomicBool,
    /// Whether syncs fail.
    pub(in crate::store) no_sync: AtomicBool,
    /// Whether segments cannot be made.
    pub(in crate::store) no_create: AtomicBool,
}

impl Faults {
    pub(super) fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let take_one = |left: u32| left.checked_sub(1);
        if self.short_writes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take_one).is_err() {
            return Ok(());
        }
        file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }

    pub(super) fn fail_if(flag: &AtomicBool) -> io::Result<()> {
        match flag.load(Ordering::SeqCst) {
            true => Err(io::Error::other("injected")),
            false => Ok(()),
        }
    }
}
