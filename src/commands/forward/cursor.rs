//! Where a forward has come to, kept in a file.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hooklab_shared::id::{BinName, Seq, Timestamp};
use serde::{Deserialize, Serialize};

use crate::exit::Failure;

/// The file, and what it says.
pub(super) struct Cursor {
    path: PathBuf,
    bin: BinName,
    /// When the bin was made: one of the same name that was made later is another.
    made_at: Timestamp,
    after: Option<Seq>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    bin: BinName,
    #[serde(default)]
    made_at: Option<Timestamp>,
    after: Seq,
}

impl Cursor {
    /// Reads the file, if it is there already. What it keeps of a bin that was made at another time
    /// says nothing of this one, which then begins with its first capture.
    pub(super) fn open(path: &Path, bin: &BinName, made_at: Timestamp) -> Result<Self, Failure> {
        let (path, bin) = (path.to_owned(), bin.clone());
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { path, bin, made_at, after: None });
            }
            Err(error) => return Err(refused("read", &path, error)),
        };
        let kept: Kept = serde_json::from_slice(&text)
            .map_err(|_| refused("read", &path, "it is none that hooklab wrote"))?;
        if kept.bin != bin {
            let other = format!("it is of the bin {}", kept.bin);
            return Err(refused("use", &path, other));
        }
        let is_same = kept.made_at.is_none_or(|kept| kept == made_at);
        Ok(Self { path, bin, made_at, after: Some(if is_same { kept.after } else { 0 }) })
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
        let made_at = Some(self.made_at);
        let kept = Kept { bin: self.bin.clone(), made_at, after: place };
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
        let made = Timestamp::from_micros(7);
        let mut cursor = Cursor::open(&path, &orders, made).unwrap();
        assert_eq!(cursor.kept(), None);
        cursor.keep(41).unwrap();
        cursor.keep(42).unwrap();
        assert_eq!(Cursor::open(&path, &orders, made).unwrap().kept(), Some(42));
        let later = Timestamp::from_micros(8);
        assert_eq!(Cursor::open(&path, &orders, later).unwrap().kept(), Some(0), "made anew");
        fs::write(&path, r#"{"bin":"orders","after":42}"#).unwrap();
        assert_eq!(Cursor::open(&path, &orders, later).unwrap().kept(), Some(42), "an older file");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        assert!(Cursor::open(&path, &other, made).err().unwrap().told.contains("orders"));
        fs::write(&path, "{}").unwrap();
        assert!(Cursor::open(&path, &orders, made).err().unwrap().told.contains("--cursor"));
        let mut nowhere = Cursor::open(Path::new("/no/such/place"), &orders, made).unwrap();
        assert!(nowhere.keep(1).unwrap_err().told.contains("/no/such/place"));
    }
}
