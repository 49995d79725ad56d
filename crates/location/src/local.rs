//! Copies in a folder of this machine. Half-written objects, renames that a power cut undoes, and the empty mount
//! point of an absent disk are what would turn this simplest of places into lost points; hence the order
//! write, fsync, rename without overwriting, fsync of the folder, and the marker that is asked for before anything
//! is called absent.

mod identity;
mod list;
mod walk;
mod write;

use std::fs::{self, File};
use std::io::{self, ErrorKind as Io};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::contract::{Identity, Listed, Location, MARKER_REPOSITORY, Put};
use crate::error::{Error, ErrorKind};
use crate::key::{Area, Key, valid_repository};
use crate::marker;
use crate::surroundings::Surroundings;
use crate::walk::{Lying, Walk};

/// A folder on this machine, which may be a mounted disk or share.
pub(crate) struct Local {
    name: String,
    root: PathBuf,
    surroundings: Surroundings,
}

impl Local {
    pub(crate) fn new(name: &str, root: PathBuf, surroundings: &Surroundings) -> Local {
        Local { name: name.to_owned(), root, surroundings: surroundings.clone() }
    }

    fn error(&self, kind: ErrorKind, action: impl Into<String>, cause: impl std::fmt::Display) -> Error {
        Error::new(kind, &self.name, action, cause)
    }

    /// Sorts an error of the operating system. `NotFound` must have been dealt with by [`Local::absent`].
    fn io(&self, action: &str, path: &Path, error: &io::Error) -> Error {
        let kind = match error.kind() {
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::Full,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::Refused,
            Io::NotADirectory | Io::IsADirectory | Io::InvalidFilename | Io::InvalidInput => {
                ErrorKind::Unsupported
            }
            _ => ErrorKind::Unreachable,
        };
        self.error(kind, action, format!("{}: {error}", path.display()))
    }

    /// The error for a path that is not there: only a place that is there itself may say `NotFound`.
    fn absent(&self, action: &str, path: &Path) -> Error {
        match self.present(action) {
            Ok(()) => self.error(ErrorKind::NotFound, action, format!("{} does not exist", path.display())),
            Err(error) => error,
        }
    }

    /// Checks that the place itself is there: its root and its marker.
    fn present(&self, action: &str) -> Result<(), Error> {
        let marker = self.root.join(marker::key().path());
        match fs::symlink_metadata(&marker) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == Io::NotFound => match fs::metadata(&self.root) {
                Ok(_) => Err(marker::missing(&self.name, action, &self.root.display().to_string())),
                Err(error) if error.kind() == Io::NotFound => Err(self.error(
                    ErrorKind::Unreachable,
                    action,
                    format!(
                        "the folder {} does not exist. If a disk is to be mounted there, mount it. \
                         If the place is new or was replaced, run `holdfast location establish {}`.",
                        self.root.display(),
                        self.name
                    ),
                )),
                Err(error) => Err(self.io(action, &self.root, &error)),
            },
            Err(error) => Err(self.io(action, &marker, &error)),
        }
    }

    fn checked(&self, action: &str, key: &Key) -> Result<PathBuf, Error> {
        match key.check() {
            Ok(()) => Ok(self.root.join(key.path())),
            Err(cause) => Err(self.error(ErrorKind::Unsupported, action, cause)),
        }
    }

    fn repository_folder(&self, action: &str, repository: &str) -> Result<PathBuf, Error> {
        if valid_repository(repository) {
            return Ok(self.root.join(repository));
        }
        Err(self.error(ErrorKind::Unsupported, action, format!("{repository:?} is not a repository name")))
    }

    fn read(&self, action: &str, path: &Path, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        let failed = |error: io::Error| match error.kind() {
            Io::NotFound => self.absent(action, path),
            _ => self.io(action, path, &error),
        };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(self.error(ErrorKind::Corrupt, action, format!("{} is not a file", path.display())));
        }
        let size = metadata.len();
        let range = range.unwrap_or(0..size);
        if range.end > size || range.start > range.end {
            return Err(self.error(
                ErrorKind::Corrupt,
                action,
                format!(
                    "asked for bytes {}..{} of {}, which has {size}",
                    range.start,
                    range.end,
                    path.display()
                ),
            ));
        }
        let length = usize::try_from(range.end - range.start).expect("objects fit into memory");
        let mut bytes = vec![0; length];
        match file.read_exact_at(&mut bytes, range.start) {
            Ok(()) => Ok(bytes.into()),
            Err(error) if error.kind() == Io::UnexpectedEof => {
                Err(self.error(ErrorKind::Corrupt, action, format!("{} became shorter", path.display())))
            }
            Err(error) => Err(failed(error)),
        }
    }
}

