//! Reads one file of a point, from its beginning to its end, for whoever does not want it on a disk.
//!
//! What was sealed against everybody must not lie about in plaintext because somebody had to read it.

use std::io::{self, Read};
use std::sync::Arc;

use holdfast_format::{BlobKind, Id, Snapshot};

use crate::blob_reader::BlobReader;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::listing::{Found, find};
use crate::mirror::Mirror;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::tree_reader::TreeReader;

/// The content of a file, blob by blob.
pub struct FileReader<'a> {
    blobs: BlobReader<'a>,
    content: std::vec::IntoIter<Id>,
    buffer: Vec<u8>,
    at: usize,
}

impl Repository {
    /// Opens the file at `path`, components from the snapshot's root.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn open_file<'a>(
        &'a self,
        snapshot: &Snapshot,
        path: &[Vec<u8>],
        index: &'a Index,
        mirrors: &'a [Arc<Mirror>],
        monitor: &'a dyn Monitor,
    ) -> Result<FileReader<'a>> {
        let trees = TreeReader::new(&self.cipher, index, mirrors, monitor);
        let content = match find(&trees, snapshot, path)? {
            Found::Node(node) => node.content,
            Found::Root(_) => None,
        };
        let Some(content) = content else {
            let shown: String = path
                .iter()
                .map(|name| format!("/{}", String::from_utf8_lossy(name).escape_debug()))
                .collect();
            return Err(Error::new(ErrorKind::NotFound, format!("{shown} is no file")));
        };
        let blobs = BlobReader::new(&self.cipher, index, mirrors, monitor);
        Ok(FileReader { blobs, content: content.into_iter(), buffer: Vec::new(), at: 0 })
    }
}

impl Read for FileReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.buffer.len() {
            let Some(id) = self.content.next() else { return Ok(0) };
            self.at = 0;
            self.buffer.clear();
            self.blobs.read(BlobKind::Data, &id, &mut self.buffer).map_err(io::Error::other)?;
        }
        let count = out.len().min(self.buffer.len() - self.at);
        out[..count].copy_from_slice(&self.buffer[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
