//! Where every blob lies: the index in memory.
//!
//! A repository of a large host has tens of millions of blobs, and a general hash map of them would need more memory
//! than the machine has to spare. Entries are 48 bytes in segments that never move, found through an open-addressing
//! table of 32-bit entry numbers; blob ids are SHA-256, so their first bytes serve as the hash. Together that is at most
//! 60 bytes a blob, which a test counts.

pub(crate) mod image;

use holdfast_format::{BlobKind, Id, IndexPack, PackEntry};
use std::collections::HashMap;
use std::num::NonZeroU32;

/// Where one copy of a blob lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobPlace {
    /// The pack that holds it.
    pub pack: Id,
    /// Data or tree.
    pub kind: BlobKind,
    /// Offset of the sealed blob in the pack, in bytes.
    pub offset: u32,
    /// Length of the sealed blob in bytes.
    pub length: u32,
    /// Length of the plaintext, when it is stored compressed.
    pub uncompressed: Option<NonZeroU32>,
}

impl BlobPlace {
    /// Length of the blob's plaintext in bytes.
    pub fn plain_length(&self) -> u32 {
        match self.uncompressed {
            Some(length) => length.get(),
            None => self.length.saturating_sub(holdfast_format::OVERHEAD as u32),
        }
    }
}

/// What is known of one pack.
#[derive(Clone, Copy, Debug)]
pub struct PackSummary {
    /// The pack's name.
    pub id: Id,
    /// Number of blobs in it.
    pub blobs: u32,
    /// Size of the whole pack file in bytes, as its header implies.
    pub size: u64,
    /// Mirrors, one bit each, that do not list an index file with the pack: they may not have it yet.
    pub not_due: u32,
}

/// Every blob of a repository.
#[derive(Clone, Default)]
pub struct Index {
    segments: Vec<Box<[Entry]>>,
    len: usize,
    table: Vec<u32>,
    packs: Vec<PackSummary>,
    pack_numbers: HashMap<Id, u32>,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Entry {
    id: [u8; 32],
    /// The pack's number; the top bit marks a tree blob.
    pack: u32,
    offset: u32,
    length: u32,
    /// 0 when the blob is not compressed, as in the format.
    uncompressed: u32,
}

const SEGMENT_ENTRIES: usize = 1 << 14;
const TREE_BIT: u32 = 1 << 31;
const EMPTY: u32 = u32::MAX;
/// Fixed part of a pack file: seal of the header and its length field.
const PACK_FIXED_BYTES: u64 = 36;

impl Index {
    /// Adds a pack. A pack that is known already is left alone and `false` is returned.
    pub fn add(&mut self, pack: &IndexPack) -> bool {
        if self.pack_numbers.contains_key(&pack.id) {
            return false;
        }
        let number = self.packs.len() as u32;
        let size = PACK_FIXED_BYTES
            + pack
                .blobs
                .iter()
                .map(|b| u64::from(b.length) + if b.uncompressed.is_some() { 41 } else { 37 })
                .sum::<u64>();
        self.packs.push(PackSummary { id: pack.id, blobs: pack.blobs.len() as u32, size, not_due: 0 });
        self.pack_numbers.insert(pack.id, number);
        for blob in &pack.blobs {
            self.push(number, blob);
        }
        true
    }

    /// Adds a pack of an index file that these mirrors have; `false` when it is there already.
    pub(crate) fn add_of(&mut self, pack: &IndexPack, holders: u32) -> bool {
        let is_new = self.add(pack);
        if is_new {
            self.set_not_due(self.packs.len() - 1, !holders);
        }
        is_new
    }

    /// Says which mirrors need not have a pack, by its place in [`Index::packs`]: those that list no index file of it.
    pub(crate) fn set_not_due(&mut self, number: usize, mirrors: u32) {
        self.packs[number].not_due = mirrors;
    }

    /// Whether the mirror with this number must have the pack.
    pub fn is_due(&self, pack: &Id, mirror: usize) -> bool {
        self.pack(pack).is_none_or(|pack| pack.not_due & (1 << mirror) == 0)
    }

    /// One place of a blob; the first that was added, where there are several.
    pub fn get(&self, kind: BlobKind, id: &Id) -> Option<BlobPlace> {
        self.all(kind, id).next()
    }

    /// The number of the pack that holds a blob, which is its place in [`Index::packs`].
    pub(crate) fn pack_number(&self, kind: BlobKind, id: &Id) -> Option<u32> {
        Some(self.entries(kind, id).next()?.pack & !TREE_BIT)
    }

    /// Every place of a blob.
    pub fn all<'a>(&'a self, kind: BlobKind, id: &'a Id) -> impl Iterator<Item = BlobPlace> + 'a {
        self.entries(kind, id).map(|entry| self.place(entry))
    }

