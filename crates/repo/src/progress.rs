//! How far an operation has come, as counters that anyone may read while it runs.
//!
//! Counters instead of events, so that drawing a progress line costs the pipeline nothing.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that many threads raise and one thread shows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Raises the counter.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Reads the counter.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the counter.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }
}

/// Counters of one operation. Which of them move depends on the operation; totals are 0 until known.
#[derive(Debug, Default)]
pub struct Progress {
    /// Files finished.
    pub files: Count,
    /// Files expected.
    pub files_total: Count,
    /// Directories finished.
    pub directories: Count,
    /// Bytes of the source read, restored or verified.
    pub bytes: Count,
    /// Bytes expected.
    pub bytes_total: Count,
    /// Sealed bytes that became durable at a location, over all locations.
    pub bytes_stored: Count,
    /// Objects (packs, indexes, snapshots) finished.
    pub objects: Count,
    /// Objects expected.
    pub objects_total: Count,
}
