//! Collects sealed blobs into packs, and packs into index files.
//!
//! Two data packs are open at any time and each blob goes to one of them at random: with a single one, whoever sees the
//! stored sizes could read the sequence of chunk lengths of a known file out of them (restic issues 5291 and 5295).
//! Tree blobs have packs of their own, as the format demands. What is left over at the end is merged.

use std::mem;
use std::num::NonZeroU32;

use holdfast_format::{
    BlobKind, Cipher, Encoded, Id, IndexFile, IndexPack, MAX_BLOBS_PER_PACK, PackEntry, encode_unpacked,
    seal_header,
};
use holdfast_location::Area;
use parking_lot::Mutex;

use crate::error::Result;
use crate::sealed::Sealed;
use crate::writer::Writer;

/// A pack is closed when it holds this many bytes. restic downloads tree packs whole into its cache, and memory holds a
/// few packs at once, so bigger is not better.
pub const PACK_BYTES: usize = 16 << 20;
/// An index file is written when it lists this many blobs (restic's own bound) ...
const INDEX_BLOBS: usize = 50_000;
/// ... or when this much time has passed, so that a run that was killed has not stored hours of work in vain.
const INDEX_SECONDS: u64 = 300;

/// Takes finished objects. Called from the threads that fill packs; blocks when the locations cannot keep up.
pub trait Sink: Sync {
    /// Hands over an object. Objects other than packs are to become visible only after everything handed over before.
    fn submit(&self, object: Sealed) -> Result<()>;
}

/// The open packs of one run.
pub struct Packer<'a> {
    cipher: &'a Cipher,
    writer: &'a Writer,
    sink: &'a dyn Sink,
    open: [Mutex<OpenPack>; 3],
    index: Mutex<OpenIndex>,
    handover: Mutex<()>,
}

#[derive(Default)]
struct OpenPack {
    bytes: Vec<u8>,
    entries: Vec<PackEntry>,
}

struct OpenIndex {
    packs: Vec<IndexPack>,
    blobs: usize,
    started_seconds: u64,
}

const TREES: usize = 2;

impl<'a> Packer<'a> {
    /// A packer that hands finished objects to `sink`.
    pub fn new(cipher: &'a Cipher, writer: &'a Writer, sink: &'a dyn Sink) -> Packer<'a> {
        let started_seconds = writer.clock.monotonic().as_secs();
        Packer {
            cipher,
            writer,
            sink,
            open: Default::default(),
            index: Mutex::new(OpenIndex { packs: Vec::new(), blobs: 0, started_seconds }),
            handover: Mutex::new(()),
        }
    }

    /// Adds a sealed blob.
    pub fn add(&self, kind: BlobKind, id: &Id, sealed: &[u8], encoded: &Encoded) -> Result<()> {
        let slot = match kind {
            BlobKind::Tree => TREES,
            BlobKind::Data => usize::from(sealed.first().copied().unwrap_or(0) & 1),
        };
        let full = {
            let mut pack = self.open[slot].lock();
            pack.push(kind, id, sealed, encoded);
            let is_full = pack.bytes.len() >= PACK_BYTES || pack.entries.len() >= MAX_BLOBS_PER_PACK;
            is_full.then(|| mem::take(&mut *pack))
        };
        match full {
            Some(pack) => self.close(pack),
            None => Ok(()),
        }
    }

    /// Writes what is left: the open packs and the index of everything not yet listed.
    pub fn finish(&self) -> Result<()> {
        let [first, second, trees] = [0, 1, TREES].map(|slot| mem::take(&mut *self.open[slot].lock()));
        if first.bytes.len() + second.bytes.len() <= PACK_BYTES
            && first.entries.len() + second.entries.len() <= MAX_BLOBS_PER_PACK
        {
            self.close(first.merge(second))?;
        } else {
            self.close(first)?;
            self.close(second)?;
        }
        self.close(trees)?;
        let packs = mem::take(&mut self.index.lock().packs);
        self.write_index(packs)
    }

    fn close(&self, mut pack: OpenPack) -> Result<()> {
        if pack.entries.is_empty() {
            return Ok(());
        }
        seal_header(self.cipher, self.writer.nonce(), &pack.entries, &mut pack.bytes);
        let sealed = Sealed::new(Area::Data, pack.bytes);
        let listed = IndexPack { id: sealed.id, blobs: pack.entries };
        // The pack must be handed over before an index that lists it, so both happen under one lock.
        let _order = self.handover.lock();
        self.sink.submit(sealed)?;
        let due = self.list(listed);
        match due {
            Some(packs) => self.write_index(packs),
            None => Ok(()),
        }
    }

    fn list(&self, pack: IndexPack) -> Option<Vec<IndexPack>> {
        let now_seconds = self.writer.clock.monotonic().as_secs();
        let mut index = self.index.lock();
        index.blobs += pack.blobs.len();
        index.packs.push(pack);
        let due =
            index.blobs >= INDEX_BLOBS || now_seconds.saturating_sub(index.started_seconds) >= INDEX_SECONDS;
        due.then(|| {
            index.blobs = 0;
            index.started_seconds = now_seconds;
            mem::take(&mut index.packs)
        })
    }

    fn write_index(&self, packs: Vec<IndexPack>) -> Result<()> {
        if packs.is_empty() {
            return Ok(());
        }
        let json = IndexFile { packs, ..IndexFile::default() }.to_json();
        self.sink.submit(Sealed::new(Area::Index, encode_unpacked(self.cipher, self.writer.nonce(), &json)))
    }
}

impl OpenPack {
    fn push(&mut self, kind: BlobKind, id: &Id, sealed: &[u8], encoded: &Encoded) {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(PACK_BYTES + PACK_BYTES / 4);
        }
        let offset = self.bytes.len() as u32;
        self.bytes.extend_from_slice(sealed);
        self.entries.push(PackEntry {
            kind,
            id: *id,
            offset,
            length: sealed.len() as u32,
            uncompressed: encoded.uncompressed_len.and_then(NonZeroU32::new),
        });
    }

    fn merge(mut self, other: OpenPack) -> OpenPack {
        let base = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&other.bytes);
        self.entries.extend(other.entries.into_iter().map(|e| PackEntry { offset: e.offset + base, ..e }));
        self
    }
}
