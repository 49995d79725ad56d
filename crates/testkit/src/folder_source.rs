//! A [`Source`] over a folder, in the fewest lines that the trait allows.
//!
//! The engine's tests need something to archive without depending on the drivers above it. Nothing here is fit for
//! production: it follows paths instead of descriptors, and reads no holes.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_format::source::{
    Content, Directory, Entry, EntryKind, Extent, FileTime, Listing, Metadata, Source, SourceError, Xattr,
};

/// A folder as a source.
#[derive(Debug)]
pub struct FolderSource {
    root: PathBuf,
    lie: Option<Arc<Lie>>,
}

/// A file whose content is read from elsewhere.
#[derive(Debug)]
struct Lie {
    about: PathBuf,
    content: PathBuf,
}

impl FolderSource {
    /// The folder at the absolute path `root`.
    pub fn new(root: &Path) -> FolderSource {
        FolderSource { root: root.to_owned(), lie: None }
    }

    /// The same, but whoever reads the file `about` gets the bytes of the file `content`, under the metadata that `about`
    /// has. What is archived so knows a file with its true stamp and another content: a poisoned cache.
    pub fn lying(root: &Path, about: &Path, content: &Path) -> FolderSource {
        let lie = Lie { about: about.to_owned(), content: content.to_owned() };
        FolderSource { root: root.to_owned(), lie: Some(Arc::new(lie)) }
    }
}

struct Folder {
    path: PathBuf,
    lie: Option<Arc<Lie>>,
}

struct OpenFile {
    file: File,
    /// Where the metadata comes from.
    about: File,
    opened: Metadata,
}

fn failure(path: &Path, error: &io::Error) -> SourceError {
    SourceError { path: path.as_os_str().as_bytes().to_vec(), kind: error.kind(), message: error.to_string() }
}

fn metadata(stat: &fs::Metadata) -> Metadata {
    let kind = stat.file_type();
    Metadata {
        kind: match () {
            () if kind.is_dir() => EntryKind::Directory,
            () if kind.is_symlink() => EntryKind::Symlink,
            () if kind.is_fifo() => EntryKind::Fifo,
            () if kind.is_socket() => EntryKind::Socket,
            () if kind.is_block_device() => EntryKind::BlockDevice,
            () if kind.is_char_device() => EntryKind::CharDevice,
            () => EntryKind::File,
        },
        permissions: stat.mode() & 0o7777,
        uid: stat.uid(),
        gid: stat.gid(),
        inode: stat.ino(),
        device_id: stat.dev(),
        links: stat.nlink(),
        size: stat.size(),
        device: stat.rdev(),
        mtime: FileTime { seconds: stat.mtime(), nanoseconds: stat.mtime_nsec() as u32 },
        ctime: FileTime { seconds: stat.ctime(), nanoseconds: stat.ctime_nsec() as u32 },
    }
}

fn stat(path: &Path) -> Result<Metadata, SourceError> {
    fs::symlink_metadata(path).map(|stat| metadata(&stat)).map_err(|e| failure(path, &e))
}

fn xattrs_of(path: &Path) -> Result<Vec<Xattr>, SourceError> {
    let names = xattr::list(path).map_err(|e| failure(path, &e))?;
    let mut found: Vec<Xattr> = names
        .filter_map(|name| {
            let value = xattr::get(path, &name).ok()??;
            Some(Xattr { name: name.as_bytes().to_vec(), value })
        })
        .collect();
    found.sort();
    Ok(found)
}

impl Source for FolderSource {
    fn path(&self) -> Vec<Vec<u8>> {
        self.root.components().skip(1).map(|c| c.as_os_str().as_bytes().to_vec()).collect()
    }

    fn ancestors(&self) -> Result<Vec<Metadata>, SourceError> {
        let mut parents: Vec<&Path> = self.root.ancestors().skip(1).collect();
        parents.pop();
        parents.into_iter().rev().map(stat).collect()
    }

    fn root(&self) -> Result<(Metadata, Arc<dyn Directory>), SourceError> {
        let folder = Folder { path: self.root.clone(), lie: self.lie.clone() };
        Ok((stat(&self.root)?, Arc::new(folder)))
    }

    fn user_name(&self, uid: u32) -> Option<String> {
        (uid == 0).then(|| "root".to_owned())
    }

    fn group_name(&self, gid: u32) -> Option<String> {
        (gid == 0).then(|| "root".to_owned())
    }
}

impl Folder {
    fn child_path(&self, entry: &Entry) -> PathBuf {
        self.path.join(std::ffi::OsStr::from_bytes(&entry.name))
    }
}

impl Directory for Folder {
    fn path(&self) -> Vec<u8> {
        self.path.as_os_str().as_bytes().to_vec()
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let mut listing = Listing::default();
        for entry in fs::read_dir(&self.path).map_err(|e| failure(&self.path, &e))? {
            let entry = entry.map_err(|e| failure(&self.path, &e))?;
            match stat(&entry.path()) {
                Ok(metadata) => {
                    listing.entries.push(Entry { name: entry.file_name().as_bytes().to_vec(), metadata });
                }
                Err(error) => listing.failures.push(error),
            }
        }
        listing.entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listing)
    }

    fn child(&self, entry: &Entry) -> Result<Arc<dyn Directory>, SourceError> {
        Ok(Arc::new(Folder { path: self.child_path(entry), lie: self.lie.clone() }))
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>, SourceError> {
        let path = self.child_path(entry);
        let lie = self.lie.as_ref().filter(|lie| lie.about == path);
        let opened = File::open(&path).and_then(|about| {
            let opened = metadata(&about.metadata()?);
            let file = File::open(lie.map_or(&path, |lie| &lie.content))?;
            Ok(Box::new(OpenFile { file, about, opened }) as _)
        });
        opened.map_err(|e| failure(&path, &e))
    }

    fn xattrs(&self, entry: &Entry) -> Result<Vec<Xattr>, SourceError> {
        xattrs_of(&self.child_path(entry))
    }

    fn own_xattrs(&self) -> Result<Vec<Xattr>, SourceError> {
        xattrs_of(&self.path)
    }

    fn link_target(&self, entry: &Entry) -> Result<Vec<u8>, SourceError> {
        let path = self.child_path(entry);
        fs::read_link(&path).map(|t| t.as_os_str().as_bytes().to_vec()).map_err(|e| failure(&path, &e))
    }
}

impl Content for OpenFile {
    fn extent(&mut self) -> io::Result<Extent> {
        Ok(Extent::Data(u64::MAX))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }

    fn opened(&self) -> Metadata {
        self.opened
    }

    fn metadata(&mut self) -> io::Result<Metadata> {
        Ok(metadata(&self.about.metadata()?))
    }
}
