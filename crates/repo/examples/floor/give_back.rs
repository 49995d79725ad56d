//! A restore: every blob read, opened, decompressed and hashed once, every file written once. A check of all data does the
//! same without the writing.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use holdfast_format::{Cipher, Id};
use zstd::bulk::Decompressor;

use crate::laps::Laps;
use crate::take_in::{Blob, Taken, cipher};

struct Reader {
    sealed: File,
    cipher: Cipher,
    decompressor: Decompressor<'static>,
    stored: Vec<u8>,
    opened: Vec<u8>,
    plain: Vec<u8>,
}

/// Writes the files of `folder` again below `target`.
pub fn give_back(taken: &Taken, sealed: &Path, folder: &Path, target: &Path) -> io::Result<Laps> {
    let mut laps = Laps::default();
    let mut unread = Laps::default();
    let mut reader = Reader {
        sealed: File::open(sealed)?,
        cipher: cipher(),
        decompressor: Decompressor::new()?,
        stored: Vec::new(),
        opened: Vec::new(),
        plain: Vec::new(),
    };
    let mut is_read = vec![false; taken.blobs.len()];
    for (path, size, pieces) in &taken.files {
        let path = target.join(path.strip_prefix(folder).map_err(io::Error::other)?);
        let file = laps.time("write", || create(&path))?;
        let mut end = 0;
        for (offset, number) in pieces {
            let seen = std::mem::replace(&mut is_read[*number as usize], true);
            // A blob of many files is decoded once by a restore that has the memory, and that once is counted.
            let counted = if seen { &mut unread } else { &mut laps };
            reader.read(&taken.blobs[*number as usize], counted)?;
            laps.time("write", || file.write_all_at(&reader.plain, *offset))?;
            end = offset + reader.plain.len() as u64;
        }
        if end < *size {
            laps.time("write", || file.set_len(*size))?;
        }
        laps.time("write", || drop(file));
    }
    Ok(laps)
}

impl Reader {
    fn read(&mut self, blob: &Blob, laps: &mut Laps) -> io::Result<()> {
        self.stored.resize(blob.length as usize, 0);
        laps.time("read", || self.sealed.read_exact_at(&mut self.stored, blob.position))?;
        let opened = laps.time("open", || self.cipher.open(&self.stored, &mut self.opened));
        opened.map_err(|error| io::Error::other(error.to_string()))?;
        if blob.is_compressed {
            self.plain.resize(blob.raw as usize, 0);
            let (decompressor, opened, plain) = (&mut self.decompressor, &self.opened, &mut self.plain);
            laps.time("decompress", || decompressor.decompress_to_buffer(opened, &mut plain[..]))?;
        } else {
            std::mem::swap(&mut self.plain, &mut self.opened);
        }
        if laps.time("hash", || Id::of(&self.plain)) != blob.id {
            return Err(io::Error::other("a blob came back different"));
        }
        Ok(())
    }
}

fn create(path: &Path) -> io::Result<File> {
    File::create(path).or_else(|error| match path.parent() {
        Some(parent) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(parent)?;
            File::create(path)
        }
        _ => Err(error),
    })
}
