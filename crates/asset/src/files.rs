//! A tree of files on this machine as a [`Source`].
//!
//! The tree is live, and its owner may be hostile: a website's PHP can replace a folder by a symlink to `/etc` between
//! two of our system calls, and a walk by path names would carry the keys of the machine into a client's backup.
//! So every call is relative to an open folder and follows no symlink, what was opened is checked to be what was
//! asked for, and nothing is opened that could block (fifos) or act (devices). Trouble with one entry is told beside
//! the others; the walk goes on.

mod attribute_calls;
mod attributes;
mod content;
mod directory;
mod failure;
mod names;
mod place;
mod rules;

use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use holdfast_format::source::{Directory, EntryKind, Metadata, Source, SourceError};
use rustix::fs::CWD;

pub(crate) use self::directory::{examine, open as open_folder, open_file};
pub use self::rules::Rules;

use self::directory::OpenDirectory;
use self::failure::{failure, refusal};
use self::names::Names;
use self::place::Place;

/// A folder of this machine and everything below it.
#[derive(Debug)]
pub struct FilesSource {
    root: PathBuf,
    rules: Arc<Rules>,
    names: Names,
    /// Whether no symlink may be on the way to the root.
    is_plain: bool,
}

impl FilesSource {
    /// Names the root; nothing is opened yet.
    ///
    /// # Errors
    /// When `root` is not absolute, or goes through `..`.
    pub fn new(root: &Path, rules: Rules) -> Result<FilesSource, SourceError> {
        let parts = root.components().collect::<Vec<_>>();
        if !root.is_absolute() || parts.contains(&Component::ParentDir) {
            let message = "the path of a source must be absolute and without '..'";
            return Err(refusal(root.as_os_str().as_bytes().to_vec(), message));
        }
        // Collected again: without double slashes and slashes at the end.
        Ok(FilesSource {
            root: parts.iter().collect(),
            rules: Arc::new(rules),
            names: Names::default(),
            is_plain: false,
        })
    }
}

impl FilesSource {
    /// The same, unless a symlink is on the way to the root: for a path that the administrator did not choose, and that was looked at
    /// before. Whoever chose it may put a symlink there in between.
    #[must_use]
    pub fn without_symlinks(mut self) -> FilesSource {
        self.is_plain = true;
        self
    }
}

/// Whether something is there that is no folder. Symlinks are not followed.
pub fn is_no_folder(path: &Path) -> bool {
    let listed = examine(CWD, path);
    listed.is_ok_and(|listed| listed.metadata.kind != EntryKind::Directory)
}

impl Source for FilesSource {
    fn path(&self) -> Vec<Vec<u8>> {
        let parts = self.root.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.as_bytes().to_vec()),
            _ => None,
        });
        parts.collect()
    }

    fn ancestors(&self) -> Result<Vec<Metadata>, SourceError> {
        let mut parents: Vec<&Path> = self.root.ancestors().skip(1).collect();
        // From the top down, without `/` itself.
        parents.pop();
        let examine = |parent: &&Path| {
            directory::examine_folder(parent).map_err(|error| {
                failure(parent.as_os_str().as_bytes().to_vec(), "examine a folder above the root", error)
            })
        };
        parents.iter().rev().map(examine).collect()
    }

    fn root(&self) -> Result<(Metadata, Arc<dyn Directory>), SourceError> {
        let path = self.root.as_os_str().as_bytes();
        // A root that is itself a symlink is refused rather than followed: whoever may replace it would choose what is
        // backed up. Symlinks above it are the administrator's.
        let listed =
            examine(CWD, &self.root).map_err(|error| failure(path.to_vec(), "examine the root", error))?;
        match listed.metadata.kind {
            EntryKind::Directory => {}
            EntryKind::Symlink => {
                let hint = "the root is a symlink; name the folder that it leads to";
                return Err(refusal(path.to_vec(), hint));
            }
            _ => return Err(refusal(path.to_vec(), "the root is not a folder")),
        }
        let fd =
            open_folder(CWD, &self.root).map_err(|error| failure(path.to_vec(), "open the root", error))?;
        if self.is_plain {
            // The kernel's own word for what was opened.
            let opened = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
            if opened.as_ref().ok() != Some(&self.root) {
                let message = "it was a folder without a symlink on the way, and is not any more, or /proc is not mounted";
                return Err(refusal(path.to_vec(), message));
            }
        }
        let metadata = directory::examine_open(&fd)
            .map_err(|error| failure(path.to_vec(), "examine the root", error))?;
        let place = Place::root(path.to_vec());
        let root = OpenDirectory::new(fd, place, Arc::clone(&self.rules), metadata.device_id);
        Ok((metadata, Arc::new(root)))
    }

    fn user_name(&self, uid: u32) -> Option<String> {
        self.names.user(uid)
    }

    fn group_name(&self, gid: u32) -> Option<String> {
        self.names.group(gid)
    }
}
