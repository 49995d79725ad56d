//! Sealed objects kept on the local disk for locations that are down or slow.
//!
//! The spool is a cache: everything in it was, or will be, stored at some location as well, and losing it costs a
//! transfer from there. It is bounded, because a location that stays away for a week must not fill the disk of the
//! machine that runs the backups. Only sealed bytes are ever written here.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use holdfast_format::Id;
use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::sealed::Sealed;

/// A folder of sealed objects, bounded in bytes.
pub struct Spool {
    folder: PathBuf,
    bytes_max: u64,
    bytes: Mutex<u64>,
}

impl Spool {
    /// Opens the spool in `folder`, which may not exist yet.
    pub fn open(folder: &Path, bytes_max: u64) -> Result<Spool> {
        let mut bytes = 0;
        match fs::read_dir(folder) {
            Ok(entries) => {
                for entry in entries {
                    let entry = entry.map_err(|e| Error::local("list", folder, e))?;
                    bytes += entry.metadata().map_err(|e| Error::local("examine", &entry.path(), e))?.len();
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::local("list", folder, error)),
        }
        Ok(Spool { folder: folder.to_owned(), bytes_max, bytes: Mutex::new(bytes) })
    }

    /// Keeps an object if there is room; `false` where there is none or the disk refuses, which costs a transfer later.
    pub fn keep(&self, object: &Sealed) -> bool {
        let size = object.bytes.len() as u64;
        {
            let mut bytes = self.bytes.lock();
            if *bytes + size > self.bytes_max {
                return false;
            }
            *bytes += size;
        }
        // No fsync: a torn file fails its hash and is fetched from a location instead.
        let kept = fs::create_dir_all(&self.folder).is_ok()
            && fs::write(self.path(&object.id), &object.bytes).is_ok();
        if !kept {
            *self.bytes.lock() -= size;
            let _ = fs::remove_file(self.path(&object.id));
        }
        kept
    }

    /// Reads an object, if it is here and whole.
    pub fn get(&self, id: &Id) -> Option<Bytes> {
        let bytes = fs::read(self.path(id)).ok()?;
        (Id::of(&bytes) == *id).then(|| Bytes::from(bytes))
    }

    /// Lets go of an object that every location has.
    pub fn release(&self, id: &Id) {
        let path = self.path(id);
        if let Ok(metadata) = fs::metadata(&path)
            && fs::remove_file(&path).is_ok()
        {
            let mut bytes = self.bytes.lock();
            *bytes = bytes.saturating_sub(metadata.len());
        }
    }

    /// Lets go of everything.
    pub fn clear(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let _ = fs::remove_file(entry.path());
        }
        *self.bytes.lock() = 0;
    }

    fn path(&self, id: &Id) -> PathBuf {
        self.folder.join(id.to_hex())
    }
}
