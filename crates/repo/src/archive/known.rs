//! What an earlier run knows of a directory.
//!
//! An unchanged file is recognised by size, mtime, ctime and inode, and its node is taken over as it was written: no
//! open, no read, no xattr call. Everything that changes a node changes the ctime, so that is sound, except within the
//! clock's granularity: see [`Stamp::is_racy`].

use holdfast_format::source::{EntryKind, FileTime, Metadata, Xattr};
use holdfast_format::{Id, Node, parse_tree};

/// The part of an entry's metadata that tells whether it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) kind: EntryKind,
    pub(crate) size: u64,
    pub(crate) mtime: FileTime,
    pub(crate) ctime: FileTime,
    pub(crate) inode: u64,
}

/// An entry of a directory as an earlier run stored it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownEntry {
    pub(crate) name: Vec<u8>,
    /// Absent where the entry must be read again in any case.
    pub(crate) stamp: Option<Stamp>,
    pub(crate) head: Head,
    pub(crate) value: Value,
}

/// The part of a node before its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// Encoded by us, ready to be written again.
    Encoded(Vec<u8>),
    /// From a tree that anyone may have written: encode afresh, but the attributes need no system call.
    Attributes(Vec<Xattr>),
}

/// The part of a node that refers to other blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Content(Vec<Id>),
    Subtree(Id),
    Nothing,
}

/// A directory as an earlier run stored it; entries ascend by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownDirectory {
    pub(crate) tree: Id,
    pub(crate) entries: Vec<KnownEntry>,
}

/// A timestamp this close to the start of the scan may hide a change that came after the read (git's "racy" rule).
const RACY_SECONDS: i64 = 2;

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            kind: metadata.kind,
            size: if metadata.kind == EntryKind::Directory { 0 } else { metadata.size },
            mtime: metadata.mtime,
            ctime: metadata.ctime,
            inode: metadata.inode,
        }
    }

    /// Whether a change after a read that began at `scan_start_seconds` could leave the same stamp.
    pub(crate) fn is_racy(&self, scan_start_seconds: i64) -> bool {
        self.mtime.seconds.max(self.ctime.seconds) >= scan_start_seconds - RACY_SECONDS
    }
}

impl KnownDirectory {
    /// What a stored tree tells, when no cache does. `scan_start_seconds` is the time of the snapshot it belongs to.
    pub(crate) fn from_tree(tree: Id, json: &[u8], scan_start_seconds: i64) -> Option<KnownDirectory> {
        let nodes = parse_tree(json).ok()?;
        let entries = nodes.into_iter().map(|node| KnownEntry::from_node(node, scan_start_seconds)).collect();
        Some(KnownDirectory { tree, entries })
    }

    /// The entry called `name`, and its position.
    pub(crate) fn find(&self, name: &[u8]) -> Option<(usize, &KnownEntry)> {
        let position = self.entries.binary_search_by(|e| e.name.as_slice().cmp(name)).ok()?;
        Some((position, &self.entries[position]))
    }
}

impl KnownEntry {
    fn from_node(node: Node, scan_start_seconds: i64) -> KnownEntry {
        let stamp = Stamp::of(&node.metadata);
        // A node that was marked while it was written holds content of no single moment.
        let is_usable = node.error.is_none() && !stamp.is_racy(scan_start_seconds);
        KnownEntry {
            stamp: is_usable.then_some(stamp),
            value: match (node.content, node.subtree) {
                (Some(content), _) => Value::Content(content),
                (None, Some(subtree)) => Value::Subtree(subtree),
                (None, None) => Value::Nothing,
            },
            head: Head::Attributes(node.xattrs),
            name: node.name,
        }
    }
}
