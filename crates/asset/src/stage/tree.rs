//! Every entry below a folder, those within a folder before the folder itself, and no symlink followed.
//!
//! What was restored has names that somebody else chose, and is as deep as they liked: nothing here goes by paths, and nothing
//! calls itself.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, statat};

/// One entry.
pub(super) struct Entry<'a> {
    /// The folder that it lies in.
    pub parent: BorrowedFd<'a>,
    /// Its name there.
    pub name: &'a CString,
    /// What it is.
    pub stat: Stat,
}

impl Entry<'_> {
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }
}

struct Level {
    folder: OwnedFd,
    /// What is still to be looked at.
    names: Vec<CString>,
    /// Its own name in the level above, and what it is; none for the root.
    own: Option<(CString, Stat)>,
}

/// Visits everything below `root`, but not `root`.
pub(super) fn walk(root: OwnedFd, visit: &mut dyn FnMut(&Entry<'_>) -> io::Result<()>) -> io::Result<()> {
    let mut levels = vec![open(root, None)?];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.names.pop() else {
            let done = levels.pop().and_then(|level| level.own);
            if let (Some((name, stat)), Some(above)) = (done, levels.last()) {
                visit(&Entry { parent: above.folder.as_fd(), name: &name, stat })?;
            }
            continue;
        };
        let stat = statat(&level.folder, &name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let folder = openat(&level.folder, &name, FOLDER, Mode::empty())?;
            let level = open(folder, Some((name, stat)))?;
            levels.push(level);
        } else {
            visit(&Entry { parent: level.folder.as_fd(), name: &name, stat })?;
        }
    }
    Ok(())
}

/// How folders are opened.
pub(super) const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn open(folder: OwnedFd, own: Option<(CString, Stat)>) -> io::Result<Level> {
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_owned());
        }
    }
    Ok(Level { folder, names, own })
}

/// Reads a file that somebody inside may have put in place of ours, at most so many bytes: no link is followed, which would be looked up
/// outside, and nothing is waited for. What is no file reads as nothing.
pub(super) fn read_plain(path: &Path, bytes_max: u64, is_end: bool) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let mut file = match openat(CWD, path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    if metadata.is_file() {
        if is_end {
            file.seek(SeekFrom::Start(metadata.len().saturating_sub(bytes_max)))?;
        }
        file.take(bytes_max).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
