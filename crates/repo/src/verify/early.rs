//! Reads packs back while the run still stores others.
//!
//! Were all of it read when the run is over, a location that gives as slowly as it takes would double the run, with the
//! way back idle until then. So each pack is asked for as soon as its location confirmed it. Only success counts: whatever
//! did not come back whole is read again when the run is over, and judged then, in one place, see [`super::new`].
//!
//! A pack is named by an index file only later. So what its header lists is kept as a hash, which costs the same for a pack
//! of one blob and of ten thousand, and compared once the index file came back.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Scope;

use holdfast_format::{Cipher, Id, IndexFile, PackEntry};
use holdfast_location::Area;
use parking_lot::Mutex;

use super::packs;
use crate::cancel::Cancel;
use crate::mirror::Mirror;
use crate::outbox::Outbox;

/// The packs that came back whole so far.
pub(crate) struct EarlyReads<'a> {
    cipher: &'a Cipher,
    outbox: &'a Outbox<'a>,
    lanes: Vec<Lane<'a>>,
    /// What the header of a pack lists, hashed. Packs whose hash is their name are the same everywhere.
    contents: Mutex<HashMap<Id, Id>>,
    is_over: AtomicBool,
}

struct Lane<'a> {
    mirror: &'a Mirror,
    /// With their sizes.
    whole: Mutex<HashMap<Id, u64>>,
}

/// What came back whole before the run was over.
#[derive(Default)]
pub(crate) struct EarlyPacks {
    /// By lane, with their sizes.
    whole: Vec<HashMap<Id, u64>>,
    contents: HashMap<Id, Id>,
    /// Packs whose header is what an index file says.
    named: HashSet<Id>,
}

impl<'a> EarlyReads<'a> {
    /// One lane for each mirror of the outbox, in its order.
    pub fn new(
        cipher: &'a Cipher,
        mirrors: impl Iterator<Item = &'a Mirror>,
        outbox: &'a Outbox<'a>,
    ) -> EarlyReads<'a> {
        let lanes = mirrors.map(|mirror| Lane { mirror, whole: Mutex::default() });
        let lanes = lanes.collect();
        EarlyReads { cipher, outbox, lanes, contents: Mutex::default(), is_over: AtomicBool::new(false) }
    }

    /// Starts reading; it ends by itself when the outbox is closed and everything was read.
    pub fn start<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, cancel: &'scope Cancel) {
        for number in 0..self.lanes.len() {
            // One at a time: packs come at the pace of the way there, and each is held in memory whole.
            scope.spawn(move || self.read(number, cancel));
        }
    }

    /// Nobody needs what is left: the run failed.
    pub fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// What came back whole.
    pub fn into_packs(self) -> EarlyPacks {
        EarlyPacks {
            whole: self.lanes.into_iter().map(|lane| lane.whole.into_inner()).collect(),
            contents: self.contents.into_inner(),
            named: HashSet::new(),
        }
    }

    fn read(&self, number: usize, cancel: &Cancel) {
        let lane = &self.lanes[number];
        let mut earlier = 0;
        loop {
            let Some((area, id)) = self.outbox.brought_after(number, earlier) else { return };
            earlier += 1;
            if cancel.is_cancelled() || self.is_over.load(Ordering::Relaxed) {
                return;
            }
            if area != Area::Data {
                continue;
            }
            let Ok(stored) = lane.mirror.get_unchecked(area, &id) else { continue };
            if Id::of(&stored) == id && self.is_sealed(id, &stored) {
                lane.whole.lock().insert(id, stored.len() as u64);
            }
        }
    }

    /// Whether every blob of a pack, whose hash is right, is as it was sealed.
    fn is_sealed(&self, id: Id, stored: &[u8]) -> bool {
        if self.contents.lock().contains_key(&id) {
            return true;
        }
        let Ok(entries) = packs::sealed_entries(self.cipher, stored) else { return false };
        self.contents.lock().insert(id, hash_of(entries));
        true
    }
}

impl EarlyPacks {
    /// Takes note of an index file that came back.
    pub fn compare(&mut self, file: &IndexFile) {
        for pack in &file.packs {
            if self.contents.get(&pack.id).is_some_and(|hash| *hash == hash_of(pack.blobs.clone())) {
                self.named.insert(pack.id);
            }
        }
    }

    /// The size of a pack that came back whole from the lane and is what an index file says.
    pub fn whole_at(&self, lane: usize, id: &Id) -> Option<u64> {
        let size = self.whole.get(lane)?.get(id)?;
        self.named.contains(id).then_some(*size)
    }
}

/// A hash of what a pack lists, in whatever order.
fn hash_of(mut entries: Vec<PackEntry>) -> Id {
    entries.sort_by_key(|entry| entry.offset);
    let mut bytes = Vec::with_capacity(entries.len() * 45);
    for entry in &entries {
        bytes.push(u8::from(entry.kind == holdfast_format::BlobKind::Tree));
        bytes.extend_from_slice(&entry.id.0);
        for number in [entry.offset, entry.length, entry.uncompressed.map_or(0, std::num::NonZeroU32::get)] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    Id::of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_format::BlobKind;

    #[test]
    fn the_hash_of_a_pack_knows_every_field_and_no_order() {
        let entry = |n: u8, offset, length, uncompressed| PackEntry {
            kind: BlobKind::Data,
            id: Id([n; 32]),
            offset,
            length,
            uncompressed: std::num::NonZeroU32::new(uncompressed),
        };
        let entries = vec![entry(1, 0, 50, 9), entry(2, 50, 60, 0)];
        let hash = hash_of(entries.clone());
        assert_eq!(hash, hash_of(entries.iter().rev().copied().collect()));
        let alter: [fn(&mut PackEntry); 5] = [
            |e| e.kind = BlobKind::Tree,
            |e| e.id.0[31] ^= 1,
            |e| e.offset += 1,
            |e| e.length += 1,
            |e| e.uncompressed = std::num::NonZeroU32::new(1),
        ];
        for alter in alter {
            let mut other = entries.clone();
            alter(&mut other[1]);
            assert_ne!(hash, hash_of(other));
        }
        assert_ne!(hash, hash_of(entries[..1].to_vec()));
    }
}
