//! Where files are cut into blobs.
//!
//! Readers never cut again, so any boundaries are legal; ours decide what is found again after a change. Small files are
//! one blob; larger ones are cut by content (FastCDC), with tables seeded from the repository's secret polynomial, so
//! that nobody without the key can recognise a known file by its chunk lengths. Holes become blobs of zeros of a few
//! fixed sizes, so that a sparse file of 20 GB costs three blobs.
//!
//! A run of 64 zeros is a boundary wherever one may be. File systems, archives and databases fill up their
//! units with zeros, so a disk image is cut where a file in it ends, and the same file elsewhere is found again: measured
//! on an image with three copies of a file tree, a fifth less is stored, and over a third less after scattered blocks changed.
//! These boundaries alone do not depend on the secret; restic's own chunker has them too.

use fastcdc::v2020::{Normalization, cut_gear, get_gear_with_seed, select_masks};

/// A file of at most this many bytes is one blob.
pub const WHOLE_FILE_BYTES: usize = 512 << 10;
/// No blob is larger; a reader's buffer must hold this much beyond the start of a chunk.
pub const CHUNK_BYTES_MAX: usize = 4 << 20;
const CHUNK_BYTES_AVERAGE: usize = 1 << 20;
const CHUNK_BYTES_MIN: usize = 256 << 10;

/// stock restic restores a file sparsely if it meets a blob of exactly this many zeros.
pub const ZERO_BYTES_SMALL: usize = 512 << 10;
/// The size of the other blobs of zeros in a hole.
pub const ZERO_BYTES_LARGE: usize = 8 << 20;

/// Cuts content into chunks.
pub struct Chunker {
    gear: Vec<u64>,
    gear_shifted: Vec<u64>,
    mask_strict: u64,
    mask_loose: u64,
}

impl Chunker {
    /// A chunker for a repository with this secret.
    pub fn new(secret: u64) -> Chunker {
        let (gear, gear_shifted) = get_gear_with_seed(secret);
        let (mut gear, mut gear_shifted) = (gear.into_owned(), gear_shifted.into_owned());
        // The hash shifts a bit out with each byte: after 64 zeros it is zero, and a boundary under every mask.
        (gear[0], gear_shifted[0]) = (0, 0);
        let (mask_strict, mask_loose) = select_masks(CHUNK_BYTES_AVERAGE, Normalization::Level1);
        Chunker { gear, gear_shifted, mask_strict, mask_loose }
    }

    /// The length of the first chunk of `data`, which must hold [`CHUNK_BYTES_MAX`] bytes or reach to the end.
    pub fn cut(&self, data: &[u8]) -> usize {
        let (_, length) = cut_gear(
            data,
            CHUNK_BYTES_MIN,
            CHUNK_BYTES_AVERAGE,
            CHUNK_BYTES_MAX,
            self.mask_strict,
            self.mask_loose,
            self.mask_strict << 1,
            self.mask_loose << 1,
            &self.gear,
            &self.gear_shifted,
        );
        length
    }
}

/// The sizes of the zero blobs that stand for a hole of `length` bytes. Not a list: a hostile file may claim exabytes.
pub fn cut_hole(length: u64) -> impl Iterator<Item = usize> {
    let mut left = length;
    let mut is_first = true;
    std::iter::from_fn(move || {
        let size =
            if is_first || left < ZERO_BYTES_LARGE as u64 { ZERO_BYTES_SMALL } else { ZERO_BYTES_LARGE };
        let size = left.min(size as u64);
        is_first = false;
        left -= size;
        (size > 0).then_some(size as usize)
    })
}

#[cfg(test)]
mod tests;
