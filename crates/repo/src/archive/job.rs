//! What all workers of one archive run share, and what each has for itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use holdfast_format::source::{Metadata, Source, SourceError};
use holdfast_format::{BlobEncoder, BlobKind, Cipher, Id, Node};
use parking_lot::Mutex;
use std::collections::HashMap;

use crate::archive::directory::{OpenDirectory, Opening};
use crate::archive::file::{BigFile, Chunk};
use crate::archive::known::Value;
use crate::archive::queue::Queue;
use crate::archive::stat_cache::{Names, NewStatCache, StatCache};
use crate::archive::stream::{Piece, Streamed};
use crate::cancel::Cancel;
use crate::chunker::Chunker;
use crate::claims::Claims;
use crate::compression::{LEVEL, Probe};
use crate::error::{Error, Result};
use crate::index::Index;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::pack_set::PackSet;
use crate::packer::Packer;
use crate::progress::{Count, Progress};
use crate::writer::Writer;

/// Bytes of chunks that may wait for a worker.
const WAITING_CHUNK_BYTES_MAX: usize = 12 << 20;

/// One piece of work.
pub(crate) enum Task {
    /// List a directory and decide what of it must be read.
    Directory(Opening),
    /// Read these entries of a directory.
    Entries(Arc<OpenDirectory>, Vec<usize>),
    /// Store one chunk of a big file.
    Chunk(Arc<BigFile>, Chunk),
    /// Store one chunk of a stream.
    Piece(Arc<Streamed>, Piece),
}

/// Shared by all workers.
pub(crate) struct Job<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) cipher: &'a Cipher,
    pub(crate) index: &'a Index,
    /// Where the packs are noted that the point needs, if somebody wants to know.
    pub(crate) needed: Option<&'a PackSet>,
    pub(crate) writer: &'a Writer,
    pub(crate) packer: &'a Packer<'a>,
    pub(crate) monitor: &'a dyn Monitor,
    pub(crate) progress: &'a Progress,
    pub(crate) cancel: &'a Cancel,
    pub(crate) claims: Claims,
    pub(crate) chunker: Chunker,
    pub(crate) queue: Queue<Task>,
    pub(crate) cache: Option<StatCache>,
    pub(crate) new_cache: NewStatCache,
    /// Reads trees of the parent snapshot when the cache does not know a directory.
    pub(crate) parent_trees: Option<ParentTrees<'a>>,
    pub(crate) scan_start_seconds: i64,
    pub(crate) counts: Counts,
    pub(crate) names: Mutex<Names>,
    pub(crate) links: Mutex<HashMap<(u64, u64), (Metadata, Vec<Id>)>>,
    pub(crate) zeros: Mutex<HashMap<usize, Id>>,
    /// Bytes of chunks that wait for a worker.
    pub(crate) chunk_bytes: AtomicUsize,
    pub(crate) fatal: Mutex<Option<Error>>,
    pub(crate) root: Mutex<Option<Id>>,
}

/// Access to the trees of the parent snapshot.
pub(crate) struct ParentTrees<'a> {
    pub(crate) read: Box<dyn Fn(&Id) -> Option<Vec<u8>> + Sync + 'a>,
    /// The source's root in the parent snapshot. Finding it costs a request for each folder above the source, so it is
    /// looked for only where the stat cache does not know the root.
    pub(crate) root: LazyLock<Option<Id>, Box<dyn FnOnce() -> Option<Id> + Send + 'a>>,
    /// Time of the parent snapshot.
    pub(crate) scan_start_seconds: i64,
}

/// What a run counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) files_new: Count,
    pub(crate) files_changed: Count,
    pub(crate) files_unmodified: Count,
    pub(crate) dirs_new: Count,
    pub(crate) dirs_changed: Count,
    pub(crate) dirs_unmodified: Count,
    pub(crate) data_blobs: Count,
    pub(crate) tree_blobs: Count,
    pub(crate) data_added: Count,
    pub(crate) data_added_packed: Count,
    pub(crate) bytes_total: Count,
    pub(crate) bytes_read: Count,
    pub(crate) excluded: Count,
    pub(crate) sockets: Count,
    pub(crate) unreadable: Count,
    pub(crate) changed_while_read: Count,
}

/// A worker's own buffers.
pub(crate) struct Hand {
    pub(crate) buffer: Vec<u8>,
    encoder: BlobEncoder,
    probe: Probe,
    sealed: Vec<u8>,
}

impl Hand {
    pub(crate) fn new() -> Hand {
        Hand { buffer: Vec::new(), encoder: BlobEncoder::new(LEVEL), probe: Probe::new(), sealed: Vec::new() }
    }
}

