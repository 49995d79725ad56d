//! What a restore is going to do, complete before anything is written.
//!
//! A point may hold millions of files, so names lie in one arena and everything else in flat records: about 160 bytes a
//! file, content lists included.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU32};

use holdfast_format::Id;
use holdfast_format::source::{EntryKind, FileTime, Metadata, Xattr};

use crate::error::{Error, ErrorKind, Result};

/// Everything to restore.
pub(crate) struct Plan {
    names: Vec<u8>,
    /// Parents come before their children; the first is the target itself.
    pub(crate) directories: Vec<Directory>,
    pub(crate) files: Vec<File>,
    /// The blobs of all files, one after the other.
    pub(crate) content: Vec<Id>,
    pub(crate) specials: Vec<Special>,
    pub(crate) links: Vec<Link>,
    xattrs: Vec<Vec<Xattr>>,
    leaders: HashMap<(u64, u64), Leader>,
}

/// A name in the arena.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    at: usize,
    length: u32,
}

/// Owner, mode, time and attributes of an entry.
#[derive(Clone, Copy)]
pub(crate) struct Attributes {
    pub(crate) permissions: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: FileTime,
    /// Which of the plan's lists of extended attributes.
    pub(crate) xattrs: u32,
}

pub(crate) struct Directory {
    pub(crate) parent: u32,
    pub(crate) name: Name,
    /// `None` where the point does not say.
    pub(crate) attributes: Option<Attributes>,
    /// Selected itself, not only there for what is in it.
    pub(crate) is_selected: bool,
    /// Selected, or something in it is.
    pub(crate) is_needed: bool,
    /// See `directories::state`.
    pub(crate) state: AtomicU8,
}

pub(crate) struct File {
    pub(crate) directory: u32,
    pub(crate) name: Name,
    pub(crate) attributes: Attributes,
    /// First blob in the plan's content.
    pub(crate) content_at: u32,
    pub(crate) content_count: u32,
    /// Sum of the blobs' lengths in bytes.
    pub(crate) size: u64,
    /// Names of this file in the plan, this one included.
    pub(crate) links: u32,
    /// See `files::state`.
    pub(crate) state: AtomicU8,
    /// Blobs that have yet to be written.
    pub(crate) missing: AtomicU32,
}

/// A symlink, pipe or device.
pub(crate) struct Special {
    pub(crate) directory: u32,
    pub(crate) name: Name,
    pub(crate) attributes: Attributes,
    pub(crate) kind: EntryKind,
    pub(crate) device: u64,
    /// A symlink's target.
    pub(crate) target: Vec<u8>,
    pub(crate) links: u32,
    /// Whether it is there, so that further names can be linked to it.
    pub(crate) is_done: bool,
}

/// A further name of a file or special.
pub(crate) struct Link {
    pub(crate) directory: u32,
    pub(crate) name: Name,
    pub(crate) leader: Leader,
}

/// What a hard link leads to.
#[derive(Clone, Copy)]
pub(crate) enum Leader {
    File(u32),
    Special(u32),
}

impl Plan {
    pub(crate) fn new() -> Plan {
        Plan {
            names: Vec::new(),
            directories: Vec::new(),
            files: Vec::new(),
            content: Vec::new(),
            specials: Vec::new(),
            links: Vec::new(),
            xattrs: vec![Vec::new()],
            leaders: HashMap::new(),
        }
    }

    pub(crate) fn add_directory(
        &mut self,
        parent: u32,
        name: &[u8],
        attributes: Option<Attributes>,
        is_selected: bool,
    ) -> Result<u32> {
        let name = self.keep_name(name);
        let number = number(self.directories.len())?;
        self.directories.push(Directory {
            parent,
            name,
            attributes,
            is_selected,
            is_needed: false,
            state: AtomicU8::new(crate::restore::directories::state::PLANNED),
        });
        if is_selected {
            self.need(number);
        }
        Ok(number)
    }

    /// Notes that a directory and everything above it must be there.
    pub(crate) fn need(&mut self, directory: u32) {
        let mut at = directory;
        while !std::mem::replace(&mut self.directories[at as usize].is_needed, true) {
            at = self.directories[at as usize].parent;
        }
    }

