//! An open folder: listing with one `statx` per entry, and opening what was listed without following symlinks.

use std::cell::RefCell;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use holdfast_format::source::{
    Content, Directory, Entry, EntryKind, FileTime, Listing, Metadata, SourceError, Xattr,
};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, SeekFrom, Statx, StatxAttributes, StatxFlags, makedev, openat,
    readlinkat, seek, statx,
};
use rustix::io::Errno;
use rustix::path::Arg;

use super::attributes;
use super::content::OpenFile;
use super::failure::{failure, refusal};
use super::place::Place;
use super::rules::{CACHE_SIGNATURE, CACHE_TAG, Rules};

pub(super) struct OpenDirectory {
    fd: OwnedFd,
    place: Arc<Place>,
    rules: Arc<Rules>,
    root_device: u64,
    /// Held while listing: an open folder has one reading position.
    listing: Mutex<bool>,
}

/// What `statx` tells, beyond what an archive keeps.
pub(crate) struct Examined {
    pub(crate) metadata: Metadata,
    /// In units of 512 bytes.
    pub(super) blocks: u64,
    is_mount_point: bool,
}

/// Large enough for a thousand entries a call; kept per thread.
const LISTING_BUFFER_BYTES: usize = 128 << 10;

thread_local! {
    static LISTING_BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(LISTING_BUFFER_BYTES));
}

impl OpenDirectory {
    pub(super) fn new(fd: OwnedFd, place: Arc<Place>, rules: Arc<Rules>, root_device: u64) -> OpenDirectory {
        OpenDirectory { fd, place, rules, root_device, listing: Mutex::new(false) }
    }

    /// Examines every entry that the folder has.
    fn read(&self, listing: &mut Listing) -> Result<(), Errno> {
        let mut was_read = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        if *was_read {
            seek(&self.fd, SeekFrom::Start(0))?;
        }
        *was_read = true;
        let mut path = if self.rules.need_paths() { self.place.prefix() } else { Vec::new() };
        let prefix_length = path.len();
        LISTING_BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            let mut names = RawDir::new(&self.fd, buffer.spare_capacity_mut());
            while let Some(found) = names.next() {
                let found = found?;
                let name = found.file_name().to_bytes();
                if matches!(name, b"." | b"..") {
                    continue;
                }
                match examine(&self.fd, found.file_name()) {
                    Ok(examined) => {
                        if self.rules.need_paths() {
                            path.truncate(prefix_length);
                            path.extend_from_slice(name);
                        }
                        if self.is_excluded(name, &path, &examined) {
                            listing.excluded += 1;
                        } else {
                            listing.entries.push(Entry { name: name.to_vec(), metadata: examined.metadata });
                        }
                    }
                    // Gone since the folder was read: as if it had been read a moment later.
                    Err(Errno::NOENT) => {}
                    Err(error) => {
                        listing.failures.push(failure(self.place.path_of(name), "examine", error));
                    }
                }
            }
            Ok(())
        })
    }

    fn is_excluded(&self, name: &[u8], path: &[u8], examined: &Examined) -> bool {
        // Folders on other file systems stay, as empty ones. For files, the device number alone says nothing: an
        // overlay shows those of its layers.
        let foreign_file = self.rules.one_file_system
            && examined.is_mount_point
            && examined.metadata.kind != EntryKind::Directory
            && examined.metadata.device_id != self.root_device;
        foreign_file || self.rules.exclude(name, path, &examined.metadata)
    }

    /// Keeps the tag alone in a folder that is tagged as a cache.
    fn apply_cache_tag(&self, listing: &mut Listing) {
        if !self.rules.exclude_caches || self.place.is_root() {
            return;
        }
        let Ok(tag) = listing.entries.binary_search_by(|entry| entry.name.as_slice().cmp(CACHE_TAG)) else {
            return;
        };
        // A tag that cannot be read is none: rather too much in the backup than too little.
        if !self.is_cache_tag(&listing.entries[tag]).unwrap_or(false) {
            return;
        }
        listing.excluded += (listing.entries.len() - 1 + listing.failures.len()) as u64;
        listing.failures.clear();
        listing.entries.swap(0, tag);
        listing.entries.truncate(1);
    }

    fn is_cache_tag(&self, entry: &Entry) -> Result<bool, SourceError> {
        if entry.metadata.kind != EntryKind::File {
            return Ok(false);
        }
        let mut content = self.open(entry)?;
        let mut start = [0; CACHE_SIGNATURE.len()];
        let mut filled = 0;
        while filled < start.len() {
            match content.read(&mut start[filled..]) {
                Ok(0) | Err(_) => break,
                Ok(count) => filled += count,
            }
        }
        Ok(&start[..filled] == CACHE_SIGNATURE)
    }

    fn failed(&self, entry: &Entry, action: &str, error: Errno) -> SourceError {
        failure(self.place.path_of(&entry.name), action, error)
    }
}

