//! What an asset hands the repository engine: a small read-only file tree.
//!
//! `asset` and `repo` never import each other, so the seam between them lives here. It is shaped by what a fast
//! and honest archive needs: one call lists a directory *with* metadata (so an unchanged file costs one `statx`
//! and nothing else), handles are relative to an open directory (so a directory renamed or replaced by a symlink
//! in the middle of the walk cannot lead the reader elsewhere), and trouble with one entry is a value beside the
//! other entries, never the end of the listing (an unreadable file must make the run degraded, not absent).

use std::fmt;
use std::io;
use std::sync::Arc;

/// The kind of a directory entry, as the restic format distinguishes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link; its target may dangle.
    Symlink,
    /// A block device (`dev` in the format).
    BlockDevice,
    /// A character device (`chardev` in the format).
    CharDevice,
    /// A named pipe.
    Fifo,
    /// A unix socket. Archives skip and count it.
    Socket,
}

/// An instant as file systems record it: seconds since 1970-01-01 UTC and nanoseconds within that second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileTime {
    /// Seconds since the epoch; negative before 1970.
    pub seconds: i64,
    /// 0 to 999,999,999, always counted forward from `seconds`.
    pub nanoseconds: u32,
}

/// What `statx` tells about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What the entry is.
    pub kind: EntryKind,
    /// The low twelve bits of the mode: permissions, setuid, setgid, sticky.
    pub permissions: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Inode number.
    pub inode: u64,
    /// The device that holds the inode (`st_dev`).
    pub device_id: u64,
    /// Number of hard links.
    pub links: u64,
    /// Size in bytes; meaningful for files and symlinks.
    pub size: u64,
    /// For devices: the device the node stands for (`st_rdev`).
    pub device: u64,
    /// Last change of the content.
    pub mtime: FileTime,
    /// Last change of content or metadata.
    pub ctime: FileTime,
}

impl Metadata {
    /// Of an entry that no file system holds: root's, without inode or size.
    pub fn made_up(kind: EntryKind, permissions: u32, time: FileTime) -> Metadata {
        Metadata {
            kind,
            permissions,
            uid: 0,
            gid: 0,
            inode: 0,
            device_id: 0,
            links: 1,
            size: 0,
            device: 0,
            mtime: time,
            ctime: time,
        }
    }
}

/// One extended attribute, POSIX ACLs (`system.posix_acl_access`, `..._default`) included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Xattr {
    /// Full name with its namespace, e.g. `user.comment`.
    pub name: Vec<u8>,
    /// Raw value.
    pub value: Vec<u8>,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name bytes as the file system gives them: never empty, never `.` or `..`, no `/`, no NUL.
    pub name: Vec<u8>,
    /// Metadata at the time of listing.
    pub metadata: Metadata,
}

/// The outcome of listing one directory.
#[derive(Debug, Default)]
pub struct Listing {
    /// Entries to archive, strictly ascending by name bytes.
    pub entries: Vec<Entry>,
    /// Entries left out because a rule of the estate says so (globs, cache tags, other file systems, size).
    pub excluded: u64,
    /// Entries that could not be examined; each one makes the run degraded.
    pub failures: Vec<SourceError>,
}

/// Trouble with one path of the source.
#[derive(Clone, Debug)]
pub struct SourceError {
    /// The path, as bytes, that could not be read.
    pub path: Vec<u8>,
    /// What the operating system said.
    pub kind: io::ErrorKind,
    /// What was being done, and the cause, for people.
    pub message: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", String::from_utf8_lossy(&self.path).escape_debug(), self.message)
    }
}

impl std::error::Error for SourceError {}

/// Something to archive: a tree of directories, from a file system, a staging area, or made up on the fly.
pub trait Source: Send + Sync {
    /// The components of the root's absolute path, from `/`; empty for `/` itself. They become the parents of the
    /// root in the snapshot, so that stock restic shows the familiar path.
    fn path(&self) -> Vec<Vec<u8>>;

