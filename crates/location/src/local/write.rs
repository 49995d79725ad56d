//! Storing an object so that it is absent or whole, and stays when the power goes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind as Io, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::Local;
use crate::contract::Put;
use crate::error::{Error, ErrorKind};
use crate::key::Key;

/// Temporary names begin so; no object name does, which keeps them out of every listing.
pub(super) const TEMPORARY_PREFIX: &str = ".holdfast-tmp-";

impl Local {
    pub(super) fn temporary(&self) -> String {
        format!("{TEMPORARY_PREFIX}{}", self.surroundings.random_hex(8))
    }

    pub(super) fn store(&self, action: &str, path: &Path, key: &Key, bytes: &[u8]) -> Result<Put, Error> {
        let stored = match fs::symlink_metadata(path) {
            Ok(_) => false,
            Err(error) if error.kind() == Io::NotFound => self.create(action, path, key, bytes)?,
            Err(error) => return Err(self.io(action, path, &error)),
        };
        if stored {
            return Ok(Put::Stored);
        }
        let metadata = fs::symlink_metadata(path).map_err(|error| self.io(action, path, &error))?;
        if !metadata.is_file() || metadata.len() != bytes.len() as u64 {
            return Err(self.error(
                ErrorKind::Conflict,
                action,
                format!("{} is there with {} bytes, not {}", path.display(), metadata.len(), bytes.len()),
            ));
        }
        // Whoever wrote it may not have come to this line yet, and "already there" promises durability too.
        let folder = path.parent().expect("an object lies in a folder");
        sync_folder(folder).map_err(|error| self.io(action, folder, &error))?;
        Ok(Put::AlreadyThere)
    }

    fn create(&self, action: &str, path: &Path, key: &Key, bytes: &[u8]) -> Result<bool, Error> {
        match new_file(path, bytes, &self.temporary()) {
            Err(error) if error.kind() == Io::NotFound => {
                self.present(action)?;
                self.make_folders(action, path, key)?;
                new_file(path, bytes, &self.temporary())
            }
            other => other,
        }
        .map_err(|error| self.io(action, path, &error))
    }

    /// Makes the folders between the root and an object; the root itself is never made here.
    fn make_folders(&self, action: &str, path: &Path, key: &Key) -> Result<(), Error> {
        let top = self.root.join(&*key.repository);
        let mut folders: Vec<&Path> =
            path.ancestors().skip(1).take_while(|folder| folder.starts_with(&top)).collect();
        folders.reverse();
        folders.into_iter().try_for_each(|step| folder(step).map_err(|error| self.io(action, step, &error)))
    }
}

/// Makes one folder (0700), durably; that it is there already is fine. Its parent must exist.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_folder(path.parent().expect("the root folder of the system is no place")),
        Err(error) if error.kind() == Io::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Stores a file (0600) under a name that is free; `false`, and nothing changed, when the name is taken.
pub(super) fn new_file(path: &Path, bytes: &[u8], temporary: &str) -> io::Result<bool> {
    let folder = path.parent().expect("an object lies in a folder");
    let temporary = folder.join(temporary);
    let stored = write_synced(&temporary, bytes).and_then(|()| rename_to_free_name(&temporary, path));
    if !matches!(stored, Ok(true)) {
        // Best effort: what stays is invisible, and removed by a later listing.
        let _ = fs::remove_file(&temporary);
    }
    if stored? {
        sync_folder(folder)?;
        return Ok(true);
    }
    Ok(false)
}

/// Makes a folder's entries durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Renames onto a name that must be free; `false` when it is taken.
fn rename_to_free_name(from: &Path, to: &Path) -> io::Result<bool> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(true),
        Err(Errno::EXIST) => return Ok(false),
        // Not every file system can (NFS, older FUSE): a hard link takes only free names, too.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        Err(error) => return Err(error.into()),
    }
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from).map(|()| true),
        Err(error) if error.kind() == Io::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