impl Directory for OpenDirectory {
    fn path(&self) -> Vec<u8> {
        self.place.path()
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let mut listing = Listing::default();
        self.read(&mut listing).map_err(|error| failure(self.place.path(), "list the folder", error))?;
        listing.entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        // A folder that changes while it is read may show an entry twice.
        listing.entries.dedup_by(|a, b| a.name == b.name);
        self.apply_cache_tag(&mut listing);
        Ok(listing)
    }

    fn child(&self, entry: &Entry) -> Result<Arc<dyn Directory>, SourceError> {
        let place = self.place.child(&entry.name);
        if self.rules.one_file_system && entry.metadata.device_id != self.root_device {
            // Not even opened: a dead network mount would hang us.
            return Ok(Arc::new(MountPoint { place }));
        }
        let fd = open(&self.fd, entry.name.as_slice())
            .map_err(|error| self.failed(entry, "open the folder", error))?;
        Ok(Arc::new(OpenDirectory::new(fd, place, Arc::clone(&self.rules), self.root_device)))
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>, SourceError> {
        // Non-blocking, so that a fifo put in its place meanwhile does not hang us; on regular files it means nothing.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = open_quietly(&self.fd, entry.name.as_slice(), flags)
            .map_err(|error| self.failed(entry, "open", error))?;
        let examined = examine_fd(&fd).map_err(|error| self.failed(entry, "examine", error))?;
        // Another regular file under the same name is fine: programs replace files by renaming, and its content tells
        // its own metadata. Anything else must not be read.
        if examined.metadata.kind != EntryKind::File {
            let message = "it is no regular file any more: it was replaced while the backup ran";
            return Err(refusal(self.place.path_of(&entry.name), message));
        }
        Ok(Box::new(OpenFile::new(fd, &examined)))
    }

    fn xattrs(&self, entry: &Entry) -> Result<Vec<Xattr>, SourceError> {
        attributes::of_entry(self.fd.as_fd(), &entry.name)
            .map_err(|error| self.failed(entry, "read the extended attributes", error))
    }

    fn own_xattrs(&self) -> Result<Vec<Xattr>, SourceError> {
        attributes::of_folder(self.fd.as_fd())
            .map_err(|error| failure(self.place.path(), "read the extended attributes", error))
    }

    fn link_target(&self, entry: &Entry) -> Result<Vec<u8>, SourceError> {
        let target = readlinkat(&self.fd, entry.name.as_slice(), Vec::new());
        target
            .map(std::ffi::CString::into_bytes)
            .map_err(|error| self.failed(entry, "read the symlink", error))
    }
}

/// A folder on another file system, kept as an empty one.
struct MountPoint {
    place: Arc<Place>,
}

impl Directory for MountPoint {
    fn path(&self) -> Vec<u8> {
        self.place.path()
    }

    fn list(&self) -> Result<Listing, SourceError> {
        Ok(Listing { excluded: 1, ..Listing::default() })
    }

