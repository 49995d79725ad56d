//! Which new blobs this run has taken on.
//!
//! Two workers that meet the same new content at the same moment must not both store it. The first to claim an id stores
//! it; the others rely on that, which is sound because a snapshot is only committed after everything claimed is stored,
//! and fails as a whole otherwise.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use holdfast_format::{BlobKind, Id};
use parking_lot::Mutex;

const SHARDS: usize = 64;

/// The set of claimed blobs.
pub struct Claims {
    shards: Vec<Mutex<HashSet<(Id, BlobKind), BuildHasherDefault<IdHasher>>>>,
}

impl Claims {
    /// Nothing claimed yet.
    pub fn new() -> Claims {
        Claims { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Claims a blob; `true` for the first caller, who has to store it.
    pub fn claim(&self, kind: BlobKind, id: &Id) -> bool {
        self.shards[id.0[31] as usize % SHARDS].lock().insert((*id, kind))
    }

    /// Whether somebody claimed the blob.
    pub fn contains(&self, kind: BlobKind, id: &Id) -> bool {
        self.shards[id.0[31] as usize % SHARDS].lock().contains(&(*id, kind))
    }
}

/// Ids are SHA-256: their own first bytes are as good a hash as any.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut prefix = [0; 8];
        let n = bytes.len().min(8);
        prefix[..n].copy_from_slice(&bytes[..n]);
        self.0 = self.0.rotate_left(7) ^ u64::from_le_bytes(prefix);
    }

    fn write_usize(&mut self, n: usize) {
        self.0 ^= n as u64;
    }

    fn write_isize(&mut self, n: isize) {
        self.0 ^= n as u64;
    }
}
