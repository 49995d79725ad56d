//! Memory that goes back to the system once it is freed.
//!
//! Packs are blocks of 16 MiB and more, and many threads hold one for a moment. glibc serves the first such block from a
//! mapping of its own; when that is freed it takes blocks of this size for usual, and cuts all later ones out of its arenas,
//! where a small neighbour that lives on keeps the whole of it. Measured on a first backup: 218 MB at most without a fixed
//! threshold, 125 MB with it, in the same time.
#![allow(unsafe_code, reason = "mallopt has no wrapper; it takes two integers")]

/// Blocks of this many bytes and more have a mapping of their own. Below it are chunks, of which there are thousands a
/// second: each would cost the kernel a page fault for every 4 KiB.
pub const BLOCK_BYTES: usize = 8 << 20;

/// Tells the allocator so. To be called once, at the start; where the C library is not glibc nothing is done, or needed.
pub fn keep_large_blocks_apart() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: the call takes two integers; allocations that exist are not touched.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, BLOCK_BYTES as libc::c_int) };
    }
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    fn mapped_bytes() -> usize {
        // SAFETY: it only counts.
        unsafe { libc::mallinfo2() }.hblkhd
    }

    #[test]
    fn a_large_block_has_a_mapping_of_its_own_also_after_one_was_freed() {
        keep_large_blocks_apart();
        drop(std::hint::black_box(vec![1u8; 20 << 20]));
        let before = mapped_bytes();
        let block = std::hint::black_box(vec![1u8; 16 << 20]);
        assert!(mapped_bytes() >= before + (16 << 20));
        drop(block);
        assert_eq!(mapped_bytes(), before);
    }
}