    pub(crate) fn add_file(
        &mut self,
        directory: u32,
        name: &[u8],
        attributes: Attributes,
        content: &[Id],
        size: u64,
    ) -> Result<u32> {
        self.need(directory);
        let name = self.keep_name(name);
        let content_at = number(self.content.len())?;
        number(self.content.len() + content.len())?;
        self.content.extend_from_slice(content);
        let file = number(self.files.len())?;
        self.files.push(File {
            directory,
            name,
            attributes,
            content_at,
            content_count: content.len() as u32,
            size,
            links: 1,
            state: AtomicU8::new(crate::restore::files::state::NEW),
            missing: AtomicU32::new(0),
        });
        Ok(file)
    }

    pub(crate) fn add_special(
        &mut self,
        directory: u32,
        name: &[u8],
        attributes: Attributes,
        metadata: &Metadata,
        target: Vec<u8>,
    ) -> Result<u32> {
        self.need(directory);
        let name = self.keep_name(name);
        let special = number(self.specials.len())?;
        self.specials.push(Special {
            directory,
            name,
            attributes,
            kind: metadata.kind,
            device: metadata.device,
            target,
            links: 1,
            is_done: false,
        });
        Ok(special)
    }

    /// Makes an entry a further name of an equal one of the same inode that was added before; `false` when there is none.
    pub(crate) fn link(
        &mut self,
        metadata: &Metadata,
        directory: u32,
        name: &[u8],
        content: &[Id],
        target: &[u8],
    ) -> Result<bool> {
        let Some(&leader) = self.leaders.get(&(metadata.inode, metadata.device_id)) else { return Ok(false) };
        match leader {
            Leader::File(file) if metadata.kind == EntryKind::File && self.blobs(file) == content => {
                self.files[file as usize].links += 1;
            }
            Leader::Special(special) => {
                let special = &mut self.specials[special as usize];
                if special.kind != metadata.kind
                    || special.device != metadata.device
                    || special.target != target
                {
                    return Ok(false);
                }
                special.links += 1;
            }
            Leader::File(_) => return Ok(false),
        }
        self.need(directory);
        let name = self.keep_name(name);
        self.links.push(Link { directory, name, leader });
        Ok(true)
    }

    /// Makes an entry the one that others of its inode are linked to.
    pub(crate) fn lead(&mut self, metadata: &Metadata, leader: Leader) {
        self.leaders.entry((metadata.inode, metadata.device_id)).or_insert(leader);
    }

    pub(crate) fn attributes(&mut self, metadata: &Metadata, xattrs: Vec<Xattr>) -> Attributes {
        let list = if xattrs.is_empty() {
            0
        } else if self.xattrs.last() == Some(&xattrs) {
            self.xattrs.len() - 1
        } else {
            self.xattrs.push(xattrs);
            self.xattrs.len() - 1
        };
        Attributes {
            permissions: metadata.permissions,
            uid: metadata.uid,
            gid: metadata.gid,
            mtime: metadata.mtime,
            xattrs: list as u32,
        }
    }

    /// The walk is over: gives back what only it needed.
    pub(crate) fn settle(&mut self) {
        self.leaders = HashMap::new();
    }

    pub(crate) fn name(&self, name: Name) -> &[u8] {
        &self.names[name.at..name.at + name.length as usize]
    }

    pub(crate) fn blobs(&self, file: u32) -> &[Id] {
        let file = &self.files[file as usize];
        &self.content[file.content_at as usize..][..file.content_count as usize]
    }

    pub(crate) fn xattrs(&self, attributes: &Attributes) -> &[Xattr] {
        &self.xattrs[attributes.xattrs as usize]
    }

    /// The path of an entry relative to the target.
    pub(crate) fn path(&self, directory: u32, name: Name) -> Vec<u8> {
        let mut names = vec![name];
        let mut at = directory;
        while at != 0 {
            names.push(self.directories[at as usize].name);
            at = self.directories[at as usize].parent;
        }
        let parts: Vec<&[u8]> = names.iter().rev().map(|n| self.name(*n)).collect();
        parts.join(&b'/')
    }

    fn keep_name(&mut self, name: &[u8]) -> Name {
        let at = self.names.len();
        self.names.extend_from_slice(name);
        Name { at, length: name.len() as u32 }
    }
}

fn number(length: usize) -> Result<u32> {
    u32::try_from(length).map_err(|_| {
        Error::new(
            ErrorKind::Usage,
            "more than 4 billion entries in one restore: restore parts of it with --include",
        )
    })
}
