//! Where captures are kept, and how firmly.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a store keeps its captures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// Nowhere: they end with the process.
    Memory,
    /// In this directory, which is made if need be.
    Disk(PathBuf),
}

/// What an acknowledged capture survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Nothing.
    Memory,
    /// The end of the process, kill -9 included: it is with the operating system.
    Process,
    /// A power cut: it is synced to the disk.
    Disk,
}

impl Durability {
    /// As it is told and given.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Process => "process",
            Self::Disk => "disk",
        }
    }
}
