//! Writes content so that long runs of zeros become holes: a disk image of 20 GB that holds 1 GB must not need 20.

use std::os::fd::OwnedFd;

use rustix::io::{Errno, Result};

/// Shorter runs of zeros are written: a hole saves nothing then.
pub(crate) const HOLE_BYTES_MIN: usize = 64 << 10;
/// Holes are made of whole blocks.
const BLOCK_BYTES: usize = 4 << 10;

/// Writes `bytes` at `at`, leaving out blocks of zeros. The file must hold zeros there.
pub(crate) fn write_sparsely(file: &OwnedFd, at: u64, bytes: &[u8]) -> Result<()> {
    if bytes.len() < HOLE_BYTES_MIN {
        return write_all(file, at, bytes);
    }
    let (mut start, mut position) = (0, 0);
    while position < bytes.len() {
        let zeros = leading_zero_blocks(&bytes[position..]);
        if zeros >= HOLE_BYTES_MIN || zeros == bytes.len() - position && zeros > 0 {
            write_all(file, at + start as u64, &bytes[start..position])?;
            position += zeros;
            start = position;
        } else {
            position = (position + zeros.max(BLOCK_BYTES)).min(bytes.len());
        }
    }
    write_all(file, at + start as u64, &bytes[start..])
}

/// Bytes at the front that are whole blocks of zeros; all of them where nothing else follows.
fn leading_zero_blocks(bytes: &[u8]) -> usize {
    bytes.chunks(BLOCK_BYTES).take_while(|block| is_zero(block)).map(<[u8]>::len).sum()
}

fn is_zero(block: &[u8]) -> bool {
    // A block of content shows itself in its first bytes nearly always.
    block.iter().take(16).all(|b| *b == 0) && block.iter().fold(0, |all, b| all | b) == 0
}

/// Writes all of `bytes` at `at`.
pub(crate) fn write_all(file: &OwnedFd, mut at: u64, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match rustix::io::pwrite(file, bytes, at) {
            Ok(0) => return Err(Errno::IO),
            Ok(n) => {
                at += n as u64;
                bytes = &bytes[n..];
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn every_byte_is_where_it_belongs_and_zeros_occupy_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let run = |byte: u8, length: usize| vec![byte; length];
        let cases: [(&str, Vec<u8>, u64); 5] = [
            ("zeros only", run(0, 1_000_001), 0),
            ("front", [run(0, 300_000), run(1, 100_000)].concat(), 120_000),
            ("middle", [run(1, 100_001), run(0, 300_000), run(2, 5)].concat(), 120_000),
            ("end", [run(1, 100_001), run(0, 300_001)].concat(), 120_000),
            ("short runs", [run(1, 10), run(0, 60_000), run(3, 10_000)].concat(), 80_000),
        ];
        for (name, bytes, occupied_max) in cases {
            let path = folder.path().join(name);
            let file = fs::File::create(&path).unwrap();
            file.set_len(4096 + bytes.len() as u64).unwrap();
            write_sparsely(&file.into(), 4096, &bytes).unwrap();
            let written = fs::read(&path).unwrap();
            assert!(written[..4096] == run(0, 4096) && written[4096..] == bytes, "{name}");
            let occupied = fs::metadata(&path).unwrap().blocks() * 512;
            assert!(occupied <= occupied_max, "{name} occupies {occupied}");
        }
    }
}
