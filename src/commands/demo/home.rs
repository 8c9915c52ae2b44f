//! A directory for as long as the demo runs.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use uuid::Uuid;

use crate::exit::Failure;

/// The directory; it goes with everything in it when this is dropped.
pub(super) struct Home(PathBuf);

impl Home {
    /// Makes one that nobody else can look into.
    pub(super) fn make() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("hooklab-demo-{}", Uuid::new_v4().simple()));
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            let path = path.display();
            Failure::usage(format!("make {path}: {error}; set TMPDIR to a place that is writable"))
        })?;
        Ok(Self(path))
    }

    /// Where the stores go.
    pub(super) fn store(&self) -> PathBuf {
        self.0.join("store")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_with_everything_in_it() {
        let home = Home::make().unwrap();
        let path = home.0.clone();
        fs::create_dir_all(home.store()).unwrap();
        drop(home);
        assert!(!path.exists());
    }
}
