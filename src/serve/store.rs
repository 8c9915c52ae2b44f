//! `--store`: where captures, webhooks and deliveries are kept.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{env, fs, io};

use hooklab_shared::directory::Directory;

use crate::exit::Failure;

/// Subdirectories of ours in a store's directory, and the kinds that the halves give them.
const CAPTURES: &str = "captures";
const SENDER: &str = "sender";
const CAPTURES_KIND: &str = "captures 1";
const SENDER_KIND: &str = "sender 1";

/// Where things are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// Nowhere: they end with the process.
    Memory,
    /// In this directory.
    Disk(PathBuf),
}

impl FromStr for Store {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("it is empty: give a directory, or memory:".into()),
            "memory:" => Ok(Self::Memory),
            "memory" => Err("did you mean memory: ? A directory of that name is ./memory".into()),
            _ if text.starts_with("nats:") => {
                Err("the shared store on NATS comes later: give a directory, or memory:".into())
            }
            _ if text.contains("://") => {
                Err("this kind of store is unknown: give a directory, or memory:".into())
            }
            path => Ok(Self::Disk(path.into())),
        }
    }
}

impl Store {
    /// `hooklab` under the XDG state directory.
    pub(crate) fn default_place() -> Result<Self, Failure> {
        let absolute =
            |name: &str| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let state = absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
            .ok_or_else(|| {
                Failure::usage("find a place for the store: HOME is not set; give one by --store")
            })?;
        Ok(Self::Disk(state.join("hooklab")))
    }

    /// Refuses a directory that one of the halves would refuse, before the other half has touched
    /// it.
    pub(crate) fn check(&self, receiver: bool, sender: bool) -> Result<(), Failure> {
        let Self::Disk(path) = self else { return Ok(()) };
        self.refuse_foreign()?;
        let parts = [(receiver, CAPTURES, CAPTURES_KIND), (sender, SENDER, SENDER_KIND)];
        for (_, part, kind) in parts.into_iter().filter(|(wanted, ..)| *wanted) {
            Directory::vet(&path.join(part), kind).map_err(Failure::usage)?;
        }
        Ok(())
    }

    /// Refuses what holds files of others.
    fn refuse_foreign(&self) -> Result<(), Failure> {
        let Self::Disk(path) = self else { return Ok(()) };
        let told =
            |why: String| Failure::usage(format!("use {} as the store: {why}", path.display()));
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(told("it is a file; give a directory by --store, or memory:".into()));
            }
            Err(error) => {
                return Err(told(format!(
                    "{error}; check its owner and mode, or give another by --store"
                )));
            }
        };
        for entry in entries {
            let name = entry.map_err(|error| told(error.to_string()))?.file_name();
            // A volume mounted for this very purpose comes with lost+found.
            if name != CAPTURES && name != SENDER && name != "lost+found" {
                return Err(told(format!(
                    "it holds `{}`, which is not hooklab's; give an empty directory by --store",
                    name.to_string_lossy()
                )));
            }
        }
        Ok(())
    }

    /// Where the receiver keeps its part.
    pub(crate) fn captures(&self) -> hooklab_receiver::store::Where {
        match self {
            Self::Memory => hooklab_receiver::store::Where::Memory,
            Self::Disk(path) => hooklab_receiver::store::Where::Disk(path.join(CAPTURES)),
        }
    }

    /// Where the sender keeps its part.
    pub(crate) fn sender(&self) -> hooklab_sender::Place {
        match self {
            Self::Memory => hooklab_sender::Place::Memory,
            Self::Disk(path) => hooklab_sender::Place::Disk(path.join(SENDER)),
        }
    }

    /// As it is told.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Memory => "memory: (nothing is kept)".to_owned(),
            Self::Disk(path) => Path::display(path).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses_and_never_falls_back() {
        assert_eq!("memory:".parse(), Ok(Store::Memory));
        assert_eq!("/a/b".parse(), Ok(Store::Disk("/a/b".into())));
        assert!("nats://h:1".parse::<Store>().unwrap_err().contains("comes later"));
        for bad in ["", "memory", "redis://h", "memory://"] {
            assert!(bad.parse::<Store>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_ours_is_refused_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let check = |path: &Path| Store::Disk(path.to_owned()).check(true, true);
        assert!(check(&home.path().join("new")).is_ok());
        assert!(check(home.path()).is_ok());
        fs::create_dir(home.path().join("captures")).unwrap();
        assert!(check(home.path()).is_ok());
        let within = home.path().join("sender");
        fs::create_dir(&within).unwrap();
        fs::write(within.join("thesis.txt"), "x").unwrap();
        assert!(check(home.path()).unwrap_err().told.contains("sender"));
        assert!(Store::Disk(home.path().to_owned()).check(true, false).is_ok());
        let file = home.path().join("thesis.txt");
        fs::write(&file, "x").unwrap();
        assert!(check(home.path()).unwrap_err().told.contains("thesis.txt"));
        assert!(check(&file).unwrap_err().told.contains("it is a file"));
        assert!(check(&file.join("below")).is_err());
    }
}