impl Job<'_> {
    /// A worker: takes tasks until there are none.
    pub(crate) fn work(&self) {
        let mut hand = Hand::new();
        while let Some(task) = self.queue.take() {
            let outcome = self.cancel.check().and_then(|()| match task {
                Task::Directory(opening) => self.open_directory(&mut hand, opening),
                Task::Entries(directory, positions) => self.read_entries(&mut hand, &directory, &positions),
                Task::Chunk(file, chunk) => self.store_chunk(&mut hand, &file, chunk),
                Task::Piece(streamed, piece) => self.store_piece(&mut hand, &streamed, piece),
            });
            if let Err(error) = outcome {
                self.fatal.lock().get_or_insert(error);
                self.queue.stop();
            }
            self.queue.done();
        }
    }

    /// Stores a blob unless it is stored already, and names it.
    pub(crate) fn save(&self, hand: &mut Hand, kind: BlobKind, data: &[u8]) -> Result<Id> {
        let id = Id::of(data);
        if self.finds(kind, &id) || !self.claims.claim(kind, &id) {
            return Ok(id);
        }
        hand.sealed.clear();
        let nonce = self.writer.nonce();
        let encoded = match kind {
            BlobKind::Tree => {
                self.counts.tree_blobs.add(1);
                hand.encoder.encode_tree(self.cipher, nonce, data, &mut hand.sealed)
            }
            BlobKind::Data => {
                self.counts.data_blobs.add(1);
                let compress = hand.probe.is_compressible(data);
                hand.encoder.encode(self.cipher, nonce, data, compress, &mut hand.sealed)
            }
        };
        self.counts.data_added.add(data.len() as u64);
        self.counts.data_added_packed.add(hand.sealed.len() as u64);
        self.packer.add(kind, &id, &hand.sealed, &encoded)?;
        Ok(id)
    }

    /// Stores a run of zeros.
    pub(crate) fn save_zeros(&self, hand: &mut Hand, length: usize) -> Result<Id> {
        if let Some(id) = self.zeros.lock().get(&length) {
            return Ok(*id);
        }
        let id = self.save(hand, BlobKind::Data, &vec![0; length])?;
        self.zeros.lock().insert(length, id);
        Ok(id)
    }

    /// Whether everything that `value` refers to is stored; then the point is going to need it.
    pub(crate) fn is_stored(&self, value: &Value) -> bool {
        match value {
            Value::Content(content) => match content.as_slice() {
                [id] => self.finds(BlobKind::Data, id),
                // A file of which a part is gone is read again, and may need none of the rest.
                ids => {
                    let is_stored = ids.iter().all(|id| self.index.contains(BlobKind::Data, id));
                    if is_stored && self.needed.is_some() {
                        ids.iter().for_each(|id| {
                            self.finds(BlobKind::Data, id);
                        });
                    }
                    is_stored
                }
            },
            Value::Subtree(id) => self.finds(BlobKind::Tree, id),
            Value::Nothing => true,
        }
    }

    /// Whether a blob that the point is going to need is stored already.
    pub(crate) fn finds(&self, kind: BlobKind, id: &Id) -> bool {
        let Some(number) = self.index.pack_number(kind, id) else { return false };
        if let Some(needed) = self.needed {
            needed.note(number);
        }
        true
    }

    /// A node with the owner's names filled in.
    pub(crate) fn node(&self, name: Vec<u8>, metadata: Metadata) -> Node {
        let mut node = Node::new(name, metadata);
        node.user = self.user_name(metadata.uid);
        node.group = self.group_name(metadata.gid);
        node
    }

    /// Reports something of the source that is missing from the point.
    pub(crate) fn unreadable(&self, error: &SourceError) {
        self.counts.unreadable.add(1);
        let path = display(&error.path);
        self.monitor.trouble(Trouble::new(TroubleKind::Unreadable, path, error.message.clone()));
    }

    /// Whether a chunk may wait for another worker. What may is counted until it is released; else the reader stores it itself.
    pub(crate) fn reserve_chunk(&self, bytes: usize) -> bool {
        let has_room = self.chunk_bytes.load(Ordering::Relaxed) + bytes <= WAITING_CHUNK_BYTES_MAX;
        let may_wait = has_room && self.writer.threads > 1;
        if may_wait {
            self.chunk_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        may_wait
    }

    pub(crate) fn release_chunk(&self, bytes: usize) {
        self.chunk_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn user_name(&self, uid: u32) -> Option<String> {
        let mut names = self.names.lock();
        if let Some((_, name)) = names.users.iter().find(|(id, _)| *id == uid) {
            return name.clone();
        }
        let name = self.source.user_name(uid);
        names.users.push((uid, name.clone()));
        name
    }

    fn group_name(&self, gid: u32) -> Option<String> {
        let mut names = self.names.lock();
        if let Some((_, name)) = names.groups.iter().find(|(id, _)| *id == gid) {
            return name.clone();
        }
        let name = self.source.group_name(gid);
        names.groups.push((gid, name.clone()));
        name
    }
}

/// A path for people: lossy, with control characters made visible.
pub(crate) fn display(path: &[u8]) -> String {
    String::from_utf8_lossy(path).escape_debug().to_string()
}
