//! A directory that comes as a stream: one worker reads it, any worker stores, and it becomes a tree once all of it came.
//!
//! Whoever makes the stream says at its end whether it is whole. So nothing of it may become part of a point before: an error
//! ends the run, and what was stored until then belongs to nobody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use holdfast_format::source::{Directory, Entry, EntryKind, Metadata, SourceError, Stream, StreamedFile};
use holdfast_format::{BlobKind, Id, TreeWriter, encode_tail};
use parking_lot::Mutex;

use crate::archive::directory::{Done, OpenDirectory};
use crate::archive::job::{Hand, Job, Task, display};
use crate::archive::known::Value;
use crate::chunker::CHUNK_BYTES_MAX;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a stream that are cut at once.
const READ_BYTES: usize = 2 * CHUNK_BYTES_MAX;
/// The longest name that a file system takes.
const NAME_BYTES_MAX: usize = 255;

/// A stream whose files are being completed.
pub(crate) struct Streamed {
    /// Where it belongs; `None` for the root.
    place: Option<(Arc<OpenDirectory>, usize)>,
    handle: Arc<dyn Directory>,
    files: Mutex<Vec<Stored>>,
    /// Chunks not yet stored, and one for the reader.
    remaining: AtomicUsize,
}

struct Stored {
    file: StreamedFile,
    bytes: u64,
    ids: Vec<Option<Id>>,
}

/// One chunk of a file of a stream.
pub(crate) struct Piece {
    file: usize,
    number: usize,
    data: Vec<u8>,
}

impl Job<'_> {
    /// Reads a stream to its end.
    pub(crate) fn read_stream(
        &self,
        hand: &mut Hand,
        place: Option<(Arc<OpenDirectory>, usize)>,
        handle: Arc<dyn Directory>,
        mut stream: Box<dyn Stream>,
    ) -> Result<()> {
        let streamed =
            Arc::new(Streamed { place, handle, files: Mutex::default(), remaining: AtomicUsize::new(1) });
        let mut names = BTreeSet::new();
        let mut buffer = std::mem::take(&mut hand.buffer);
        buffer.resize(buffer.len().max(READ_BYTES), 0);
        let outcome = (|| {
            while let Some(file) = stream.next().map_err(broke_off)? {
                if !is_name(&file.name) || !names.insert(file.name.clone()) {
                    let name = display(&file.name);
                    return Err(Error::new(
                        ErrorKind::Source,
                        format!("the stream names a file {name:?}, which cannot be, or is there twice"),
                    ));
                }
                self.counts.files_new.add(1);
                self.progress.files.add(1);
                streamed.files.lock().push(Stored { file, bytes: 0, ids: Vec::new() });
                self.cut_streamed(hand, &streamed, &mut *stream, &mut buffer)?;
            }
            Ok(())
        })();
        hand.buffer = buffer;
        outcome?;
        // Whoever made it is asked for nothing any more, and lets go of what it held.
        drop(stream);
        self.stored_piece(hand, &streamed)
    }

    fn cut_streamed(
        &self,
        hand: &mut Hand,
        streamed: &Arc<Streamed>,
        stream: &mut dyn Stream,
        buffer: &mut [u8],
    ) -> Result<()> {
        let mut held = 0;
        loop {
            self.cancel.check()?;
            let read = stream.read(&mut buffer[held..]).map_err(broke_off)?;
            self.counts.bytes_read.add(read as u64);
            self.counts.bytes_total.add(read as u64);
            self.progress.bytes.add(read as u64);
            held += read;
            let is_end = read == 0;
            if !is_end && held < buffer.len() {
                continue;
            }
            let mut used = 0;
            while used < held && (is_end || held - used >= CHUNK_BYTES_MAX) {
                let rest = &buffer[used..held];
                let chunk = &rest[..self.chunker.cut(rest)];
                used += chunk.len();
                self.store_streamed(hand, streamed, chunk)?;
            }
            buffer.copy_within(used..held, 0);
            held -= used;
            if is_end {
                return Ok(());
            }
        }
    }

    /// Has a chunk of the file that came last stored, by whoever has time.
    fn store_streamed(&self, hand: &mut Hand, streamed: &Arc<Streamed>, chunk: &[u8]) -> Result<()> {
        let (file, number) = {
            let mut files = streamed.files.lock();
            let file = files.len() - 1;
            let stored = &mut files[file];
            stored.bytes += chunk.len() as u64;
            stored.ids.push(None);
            (file, stored.ids.len() - 1)
        };
        if !self.reserve_chunk(chunk.len()) {
            let id = self.save(hand, BlobKind::Data, chunk)?;
            streamed.files.lock()[file].ids[number] = Some(id);
            return Ok(());
        }
        streamed.remaining.fetch_add(1, Ordering::AcqRel);
        self.queue.push([Task::Piece(Arc::clone(streamed), Piece { file, number, data: chunk.to_vec() })]);
        Ok(())
    }

    pub(crate) fn store_piece(&self, hand: &mut Hand, streamed: &Arc<Streamed>, piece: Piece) -> Result<()> {
        let id = self.save(hand, BlobKind::Data, &piece.data)?;
        self.release_chunk(piece.data.len());
        streamed.files.lock()[piece.file].ids[piece.number] = Some(id);
        self.stored_piece(hand, streamed)
    }

    /// Counts down; whoever is last turns the stream into a tree.
    fn stored_piece(&self, hand: &mut Hand, streamed: &Arc<Streamed>) -> Result<()> {
        if streamed.remaining.fetch_sub(1, Ordering::AcqRel) != 1 {
            return Ok(());
        }
        let mut files = std::mem::take(&mut *streamed.files.lock());
        files.sort_by(|a, b| a.file.name.cmp(&b.file.name));
        let mut tree = TreeWriter::new();
        let mut node = Vec::new();
        for Stored { file, bytes, ids } in files {
            let entry = Entry { metadata: metadata(&file, bytes), name: file.name };
            let content: Vec<Id> = ids.into_iter().flatten().collect();
            node.clear();
            node.extend_from_slice(&self.head(&entry, Vec::new(), None));
            encode_tail(Some(content.as_slice()), None, None, &mut node);
            tree.push(&node);
        }
        let id = self.save(hand, BlobKind::Tree, &tree.finish())?;
        self.counts.dirs_new.add(1);
        self.progress.directories.add(1);
        let Some((parent, position)) = &streamed.place else {
            *self.root.lock() = Some(id);
            return Ok(());
        };
        let done = match streamed.handle.own_xattrs() {
            Ok(xattrs) => {
                let head = self.head(&parent.entries[*position], xattrs, None);
                Some(Done::New { head, value: Value::Subtree(id), error: None })
            }
            Err(error) => {
                self.unreadable(&error);
                None
            }
        };
        self.complete(hand, parent, *position, done)
    }
}

fn broke_off(error: SourceError) -> Error {
    Error::because(ErrorKind::Source, "nothing was made of what was captured", error)
}

fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..")
        && name.len() <= NAME_BYTES_MAX
        && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

fn metadata(file: &StreamedFile, bytes: u64) -> Metadata {
    Metadata {
        kind: EntryKind::File,
        permissions: file.permissions,
        uid: file.owner.0,
        gid: file.owner.1,
        inode: 0,
        device_id: 0,
        links: 1,
        size: bytes,
        device: 0,
        mtime: file.time,
        ctime: file.time,
    }
}
