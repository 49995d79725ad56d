//! Whether a blob is worth compressing.
//!
//! Images, archives and encrypted files make up most of a website's bytes, and zstd spends more time finding that out
//! than everything else the engine does with them. A few kilobytes from three places of the blob tell nearly as well.

use zstd::bulk::Compressor;

/// zstd level for everything that is compressed. Against 3, a first backup of source code and pictures needs 13 % less
/// processor time and stores 0.9 % more; 1 saves another 3 %.
pub const LEVEL: i32 = 2;

const SAMPLE_BYTES: usize = 4 << 10;
/// Below this size compressing costs less than sampling.
const SAMPLED_FROM_BYTES: usize = 32 << 10;

/// Tells compressible blobs from others.
pub struct Probe {
    compressor: Option<Compressor<'static>>,
    sample: Vec<u8>,
    out: Vec<u8>,
}

impl Default for Probe {
    fn default() -> Probe {
        Probe::new()
    }
}

impl Probe {
    /// A probe; keep one per thread.
    pub fn new() -> Probe {
        Probe {
            compressor: Compressor::new(1).ok(),
            sample: Vec::with_capacity(3 * SAMPLE_BYTES),
            out: vec![0; zstd::zstd_safe::compress_bound(3 * SAMPLE_BYTES)],
        }
    }

    /// Whether compressing `data` is likely to save more than two hundredths of it.
    pub fn is_compressible(&mut self, data: &[u8]) -> bool {
        let Some(compressor) = self.compressor.as_mut().filter(|_| data.len() >= SAMPLED_FROM_BYTES) else {
            return true;
        };
        self.sample.clear();
        // Not the very start: headers of images compress well and say nothing of the rest.
        for start in [2048, data.len() / 2, data.len() - SAMPLE_BYTES] {
            self.sample.extend_from_slice(&data[start..start + SAMPLE_BYTES]);
        }
        match compressor.compress_to_buffer(&self.sample, &mut self.out[..]) {
            Ok(size) => size * 100 < self.sample.len() * 98,
            Err(_) => true,
        }
    }
}