impl Location for Local {
    fn name(&self) -> &str {
        &self.name
    }

    fn establish(&self) -> Result<(), Error> {
        let action = "establish the place";
        write::folder(&self.root).map_err(|error| match error.kind() {
            Io::NotFound => self.error(
                ErrorKind::Unreachable,
                action,
                format!(
                    "the folder that is to hold {} does not exist: create or mount it",
                    self.root.display()
                ),
            ),
            _ => self.io(action, &self.root, &error),
        })?;
        let folder = self.root.join(MARKER_REPOSITORY);
        write::folder(&folder).map_err(|error| self.io(action, &folder, &error))?;
        let path = self.root.join(marker::key().path());
        let content = marker::fresh(&self.surroundings);
        write::new_file(&path, content.as_bytes(), &self.temporary())
            .map(|_| ())
            .map_err(|error| self.io(action, &path, &error))
    }

    fn prepare(&self, repository: &str) -> Result<(), Error> {
        let action = format!("prepare {repository}");
        let folder = self.repository_folder(&action, repository)?;
        self.present(&action)?;
        write::folder(&folder).map_err(|error| self.io(&action, &folder, &error))?;
        for area in Area::ALL.into_iter().filter(|area| *area != Area::Config) {
            let folder = folder.join(area.folder());
            write::folder(&folder).map_err(|error| self.io(&action, &folder, &error))?;
        }
        Ok(())
    }

    fn put(&self, key: &Key, bytes: Bytes) -> Result<Put, Error> {
        let action = format!("write {key}");
        let path = self.checked(&action, key)?;
        self.store(&action, &path, key, &bytes)
    }

    fn get(&self, key: &Key, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        let action = format!("read {key}");
        let path = self.checked(&action, key)?;
        self.read(&action, &path, range)
    }

    fn size(&self, key: &Key) -> Result<u64, Error> {
        let action = format!("look up {key}");
        let path = self.checked(&action, key)?;
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(metadata.len()),
            Ok(_) => Err(self.error(ErrorKind::Corrupt, action, format!("{} is not a file", path.display()))),
            Err(error) if error.kind() == Io::NotFound => Err(self.absent(&action, &path)),
            Err(error) => Err(self.io(&action, &path, &error)),
        }
    }

    fn list(&self, repository: &str, area: Area) -> Result<Vec<Listed>, Error> {
        let action = format!("list {repository}/{}", area.folder());
        let folder = self.repository_folder(&action, repository)?;
        self.list_area(&action, &folder, area)
    }

    fn delete(&self, key: &Key) -> Result<(), Error> {
        let action = format!("delete {key}");
        let path = self.checked(&action, key)?;
        match fs::remove_file(&path) {
            Ok(()) => {
                let folder = path.parent().expect("an object lies in a folder");
                write::sync_folder(folder).map_err(|error| self.io(&action, folder, &error))
            }
            Err(error) if error.kind() == Io::NotFound => self.present(&action),
            Err(error) => Err(self.io(&action, &path, &error)),
        }
    }

    fn repositories(&self) -> Result<Vec<String>, Error> {
        self.list_repositories("list repositories")
    }

    fn identity(&self) -> Result<Identity, Error> {
        self.identify("identify the place")
    }

    fn discard_empty(&self, repository: &str) -> Result<(), Error> {
        let action = format!("remove the empty {repository}");
        let folder = self.repository_folder(&action, repository)?;
        // Only empty folders can be removed so; the others stay, with what is in them.
        let data = folder.join(Area::Data.folder());
        if let Ok(prefixes) = fs::read_dir(&data) {
            for prefix in prefixes.flatten() {
                let _ = fs::remove_dir(prefix.path());
            }
        }
        for area in Area::ALL.into_iter().filter(|area| *area != Area::Config) {
            let _ = fs::remove_dir(folder.join(area.folder()));
        }
        let _ = fs::remove_dir(&folder);
        Ok(())
    }

    fn walk(&self, repository: Option<&str>) -> Result<Walk, Error> {
        self.walk_all("walk the place", repository)
    }

    fn erase(&self, lying: &Lying) -> Result<(), Error> {
        self.erase_file(&format!("erase {}", lying.path), lying)
    }

    fn overwrite_raw(&self, key: &Key, bytes: Bytes) -> Result<(), Error> {
        let action = format!("overwrite {key}");
        let path = self.checked(&action, key)?;
        fs::write(&path, &bytes).map_err(|error| self.io(&action, &path, &error))
    }
}

#[cfg(test)]
mod tests;