    /// The folders that the tree is there for, as the snapshot names them: the root, unless that only joins what lies below it.
    fn paths(&self) -> Vec<Vec<Vec<u8>>> {
        vec![self.path()]
    }

    /// Metadata of the root's parents: one for each component of [`Source::path`] but the last, from the top down. A
    /// stock restic that restores to `/` sets them, so they must be real.
    fn ancestors(&self) -> Result<Vec<Metadata>, SourceError>;

    /// Opens the root directory.
    fn root(&self) -> Result<(Metadata, Arc<dyn Directory>), SourceError>;

    /// The instant that the content stands for, asked once all of it was read; `None` where that is the beginning of the walk.
    fn instant(&self) -> Option<FileTime> {
        None
    }

    /// The login name for a user id, where the system knows one.
    fn user_name(&self, uid: u32) -> Option<String>;

    /// The name of a group id, where the system knows one.
    fn group_name(&self, gid: u32) -> Option<String>;
}

/// An open directory of a [`Source`]. All names are entries of this very directory.
pub trait Directory: Send + Sync {
    /// The path for messages.
    fn path(&self) -> Vec<u8>;

    /// Lists the directory with metadata. An error means that nothing of it could be listed.
    fn list(&self) -> Result<Listing, SourceError>;

    /// Opens the child directory `entry`, never following a symlink.
    fn child(&self, entry: &Entry) -> Result<Arc<dyn Directory>, SourceError>;

    /// Opens the file `entry` for reading, never following a symlink.
    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>, SourceError>;

    /// Extended attributes of `entry`, sorted by name. An entry without any gives an empty list.
    fn xattrs(&self, entry: &Entry) -> Result<Vec<Xattr>, SourceError>;

    /// Extended attributes of this directory itself, sorted by name.
    fn own_xattrs(&self) -> Result<Vec<Xattr>, SourceError>;

    /// The raw target of the symlink `entry`.
    fn link_target(&self, entry: &Entry) -> Result<Vec<u8>, SourceError>;

    /// What the directory holds, where that comes as a stream: then it is not listed, and nothing in it is opened. `None` for
    /// one on a disk.
    fn stream(&self) -> Option<Box<dyn Stream>> {
        None
    }
}

/// The content of a directory that some program makes while it is read, such as a dump: file after file, each known only once
/// the one before is over, and its size only at its end. Nothing of it can be read twice.
///
/// An error is the end of the run: half of what a program had to say is no state that anything was ever in.
pub trait Stream: Send {
    /// Begins the next file; `None` once everything came and whoever made it vouches that it is whole. What is left of the one
    /// before is skipped.
    fn next(&mut self) -> Result<Option<StreamedFile>, SourceError>;

    /// Reads the next bytes of the file that began last; 0 is its end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError>;
}

/// A file of a [`Stream`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamedFile {
    /// Its name, as that of an [`Entry`]; no other of the stream has it.
    pub name: Vec<u8>,
    /// The low twelve bits of its mode.
    pub permissions: u32,
    /// Its owner and group.
    pub owner: (u32, u32),
    /// The instant that its content stands for.
    pub time: FileTime,
}

/// What lies at the current position of a [`Content`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// At least this many bytes of data, or up to the end, whichever comes first; `u64::MAX` when unknown.
    Data(u64),
    /// A hole of exactly this many zero bytes that need not be read. The position has moved past it.
    Hole(u64),
}

/// An open file of a [`Source`], read once from front to back.
pub trait Content: Send {
    /// Tells whether a hole lies at the current position, and skips it. Sources without holes answer
    /// `Data(u64::MAX)`. A hole at the end of the file is reported like any other.
    fn extent(&mut self) -> io::Result<Extent>;

    /// Reads the next bytes; 0 means the end. Reading into a hole yields zeros.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Metadata as it was when the file was opened.
    fn opened(&self) -> Metadata;

    /// Metadata now, so that a file that changed while it was read can be told from one that did not.
    fn metadata(&mut self) -> io::Result<Metadata>;
}
