//! The Merkle tree of RFC 6962, section 2.1, as the text defines it: by splitting at the largest power of two.
//!
//! Hashes of complete subtrees are kept by level, so that the root at any size costs a few hashes only.

use sha2::{Digest, Sha256};

/// A hash.
pub type Hash = [u8; 32];

/// The tree over the leaves so far.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Level 0 holds the leaves, level k the roots of complete subtrees of 2^k of them.
    levels: Vec<Vec<Hash>>,
}

/// The hash of a leaf.
pub fn leaf(payload: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(payload).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

impl Tree {
    /// Adds a leaf by its content.
    pub fn push(&mut self, payload: &[u8]) {
        let mut hash = leaf(payload);
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[level];
            hashes.push(hash);
            match hashes.as_slice() {
                [.., left, right] if hashes.len().is_multiple_of(2) => hash = node(left, right),
                _ => return,
            }
        }
    }

    /// How many leaves there are.
    pub fn leaves(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The root over the first `size` leaves; none where there are not so many.
    pub fn root(&self, size: u64) -> Option<Hash> {
        if size == 0 {
            return Some(Sha256::digest([]).into());
        }
        if size > self.leaves() {
            return None;
        }
        self.over(0, usize::try_from(size).ok()?)
    }

    fn over(&self, start: usize, count: usize) -> Option<Hash> {
        if count.is_power_of_two() && start.is_multiple_of(count) {
            let level = count.trailing_zeros() as usize;
            return self.levels.get(level)?.get(start / count).copied();
        }
        let left = count.next_power_of_two() / 2;
        Some(node(&self.over(start, left)?, &self.over(start + left, count - left)?))
    }
}
