//! A source that exists nowhere: COUNT small files, each different, a thousand in a folder. A disk with ten million files
//! takes longer to make than everything that is measured on it.

use std::io;
use std::sync::Arc;

use holdfast_format::source::{
    Content, Directory, Entry, EntryKind, Extent, FileTime, Listing, Metadata, Source, SourceError, Xattr,
};

const FOLDER_FILES: u64 = 1_000;
/// 1 November 2026.
const TIME: FileTime = FileTime { seconds: 1_793_491_200, nanoseconds: 0 };

/// The source.
pub struct MadeUp {
    count: u64,
}

/// The root, or one of its folders.
struct Folder {
    count: u64,
    /// `None` for the root.
    number: Option<u64>,
}

struct File {
    metadata: Metadata,
    left: io::Cursor<Vec<u8>>,
}

impl MadeUp {
    /// With so many files.
    pub fn new(count: u64) -> MadeUp {
        MadeUp { count }
    }
}

impl Source for MadeUp {
    fn path(&self) -> Vec<Vec<u8>> {
        vec![b"made-up".to_vec()]
    }

    fn ancestors(&self) -> Result<Vec<Metadata>, SourceError> {
        Ok(Vec::new())
    }

    fn root(&self) -> Result<(Metadata, Arc<dyn Directory>), SourceError> {
        Ok((metadata(EntryKind::Directory, 1, 0), Arc::new(Folder { count: self.count, number: None })))
    }

    fn user_name(&self, _: u32) -> Option<String> {
        None
    }

    fn group_name(&self, _: u32) -> Option<String> {
        None
    }
}

impl Directory for Folder {
    fn path(&self) -> Vec<u8> {
        self.number.map_or_else(|| b"/made-up".to_vec(), |number| format!("/made-up/{number}").into_bytes())
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let entry = |name: String, kind, inode, size| Entry {
            name: name.into_bytes(),
            metadata: metadata(kind, inode, size),
        };
        let entries = match self.number {
            None => (0..self.count.div_ceil(FOLDER_FILES))
                .map(|number| entry(format!("folder{number:06}"), EntryKind::Directory, 2 + number, 0))
                .collect(),
            Some(number) => {
                let first = number * FOLDER_FILES;
                (first..self.count.min(first + FOLDER_FILES))
                    .map(|file| {
                        let size = content(file).len() as u64;
                        entry(format!("file{file:09}"), EntryKind::File, (1 << 40) + file, size)
                    })
                    .collect()
            }
        };
        Ok(Listing { entries, ..Listing::default() })
    }

    fn child(&self, entry: &Entry) -> Result<Arc<dyn Directory>, SourceError> {
        Ok(Arc::new(Folder { count: self.count, number: Some(entry.metadata.inode - 2) }))
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>, SourceError> {
        let left = io::Cursor::new(content(entry.metadata.inode - (1 << 40)));
        Ok(Box::new(File { metadata: entry.metadata, left }))
    }

    fn xattrs(&self, _: &Entry) -> Result<Vec<Xattr>, SourceError> {
        Ok(Vec::new())
    }

    fn own_xattrs(&self) -> Result<Vec<Xattr>, SourceError> {
        Ok(Vec::new())
    }

    fn link_target(&self, entry: &Entry) -> Result<Vec<u8>, SourceError> {
        let message = "a made-up source has no links".to_owned();
        Err(SourceError { path: entry.name.clone(), kind: io::ErrorKind::InvalidInput, message })
    }
}

impl Content for File {
    fn extent(&mut self) -> io::Result<Extent> {
        Ok(Extent::Data(u64::MAX))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut self.left, buffer)
    }

    fn opened(&self) -> Metadata {
        self.metadata
    }

    fn metadata(&mut self) -> io::Result<Metadata> {
        Ok(self.metadata)
    }
}

fn content(file: u64) -> Vec<u8> {
    // Spread over all bits, so that no two files share more than their words.
    format!("file {file} of a made-up tree: {:016x}\n", file.wrapping_mul(0x9E37_79B9_7F4A_7C15)).into_bytes()
}

fn metadata(kind: EntryKind, inode: u64, size: u64) -> Metadata {
    Metadata {
        kind,
        permissions: if kind == EntryKind::Directory { 0o755 } else { 0o644 },
        uid: 0,
        gid: 0,
        inode,
        device_id: 1,
        links: 1,
        size,
        device: 0,
        mtime: TIME,
        ctime: TIME,
    }
}
