//! Reads trees for walks.
//!
//! A walk reads thousands of trees, and one request for each would be one round trip for each: minutes at a distant
//! location. Trees that are read together mostly lie in the same few packs; so once some trees of a pack were wanted, the
//! whole pack is fetched and kept for a while: from the third on, and of a large pack later, because who looks for one
//! file wants a handful of trees and not twenty megabytes. Damage in it costs nothing but time: the tree is then read
//! by itself, from every location in turn.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use holdfast_format::{BlobDecoder, BlobKind, Cipher, Id, Node, parse_tree};
use holdfast_location::Area;
use parking_lot::Mutex;

use crate::blob_reader::BlobReader;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{BlobPlace, Index};
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble, TroubleKind};

/// Packs larger than this are never fetched whole; tree packs of ours and of restic are smaller.
const PACK_BYTES_MAX: u64 = 20 << 20;
/// Bound of the packs kept in memory.
const KEPT_BYTES_MAX: u64 = 48 << 20;
/// So many trees of a pack are read one by one at least before the pack is fetched whole.
const SINGLE_READS_MIN: u64 = 2;
/// One more for each megabyte of the pack, which is what a round trip costs at 20 ms and 50 MB/s: nobody pays more than
/// twice what knowing the future would have cost.
const BYTES_PER_READ: u64 = 1 << 20;

/// Reads trees, shared by all threads of a walk.
pub struct TreeReader<'a> {
    cipher: &'a Cipher,
    index: &'a Index,
    mirrors: &'a [Arc<Mirror>],
    monitor: &'a dyn Monitor,
    kept: Mutex<Kept>,
    decoders: Mutex<Vec<(BlobDecoder, Vec<u8>)>>,
}

#[derive(Default)]
struct Kept {
    packs: HashMap<Id, Pack>,
    bytes: u64,
    tick: u64,
}

#[derive(Default)]
struct Pack {
    reads: u32,
    used: u64,
    bytes: u64,
    /// The sealed pack, as some location gave it; empty when none did.
    sealed: Option<Arc<OnceLock<Bytes>>>,
}

impl<'a> TreeReader<'a> {
    /// A reader that asks `mirrors` in their order.
    pub fn new(
        cipher: &'a Cipher,
        index: &'a Index,
        mirrors: &'a [Arc<Mirror>],
        monitor: &'a dyn Monitor,
    ) -> TreeReader<'a> {
        TreeReader {
            cipher,
            index,
            mirrors,
            monitor,
            kept: Mutex::new(Kept::default()),
            decoders: Mutex::new(Vec::new()),
        }
    }

    /// The entries of a tree.
    pub fn read(&self, id: &Id) -> Result<Vec<Node>> {
        let mut json = Vec::new();
        self.read_json(id, &mut json)?;
        parse_tree(&json).map_err(|e| Error::because(ErrorKind::Damaged, format!("read tree {id}"), e))
    }

    /// The plaintext of a tree, checked against its id, into `json`.
    pub fn read_json(&self, id: &Id, json: &mut Vec<u8>) -> Result<()> {
        if let Some(place) = self.index.get(BlobKind::Tree, id)
            && let Some(sealed) = self.sealed_in_pack(&place)
        {
            let (mut decoder, mut scratch) = self.decoders.lock().pop().unwrap_or_default();
            let length = place.uncompressed.map(NonZeroU32::get);
            let outcome = decoder.decode(self.cipher, &sealed, length, id, json, &mut scratch);
            self.decoders.lock().push((decoder, scratch));
            if outcome.is_ok() {
                return Ok(());
            }
            // The reader below asks every location by itself and says which one holds damage.
        }
        BlobReader::new(self.cipher, self.index, self.mirrors, self.monitor).read(BlobKind::Tree, id, json)
    }

    /// The sealed tree out of a pack that is worth having whole.
    fn sealed_in_pack(&self, place: &BlobPlace) -> Option<Bytes> {
        let size = self.index.pack(&place.pack)?.size;
        if size > PACK_BYTES_MAX {
            return None;
        }
        let cell = self.kept.lock().want(&place.pack, size)?;
        let pack = cell.get_or_init(|| self.fetch(&place.pack, size));
        let start = place.offset as usize;
        let end = start.checked_add(place.length as usize)?;
        (end <= pack.len()).then(|| pack.slice(start..end))
    }

    fn fetch(&self, pack: &Id, size: u64) -> Bytes {
        for mirror in self.mirrors {
            match mirror.get_range(Area::Data, pack, 0..size) {
                Ok(sealed) => return sealed,
                Err(error) if matches!(error.kind, ErrorKind::Damaged | ErrorKind::NotFound) => {
                    let subject = mirror.describe(Area::Data, pack);
                    self.monitor.trouble(Trouble::new(TroubleKind::Damage, subject, error.to_string()));
                }
                Err(_) => {}
            }
        }
        Bytes::new()
    }
}

impl Kept {
    /// Notes a read of `pack`; gives its cell when the pack is kept or worth fetching now.
    fn want(&mut self, pack: &Id, size: u64) -> Option<Arc<OnceLock<Bytes>>> {
        self.tick += 1;
        let tick = self.tick;
        let entry = self.packs.entry(*pack).or_default();
        entry.used = tick;
        entry.reads += 1;
        if let Some(cell) = &entry.sealed {
            return Some(Arc::clone(cell));
        }
        if u64::from(entry.reads) <= (size / BYTES_PER_READ).max(SINGLE_READS_MIN) {
            return None;
        }
        let cell = Arc::new(OnceLock::new());
        entry.sealed = Some(Arc::clone(&cell));
        entry.bytes = size;
        self.bytes += size;
        while self.bytes > KEPT_BYTES_MAX {
            let oldest =
                self.packs.iter_mut().filter(|(_, p)| p.sealed.is_some()).min_by_key(|(_, p)| p.used);
            let Some((_, oldest)) = oldest.filter(|(id, _)| *id != pack) else { break };
            oldest.sealed = None;
            self.bytes -= std::mem::take(&mut oldest.bytes);
        }
        Some(cell)
    }
}
