//! Packs of an index that something needs, noted by many threads at once: a bit each.

use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_format::{BlobKind, Id};

use crate::index::Index;

/// A set of packs of one index.
pub(crate) struct PackSet(Vec<AtomicU64>);

impl PackSet {
    /// None of the packs of `index`.
    pub(crate) fn new(index: &Index) -> PackSet {
        PackSet(std::iter::repeat_with(AtomicU64::default).take(index.packs().len().div_ceil(64)).collect())
    }

    /// Notes the pack with this number.
    pub(crate) fn note(&self, number: u32) {
        let (word, bit) = (&self.0[number as usize / 64], 1 << (number % 64));
        // Most are noted already, and a look keeps the others' caches warm.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Notes the pack of a blob, where the index has it.
    pub(crate) fn note_blob(&self, index: &Index, kind: BlobKind, id: &Id) {
        if let Some(number) = index.pack_number(kind, id) {
            self.note(number);
        }
    }

    /// The names.
    pub(crate) fn names(&self, index: &Index) -> Vec<Id> {
        let is_noted =
            |number: usize| self.0[number / 64].load(Ordering::Relaxed) & (1 << (number % 64)) != 0;
        let packs = index.packs().iter().enumerate();
        packs.filter(|(number, _)| is_noted(*number)).map(|(_, pack)| pack.id).collect()
    }
}
