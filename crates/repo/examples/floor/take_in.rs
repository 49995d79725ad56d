//! A first backup: read, cut, hash; what is new is compressed, sealed, hashed again as part of its pack, and written.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use holdfast_format::{Cipher, Id, MasterKey};
use holdfast_repo::primitives::{CHUNK_BYTES_MAX, Chunker, LEVEL, Probe, WHOLE_FILE_BYTES};
use rustix::fs::{SeekFrom, seek};
use zstd::bulk::Compressor;

use crate::laps::Laps;

const BUFFER_BYTES: usize = 2 * CHUNK_BYTES_MAX;

/// Where a blob lies in the file of sealed bytes.
pub struct Blob {
    /// From the start.
    pub position: u64,
    /// Sealed.
    pub length: u32,
    /// Before compression.
    pub raw: u32,
    /// Whether it was compressed.
    pub is_compressed: bool,
    /// Its name.
    pub id: Id,
}

/// What was taken in.
pub struct Taken {
    /// Each once.
    pub blobs: Vec<Blob>,
    /// Files with their size and their pieces: an offset and the blob that belongs there.
    pub files: Vec<(PathBuf, u64, Vec<(u64, u32)>)>,
    /// Bytes read; holes are not.
    pub bytes: u64,
    /// Bytes that were cut by content: those of files that are not a single blob.
    pub cut_bytes: u64,
}

struct Work {
    laps: Laps,
    chunker: Chunker,
    probe: Probe,
    compressor: Compressor<'static>,
    cipher: Cipher,
    compressed: Vec<u8>,
    sealed: Vec<u8>,
    out: File,
    position: u64,
    known: HashMap<Id, u32>,
    blobs: Vec<Blob>,
    bytes: u64,
    cut_bytes: u64,
}

/// The key of a measurement; nothing sealed with it is kept.
pub fn cipher() -> Cipher {
    MasterKey::from_bytes(&[7; 64]).expect("not zero").cipher()
}

/// Takes in the files; sealed bytes go to `sealed`.
pub fn take_in(list: &[(PathBuf, u64)], sealed: &Path) -> io::Result<(Taken, Laps)> {
    let mut work = Work {
        laps: Laps::default(),
        chunker: Chunker::new(7),
        probe: Probe::new(),
        compressor: Compressor::new(LEVEL)?,
        cipher: cipher(),
        compressed: vec![0; zstd::zstd_safe::compress_bound(CHUNK_BYTES_MAX)],
        sealed: Vec::new(),
        out: File::create(sealed)?,
        position: 0,
        known: HashMap::new(),
        blobs: Vec::new(),
        bytes: 0,
        cut_bytes: 0,
    };
    let mut files = Vec::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    for (path, size) in list {
        let pieces = work.file(path, *size, &mut buffer)?;
        files.push((path.clone(), *size, pieces));
    }
    let (bytes, cut_bytes) = (work.bytes, work.cut_bytes);
    Ok((Taken { blobs: work.blobs, files, bytes, cut_bytes }, work.laps))
}

impl Work {
    fn file(&mut self, path: &Path, size: u64, buffer: &mut [u8]) -> io::Result<Vec<(u64, u32)>> {
        let mut pieces = Vec::new();
        let file = self.laps.time("read", || File::open(path))?;
        if size <= WHOLE_FILE_BYTES as u64 {
            let length = self.laps.time("read", || fill(&file, buffer, 0, size))?;
            if length > 0 {
                pieces.push((0, self.blob(&buffer[..length])?));
            }
            return Ok(pieces);
        }
        let mut offset = 0;
        while let Ok(start) = seek(&file, SeekFrom::Data(offset)) {
            let end = seek(&file, SeekFrom::Hole(start))?;
            self.extent(&file, start, end, buffer, &mut pieces)?;
            offset = end;
        }
        Ok(pieces)
    }

    fn extent(
        &mut self,
        file: &File,
        mut offset: u64,
        end: u64,
        buffer: &mut [u8],
        pieces: &mut Vec<(u64, u32)>,
    ) -> io::Result<()> {
        let (mut start, mut filled, mut read_to) = (0, 0, offset);
        loop {
            if filled - start < CHUNK_BYTES_MAX && read_to < end {
                buffer.copy_within(start..filled, 0);
                filled -= start;
                start = 0;
                let length = self.laps.time("read", || fill(file, &mut buffer[filled..], read_to, end))?;
                if length == 0 {
                    return Err(io::Error::other("a file shrank during the measurement"));
                }
                filled += length;
                read_to += length as u64;
            }
            if start == filled {
                return Ok(());
            }
            let data = &buffer[start..filled];
            let length = self.laps.time("chunk", || self.chunker.cut(data));
            pieces.push((offset, self.blob(&data[..length])?));
            start += length;
            self.cut_bytes += length as u64;
            offset += length as u64;
        }
    }

    fn blob(&mut self, data: &[u8]) -> io::Result<u32> {
        self.bytes += data.len() as u64;
        let id = self.laps.time("hash", || Id::of(data));
        if let Some(known) = self.known.get(&id) {
            return Ok(*known);
        }
        let is_compressible = self.probe.is_compressible(data);
        let (compressor, compressed) = (&mut self.compressor, &mut self.compressed);
        let length = if is_compressible {
            self.laps.time("compress", || compressor.compress_to_buffer(data, &mut compressed[..]))?
        } else {
            usize::MAX
        };
        let is_compressed = length < data.len();
        let plaintext = if is_compressed { &self.compressed[..length] } else { data };
        self.sealed.clear();
        let (cipher, sealed) = (&self.cipher, &mut self.sealed);
        // One nonce for all: these bytes are never kept.
        self.laps.time("seal", || cipher.seal([3; 16], plaintext, sealed));
        self.laps.time("hash the pack", || std::hint::black_box(Id::of(&self.sealed)));
        self.laps.time("write", || self.out.write_all(&self.sealed))?;
        let number = self.blobs.len() as u32;
        let (length, raw) = (self.sealed.len() as u32, data.len() as u32);
        self.blobs.push(Blob { position: self.position, length, raw, is_compressed, id });
        self.position += u64::from(length);
        self.known.insert(id, number);
        Ok(number)
    }
}

/// Reads from `from` up to `to` or a full buffer.
fn fill(file: &File, buffer: &mut [u8], from: u64, to: u64) -> io::Result<usize> {
    let wanted = (to - from).min(buffer.len() as u64) as usize;
    let mut filled = 0;
    while filled < wanted {
        match file.read_at(&mut buffer[filled..wanted], from + filled as u64)? {
            0 => break,
            length => filled += length,
        }
    }
    Ok(filled)
}
