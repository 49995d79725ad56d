//! What is written down about a staging, and stagings whose process was killed before it could destroy them.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use holdfast_world::{Random, durable};
use jiff::Timestamp;
use rustix::fs::{CWD, FlockOperation, Mode, flock, openat};
use serde::{Deserialize, Serialize};

use super::failure::StageError;
use super::tree::FOLDER;

const RECORD: &str = "staging.json";

/// A staging that nobody holds any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// What it was opened for. Empty when its record is lost.
    pub name: String,
    /// When it was opened, if its record is there.
    pub opened: Option<Timestamp>,
    /// When it was to be destroyed at the latest, if its record is there.
    pub destroy_by: Option<Timestamp>,
    /// Its folder.
    pub path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Record {
    name: String,
    opened: Timestamp,
    destroy_by: Timestamp,
}

/// A staging's folder, and the lock that says that somebody holds it. The lock ends with its process, whatever ends that.
#[derive(Debug)]
pub(super) struct Held {
    pub path: PathBuf,
    lock: OwnedFd,
}

impl Held {
    /// Makes a folder of a name that nobody can guess. It is called by that name once it is locked: who looks for what was left
    /// takes no folder that is being made.
    pub(super) fn make(
        root: &Path,
        name: &str,
        opened: Timestamp,
        destroy_by: Timestamp,
        random: &dyn Random,
    ) -> Result<Held, StageError> {
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let (making, path) = (root.join(format!(".{id}")), root.join(&id));
        let failed = |error| StageError::io("make", &path, error);
        durable::create_directory(&making, 0o700).map_err(failed)?;
        let lock = openat(CWD, &making, FOLDER, Mode::empty()).map_err(|error| failed(error.into()))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| failed(error.into()))?;
        let record = Record { name: name.to_owned(), opened, destroy_by };
        let record = serde_json::to_vec(&record).expect("a record is JSON");
        durable::write(&making.join(RECORD), &record, 0o600).map_err(failed)?;
        fs::rename(&making, &path).map_err(failed)?;
        Ok(Held { path, lock })
    }

    /// Takes over one that nobody holds; none when somebody does, or it is gone.
    pub(super) fn take(path: &Path) -> Result<Option<Held>, StageError> {
        let lock = match openat(CWD, path, FOLDER, Mode::empty()) {
            Ok(lock) => lock,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(StageError::io("open", path, error)),
        };
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Held { path: path.to_owned(), lock })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(StageError::io("lock", path, error)),
        }
    }

    /// Lets go of the lock, after the folder is gone.
    pub(super) fn release(self) {
        drop(self.lock);
    }
}

/// Every staging that nobody holds.
pub(super) fn all(root: &Path) -> Result<Vec<Left>, StageError> {
    let failed = |error| StageError::io("read", root, error);
    let mut left = Vec::new();
    for entry in fs::read_dir(root).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_folder = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        let record = fs::read(path.join(RECORD)).ok();
        let is_being_made = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !is_folder || is_being_made && record.is_none() || Held::take(&path)?.is_none() {
            continue;
        }
        let record = record.and_then(|record| serde_json::from_slice::<Record>(&record).ok());
        left.push(match record {
            Some(record) => Left {
                name: record.name,
                opened: Some(record.opened),
                destroy_by: Some(record.destroy_by),
                path,
            },
            // It was being destroyed, or somebody else's hand was here.
            None => Left { name: String::new(), opened: None, destroy_by: None, path },
        });
    }
    left.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(left)
}
