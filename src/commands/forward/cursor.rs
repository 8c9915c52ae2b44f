//! Where a forward has come to, kept in a file.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hooklab_shared::id::{BinName, Seq};
use serde::{Deserialize, Serialize};

use crate::exit::Failure;

/// The file, and what it says.
pub(super) struct Cursor {
    path: PathBuf,
    bin: BinName,
    after: Option<Seq>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    bin: BinName,
    after: Seq,
}

impl Cursor {
    /// Reads the file, if it is there already.
    pub(super) fn open(path: &Path, bin: &BinName) -> Result<Self, Failure> {
        let (path, bin) = (path.to_owned(), bin.clone());
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { path, bin, after: None });
            }
            Err(error) => return Err(refused("read", &path, error)),
        };
        let kept: Kept = serde_json::from_slice(&text)
            .map_err(|_| refused("read", &path, "it is none that hooklab wrote"))?;
        if kept.bin != bin {
            let other = format!("it is of the bin {}", kept.bin);
            return Err(refused("use", &path, other));
        }
        Ok(Self { path, bin, after: Some(kept.after) })
    }

    /// Where to go on from, if anything was kept.
    pub(super) fn kept(&self) -> Option<Seq> {
        self.after
    }

    /// Keeps a place: the file says the old one or the new one, and nothing in between.
    pub(super) fn keep(&mut self, place: Seq) -> Result<(), Failure> {
        if self.after == Some(place) {
            return Ok(());
        }
        let kept = Kept { bin: self.bin.clone(), after: place };
        let text =
            serde_json::to_vec(&kept).map_err(|error| refused("write", &self.path, error))?;
        let mut beside = self.path.clone().into_os_string();
        beside.push(format!(".{}", std::process::id()));
        let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, &self.path));
        written.map_err(|error| refused("write", &self.path, error))?;
        self.after = Some(place);
        Ok(())
    }
}

fn refused(doing: &str, path: &Path, why: impl std::fmt::Display) -> Failure {
    let path = path.display();
    Failure::usage(format!("{doing} {path}: {why}; give another file to --cursor"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_kept_for_its_bin_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("place");
        let (orders, other) = ("orders".parse().unwrap(), "other".parse().unwrap());
        let mut cursor = Cursor::open(&path, &orders).unwrap();
        assert_eq!(cursor.kept(), None);
        cursor.keep(41).unwrap();
        cursor.keep(42).unwrap();
        assert_eq!(Cursor::open(&path, &orders).unwrap().kept(), Some(42));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        assert!(Cursor::open(&path, &other).err().unwrap().told.contains("orders"));
        fs::write(&path, "{}").unwrap();
        assert!(Cursor::open(&path, &orders).err().unwrap().told.contains("--cursor"));
        let mut nowhere = Cursor::open(Path::new("/no/such/place"), &orders).unwrap();
        assert!(nowhere.keep(1).unwrap_err().told.contains("/no/such/place"));
    }
}