    fn entries<'a>(&'a self, kind: BlobKind, id: &'a Id) -> impl Iterator<Item = &'a Entry> + 'a {
        let mut slot = self.first_slot(id);
        std::iter::from_fn(move || {
            loop {
                let number = *self.table.get(slot)?;
                if number == EMPTY {
                    return None;
                }
                slot = (slot + 1) & (self.table.len() - 1);
                let entry = self.entry(number);
                if entry.id == id.0 && entry.kind() == kind {
                    return Some(entry);
                }
            }
        })
    }

    /// Whether the blob is stored.
    pub fn contains(&self, kind: BlobKind, id: &Id) -> bool {
        self.get(kind, id).is_some()
    }

    /// Number of entries, duplicates included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Every pack.
    pub fn packs(&self) -> &[PackSummary] {
        &self.packs
    }

    /// What is known of a pack.
    pub fn pack(&self, id: &Id) -> Option<&PackSummary> {
        self.pack_numbers.get(id).map(|&number| &self.packs[number as usize])
    }

    /// Every entry, pack by pack in the order in which packs were added, blobs in the order of the pack.
    pub fn iter(&self) -> impl Iterator<Item = (Id, BlobPlace)> + '_ {
        (0..self.len as u32).map(|number| {
            let entry = self.entry(number);
            (Id(entry.id), self.place(entry))
        })
    }

    /// Bytes of memory held for blobs (entries and table; the packs' own table apart).
    pub fn blob_bytes(&self) -> usize {
        self.segments.len() * SEGMENT_ENTRIES * size_of::<Entry>() + self.table.capacity() * size_of::<u32>()
    }

    fn push(&mut self, pack: u32, blob: &PackEntry) {
        if self.len == self.segments.len() * SEGMENT_ENTRIES {
            let blank = Entry { id: [0; 32], pack: 0, offset: 0, length: 0, uncompressed: 0 };
            self.segments.push(vec![blank; SEGMENT_ENTRIES].into_boxed_slice());
        }
        let number = self.len as u32;
        let tree_bit = if blob.kind == BlobKind::Tree { TREE_BIT } else { 0 };
        self.segments[self.len / SEGMENT_ENTRIES][self.len % SEGMENT_ENTRIES] = Entry {
            id: blob.id.0,
            pack: pack | tree_bit,
            offset: blob.offset,
            length: blob.length,
            uncompressed: blob.uncompressed.map_or(0, NonZeroU32::get),
        };
        self.len += 1;
        // A load of 0.35 to 0.7 keeps probes short and costs at most 11.5 bytes a blob beside the 48 of its entry.
        if self.len * 10 > self.table.len() * 7 {
            self.grow();
        } else {
            self.link(number);
        }
    }

    /// Rebuilds the table. The old one is dropped first: both at once would break the memory bound.
    fn grow(&mut self) {
        let slots = (self.table.len() * 2).max(1024);
        self.table = Vec::new();
        self.table = vec![EMPTY; slots];
        for number in 0..self.len as u32 {
            self.link(number);
        }
    }

    fn link(&mut self, number: u32) {
        let id = Id(self.entry(number).id);
        let mut slot = self.first_slot(&id);
        while self.table[slot] != EMPTY {
            slot = (slot + 1) & (self.table.len() - 1);
        }
        self.table[slot] = number;
    }

    fn first_slot(&self, id: &Id) -> usize {
        let mut prefix = [0; 8];
        prefix.copy_from_slice(&id.0[..8]);
        u64::from_le_bytes(prefix) as usize & self.table.len().wrapping_sub(1)
    }

    fn entry(&self, number: u32) -> &Entry {
        &self.segments[number as usize / SEGMENT_ENTRIES][number as usize % SEGMENT_ENTRIES]
    }

    fn place(&self, entry: &Entry) -> BlobPlace {
        BlobPlace {
            pack: self.packs[(entry.pack & !TREE_BIT) as usize].id,
            kind: entry.kind(),
            offset: entry.offset,
            length: entry.length,
            uncompressed: NonZeroU32::new(entry.uncompressed),
        }
    }
}

impl Entry {
    fn kind(&self) -> BlobKind {
        if self.pack & TREE_BIT == 0 { BlobKind::Data } else { BlobKind::Tree }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_costs_at_most_sixty_bytes() {
        let mut index = Index::default();
        let mut number = 0u64;
        let id = |number: u64| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).swap_bytes().to_le_bytes());
            Id(id)
        };
        for pack in 0..3_000u64 {
            let blobs = (0..1000).map(|_| {
                number += 1;
                PackEntry { kind: BlobKind::Data, id: id(number), offset: 0, length: 100, uncompressed: None }
            });
            index.add(&IndexPack { id: Id::of(&pack.to_be_bytes()), blobs: blobs.collect() });
            // At any moment between two doublings of the table, once a part of a segment no longer matters.
            if index.len() >= 1_500_000 {
                assert!(index.blob_bytes() <= 60 * index.len(), "{} for {}", index.blob_bytes(), index.len());
            }
        }
        assert_eq!(index.len(), 3_000_000);
        assert!(index.contains(BlobKind::Data, &id(number)));
        assert!(!index.contains(BlobKind::Tree, &id(number)));
    }
}
