//! The end of a staging, with proof.
//!
//! "It was deleted" is what everybody says. So what is removed is counted while it goes, and afterwards somebody looks.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use holdfast_world::Clock;
use rustix::fs::{AtFlags, CWD, FileType, Mode, openat, unlinkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::failure::{StageError, StageErrorKind};
use super::tree::{FOLDER, walk};

/// What was removed. It is given only when nothing is left: no process, no file, no folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destroyed {
    /// Everything that was removed and is no folder.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
}

/// Removes a folder with everything in it.
pub(super) fn remove(path: &Path, clock: &dyn Clock) -> Result<Destroyed, StageError> {
    let started = clock.monotonic();
    let mut gone = Destroyed::default();
    let left = |error: std::io::Error| {
        let path = path.display();
        let message =
            format!("cannot destroy {path}: {error}: what was restored lies there still; remove it by hand");
        StageError::new(StageErrorKind::Left, message)
    };
    let root = openat(CWD, path, FOLDER, Mode::empty()).map_err(|error| left(error.into()))?;
    walk(root, &mut |entry| {
        if entry.kind() == FileType::Directory {
            unlinkat(entry.parent, entry.name, AtFlags::REMOVEDIR)?;
            gone.folders += 1;
        } else {
            unlinkat(entry.parent, entry.name, AtFlags::empty())?;
            gone.files += 1;
            // Of several names of one file the last takes the bytes along.
            if entry.stat.st_nlink <= 1 {
                gone.bytes += u64::try_from(entry.stat.st_size).unwrap_or_default();
            }
        }
        Ok(())
    })
    .map_err(left)?;
    unlinkat(CWD, path, AtFlags::REMOVEDIR).map_err(|error| left(error.into()))?;
    gone.folders += 1;
    match rustix::fs::lstat(path) {
        Err(Errno::NOENT) => {}
        Err(error) => return Err(left(error.into())),
        Ok(_) => return Err(left(std::io::Error::other("it is there again"))),
    }
    gone.took = clock.monotonic().saturating_sub(started);
    Ok(gone)
}

/// Gives everything below a folder, and the folder, to a user who may then read and write all of it.
pub(super) fn hand_over(path: &Path, user: u32) -> Result<(), StageError> {
    use rustix::fs::{Gid, Uid, chmodat, chownat, fchmod, fchown};
    let (owner, group) = (Some(Uid::from_raw(user)), Some(Gid::from_raw(user)));
    let failed = |error: std::io::Error| StageError::io("hand over", path, error);
    let root = openat(CWD, path, FOLDER, Mode::empty()).map_err(|error| failed(error.into()))?;
    fchown(root.as_fd(), owner, group).map_err(|error| failed(error.into()))?;
    fchmod(root.as_fd(), Mode::from_raw_mode(0o700)).map_err(|error| failed(error.into()))?;
    walk(root, &mut |entry| {
        chownat(entry.parent, entry.name, owner, group, AtFlags::SYMLINK_NOFOLLOW)?;
        let needed = match entry.kind() {
            FileType::Directory => 0o700,
            FileType::RegularFile => 0o600,
            _ => return Ok(()),
        };
        // Rights that a program would lend to others go: they mean another owner.
        let mode = Mode::from_raw_mode(entry.stat.st_mode & 0o777 | needed);
        // Nothing runs that could have put a link in its place.
        Ok(chmodat(entry.parent, entry.name, mode, AtFlags::empty())?)
    })
    .map_err(failed)
}