    fn child(&self, entry: &Entry) -> Result<Arc<dyn Directory>, SourceError> {
        Err(self.nothing(entry))
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>, SourceError> {
        Err(self.nothing(entry))
    }

    fn xattrs(&self, entry: &Entry) -> Result<Vec<Xattr>, SourceError> {
        Err(self.nothing(entry))
    }

    fn own_xattrs(&self) -> Result<Vec<Xattr>, SourceError> {
        Ok(Vec::new())
    }

    fn link_target(&self, entry: &Entry) -> Result<Vec<u8>, SourceError> {
        Err(self.nothing(entry))
    }
}

impl MountPoint {
    fn nothing(&self, entry: &Entry) -> SourceError {
        refusal(self.place.path_of(&entry.name), "it lies on another file system, which is left out")
    }
}

/// Opens a folder below an open one, following no symlink.
pub(crate) fn open(at: impl AsFd, name: impl Arg + Copy) -> Result<OwnedFd, Errno> {
    open_quietly(at, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC)
}

/// Opens a file below an open folder for reading, following no symlink. What was opened may be something else by now, as
/// its metadata tells.
pub(crate) fn open_file(at: impl AsFd, name: impl Arg + Copy) -> Result<(OwnedFd, Metadata), Errno> {
    // Non-blocking, so that a fifo put in its place meanwhile does not hang us; on regular files it means nothing.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = open_quietly(at, name, flags)?;
    let metadata = examine_open(&fd)?;
    Ok((fd, metadata))
}

/// Without touching the access time, where we may (the owner and root).
fn open_quietly(at: impl AsFd, name: impl Arg + Copy, flags: OFlags) -> Result<OwnedFd, Errno> {
    match openat(at.as_fd(), name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(at, name, flags, Mode::empty()),
        result => result,
    }
}

/// Examines an entry, following no symlink and mounting nothing.
pub(crate) fn examine(at: impl AsFd, name: impl Arg) -> Result<Examined, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    statx(at, name, flags, StatxFlags::BASIC_STATS).map(|found| examined(&found))
}

/// Examines the folder that a path leads to, through symlinks.
pub(super) fn examine_folder(path: &std::path::Path) -> Result<Metadata, Errno> {
    let found = statx(rustix::fs::CWD, path, AtFlags::NO_AUTOMOUNT, StatxFlags::BASIC_STATS)?;
    Ok(examined(&found).metadata)
}

fn examine_fd(fd: impl AsFd) -> Result<Examined, Errno> {
    statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS).map(|found| examined(&found))
}

/// Examines what is open.
pub(super) fn examine_open(fd: impl AsFd) -> Result<Metadata, Errno> {
    examine_fd(fd).map(|examined| examined.metadata)
}

fn examined(found: &Statx) -> Examined {
    let kind = match FileType::from_raw_mode(found.stx_mode.into()) {
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Symlink,
        FileType::BlockDevice => EntryKind::BlockDevice,
        FileType::CharacterDevice => EntryKind::CharDevice,
        FileType::Fifo => EntryKind::Fifo,
        FileType::Socket => EntryKind::Socket,
        _ => EntryKind::File,
    };
    let time =
        |stamp: rustix::fs::StatxTimestamp| FileTime { seconds: stamp.tv_sec, nanoseconds: stamp.tv_nsec };
    let metadata = Metadata {
        kind,
        permissions: u32::from(found.stx_mode) & 0o7777,
        uid: found.stx_uid,
        gid: found.stx_gid,
        inode: found.stx_ino,
        device_id: makedev(found.stx_dev_major, found.stx_dev_minor),
        links: found.stx_nlink.into(),
        size: found.stx_size,
        device: makedev(found.stx_rdev_major, found.stx_rdev_minor),
        mtime: time(found.stx_mtime),
        ctime: time(found.stx_ctime),
    };
    let is_mount_point = found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    Examined { metadata, blocks: found.stx_blocks, is_mount_point }
}
